"""Rule packs from TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from gateway.domain.over_limit import Terms
from gateway.domain.policy_pack import PackRefused, pack_from
from gateway.domain.policy_rules import Pack

SHIPPED = Path(__file__).parents[2] / "policies"
DEFAULT_PACK = SHIPPED / "default.toml"


def read_document(path: Path) -> dict[str, Any]:
    """Raises PackRefused naming the file and what is wrong with it."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PackRefused(f"{path}: {error.strerror or error} 无法读取规则包 the rule pack cannot be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PackRefused(f"{path}: {error} 不是有效的 TOML not valid TOML") from None


def load_pack(path: Path) -> Pack:
    try:
        return pack_from(read_document(path))
    except PackRefused as refusal:
        raise PackRefused(f"{path}: {refusal}") from None


def find_pack(name: str) -> Path:
    """A file, or the name of a shipped pack. Raises PackRefused naming the shipped ones."""
    path = Path(name)
    if path.suffix == ".toml" or path.exists():
        return path
    shipped = SHIPPED / f"{name}.toml"
    if not shipped.is_file():
        names = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.toml")))
        raise PackRefused(f"rule pack {name!r}: no such file or shipped pack; shipped are {names}")
    return shipped


def over_limit_terms() -> Terms:
    return Terms(**tomllib.loads((SHIPPED / "terms" / "over_limit.toml").read_text("utf-8")))
