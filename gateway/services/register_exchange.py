"""Import and export of a register as a table: texts in, a set of changes and every error in its cell out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.dictionary import Register
from gateway.domain.field_shapes import Finding
from gateway.domain.register_rows import register_named
from gateway.domain.register_sheet import column_fields, table_of
from gateway.services.register_book import ImportResult, RegisterBook


@dataclass(frozen=True)
class Imported:
    """errors: line -> (column from 0 or None, Chinese and English), in the order of the table."""

    result: ImportResult
    errors: dict[int, list[tuple[int | None, str]]]


def import_table(book: RegisterBook, register: str, headings: Sequence[str], rows: Sequence[tuple[int, Sequence[str]]], *,
                 by: str, origin: str) -> Imported:  # fmt: skip
    """The good rows are loaded in one set of changes. Raises SheetRefused for a table whose headings do not fit."""
    known = register_named(register)
    fields = column_fields(known, headings)
    texts = [(line, {f.name: t for f, t in zip(fields, row, strict=True) if f}) for line, row in rows]
    result = book.import_rows(register, texts, by=by, origin=origin)
    place = {f.name: i for i, f in enumerate(fields) if f}
    errors = {
        line: [(place.get(f.field), sentence(known, f)) for f in findings] for line, findings in result.refused.items()
    }
    return Imported(result, errors)


def export_table(book: RegisterBook, register: str, language: str | None = "zh", *, only: str = "") -> list[list[str]]:
    """Headings and every row that is in use; language None: field names and codes."""
    known = register_named(register)
    return table_of(known, [brief.values for brief in book.store.all(register, only=only)], language)


def sentence(register: Register, finding: Finding) -> str:
    """What is wrong, in both languages, naming the field."""
    found = next((f for f in register.fields if f.name == finding.field), None)
    zh, en = (found.zh, found.en) if found else (finding.field, finding.field)
    return f"{zh}：{finding.zh} / {en}: {finding.en}"
