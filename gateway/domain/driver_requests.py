"""A driver's request to be registered: what the phone asks, what is missing, and each value with its source.

The rules of the fields are those of the register (domain/field_rules.py); there is no second copy of them. Figures:
dictionary/driver_requests.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from gateway.domain.dictionary import FOLDER, Field, Register, registers
from gateway.domain.field_rules import check_row
from gateway.domain.field_shapes import ERROR, Finding
from gateway.domain.register_sheet import normalised, unwritable
from gateway.domain.side_records import SideRow

KIND = "driver_request"
WAITING, ACCEPTED, REFUSED = "waiting", "accepted", "refused"
SELF, SCAN = "self", "scan"
"""Sources of dictionary/sources.toml: what the driver typed, what the code of the environmental list says."""
DRAFT = re.compile(r"[0-9a-f]{24}")
"""A request's number, drawn by the phone before it is sent, so that sending twice is one request."""
NAME_MAX = 20


class DriverRefused(ValueError):
    """What a driver asked is not done. code: for the page; zh, en: a sentence; field: which input, "" for none."""

    def __init__(self, code: str, zh: str, en: str, *, field: str = "") -> None:
        super().__init__(f"{zh} {en}")
        self.code, self.zh, self.en, self.field = code, zh, en, field


@dataclass(frozen=True)
class SentCode:
    """The newest code of a phone. digest: of salt and code; tries: wrong ones so far."""

    salt: str
    digest: str
    until_ms: int
    tries: int


@dataclass(frozen=True)
class SentPhoto:
    """A photograph that a confirmed phone sent. codes: texts of the QR codes in it, if it was looked through."""

    draft: str
    kind: str
    path: str
    sha256: str
    size_bytes: int
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    register: str
    fields: tuple[str, ...]
    needed: tuple[str, ...]
    photos: Mapping[str, str]
    needed_photos: tuple[str, ...]
    scanned: str


@dataclass(frozen=True)
class CodeTerms:
    digits: int
    valid_s: int
    tries: int
    per_phone_h: int
    per_address_h: int
    session_h: int


@dataclass(frozen=True)
class Limits:
    json_bytes: int
    photo_bytes: int
    photo_pixels: int
    checks_per_address_min: int
    photos_per_phone_h: int
    requests_per_phone_day: int
    waiting_most: int
    keep_undecided_days: int
    keep_decided_days: int


@cache
def _doc() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "driver_requests.toml").read_text("utf-8"))


@cache
def form() -> Form:
    doc = _doc()["form"]
    return Form(doc["register"], tuple(doc["fields"]), tuple(doc["needed"]), dict(doc["photos"]),
                tuple(doc["needed_photos"]), doc["scanned"])  # fmt: skip


@cache
def code_terms() -> CodeTerms:
    return CodeTerms(**_doc()["code"])


@cache
def limits() -> Limits:
    return Limits(**_doc()["limits"])


def form_register() -> Register:
    return registers()[form().register]


def form_fields() -> tuple[Field, ...]:
    return tuple(form_register().field(name) for name in form().fields)


def cleaned(values: Mapping[str, Any]) -> dict[str, str]:
    """Texts of the form's fields in their stored form; "" left out. Raises DriverRefused for what is no field or no text."""
    known = {f.name: f for f in form_fields()}
    found: dict[str, str] = {}
    for name, value in values.items():
        if name not in known or not isinstance(value, str):
            raise DriverRefused("field", f"{name[:40]!r}：没有这一项", f"no such field; allowed: {', '.join(known)}")
        if text := normalised(known[name], value[:200]):
            found[name] = text
    return found


def findings_of(values: Mapping[str, str], today: date, *, is_whole: bool) -> list[Finding]:
    """What the register's own rules say of these fields. is_whole: what is needed and empty is a finding too."""
    register, asked = form_register(), form().fields
    found = [f for f in check_row(register, values, today) if f.field in asked and f.rule != "required" and values.get(f.field)]  # fmt: skip
    found += [bad for field in form_fields() if (bad := unwritable(field, values.get(field.name, "")))]
    if is_whole:
        found += [Finding(n, "required", ERROR, f"{register.field(n).zh}必填", f"{register.field(n).en} is required")
                  for n in form().needed if not values.get(n)]  # fmt: skip
    return sorted(found, key=lambda f: (asked.index(f.field), f.level != ERROR))


def sourced(values: Mapping[str, str], scan: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """field -> {source, value, other}: the list's code where it says the same or the driver left it empty, else the driver.

    other: what the list says where the driver says otherwise; the clerk sees both, and both go to the register.
    """
    found: dict[str, dict[str, str]] = {}
    for name in form().fields:
        typed, read = values.get(name, ""), scan.get(name, "")
        if typed and typed != read:
            found[name] = {"source": SELF, "value": typed, "other": read}
        elif read:
            found[name] = {"source": SCAN, "value": read, "other": ""}
    return found


def side_row(request_id: str, at_ms: int, values: dict[str, Any]) -> SideRow:
    """The request as its entries state it; subject is the plate and colour, which are no personal value."""
    said = {name: v["value"] for name, v in values["fields"].items()}
    return SideRow(KIND, request_id, f"{said.get('plate_no', '')}/{said.get('plate_colour', '')}", at_ms, "", values)
