"""Drivers register themselves by phone: codes, live rules, photographs, a request in the ledger, a clerk's decision."""

from __future__ import annotations

import json
import secrets
import sqlite3

import pytest

from gateway.adapters.store.check import findings
from gateway.adapters.store.driver_shelf import SqliteDriverShelf
from gateway.adapters.store.erase import SqlitePersonalData
from gateway.adapters.store.rebuild import rebuild
from gateway.domain.driver_requests import DriverRefused, code_terms, form, limits
from gateway.domain.field_rules import check_row
from gateway.domain.register_rows import RegisterRefused, claims_of, conflicts_of
from gateway.services.phone_codes import PhoneCodes
from tests.unit.driver_site import OTHER_PHONE, PHONE, TYPED, DriverSite, list_photo, photo

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
KEY = f"{TYPED['plate_no']}/{TYPED['plate_colour']}"
LIST = f"CNZCG6Z20L53000123000001 VIN:{TYPED['vin']}"


@pytest.fixture
def site(tmp_path):
    opened = DriverSite(tmp_path)
    yield opened
    opened.close()


# ---------------------------------------------------------------- the code


@pytest.mark.requirement("X-24")
def test_a_phone_is_confirmed_by_the_code_that_the_guard_reads_out_and_only_once(site):
    site.codes.ask(PHONE, "10.0.0.9")
    (shown,) = site.screen.waiting()
    assert shown.phone == "138****5678" and len(shown.code) == 6
    token = site.codes.confirm(PHONE, shown.code)
    assert site.codes.phone_of(token) == site.shelf.phone_digest(PHONE)
    assert site.screen.waiting() == []
    with pytest.raises(DriverRefused, match="no longer valid"):
        site.codes.confirm(PHONE, shown.code)


@pytest.mark.requirement("X-24")
def test_a_code_lies_hashed_and_a_phone_as_a_digest(site, tmp_path):
    site.codes.ask(PHONE, "10.0.0.9")
    code = site.screen.waiting()[0].code
    token = site.codes.confirm(PHONE, code)
    site.codes.ask(PHONE, "10.0.0.9")
    code = site.screen.waiting()[0].code
    with sqlite3.connect(site.shelf.folder / "drivers.sqlite3") as conn:
        kept = json.dumps(
            [row for table in ("code", "session", "note") for row in conn.execute(f"select * from {table}")]
        )
    assert PHONE not in kept and f'"{code}"' not in kept and token not in kept


def test_five_wrong_digits_spend_a_code_and_the_right_one_comes_too_late(site):
    site.codes.ask(PHONE, "10.0.0.9")
    right = site.screen.waiting()[0].code
    wrong = f"{(int(right) + 1) % 10**6:06d}"
    for left in range(code_terms().tries - 1, -1, -1):
        with pytest.raises(DriverRefused, match=f"{left} tries"):
            site.codes.confirm(PHONE, wrong)
    with pytest.raises(DriverRefused, match="no longer valid"):
        site.codes.confirm(PHONE, right)


def test_a_code_ends_and_codes_are_few_per_phone_and_per_address(site):
    terms = code_terms()
    site.codes.ask(PHONE, "10.0.0.9")
    code = site.screen.waiting()[0].code
    site.clock.now_ms += terms.valid_s * 1000
    assert site.screen.waiting() == []
    with pytest.raises(DriverRefused, match="no longer valid"):
        site.codes.confirm(PHONE, code)
    for _ in range(terms.per_phone_h - 1):
        site.codes.ask(PHONE, "10.0.0.9")
    with pytest.raises(DriverRefused, match="too many"):
        site.codes.ask(PHONE, "10.0.0.8")
    site.clock.now_ms += HOUR_MS
    for n in range(terms.per_address_h):
        site.codes.ask(f"1370000{n:04d}", "10.0.0.7")
    with pytest.raises(DriverRefused, match="too many"):
        site.codes.ask("13600000000", "10.0.0.7")
    site.codes.ask("13600000000", "10.0.0.6")


