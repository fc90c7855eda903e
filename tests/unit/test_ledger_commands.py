"""`lvzha ledger`: export with every column, goods from files with each bad line named, day in tonnes, who is inside."""

import json

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.adapters.sheets.tables import read_table, write_table
from gateway.domain.dictionary import ledgers
from gateway.services.ledger_rows import rows_of
from tests.unit.office_site import OfficeSite
from tests.unit.test_ledger_rows import MACHINE, MACHINE_PHOTOS, full_day


@pytest.fixture
async def data(tmp_path):
    """A closed data directory with a day of traffic."""
    site = OfficeSite(tmp_path)
    await full_day(site)
    site.register("machine", MACHINE, MACHINE_PHOTOS)
    await site.paper.issue(1, by="王")
    await site.enter(paper_no="Z261120-01-02", when="2026-11-20 07:20:00", plate_no="云A22222")
    site.file.close()
    return tmp_path


def lvzha(*words):
    return CliRunner().invoke(app, ["ledger", *map(str, words)])


@pytest.mark.requirement("S4-29", "S4-33")
def test_export_writes_every_column_to_excel_and_csv_and_both_say_the_same(data, tmp_path):
    files = tmp_path / "a.xlsx", tmp_path / "a.csv"
    span = ("--from", "2026-11-20", "--to", "2026-11-20", "--data", data)
    done = lvzha("export", "in_out", *span, "--xlsx", files[0], "--csv", files[1], "--json")
    assert done.exit_code == 0, done.output
    tables = [read_table(f.read_bytes()) for f in files]
    said = [rows_of(ledgers()["in_out"], t.headings, [texts for _, texts in t.rows]) for t in tables]
    assert said[0] == said[1] == json.loads(done.stdout) and len(said[0]) == 3 and len(tables[0].headings) == 54
    assert (
        lvzha("export", "in_out", "--from", "2026-11-19", "--to", "2026-11-19", "--data", data, "--json").stdout.strip()
        == "[]"
    )
    machine = lvzha("export", "machine", "--data", data, "--json", "--language", "codes")
    assert json.loads(machine.stdout)[0]["env_reg_code"] == "3-YA000123"


@pytest.mark.parametrize(("words", "named"), [
    (("export", "in_out"), "--from ''"), (("export", "out", "--from", "2026-11-20", "--to", "2026-11-20"), "'out'"),
    (("export", "in_out", "--from", "2026-11-20", "--to", "2026-11-19"), "--to 2026-11-19"), (("reconcile", "20.11.2026"), "20.11.2026"),
    (("goods", "none.csv", "--source", "scale", "--by", "x"), "none.csv"), (("goods", "none.csv", "--source", "oracle", "--by", "x"), "oracle"),
])  # fmt: skip
def test_bad_arguments_are_named_and_the_status_is_2(data, words, named):
    done = lvzha(*words, "--data", data)
    assert done.exit_code == 2 and named in done.output


@pytest.mark.requirement("S0-79", "S0-24")
def test_goods_of_a_file_are_kept_line_by_line_and_the_day_is_compared(data, tmp_path):
    file = tmp_path / "scale.csv"
    head = ["plate_no", "plate_colour", "direction", "at", "goods_name", "tare_t", "gross_t", "weigh_ticket_no"]
    good = ["云A22222", "1", "in", "2026-11-20 07:21", "焦煤", "15", "45", "B7"]
    file.write_bytes(write_table([head, good, [*good[:6], "14", "B8"], [*good[:3], "gestern", *good[4:]]], "csv"))
    done = lvzha("goods", file, "--source", "scale", "--by", "地磅", "--data", data, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1 and found["loaded"] == 1
    assert [(r["line"], r["error"].split()[0]) for r in found["refused"]] == [(3, "gross_t"), (4, "at")]
    day = json.loads(lvzha("reconcile", "2026-11-20", "--data", data, "--json").stdout)
    assert day["weighed_t"] == {"in": 30.0, "out": 31.46} and day["open"] == []
    (row,) = [r for r in json.loads(lvzha("export", "in_out", "--from", "2026-11-20", "--to", "2026-11-20", "--data", data, "--json").stdout)
              if r["plate_no"] == "云A22222"]  # fmt: skip
    assert (row["quantity_in_t"], row["weigh_ticket_no"], row["record_source"]) == ("30", "B7", "paper")


@pytest.mark.requirement("X-23", "S0-81")
def test_who_is_inside_and_which_numbers_are_missing(data):
    found = json.loads(lvzha("inside", "--data", data, "--json").stdout)
    assert [v["plate_no"] for v in found["inside"]] == ["云A22222"] and found["exit_without_entry"] == []
    paper = lvzha("paper", "--data", data, "--json")
    assert paper.exit_code == 1 and json.loads(paper.stdout)["missing"] == ["Z261120-01-01"]
