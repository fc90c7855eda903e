"""Registers as Excel and CSV files: what goes out comes back the same; broken rows come back with each error in its cell."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.adapters.sheets.tables import ERRORS_HEADING, read_table, write_errors, write_table
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.domain.dictionary import registers
from gateway.domain.register_sheet import SheetRefused, column_fields, normalised, shown, table_of
from gateway.services.register_book import RegisterBook
from gateway.services.register_exchange import export_table, import_table
from tests.unit.test_registers import GOOD, Clock, without_photos

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zs", "Zl", "Zp")), min_size=1, max_size=30
)


@pytest.fixture
def book(tmp_path):
    file = LedgerFile(tmp_path / "data")
    yield RegisterBook(SqliteRegisterRows(file), Clock())
    file.close()


def rows_of(book: RegisterBook, name: str) -> list[dict[str, str]]:
    return [b.values for b in book.store.all(name)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(TEXT | st.just(""), min_size=3, max_size=3).filter(any), max_size=6),
    st.sampled_from(["xlsx", "csv"]),
)
def test_a_table_of_any_texts_comes_back_byte_for_byte(rows: list[list[str]], kind: str) -> None:
    lines = [["甲", "b", "c3"], *rows]
    table = read_table(write_table(lines, kind))
    assert [table.headings, *(row for _, row in table.rows)] == lines


@pytest.mark.parametrize(
    "text", ["=1+1", "+86", "-", "@x", "'引", "007", "1e5", "2026-01-02", "TRUE", '"q"', "a,b;c", "\u00e9"]
)
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_what_a_spreadsheet_would_change_stays_text(text: str, kind: str) -> None:
    assert read_table(write_table([["a"], [text]], kind)).rows == [(2, [text])]


def test_every_code_can_be_written_in_words_and_read_back() -> None:
    for register in registers().values():
        for field in register.fields:
            if field.type == "code":
                for code in field.codes.values:
                    for language in ("zh", "en", None):
                        assert normalised(field, shown(field, code, language)) == code, (field.name, code, language)


@pytest.mark.requirement("S0-65")
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
@pytest.mark.parametrize("language", ["zh", "en", None])
def test_an_exported_register_imports_into_an_empty_one_with_every_value(book, tmp_path, kind, language) -> None:
    names = [
        "enterprise",
        "entrance",
        "barrier",
        "camera",
        "carrier",
        "driver",
        "vehicle",
        "in_plant_vehicle",
        "machine",
    ]
    link = {
        "entrance_code": GOOD["entrance"]["entrance_code"],
        "barrier_code": GOOD["barrier"]["barrier_code"],
        "carrier_name": GOOD["carrier"]["carrier_name"],
    }
    for name in names:
        linked = {f.name: link[f.name] for f in registers()[name].fields if f.name in link}
        book.state(name, without_photos(name) | linked, source="typed", by="李")
    file = LedgerFile(tmp_path / "other")
    other = RegisterBook(SqliteRegisterRows(file), Clock())
    for name in names:
        table = read_table(write_table(export_table(book, name, language), kind))
        done = import_table(other, name, table.headings, table.rows, by="张", origin="x")
        assert done.errors == {} and done.result.loaded == 1
        assert rows_of(other, name) == [r | _basis(other, name) for r in rows_of(book, name)]
        assert export_table(other, name, language) == export_table(book, name, language) or name == "vehicle"
    file.close()


def _basis(book: RegisterBook, name: str) -> dict[str, str]:
    """What is derived from the source, which is another one after an import."""
    (row,) = rows_of(book, name)
    return {n: row[n] for n in ("emission_basis", "emission_basis_kind") if n in row}


BROKEN = (
    {"vin": "LZZ5ELSD0NA00012"}, {"register_date": "2026-02-30"}, {"fuel_type": "煤"}, {"plate_no": "云A1"},
    {"vehicle_model": ""}, {"emission_stage": "D"}, {"gross_mass_kg": "九吨"},
)  # fmt: skip


def mixed_table(language: str | None) -> list[list[str]]:
    """Good rows and broken ones in turn."""
    good = without_photos("vehicle")
    rows = []
    for number, broken in enumerate(BROKEN):
        rows.append(good | {"plate_no": f"云D1000{number}"})
        rows.append(good | {"plate_no": f"云D2000{number}"} | broken)
    return table_of(registers()["vehicle"], rows, language)


@pytest.mark.requirement("S0-65")
@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_broken_rows_come_back_with_each_error_in_its_cell_and_can_be_mended_and_sent_again(book, kind) -> None:
    table = read_table(write_table(mixed_table("zh"), kind))
    done = import_table(book, "vehicle", table.headings, table.rows, by="张", origin="a")
    assert (done.result.loaded, len(done.errors)) == (len(BROKEN), len(BROKEN))
    names = [f.name if f else "" for f in column_fields(registers()["vehicle"], table.headings)]
    for (_, found), broken in zip(sorted(done.errors.items()), BROKEN, strict=True):
        assert next(iter(broken)) in {names[column] for column, _ in found if column is not None}
    back = write_errors(table, done.errors)
    if kind == "xlsx":
        sheet = load_workbook(io.BytesIO(back)).worksheets[0]
        commented = [
            (c.row, names[c.column - 1])
            for row in sheet.iter_rows()
            for c in row
            if c.comment and c.column <= len(names)
        ]
        for at, broken in enumerate(BROKEN, start=2):
            assert (at, next(iter(broken))) in commented
    result = read_table(back)
    assert ERRORS_HEADING not in result.headings and len(result.rows) == len(BROKEN), (
        "the column of errors is not a field"
    )
    fields = column_fields(registers()["vehicle"], result.headings)
    good = without_photos("vehicle")
    mended = [(line, [t if f and f.name == "plate_no" and len(t) == 7 else shown(f, (good | {"plate_no": "云D30000"}).get(f.name, ""), "zh") if f else t
                      for f, t in zip(fields, row, strict=True)]) for line, row in result.rows]  # fmt: skip
    again = import_table(book, "vehicle", result.headings, mended, by="张", origin="b")
    assert again.errors == {} and again.result.loaded == len(BROKEN)
    assert len(rows_of(book, "vehicle")) == 2 * len(BROKEN)


def test_gbk_and_utf8_files_and_english_headings_are_read_alike(book) -> None:
    lines = mixed_table("zh")
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    whole = [read_table(text.getvalue().encode(code)) for code in ("gb18030", "utf-8", "utf-8-sig")]
    assert whole[0].headings == lines[0] and whole[0].rows == whole[1].rows == whole[2].rows
    semicolons = read_table("车牌号码;号牌颜色\r\n云D63185;黄\r\n".encode("gbk"))
    assert semicolons.rows == [(2, ["云D63185", "黄"])]


@pytest.mark.parametrize(("headings", "says"), [
    (["车牌号码", "号牌颜色", "轴数"], "轴数"), (["车牌号码", "车牌号码", "号牌颜色"], "twice"), (["车牌号码", "VIN"], "plate_colour"), (["车牌号码"], "号牌颜色"),
])  # fmt: skip
def test_headings_that_do_not_fit_refuse_the_table_and_name_the_heading(headings: list[str], says: str) -> None:
    with pytest.raises(SheetRefused, match=says):
        column_fields(registers()["vehicle"], headings)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 no archive", b"\xff\xfe\x00\x00", b'a,b\n"open', b"a,b\n1,2,3\n"]
)
def test_a_file_that_is_no_table_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(SheetRefused, match=r"[a-z]"):
        read_table(content)


@pytest.mark.parametrize(("text", "stored"), [
    ("2024/5/1", "2024-05-01"), ("20240501", "2024-05-01"), ("2024年5月1日", "2024-05-01"), ("2024-13-01", "2024-13-01"), ("五月", "五月"),
])  # fmt: skip
def test_days_are_read_as_people_write_them(text: str, stored: str) -> None:
    assert normalised(registers()["vehicle"].field("register_date"), text) == stored


def test_a_plate_is_read_as_people_write_it() -> None:
    assert normalised(registers()["vehicle"].field("plate_no"), " 云d·63185 ") == "云D63185"


def lvzha(*arguments: str) -> tuple[int, Any]:
    result = CliRunner().invoke(app, ["register", *arguments])
    try:
        return result.exit_code, json.loads(result.stdout)
    except ValueError:
        return result.exit_code, result.output


def test_the_command_line_imports_asks_and_undoes() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        LedgerFile(root / "data").close()
        at = ("--data", str(root / "data"))
        sheet = root / "车辆.xlsx"
        sheet.write_bytes(write_table(mixed_table("en")))
        code, told = lvzha("import", "vehicle", str(sheet), "--by", "张", "--json", *at)
        assert code == 1 and told["loaded"] == len(BROKEN) and len(told["refused"]) == len(BROKEN)
        assert len(read_table(Path(told["errors_file"]).read_bytes()).rows) == len(BROKEN)
        code, rows = lvzha("list", "vehicle", "--text", "D1000", "--limit", "3", "--json", *at)
        assert code == 0 and len(rows["rows"]) == 3 and rows["next_cursor"] == rows["rows"][-1]["key"]
        key = rows["rows"][0]["key"]
        code, row = lvzha("show", "vehicle", key, "--json", *at)
        assert (
            row["fields"]["vin"]["source"] == "import"
            and row["fields"]["vin"]["origin"] == "车辆.xlsx:2"
            and len(row["items"]) == 11
        )
        assert (
            lvzha("set", "vehicle", "plate_no=云D10000", "plate_colour=1", "vehicle_model=别的", "--by", "李", *at)[0]
            == 0
        )
        code, conflicts = lvzha("conflicts", "vehicle", "--json", *at)
        assert code == 1 and conflicts[0]["fields"]["vehicle_model"]["typed"] == "别的"
        assert lvzha("decide", "vehicle", key, "vehicle_model=别的", "--by", "李", "--why", "行驶证", *at)[0] == 0
        assert lvzha("conflicts", "vehicle", *at)[0] == 0
        assert (
            lvzha("missing", "--json", *at)[0] == 1
            and lvzha("stale", "vehicle", *at)[0] == 0
            and lvzha("expiring", *at)[0] == 0
        )
        assert lvzha("export", "vehicle", str(root / "out.csv"), *at)[0] == 0
        assert len(read_table((root / "out.csv").read_bytes()).rows) == len(BROKEN)
        assert lvzha("undo", told["change_id"], "--by", "李", "--why", "旧", *at)[0] == 0
        assert lvzha("list", "vehicle", "--json", *at)[1]["rows"] != [], "rows are taken out by two persons"
        asked = json.loads(CliRunner().invoke(app, ["confirm", "list", *at]).stdout)
        assert CliRunner().invoke(app, ["confirm", "give", asked[0]["id"], "--by", "王", *at]).exit_code == 0
        assert lvzha("list", "vehicle", "--json", *at)[1]["rows"] == []
        assert len(lvzha("history", "vehicle", key, "--json", *at)[1]) == 4
        for bad in (
            ("list", "lorry"),
            ("show", "vehicle", "x"),
            ("set", "vehicle", "vin", "--by", "x"),
            ("export", "vehicle", "x.pdf"),
        ):
            code, says = lvzha(*bad, *at)
            assert code == 2, says