def test_what_is_no_mobile_number_and_what_cannot_be_sent_is_told(site):
    with pytest.raises(DriverRefused, match="11 digits"):
        site.codes.ask("12345", "10.0.0.9")

    class NoLine:
        name, how = "sms", ("", "")

        def send(self, phone, code, until_ms):
            raise ConnectionRefusedError(111, "Connection refused")

        def done(self, phone): ...

    with pytest.raises(DriverRefused, match="could not be sent"):
        PhoneCodes(site.shelf, NoLine(), site.clock, code_terms()).ask(PHONE, "10.0.0.9")


# ---------------------------------------------------------------- the form


@pytest.mark.requirement("X-24")
def test_live_findings_are_those_of_the_register(site):
    typed = TYPED | {"vin": "LZZ5", "plate_colour": "4"}
    asked = site.desk.check(typed, "10.0.0.9")
    from gateway.domain.dictionary import registers

    own = [
        f
        for f in check_row(registers()["vehicle"], typed, site.desk._today())
        if f.field in form().fields and f.rule != "required"
    ]
    assert {(f["field"], f["zh"]) for f in asked} == {(f.field, f.zh) for f in own} and {f["field"] for f in asked} >= {
        "vin",
        "plate_colour",
    }
    assert site.desk.check(TYPED, "10.0.0.9") == []
    with pytest.raises(DriverRefused, match="no such field"):
        site.desk.check({"is_audited": "1"}, "10.0.0.9")


def test_field_checks_are_bounded_per_address(site):
    for _ in range(limits().checks_per_address_min):
        site.desk.check({}, "10.0.0.9")
    with pytest.raises(DriverRefused):
        site.desk.check({}, "10.0.0.9")
    assert site.desk.check({}, "10.0.0.8") == []


@pytest.mark.requirement("X-24", "S3-30")
async def test_the_code_of_a_photographed_list_fills_fields_and_they_keep_that_origin(site):
    token, draft = site.confirmed(), secrets.token_hex(12)
    read = await site.desk.put_photo(token, draft, "list", list_photo(LIST))
    assert read == {"vin": TYPED["vin"], "emission_stage": "6"}
    await site.desk.put_photo(token, draft, "licence", photo())
    typed = {n: TYPED[n] for n in ("plate_no", "plate_colour", "fuel_type")} | {"engine_no": "A1"}
    await site.desk.send(token, draft, PHONE, "王小明", "1", typed)
    (row,) = site.requests.waiting()
    assert {n: f["source"] for n, f in row.values["fields"].items()} == {
        "plate_no": "self", "plate_colour": "self", "fuel_type": "self", "engine_no": "self", "vin": "scan", "emission_stage": "scan"}  # fmt: skip


@pytest.mark.parametrize(("content", "why"), [
    (b"\x89PNG\r\n\x1a\n" + b"0" * 50, "usable"), (b"", "usable"), (b"\xff\xd8\xff\xe0 cut", "usable"), (b"\xff\xd8" + b"0" * 1_500_001, "at most"),
])  # fmt: skip
async def test_what_is_no_photograph_is_refused_before_it_is_unpacked(site, content, why):
    with pytest.raises(DriverRefused, match=why):
        await site.desk.put_photo(site.confirmed(), secrets.token_hex(12), "licence", content)


async def test_a_picture_that_would_unpack_to_too_much_is_refused_by_its_head(site):
    small = bytearray(photo(640, 400))
    at = small.index(b"\xff\xc0") + 5
    small[at : at + 4] = (60000).to_bytes(2, "big") * 2
    with pytest.raises(DriverRefused, match="usable"):
        await site.desk.put_photo(site.confirmed(), secrets.token_hex(12), "list", bytes(small))


async def test_without_a_confirmed_phone_nothing_is_taken(site):
    draft = secrets.token_hex(12)
    with pytest.raises(DriverRefused, match="confirm your phone"):
        await site.desk.put_photo("", draft, "licence", photo())
    with pytest.raises(DriverRefused, match="confirm your phone"):
        await site.desk.send("x" * 43, draft, PHONE, "", "1", TYPED)
    with pytest.raises(DriverRefused, match="not the one"):
        await site.desk.send(site.confirmed(), draft, OTHER_PHONE, "", "1", TYPED)
    assert not list((site.shelf.folder / "photos").glob("*")) and site.requests.waiting() == []


