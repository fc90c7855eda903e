"""The registers on real SQLite files: sources side by side, decisions, documents, undo, and what verify finds."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database, Migrations

from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.rebuild import rebuild
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.schema import MIGRATIONS
from gateway.domain.dictionary import registers
from gateway.domain.register_rows import RegisterRefused, applied, merge_patch, merge_patched, values_of
from gateway.domain.register_sources import sources
from gateway.services.register_book import RegisterBook
from gateway.services.register_judging import RowRefused

GOOD = {
    name: doc["good"]
    for name, doc in tomllib.loads(Path(__file__).with_name("field_rule_cases.toml").read_text("utf-8")).items()
}
NOON_MS = 1_795_500_000_000  # 2026-11-24
DAY_MS = 86_400_000
JPEG = b"\xff\xd8\xff\xe0 a licence"


class Clock:
    def __init__(self) -> None:
        self.now_ms = NOON_MS

    def wall_ms(self) -> int:
        self.now_ms += 1
        return self.now_ms

    def mono_s(self) -> float:
        return self.now_ms / 1000


class Site:
    def __init__(self, folder: Path) -> None:
        self.file, self.clock = LedgerFile(folder), Clock()
        self.store = SqliteRegisterRows(self.file)
        self.book = RegisterBook(self.store, self.clock)
        self.gate = SqliteRegisters(self.file)

    def vehicle(self, **change: str) -> str:
        return self.book.state(
            "vehicle", without_photos("vehicle") | change, source="import", by="张三", origin="a.xlsx:2"
        )


def without_photos(name: str) -> dict[str, str]:
    return {f.name: v for f in registers()[name].fields if f.type != "photo" and (v := GOOD[name].get(f.name))}


@pytest.fixture
def site(tmp_path):
    opened = Site(tmp_path)
    yield opened
    opened.file.close()


@pytest.mark.requirement("S0-69")
def test_sources_stand_side_by_side_and_a_lower_one_never_replaces_a_higher_one(site):
    key = site.vehicle(vehicle_model="解放J6")
    site.book.state("vehicle", {"plate_no": GOOD["vehicle"]["plate_no"], "plate_colour": GOOD["vehicle"]["plate_colour"],
                                "vehicle_model": "东风天龙"}, source="self", by="司机", is_partial=True)  # fmt: skip
    assert site.store.brief("vehicle", key).values["vehicle_model"] == "解放J6"
    ((brief, fields),) = site.book.conflicts("vehicle")
    assert brief.key == key and fields == {"vehicle_model": {"import": "解放J6", "self": "东风天龙"}}
    with pytest.raises(RegisterRefused, match="no source says so"):
        site.book.decide("vehicle", key, {"vehicle_model": "欧曼"}, by="李四", why="猜的")
    site.book.decide("vehicle", key, {"vehicle_model": "东风天龙"}, by="李四", why="看过行驶证")
    assert site.book.conflicts("vehicle") == []
    assert site.store.brief("vehicle", key).values["vehicle_model"] == "东风天龙"
    site.vehicle(vehicle_model="重汽豪沃")
    assert site.store.brief("vehicle", key).values["vehicle_model"] == "东风天龙", "the decision stays in force"
    assert [f for _, f in site.book.conflicts("vehicle")] != [], "but the new word is a conflict again"


@pytest.mark.requirement("S0-69")
def test_every_value_has_its_source_time_and_person(site):
    key = site.vehicle()
    row = site.store.row("vehicle", key)
    for name, value in without_photos("vehicle").items():
        claim = row["fields"][name]["claims"]["import"]
        assert claim["value"] == value and claim["origin"] == "a.xlsx:2" and claim["by"] == "张三"
        assert claim["at_ms"] > NOON_MS


def test_a_row_that_breaks_a_rule_is_refused_naming_field_and_rule(site):
    with pytest.raises(RowRefused) as refused:
        site.vehicle(vin="LZZ5", register_date="2026-02-30")
    assert {(f.field, f.rule) for f in refused.value.findings} == {("vin", "vin"), ("register_date", "day")}
    assert "17" in str(refused.value) and "register_date" in str(refused.value)
    assert site.store.counts()["vehicle"]["rows"] == 0


def test_key_fields_name_the_row_and_never_change(site):
    key = site.vehicle()
    with pytest.raises(RowRefused, match="never changes"):
        site.book.state("vehicle", {"plate_no": "云D63186"}, source="typed", by="李", key=key)


@pytest.mark.requirement("S0-65")
def test_undo_takes_a_set_of_changes_back_and_leaves_what_was_changed_since(site):
    key = site.vehicle()
    before = site.store.brief("vehicle", key).values
    site.book.state("vehicle", before | {"vehicle_model": "新型号", "fleet_name": "新车队"}, source="typed", by="李")
    (change, *_) = site.store.change_sets()
    site.book.state("vehicle", before | {"fleet_name": "再改车队", "vehicle_model": "新型号"}, source="typed", by="李")
    new, kept = site.book.undo(change["change_id"], by="王五", why="录错")
    after = site.store.brief("vehicle", key).values
    assert after["vehicle_model"] == before["vehicle_model"] and after["fleet_name"] == "再改车队"
    assert kept == [f"vehicle {key} fleet_name"]
    assert site.store.change_sets()[0]["undoes"] == change["change_id"]
    site.book.undo(new, by="王五", why="又要")
    assert site.store.brief("vehicle", key).values["vehicle_model"] == "新型号", "undo is a change like any other"
    assert findings(site.file) == []


def test_an_import_that_is_undone_takes_its_rows_out_of_use_and_the_gate_forgets_them(site):
    result = site.book.import_rows("vehicle", [(2, without_photos("vehicle"))], by="张", origin="a.csv")
    plate, colour = GOOD["vehicle"]["plate_no"], GOOD["vehicle"]["plate_colour"]
    assert site.gate.vehicle(plate, colour) is not None
    site.book.undo(result.change_id, by="张", why="旧表")
    assert site.gate.vehicle(plate, colour) is None
    site.book.import_rows("vehicle", [(2, without_photos("vehicle"))], by="张", origin="b.csv")
    assert site.gate.vehicle(plate, colour) is not None, "stating it again brings it back"
    whats = [e["body"]["what"] for e in site.store.history("vehicle", f"{plate}/{colour}")]
    assert whats == ["state", "undo", "return", "state"]


@pytest.mark.requirement("S0-05", "S0-09")
def test_documents_belong_to_rows_and_their_end_is_told_thirty_days_ahead(site):
    carriers = [
        site.book.state("carrier", without_photos("carrier") | {"carrier_name": n}, source="typed", by="李")
        for n in ("甲运输", "乙运输")
    ]
    vehicle = site.vehicle(fleet_name="甲运输")
    missing = site.book.missing_by_carrier()
    assert {"agreement", "emission_pledge", "contract_terms"} <= set(missing["甲运输"][0]["missing"])
    assert "inspection" in next(m["missing"] for m in missing["甲运输"] if m["register"] == "vehicle")
    site.book.attach(
        "carrier", carriers, kind="emission_pledge", content=JPEG, suffix=".jpg", by="李", origin="pledge.jpg"
    )
    assert "emission_pledge" not in site.book.missing_by_carrier()["甲运输"][0]["missing"]
    with pytest.raises(RegisterRefused, match="valid_to is required"):
        site.book.attach("vehicle", [vehicle], kind="inspection", by="李")
    today = site.book.today()
    for days in (29, 31):
        end = today.fromordinal(today.toordinal() + days).isoformat()
        site.book.attach(
            "vehicle", [vehicle], kind={29: "inspection", 31: "hazmat_permit"}[days], valid_to=end, by="李"
        )
    assert [(r["what"], r["days_left"]) for r in site.book.expiring()] == [("inspection", 29)]
    assert site.gate.vehicle(GOOD["vehicle"]["plate_no"], GOOD["vehicle"]["plate_colour"]).certificates.keys() == {
        "inspection",
        "hazmat_permit",
    }
    renewed = today.fromordinal(today.toordinal() + 400).isoformat()
    site.book.attach("vehicle", [vehicle], kind="inspection", valid_to=renewed, by="李")
    assert site.book.expiring() == [], "the newest of its kind counts"


def test_a_document_whose_file_was_changed_is_found_and_so_is_an_edited_row(site, tmp_path):
    key = site.vehicle()
    document = site.book.attach("vehicle", [key], kind="driving_licence", content=JPEG, suffix=".jpg", by="李")
    assert site.store.brief("vehicle", key).values["licence_photo"] == document
    assert findings(site.file) == []
    path = tmp_path / site.store.document(document)["path"]
    path.write_bytes(JPEG + b"!")
    assert any(document in f for f in findings(site.file))
    path.write_bytes(JPEG)
    raw = sqlite3.connect(tmp_path / "ledger.sqlite3")
    for damage in ("update register_row set vals = replace(vals, '\"6\"', '\"5\"')", "update register_row set audit = 'verified'",
                   "delete from register_document", "delete from register_row"):  # fmt: skip
        raw.execute("begin")
        raw.execute(damage)
        raw.commit()
        assert any(key in f for f in findings(site.file)), damage


async def test_rows_are_made_anew_from_their_entries(site, tmp_path):
    site.vehicle()
    before = site.store.row("vehicle", next(site.store.all("vehicle")).key)
    raw = sqlite3.connect(tmp_path / "ledger.sqlite3")
    raw.execute("delete from register_row")
    raw.commit()
    raw.close()
    assert (await rebuild(site.file, NOON_MS))["registers"] == 1
    assert site.store.row("vehicle", next(site.store.all("vehicle")).key) == before and findings(site.file) == []


@pytest.mark.requirement("X-43")
def test_personal_values_stand_apart_and_a_driver_is_found_by_his_number(site):
    key = site.book.state("driver", GOOD["driver"], source="typed", by="李")
    phone = GOOD["driver"]["driver_phone"]
    assert site.store.key("driver", {"driver_phone": phone}) == key and phone not in key
    assert site.store.brief("driver", key).values["driver_phone"] == phone
    assert site.book.state("driver", GOOD["driver"] | {"driver_name": "新名"}, source="typed", by="李") == key
    stored = site.file.read(
        lambda c: [tuple(r) for t in ("entry", "register_row") for r in c.execute(f"select * from {t}")]
    )
    assert phone not in repr(stored) and GOOD["driver"]["driver_name"] not in repr(stored)
    assert findings(site.file) == []


@pytest.mark.requirement("S0-07")
def test_a_row_nobody_verified_for_ninety_days_is_stale(site):
    key = site.vehicle()
    site.clock.now_ms += 90 * DAY_MS - 1000
    assert site.book.stale("vehicle") == []
    site.clock.now_ms += 2000
    assert [b.key for b in site.book.stale("vehicle")] == [key]
    site.book.check("vehicle", key, ["vin"], "verified", by="李")
    assert site.book.stale("vehicle") == []


def test_in_plant_vehicles_and_machines_are_rows_of_their_own_ledgers_with_full_history(site):
    for name, ledger in (("in_plant_vehicle", "in_plant"), ("machine", "machine")):
        key = site.book.state(name, without_photos(name), source="typed", by="李")
        site.book.state(name, without_photos(name) | {"owner": "新业主"}, source="typed", by="王")
        history = site.store.history(name, key)
        assert [e["body"]["values"]["owner"] for e in history] == [GOOD[name]["owner"], "新业主"]
        assert [e["body"]["by"] for e in history] == ["李", "王"]
        of = site.file.read(
            lambda c, n=name: {r[0] for r in c.execute("select ledger from entry where pass_id like ?", (f"{n}/%",))}
        )
        assert of == {ledger}
    assert {"machine_nameplate_photo", "engine_nameplate_photo", "env_label_photo"} - {"engine_nameplate_photo"} <= set(
        site.book.missing("machine")[0][1]
    )


def test_a_reference_to_a_row_that_is_not_there_is_refused(site):
    with pytest.raises(RowRefused, match="is not in the register"):
        site.book.state("barrier", GOOD["barrier"], source="typed", by="李")
    site.book.state("entrance", without_photos("entrance"), source="typed", by="李")
    site.book.state(
        "barrier", GOOD["barrier"] | {"entrance_code": GOOD["entrance"]["entrance_code"]}, source="typed", by="李"
    )


def test_the_same_words_again_make_no_entry(site):
    site.vehicle()
    seq = len(site.store.history("vehicle", next(site.store.all("vehicle")).key))
    site.vehicle()
    result = site.book.import_rows("vehicle", [(2, without_photos("vehicle"))], by="张", origin="a.csv")
    assert result.unchanged == 1 and len(site.store.history("vehicle", next(site.store.all("vehicle")).key)) == seq


NAMES = ("vehicle_model", "fleet_name", "engine_no")
STEPS = st.lists(st.tuples(st.sampled_from(sorted(sources())), st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["甲", "乙", "丙", ""]), min_size=1)), max_size=12)  # fmt: skip


@given(STEPS)
def test_the_most_trusted_source_is_in_force_whatever_the_order_of_words(
    steps: list[tuple[str, dict[str, str]]],
) -> None:
    row: Any = None
    last: dict[str, dict[str, str]] = {name: {} for name in NAMES}
    for at_ms, (source, values) in enumerate(steps):
        row = applied(row, {"what": "state", "by": "x", "source": source, "values": values}, at_ms)
        for name, value in values.items():
            last[name][source] = value
    for name in NAMES:
        said = [v for s, v in sorted(last[name].items(), key=lambda item: sources()[item[0]].rank) if v]
        assert (values_of(registers()["vehicle"], row).get(name) if row else None) == (said[0] if said else None)


OBJECTS = st.recursive(st.integers() | st.text(max_size=3), lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=3), max_leaves=8)  # fmt: skip
DOCS = st.dictionaries(st.text(max_size=2), OBJECTS, max_size=4)


@given(DOCS, DOCS)
def test_a_merge_patch_makes_one_document_of_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert merge_patched(before, merge_patch(before, after)) == after


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["state", "self", "decide", "check", "undo", "remove"]), min_size=1, max_size=8))
def test_whatever_persons_do_the_store_verifies(tmp_path_factory, steps: list[str]) -> None:
    site = Site(tmp_path_factory.mktemp("site"))
    key = site.vehicle()
    for number, step in enumerate(steps):
        try:
            if step in ("state", "self"):
                site.book.state("vehicle", site.store.brief("vehicle", key).values | {"vehicle_model": f"型号{number}"},
                                source="typed" if step == "state" else "self", by="李", is_partial=True)  # fmt: skip
            elif step == "decide":
                site.book.decide("vehicle", key, {"vehicle_model": site.vehicle() and "型号0"}, by="李", why="看过")
            elif step == "check":
                site.book.check("vehicle", key, ["vin", "vehicle_model"], "verified", by="李")
            elif step == "undo":
                site.book.undo(site.store.change_sets()[0]["change_id"], by="李", why="试")
            else:
                site.book.remove("vehicle", key, by="李", why="停")
        except RegisterRefused:
            pass
    assert findings(site.file) == []
    site.file.close()


def test_vehicles_of_the_former_table_become_rows_with_entries(tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    old = Migrations("ledger")
    for migration in MIGRATIONS[:3]:
        old()(migration)
    database = Database(sqlite3.connect(folder / "ledger.sqlite3"))
    old.apply(database)
    doc = {"plate_no": "云D63185", "plate_colour": "1", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "6",
           "driver_phone": "13900001111", "fleet_name": "个体", "certificates": {"hazmat_permit": "2027-01-01"}}  # fmt: skip
    for plate, is_audited in (("云D63185", True), ("云D63186", False)):
        text = json.dumps(doc | {"plate_no": plate, "is_audited": is_audited}, ensure_ascii=False)
        database.execute("insert into vehicle values (?,?,?,?)", (plate, "1", text, NOON_MS))
    database.conn.commit()
    database.conn.close()
    site = Site(folder)
    known, other = site.gate.vehicle("云D63185", "1"), site.gate.vehicle("云D63186", "1")
    assert (known.is_audited, other.is_audited) == (True, False)
    assert known.driver_phone == "13900001111" and known.certificates == {"hazmat_permit": "2027-01-01"}
    assert [e["body"]["origin"] for e in site.store.history("vehicle", "云D63185/1")] == ["m0003 vehicle"]
    assert findings(site.file) == []
    site.file.close()
