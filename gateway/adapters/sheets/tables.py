"""Tables of texts from and to Excel (.xlsx) and CSV, and the file that shows a person what was wrong in which cell.

CSV: UTF-8 with a byte order mark, UTF-8 or GB 18030 (GBK) are told apart by their bytes; comma, semicolon or tab. A text
that a spreadsheet would take for a formula is written with an apostrophe before it, and read back without.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter

from gateway.domain.register_sheet import SheetRefused

MAX_ROWS = 100_000
MAX_COLUMNS = 200
EXCEL_ROWS = 1_048_575  # a sheet's rows below the headings
MAX_UNPACKED_BYTES = 200_000_000
RISKY = ("=", "+", "-", "@", "'", "\t", "\r")
BAD = PatternFill("solid", fgColor="FDE6E2")
ERRORS_HEADING = "导入错误 Errors"
CellErrors = Mapping[int, Sequence[tuple[int | None, str]]]
"""Line -> (column from 0, or None for the row as a whole; what is wrong)."""


@dataclass(frozen=True)
class Table:
    """headings: of the first line that is not empty. rows: (line number as a person sees it, texts)."""

    kind: str  # xlsx | csv
    headings: list[str]
    rows: list[tuple[int, list[str]]]


def read_table(content: bytes) -> Table:
    """Told apart by content, not by name. Raises SheetRefused."""
    kind = "xlsx" if content[:4] == b"PK\x03\x04" else "csv"
    lines = list(enumerate(_xlsx(content) if kind == "xlsx" else _csv(content), start=1))
    lines = [(n, _trimmed(texts)) for n, texts in lines]
    lines = [(n, texts) for n, texts in lines if texts]
    if not lines:
        raise SheetRefused("文件是空的 the file has no rows")
    if len(lines) > MAX_ROWS + 1:
        raise SheetRefused(f"{len(lines) - 1} 行，最多 at most {MAX_ROWS} rows")
    headings = lines[0][1]
    if ERRORS_HEADING in headings:  # a corrected result file comes back
        place = headings.index(ERRORS_HEADING)
        lines = [(n, [t for i, t in enumerate(texts) if i != place]) for n, texts in lines]
        headings = lines[0][1]
    width = len(headings)
    if width > MAX_COLUMNS:
        raise SheetRefused(f"{width} 列，最多 at most {MAX_COLUMNS} columns")
    if wide := next((n for n, texts in lines if len(texts) > width), None):
        raise SheetRefused(f"第{wide}行比标题多出列 line {wide} has more cells than there are headings")
    return Table(kind, headings, [(n, texts + [""] * (width - len(texts))) for n, texts in lines[1:]])


def _trimmed(texts: Sequence[str]) -> list[str]:
    end = max((i + 1 for i, t in enumerate(texts) if t.strip()), default=0)
    return list(texts[:end])


def _xlsx(content: bytes) -> list[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(info.file_size for info in packed.infolist()) > MAX_UNPACKED_BYTES:
                raise SheetRefused(f"展开后超过 unpacked more than {MAX_UNPACKED_BYTES} bytes")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        return [[_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True, max_row=MAX_ROWS + 2)]
    except SheetRefused:
        raise
    except Exception as error:  # openpyxl raises whatever a damaged archive made it trip over
        raise SheetRefused(
            f"不是可读的 Excel 文件 not a readable .xlsx file: {type(error).__name__}: {error}"
        ) from None


def _csv(content: bytes) -> list[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise SheetRefused("编码不是 UTF-8 或 GBK the encoding is neither UTF-8 nor GBK")
    if "\x00" in text:
        raise SheetRefused("不是文本文件 not a text file; allowed: .xlsx, .csv")
    first = text.lstrip("\r\n").splitlines()[:1]
    delimiter = max(",;\t", key=lambda d: first[0].count(d)) if first else ","
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise SheetRefused(f"CSV 格式错误 not a CSV file: {error}") from None
    return [[t[1:] if t.startswith("'") else t for t in row] for row in rows]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d" if cell.time().isoformat() == "00:00:00" else "%Y-%m-%d %H:%M:%S")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)


def write_table(lines: Sequence[Sequence[str]], kind: str = "xlsx", *, title: str = "Sheet") -> bytes:
    """Headings first. Every cell is text, so that leading zeros and long numbers stay."""
    return _write_csv(lines) if kind == "csv" else _write_xlsx(lines, title, {})


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]], *, title: str = "Sheet", most: int = EXCEL_ROWS) -> int:
    """An Excel file of rows that come one by one, headings from the first; memory stays small. How many there were.

    Raises SheetRefused where there are more than a sheet takes; the file is not written then.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    sheet.freeze_panes = "A2"
    count = 0
    for row in rows:
        if count == 0:
            sheet.append(list(row))
        count += 1
        if count > most:
            raise SheetRefused(f"超过 Excel 的 {most} 行，请缩小范围或导出 CSV more rows than Excel takes: narrow the question or take the CSV file")  # fmt: skip
        sheet.append([_cell(sheet, value) for value in row.values()])
    book.save(path)
    return count


def _cell(sheet: Any, value: Any) -> Any:
    """Numbers stay numbers; every text is a text, also one that looks like a formula."""
    if not isinstance(value, str) or not value.startswith(RISKY):
        return value
    cell = WriteOnlyCell(sheet, value)
    cell.data_type = "s"
    return cell


def write_errors(table: Table, errors: CellErrors) -> bytes:
    """The bad rows as they were, each error in its cell (a comment and a colour in Excel) and in a last column."""
    bad = [(n, texts) for n, texts in table.rows if n in errors]
    lines = [[*table.headings, ERRORS_HEADING]]
    lines += [[*texts, "；".join(text for _, text in errors[n])] for n, texts in bad]
    if table.kind == "csv":
        return _write_csv(lines)
    notes: dict[tuple[int, int], list[str]] = {}
    for at, (n, _) in enumerate(bad, start=2):
        for column, text in errors[n]:
            notes.setdefault((at, (column if column is not None else len(table.headings)) + 1), []).append(text)
    return _write_xlsx(lines, "导入错误", notes)


def _write_csv(lines: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([[f"'{t}" if t.startswith(RISKY) else t for t in line] for line in lines])
    return text.getvalue().encode("utf-8-sig")


def _write_xlsx(lines: Sequence[Sequence[str]], title: str, notes: Mapping[tuple[int, int], Sequence[str]]) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = title[:31]
    for at, line in enumerate(lines, start=1):
        for column, text in enumerate(line, start=1):
            cell = sheet.cell(at, column, text or None)
            cell.data_type = "s" if text else cell.data_type
            cell.number_format = "@"
            if at == 1:
                cell.font = Font(bold=True)
            if texts := notes.get((at, column)):
                cell.comment = Comment("\n".join(texts), "lvzha")
                cell.fill = BAD
    for column, heading in enumerate(lines[0], start=1):
        sheet.column_dimensions[get_column_letter(column)].width = min(40, max(10, 2 * len(heading)))
    sheet.freeze_panes = "A2"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