async def test_another_phone_can_neither_change_nor_see_a_request(site):
    mine = await site.sent()
    other = site.confirmed(OTHER_PHONE)
    with pytest.raises(DriverRefused, match="another phone"):
        await site.desk.put_photo(other, mine, "licence", photo())
    with pytest.raises(DriverRefused, match="another phone"):
        await site.desk.send(other, mine, OTHER_PHONE, "", "1", TYPED)
    assert site.desk.states(other) == []


@pytest.mark.parametrize(("change", "field"), [({"vin": ""}, "vin"), ({"vin": "LZZ5"}, "vin"), ({"fuel_type": "C"}, "emission_stage"), ({"plate_no": "云A"}, "plate_no")])  # fmt: skip
async def test_a_request_that_breaks_a_rule_is_not_taken_and_names_its_field(site, change, field):
    with pytest.raises(DriverRefused) as refused:
        await site.sent(**change)
    assert refused.value.field == field and site.requests.waiting() == []


async def test_a_request_needs_the_licence_and_a_known_entrance(site):
    token, draft = site.confirmed(), secrets.token_hex(12)
    with pytest.raises(DriverRefused, match="photograph is missing"):
        await site.desk.send(token, draft, PHONE, "", "1", TYPED)
    with pytest.raises(DriverRefused, match="scan the code"):
        await site.desk.send(token, draft, PHONE, "", "9", TYPED)


# ---------------------------------------------------------------- the request


@pytest.mark.requirement("X-24", "X-43")
async def test_a_request_is_one_entry_of_the_ledger_and_no_row_of_a_register(site):
    request = await site.sent(draft="a" * 24)
    token = site.confirmed()
    assert (await site.desk.send(token, request, PHONE, "", "1", TYPED))["state"] == "waiting", "sent twice is one"
    (row,) = site.requests.waiting()
    assert row.subject == KEY and row.values["driver_phone"] == PHONE
    assert site.store.counts()["vehicle"]["rows"] == 0
    with sqlite3.connect(site.file.path) as conn:
        texts = [
            r[0] for t, c in (("entry", "body"), ("side_record", "doc")) for r in conn.execute(f"select {c} from {t}")
        ]
    assert texts and not [t for t in texts if PHONE in t or "王小明" in t], "personal values stand as marks"
    assert len(texts) == 2 and findings(site.file) == []


@pytest.mark.requirement("X-24")
async def test_an_accepted_request_stands_in_the_register_with_the_source_of_each_field(site):
    site.vehicle(vehicle_model="解放J6")
    mistyped = TYPED["vin"][:-1] + "9"
    request = await site.sent(list_text=LIST, engine_no="A1-777", vin=mistyped)
    (row,) = site.requests.waiting()
    assert site.requests.known(row) == KEY and row.values["fields"]["vin"] == {
        "source": "self",
        "value": mistyped,
        "other": TYPED["vin"],
    }
    assert await site.requests.accept(request, by="李四") == KEY
    kept = site.store.row("vehicle", KEY)
    assert {(c.source, c.value) for c in claims_of(kept, "vin")} == {
        ("import", TYPED["vin"]),
        ("self", mistyped),
        ("scan", TYPED["vin"]),
    }
    assert "vin" in conflicts_of(kept), "for the audit queue"
    assert {(c.source, c.value) for c in claims_of(kept, "engine_no")} >= {("self", "A1-777")}
    assert [c.source for c in claims_of(kept, "licence_photo")] == ["self"], "the photographs are the driver's word too"
    kinds = {d["kind"]: d for d in kept["documents"].values()}
    assert kinds["environmental_list"]["number"] == LIST and set(kinds) == {"driving_licence", "environmental_list"}
    claim = kept["fields"]["engine_no"]["claims"]["self"]
    assert claim["by"] == "李四（司机 driver 138****5678）" and claim["origin"] == f"request {request}"
    assert site.desk.states(site.confirmed())[0]["state"] == "accepted"
    with pytest.raises(RegisterRefused, match="not waiting"):
        await site.requests.accept(request, by="李四")
    assert site.requests.waiting() == [] and findings(site.file) == []


