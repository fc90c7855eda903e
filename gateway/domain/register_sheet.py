"""Rows of a register as a table of texts, and back: headings in Chinese, English or field names, codes or their words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gateway.domain.dictionary import Field, Register
from gateway.domain.field_shapes import ERROR, Finding
from gateway.domain.plates import normal_form

_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00(?::00)?)?")
_COMPACT_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})")
_LIST = re.compile(r"[,，、;；]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


class SheetRefused(ValueError):
    """A table cannot be read at all; the message names what, and what is allowed."""


def column_fields(register: Register, headings: Sequence[str]) -> list[Field | None]:
    """The field of each column; None for an empty heading. Raises SheetRefused for unknown, doubled or missing headings."""
    by_name: dict[str, Field] = {}
    for field in register.fields:
        for name in (field.name, field.zh, field.en):
            by_name[_bare(name)] = field
    found: list[Field | None] = []
    for heading in headings:
        field = by_name.get(_bare(heading))
        if heading.strip() and field is None:
            raise SheetRefused(
                f"{register.zh}：没有“{heading}”这一列 there is no column {heading!r}; 可用 allowed: "
                + "、".join(f.zh for f in register.fields)
            )
        if field in found and field is not None:
            raise SheetRefused(f"{register.zh}：“{heading}”出现两次 column {heading!r} stands twice")
        found.append(field)
    for name in register.key:
        if not any(f and f.name == name for f in found):
            key = register.field(name)
            raise SheetRefused(f"{register.zh}：缺少“{key.zh}”列 column {key.zh} / {key.en} / {key.name} is missing")
    return found


def _bare(heading: str) -> str:
    return re.sub(r"[\s*＊]+", "", heading).replace("(", "（").replace(")", "）").lower()


def normalised(field: Field, text: str) -> str:
    """The stored form of what a person wrote; what is not understood comes back as it is, for the field's rule to refuse."""
    text = text.strip()
    if not text:
        return ""
    if field.type == "code":
        if field.many:
            codes = [field.codes.code_of(word.strip()) or word.strip() for word in _LIST.split(text) if word.strip()]
            return ",".join(codes)
        return field.codes.code_of(text) or text
    if field.type == "day" and (day := _DAY.fullmatch(text) or _COMPACT_DAY.fullmatch(text)):
        return f"{day[1]}-{int(day[2]):02d}-{int(day[3]):02d}"
    if field.rule in ("plate", "road_plate"):
        return normal_form(text)
    if field.rule in ("vin", "uscc", "mein_or_pin"):
        return text.upper()
    return text


def unwritable(field: Field, value: str) -> Finding | None:
    """Control characters and halves of characters cannot be kept in a sheet."""
    if _CONTROL.search(value):
        return Finding(field.name, "text", ERROR, "含有控制字符或换行", "has control characters or line breaks")
    return None


def shown(field: Field, value: str, language: str | None) -> str:
    """A value as a table shows it. language: zh or en shows codes in words, None as codes."""
    if field.type != "code" or language is None or not value:
        return value
    labels = [field.codes.label(code, language) for code in (value.split(",") if field.many else [value])]
    if any(_LIST.search(label) for label in labels) and field.many:
        return value
    return "、".join(labels)


def heading(field: Field, language: str | None) -> str:
    return {"zh": field.zh, "en": field.en}.get(language or "", field.name)


def table_of(register: Register, rows: Sequence[Mapping[str, str]], language: str | None = "zh") -> list[list[str]]:
    """Headings first; every field of the register in the order of its forms."""
    head = [heading(field, language) for field in register.fields]
    return [head, *([shown(f, row.get(f.name, ""), language) for f in register.fields] for row in rows)]
