"""The one dictionary of fields and codes: what registers, ledgers, forms, imports, exports and documents are made of.

Data: gateway/dictionary/{codes,registers,ledgers}.toml; each table names its source and whether it is assumed.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "dictionary"
TYPES = ("text", "code", "day", "time", "number", "whole", "photo")
NEEDS = ("yes", "if", "no")


@dataclass(frozen=True)
class CodeTable:
    """One code table. values: code -> (Chinese, English). open: codes of this shape are accepted too ("" = none are)."""

    name: str
    zh: str
    en: str
    source: str
    status: str  # running | standard | assumed
    values: dict[str, tuple[str, str]]
    open: str = ""

    def has(self, code: str) -> bool:
        return code in self.values or bool(self.open and re.fullmatch(self.open, code))

    def label(self, code: str, language: str = "zh") -> str:
        """The code in words; the code itself where the table does not name it."""
        zh, en = self.values.get(code, (code, code))
        return zh if language == "zh" else en

    def code_of(self, word: str) -> str | None:
        """The code a person meant: the code itself or its word in either language; None if neither."""
        if self.has(word):
            return word
        for code, (zh, en) in self.values.items():
            if word in (zh, en) or word in zh.split("/"):
                return code
        return None


@dataclass(frozen=True)
class Field:
    """One field of a register or column of a ledger; see registers.toml for what the keys mean.

    item: its place among the eleven items to verify (HJ 1321-2023, function 3), 0 = none of them.
    """

    name: str
    zh: str
    en: str
    type: str
    need: str
    max: float | None = None
    min: float | None = None
    table: str = ""
    rule: str = ""
    refers: str = ""
    many: bool = False
    personal: bool = False
    derived: bool = False
    item: int = 0
    origin: str = ""  # of a ledger's column: vehicle | passage | goods | system

    @property
    def codes(self) -> CodeTable:
        """Raises KeyError for a field that has no code table."""
        return code_table(self.table)


@dataclass(frozen=True)
class Register:
    """One register: what one row is called, its key fields, its fields in the order of forms and exports."""

    name: str
    zh: str
    en: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        """Raises KeyError naming the register."""
        for found in self.fields:
            if found.name == name:
                return found
        raise KeyError(f"register {self.name!r} has no field {name!r}")


@dataclass(frozen=True)
class LedgerLayout:
    """The columns of one electronic ledger in export order."""

    name: str
    zh: str
    en: str
    row: str
    columns: tuple[Field, ...]


def _load(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))


def _field(doc: dict[str, Any], where: str) -> Field:
    values = dict(doc)
    values["origin"] = values.pop("from", "")
    found = Field(**values)
    if found.type not in TYPES or found.need not in NEEDS:
        raise ValueError(f"{where}.{found.name}: type {found.type!r}, need {found.need!r}; allowed {TYPES}, {NEEDS}")
    if (found.type == "code") != bool(found.table):
        raise ValueError(f"{where}.{found.name}: a code names its table, and only a code does")
    return found


@cache
def code_tables() -> dict[str, CodeTable]:
    return {
        name: CodeTable(
            name, doc["zh"], doc["en"], doc["source"], doc["status"],
            {code: (zh, en) for code, zh, en in doc["values"]}, doc.get("open", ""),
        )
        for name, doc in _load("codes").items()
    }  # fmt: skip


def code_table(name: str) -> CodeTable:
    """Raises KeyError for a table that is not in codes.toml."""
    return code_tables()[name]


@cache
def registers() -> dict[str, Register]:
    """All registers by name. Raises ValueError naming the field of the data file that is not acceptable."""
    return {
        name: Register(name, doc["zh"], doc["en"], tuple(doc["key"]), tuple(_field(f, name) for f in doc["fields"]))
        for name, doc in _load("registers").items()
    }


@cache
def ledgers() -> dict[str, LedgerLayout]:
    """All ledgers by name: in_out has columns of its own, the other two show their register."""
    return {
        name: LedgerLayout(
            name, doc["zh"], doc["en"], doc["row"],
            registers()[doc["register"]].fields if "register" in doc
            else tuple(_field(c, name) for c in doc["columns"]),
        )
        for name, doc in _load("ledgers").items()
    }  # fmt: skip