async def test_accepting_again_after_a_cut_says_nothing_twice(site):
    request = await site.sent(list_text=LIST)
    decide, site.requests._decide = site.requests._decide, _cut
    with pytest.raises(ConnectionAbortedError):
        await site.requests.accept(request, by="李四")
    entries = len(site.store.history("vehicle", KEY))
    site.requests._decide = decide
    await site.requests.accept(request, by="李四")
    assert len(site.store.history("vehicle", KEY)) == entries and site.requests.waiting() == []


async def _cut(*_):
    raise ConnectionAbortedError


@pytest.mark.requirement("X-24")
async def test_a_refusal_needs_a_name_and_a_reason_and_the_driver_reads_it(site):
    request = await site.sent()
    for given in ({"by": "李四", "why": " "}, {"by": "", "why": "照片模糊"}):
        with pytest.raises(RegisterRefused):
            await site.requests.refuse(request, **given)
    await site.requests.refuse(request, by="李四", why="行驶证照片模糊，请重拍")
    (state,) = site.desk.states(site.confirmed())
    assert (state["state"], state["why"]) == ("refused", "行驶证照片模糊，请重拍")
    assert site.store.counts()["vehicle"]["rows"] == 0
    assert site.requests.decided()[0].values["decided_by"] == "李四"


async def test_requests_are_few_per_phone_and_day(site):
    for n in range(limits().requests_per_phone_day):
        await site.sent(draft=f"{n:024x}")
        site.clock.now_ms += HOUR_MS // 2
    with pytest.raises(DriverRefused, match="no more requests today"):
        await site.sent(draft="f" * 24)


async def test_a_torn_request_row_is_found_and_made_anew_from_its_entry(site):
    await site.sent()
    site.file.write(lambda c: c.execute("update side_record set doc = replace(doc, 'waiting', 'accepted')"))
    assert any("side" in f or "附属" in f for f in findings(site.file))
    await rebuild(site.file, site.clock.wall_ms())
    assert len(site.requests.waiting()) == 1 and findings(site.file) == []


# ---------------------------------------------------------------- forgetting


async def test_photographs_go_some_days_after_the_decision_and_strays_sooner(site):
    done, waits = await site.sent(draft="1" * 24), await site.sent(draft="2" * 24)
    await site.desk.put_photo(site.confirmed(), "3" * 24, "licence", photo())
    await site.requests.refuse(done, by="李四", why="重复")

    def swept() -> int:
        now_ms = site.clock.wall_ms()
        return site.shelf.sweep(undecided_before_ms=now_ms - limits().keep_undecided_days * DAY_MS,
                                decided_before_ms=now_ms - limits().keep_decided_days * DAY_MS, now_ms=now_ms)  # fmt: skip

    assert swept() == 0
    site.clock.now_ms += limits().keep_undecided_days * DAY_MS
    assert swept() == 1, "the stray one"
    site.clock.now_ms += limits().keep_decided_days * DAY_MS
    assert swept() == 1 and site.requests.photo(done, "licence") is None
    assert site.requests.photo(waits, "licence") == photo()


@pytest.mark.requirement("X-43")
async def test_an_erased_driver_leaves_no_number_no_name_and_no_photograph(site):
    request = await site.sent()
    places = await SqlitePersonalData(site.file).erase(
        [PHONE, "王小明"], by="王五", why="本人要求", now_ms=site.clock.wall_ms()
    )
    assert places >= 2 and not list((site.shelf.folder / "photos").glob("*.jpg"))
    assert site.sides.one("driver_request", request).values["driver_phone"] == "" and findings(site.file) == []


async def test_what_a_phone_sent_survives_a_restart(site, tmp_path):
    token = site.confirmed()
    await site.desk.put_photo(token, "5" * 24, "licence", photo())
    site.shelf.close()
    site.shelf = site.desk._shelf = site.codes._shelf = SqliteDriverShelf(tmp_path)
    assert (await site.desk.send(token, "5" * 24, PHONE, "", "1", TYPED))["state"] == "waiting"
