"""What a vehicle's papers and the national look-up say. Data, all of it assumed: dictionary/papers.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cache
from typing import Any

from gateway.domain.dictionary import FOLDER
from gateway.domain.identifiers import vin_check_digit
from gateway.domain.plates import normal_form
from gateway.domain.records import CHINA

WAYS = ("plate", "vin", "qr")
RESULTS = ("found", "unknown", "captcha", "closed")


@cache
def _doc() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "papers.toml").read_text("utf-8"))


# ---------------------------------------------------------------- the environmental list


@dataclass(frozen=True)
class ListCode:
    """One QR code. raw: as it was read, kept whole; values: fields of the vehicle register found in it."""

    raw: str
    values: dict[str, str]
    information_number: str = ""

    @property
    def is_of_a_list(self) -> bool:
        return bool(self.values or self.information_number)


def list_code(raw: str) -> ListCode:
    """The fields that the patterns find; none is guessed."""
    text = normal_form_of_text(raw)
    number = _first(_doc()["list"]["information_number"], text)
    rest = text.replace(number, " ") if number else text
    values = {"vin": _vin_in(rest), "emission_stage": _first(_doc()["list"]["emission_stage"], text)}
    return ListCode(raw, {name: value for name, value in values.items() if value}, number)


def normal_form_of_text(raw: str) -> str:
    return raw.upper().replace("\u3000", " ")


def _vin_in(text: str) -> str:
    """The VIN that is named, else the only word of that form; of several, the only one whose check digit is right."""
    named, bare = _doc()["list"]["vin"][0], _doc()["list"]["vin"][-1]
    if found := _first([named], text):
        return found
    words = list(dict.fromkeys(re.findall(bare, text)))
    right = [w for w in words if vin_check_digit(w) == w[8]]
    return words[0] if len(words) == 1 else right[0] if len(right) == 1 else ""


def _first(patterns: list[str], text: str) -> str:
    for pattern in patterns:
        if found := re.search(pattern, text):
            return found[1]
    return ""


# ---------------------------------------------------------------- the look-up


@dataclass(frozen=True)
class Way:
    """One of the three ways. needs: wire name -> field; last6: wire names of which only the last six characters are sent."""

    code: str
    zh: str
    en: str
    path: str
    needs: dict[str, str]
    last6: tuple[str, ...]
    page: str


@dataclass(frozen=True)
class LookupTerms:
    open_from: time
    open_until: time
    timeout_s: float
    retry_s: tuple[int, ...]
    give_up_after: int
    max_bytes: int
    answer_old_days: int
    fields: dict[str, str]
    ways: dict[str, Way]


@dataclass(frozen=True)
class LookupAnswer:
    """result: of RESULTS, or "away" (nobody answered). values: by field of the register; raw: what came, kept as evidence."""

    result: str
    values: dict[str, str] = field(default_factory=dict)
    raw: bytes = b""
    note: str = ""


@cache
def lookup_terms() -> LookupTerms:
    doc = _doc()["lookup"]
    ways = {
        code: Way(code, w["zh"], w["en"], w["path"], w["needs"], tuple(w["last6"]), w["page"])
        for code, w in doc["ways"].items()
    }
    return LookupTerms(
        time.fromisoformat(doc["open_from"]), time.fromisoformat(doc["open_until"]), doc["timeout_s"],
        tuple(doc["retry_s"]), doc["give_up_after"], doc["max_bytes"], doc["answer_old_days"], doc["fields"], ways,
    )  # fmt: skip


def question(way: Way, values: Mapping[str, str]) -> dict[str, str] | list[str]:
    """Wire name -> value; or the fields that are missing for this way. The last six of an engine number only ever leave."""
    missing = [name for name in way.needs.values() if not values.get(name)]
    if missing:
        return missing
    return {wire: values[name][-6:] if wire in way.last6 else values[name] for wire, name in way.needs.items()}


def best_way(values: Mapping[str, str]) -> str:
    """The way whose answer says most, of those that can be asked; "" if none can."""
    for code in ("qr", "vin", "plate"):
        if isinstance(question(lookup_terms().ways[code], values), dict):
            return code
    return ""


def answer_values(wire: Mapping[str, Any]) -> dict[str, str]:
    """Fields of the register from an answer's vehicle; what is no text or not named is left to the stored answer."""
    named = lookup_terms().fields
    values = {
        named[k]: str(v).strip() for k, v in wire.items() if k in named and isinstance(v, (str, int)) and str(v).strip()
    }
    if "vin" in values:
        values["vin"] = normal_form(values["vin"])
    return values


def opens_at_ms(now_ms: int) -> int:
    """now_ms within the opening hours, else the next opening."""
    terms, now = lookup_terms(), datetime.fromtimestamp(now_ms / 1000, CHINA)
    if terms.open_from <= now.time() < terms.open_until:
        return now_ms
    opening = now.replace(hour=terms.open_from.hour, minute=terms.open_from.minute, second=0, microsecond=0)
    opening_ms = int(opening.timestamp() * 1000)
    return opening_ms if now_ms <= opening_ms else opening_ms + 86_400_000
