"""Sources of the registers' values in their order of trust, and kinds of documents. Data: dictionary/{sources,documents}.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache

from gateway.domain.dictionary import FOLDER

DECIDED, INFERRED = "decided", "inferred"
"""Not stated by any source: a person chose between sources; the law of the day was applied."""


@dataclass(frozen=True)
class Source:
    """One source. rank: 0 is the most trusted."""

    code: str
    zh: str
    en: str
    rank: int
    proves: bool
    contests: bool
    basis: str


@dataclass(frozen=True)
class DocumentKind:
    code: str
    zh: str
    en: str
    needed_of: tuple[str, ...]
    dated: bool
    field: str = ""


@cache
def sources() -> dict[str, Source]:
    rows = tomllib.loads((FOLDER / "sources.toml").read_text("utf-8"))["sources"]
    return {row["code"]: Source(rank=rank, **row) for rank, row in enumerate(rows)}


def source_label(code: str, language: str = "zh") -> str:
    words = {DECIDED: ("人工裁定", "decided by a person"), INFERRED: ("推定", "inferred"), "": ("—", "-")}
    if code in words:
        return words[code][language != "zh"]
    found = sources()[code]
    return found.zh if language == "zh" else found.en


@cache
def document_kinds() -> dict[str, DocumentKind]:
    kinds = tomllib.loads((FOLDER / "documents.toml").read_text("utf-8"))["kinds"]
    return {
        code: DocumentKind(code, row["zh"], row["en"], tuple(row["needed_of"]), row["dated"], row.get("field", ""))
        for code, row in kinds.items()
    }


@cache
def document_settings() -> dict[str, int]:
    """alarm_days, stale_days."""
    return tomllib.loads((FOLDER / "documents.toml").read_text("utf-8"))["settings"]
