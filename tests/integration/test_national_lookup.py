"""The national look-up against a stand-in server that replays answers, and fails as networks do."""

from __future__ import annotations

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.adapters.papers.lookup_site import LookupSite
from gateway.adapters.papers.qr import QrReader
from gateway.adapters.store.check import findings
from gateway.adapters.store.register_lookups import SqliteLookups
from gateway.domain.register_rows import RegisterRefused
from gateway.services.audit_desk import AuditDesk
from tests.unit.test_registers import DAY_MS, GOOD, JPEG, NOON_MS, Site
from tools.bench.qr import STRATA, photograph, printed, sheet, trouble_of

ANSWERS = json.loads((Path(__file__).parent / "lookup_recorded" / "answers.json").read_text("utf-8"))["answers"]
VIN, ENGINE = "LFWSRXSJXL1E00456", "E0000123456"


class StandIn(ThreadingHTTPServer):
    """state: replay | down (HTTP 503) | nonsense | closed."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.state, self.asked = "replay", []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(ask)
        known = next(
            (a["answer"] for a in ANSWERS if a["path"] == self.path and a["ask"] == ask), {"result": "unknown"}
        )
        body = {"replay": json.dumps(known).encode(), "nonsense": b"<html>", "closed": b'{"result": "closed"}'}.get(
            self.server.state, b""
        )
        self.send_response(503 if self.server.state == "down" else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def national():
    server = StandIn()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def site(tmp_path, national):
    opened = Site(tmp_path)
    opened.key = opened.vehicle(vin=VIN, engine_no=ENGINE, emission_stage="6")
    opened.desk = AuditDesk(
        opened.book, SqliteLookups(opened.file), opened.clock, reader=QrReader(), site=LookupSite(national.url)
    )
    yield opened
    opened.file.close()


def item(site: Any, number: int) -> Any:
    return site.book.detail("vehicle", site.key).items[number - 1]


@pytest.mark.requirement("S3-32")
def test_an_answer_verifies_items_with_source_and_time_and_its_age_is_shown(site, national):
    assert site.desk.age_of_answer(site.key) is None and item(site, 6).state == "unverified"
    site.desk.ask(site.key, "vin", by="李")
    assert national.asked == [], "asking only queues"
    assert site.desk.run_due() == 1
    assert national.asked == [{"vin": VIN, "engineNo": "123456"}], (
        "only the last six of the engine number leave the plant"
    )
    for number in (4, 6, 7):
        assert (item(site, number).state, item(site, number).verifier) == ("verified", "lookup")
        assert item(site, number).checked_at_ms > NOON_MS
    row = site.book.detail("vehicle", site.key).row
    (document,) = [d for d in row["documents"].values() if d["kind"] == "lookup_answer"]
    assert json.loads((site.file.data_dir / document["path"]).read_text())["vehicle"]["axles"] == 3, (
        "kept whole as evidence"
    )
    site.clock.now_ms += 400 * DAY_MS
    age = site.desk.age_of_answer(site.key)
    assert age["days"] == 400 and age["is_old"]
    assert findings(site.file) == []


@pytest.mark.requirement("S3-32")
@pytest.mark.parametrize("state", ["down", "nonsense", "gone"])
def test_a_look_up_that_does_not_answer_is_tried_again_later_and_the_vehicle_stays_not_yet_verified(
    site, national, state
):
    if state == "gone":
        site.desk = AuditDesk(
            site.book, SqliteLookups(site.file), site.clock, reader=QrReader(), site=LookupSite("http://127.0.0.1:9/")
        )
    national.state = state
    row = site.desk.ask(site.key, "vin", by="李")
    assert site.desk.run_due() == 0
    (waiting,) = site.desk.lookups.waiting()
    assert waiting["attempts"] == 1 and waiting["next_at_ms"] >= row["asked_at_ms"] + 60_000 and waiting["note"]
    assert site.desk.run_due() == 0 and site.desk.lookups.waiting()[0]["attempts"] == 1, "not before its time"
    assert (
        item(site, 6).state == "unverified"
        and site.gate.vehicle(GOOD["vehicle"]["plate_no"], GOOD["vehicle"]["plate_colour"]) is not None
    )
    if state != "gone":
        national.state = "replay"
        site.clock.now_ms += 61_000
        assert site.desk.run_due() == 1 and site.desk.lookups.waiting() == []


@pytest.mark.requirement("S3-32", "S0-44")
def test_three_ways_are_asked_each_with_what_it_needs_and_a_captcha_goes_to_a_person(site, national):
    plate = site.desk.ask(site.key, "plate", by="李")
    site.desk.run_due()
    (waiting,) = site.desk.lookups.waiting()
    assert waiting["state"] == "person" and waiting["note"] == "需要验证码"
    with pytest.raises(RegisterRefused, match="list_code"):
        site.desk.ask(site.key, "qr", by="李")
    with pytest.raises(RegisterRefused, match="screenshot"):
        site.desk.answer_by_hand(plate["lookup_id"], site.key, {"emission_stage": "6"}, b"", "", by="王")
    site.desk.answer_by_hand(plate["lookup_id"], site.key, {"emission_stage": "6"}, JPEG, ".jpg", by="王")
    assert (
        site.desk.lookups.waiting() == [] and item(site, 6).value.source == "lookup" and item(site, 6).value.by == "王"
    )


def test_outside_the_opening_hours_nothing_is_asked_and_the_question_waits_for_the_morning(site, national):
    site.clock.now_ms = NOON_MS - NOON_MS % DAY_MS + 15 * 3_600_000  # 23:00 in China
    row = site.desk.ask(site.key, "vin", by="李")
    assert site.desk.run_due() == 0 and national.asked == []
    assert row["next_at_ms"] % DAY_MS == (7 - 8) * 3_600_000 % DAY_MS
    site.clock.now_ms = row["next_at_ms"]
    assert site.desk.run_due() == 1


@pytest.mark.requirement("S0-70")
def test_a_scanned_list_is_kept_with_its_text_and_another_vin_in_it_blocks_verified(site):
    rng = random.Random(3)
    text, vin = printed(rng)
    picture = photograph(sheet(text, rng), trouble_of("plain", rng), rng)
    found = site.desk.scan(site.key, picture, ".jpg", by="李")
    assert found.raw == text and found.values["vin"] == vin != VIN
    assert item(site, 4).state == "conflict" and item(site, 4).conflicts == ("vin",)
    assert site.book.detail("vehicle", site.key).audit == "conflict"
    with pytest.raises(RegisterRefused, match="decide first"):
        site.desk.accept(site.key, by="李", why="看过")
    site.book.decide("vehicle", site.key, {"vin": VIN}, by="李", why="清单是别车的")
    site.desk.accept(site.key, by="李", why="证件齐全")
    assert site.book.detail("vehicle", site.key).audit == "verified"
    with pytest.raises(RegisterRefused, match="no QR code"):
        site.desk.scan(
            site.key, photograph(np.full((1180, 840), 250, np.uint8), trouble_of("plain", rng), rng), ".jpg", by="李"
        )


def test_a_code_is_read_in_a_photograph_with_each_kind_of_trouble():
    read = 0
    for stratum in ("plain", "perspective", "blur", "noise", "low_light", "small"):
        assert stratum in STRATA
        rng = random.Random(f"7 {stratum}")
        text, _ = printed(rng)
        read += text in QrReader().codes_in(photograph(sheet(text, rng), trouble_of(stratum, rng), rng))
    assert read == 6
