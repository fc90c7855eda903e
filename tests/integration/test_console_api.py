"""The console's JSON API and its pictures over real HTTP: shapes, refusals that name the field, and who may change things."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from gateway.adapters.web.app import create_app
from gateway.adapters.web.board import MAX_VIEWERS
from gateway.adapters.web.server import ConsolePortUnusable, ConsoleServer
from gateway.services.ports import CameraHealth
from tests.e2e.gate import Gate, past_traffic

GOOD = {"decision": "allow", "reason": "清单核对无误", "by": "王师傅"}


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    running = Gate(tmp_path)
    running.start()
    yield running
    running.end()


@pytest.fixture
def held(gate: Gate) -> str:
    pass_id = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D77310", "1"))
    gate.do(lambda: gate.scenario.judge(pass_id, "HOLD", candidates=("云D77310", "云D77318")))
    return pass_id


def get(gate: Gate, path: str, **options) -> requests.Response:
    return requests.get(gate.url + path, timeout=5, **options)


def post(gate: Gate, path: str, body: object, **options) -> requests.Response:
    return requests.post(gate.url + path, json=body, timeout=5, **options)


def test_site_lanes_and_health_answer_with_what_the_desk_says(gate: Gate) -> None:
    assert get(gate, "/api/site").json() == gate.scenario.site()
    lanes = get(gate, "/api/lanes").json()
    assert [lane["lane"] for lane in lanes] == ["g1-b01", "g1-b02"]
    assert lanes[0]["cameras"]["C01-H"]["is_online"] is True
    health = get(gate, "/api/health").json()
    assert health["lanes"]["g1-b01"] == {"is_online": True, "last_heard_age_ms": 400}
    assert set(health["cameras"]) == {"C01-H", "C01-B", "C02-H", "C02-B"}


def test_holds_list_what_a_guard_needs_and_an_answer_empties_it(gate: Gate, held: str) -> None:
    hold = get(gate, "/api/holds").json()[0]
    assert {k: hold[k] for k in ("pass_id", "lane", "plate", "reason", "candidates")} == {
        "pass_id": held,
        "lane": "g1-b01",
        "plate": "云D77310",
        "reason": "车辆未登记，请门卫核对随车清单",
        "candidates": ["云D77310", "云D77318"],
    }
    answered = post(gate, f"/api/passes/{held}/answer", GOOD)
    assert answered.status_code == 200
    assert answered.json()["decided_by"] == "person"
    assert answered.json()["decided_who"] == "王师傅"
    assert get(gate, "/api/holds").json() == []


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (GOOD | {"decision": "maybe"}, "invalid_field", "decision"),
        (GOOD | {"reason": ""}, "reason_required", "reason"),
        (GOOD | {"reason": "  \n "}, "reason_required", "reason"),
        (GOOD | {"reason": 5}, "invalid_field", "reason"),
        (GOOD | {"reason": "x" * 201}, "too_long", "reason"),
        (GOOD | {"reason": "a\x00b"}, "too_long", "reason"),
        (GOOD | {"by": ""}, "by_required", "by"),
        ({"decision": "allow", "reason": "核对"}, "invalid_field", "by"),
        (GOOD | {"plate": "云D1"}, "invalid_field", "plate"),
        (GOOD | {"plate_no": "云D77310"}, "invalid_field", "plate_colour"),
        (GOOD | {"plate_no": "云D77310", "plate_colour": "9"}, "invalid_field", "plate_colour"),
        (GOOD | {"plate_no": "x" * 13, "plate_colour": "1"}, "too_long", "plate_no"),
        (GOOD | {"vehicle": "truck"}, "invalid_field", "vehicle"),
        (GOOD | {"vehicle": {"emission_stage": 5}}, "invalid_field", "vehicle.emission_stage"),
        (["allow"], "invalid_json", ""),
    ],
)
def test_bad_answer_is_refused_naming_field_and_what_is_allowed(
    gate: Gate, held: str, body: object, code: str, field: str
) -> None:
    refused = post(gate, f"/api/passes/{held}/answer", body)
    assert refused.status_code == 422
    told = refused.json()
    assert (told["code"], told["field"]) == (code, field)
    assert told["zh"] and told["en"] and told["allowed"]
    assert gate.scenario.answered == []


def test_typed_plate_and_papers_reach_the_desk(gate: Gate, held: str) -> None:
    papers = {"emission_stage": "5", "fuel_type": "B", "vehicle_type": "H17", "is_audited": True}
    body = GOOD | {"plate_no": "云D77318", "plate_colour": "1", "vehicle": papers | {"vin": ""}}
    answered = post(gate, f"/api/passes/{held}/answer", body)
    assert answered.status_code == 200
    assert answered.json()["plate"] == "云D77318"
    assert gate.scenario.typed == [("云D77318", "1", papers)]
    other = gate.do(lambda: gate.scenario.arrive("g1-b01", "云D1", "1"))
    refused = post(gate, f"/api/passes/{other}/answer", body | {"plate_no": "云D"})
    assert (refused.status_code, refused.json()["field"]) == (422, "plate_no")


def test_broken_json_is_refused_and_nothing_else_stops(gate: Gate, held: str) -> None:
    for junk in (b"{", b"\xff\xfe", b"", b"[" * 5000):
        refused = requests.post(
            f"{gate.url}/api/passes/{held}/answer", data=junk, headers={"content-type": "application/json"}, timeout=5
        )
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_json")
    assert get(gate, "/api/health").status_code == 200


def test_answer_to_an_unknown_or_ended_pass_says_which(gate: Gate, held: str) -> None:
    assert post(gate, "/api/passes/01f5a91c-9/answer", GOOD).status_code == 404
    gate.do(lambda: gate.scenario.close(held, "backed_out"))
    late = post(gate, f"/api/passes/{held}/answer", GOOD)
    assert late.status_code == 409
    assert late.json()["code"] == "not_open"
    assert late.json()["zh"] == "该通行已结束"


def test_manual_raise_is_ordered_once_with_who_and_why(gate: Gate) -> None:
    assert post(gate, "/api/lanes/g1-b02/raise", {"reason": "消防车", "by": "王师傅"}).status_code == 202
    assert gate.scenario.raised == [("g1-b02", "消防车", "王师傅")]
    assert post(gate, "/api/lanes/g9-b01/raise", {"reason": "消防车", "by": "王师傅"}).status_code == 404
    assert post(gate, "/api/lanes/g1-b02/raise", {"by": "王师傅"}).json()["field"] == "reason"
    gate.do(lambda: gate.scenario.lane_online("g1-b02", False, 90_000))
    assert post(gate, "/api/lanes/g1-b02/raise", {"reason": "消防车", "by": "王师傅"}).status_code == 409
    assert len(gate.scenario.raised) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/json", "origin": "http://evil.example"}, 403),
        ({"content-type": "application/json", "sec-fetch-site": "cross-site"}, 403),
        (
            {
                "content-type": "application/x-www-form-urlencoded",
                "hx-request": "true",
                "origin": "http://evil.example",
            },
            403,
        ),
    ],
)
def test_page_of_another_site_cannot_open_the_barrier(
    gate: Gate, held: str, headers: dict[str, str], status: int
) -> None:
    for path in (
        f"/api/passes/{held}/answer",
        f"/passes/{held}/answer",
        "/api/lanes/g1-b01/raise",
        "/lanes/g1-b01/raise",
    ):
        refused = requests.post(gate.url + path, data=json.dumps(GOOD), headers=headers, timeout=5)
        assert refused.status_code == status
    assert gate.scenario.answered == []
    assert gate.scenario.raised == []


def test_browser_of_another_site_gets_no_preflight_answer(gate: Gate, held: str) -> None:
    asked = requests.options(
        f"{gate.url}/api/passes/{held}/answer",
        headers={"origin": "http://evil.example", "access-control-request-method": "POST"},
        timeout=5,
    )
    assert "access-control-allow-origin" not in asked.headers


def test_oversized_body_is_refused_before_it_is_read(gate: Gate, held: str) -> None:
    refused = post(gate, f"/api/passes/{held}/answer", GOOD | {"reason": "x" * 40_000})
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


def test_passes_are_paged_by_cursor_without_gap_or_repeat(gate: Gate) -> None:
    gate.do(lambda: past_traffic(gate.scenario))
    seen, cursor = [], None
    while True:
        page = get(gate, "/api/passes", params={"limit": 5, "cursor": cursor}).json()
        seen += [view["pass_id"] for view in page["passes"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 13
    assert seen == sorted(seen, reverse=True)


def test_passes_are_filtered_by_plate_part_lane_and_verdict(gate: Gate) -> None:
    gate.do(lambda: past_traffic(gate.scenario))

    def plates(**query: str) -> list[str]:
        return [view["plate"] for view in get(gate, "/api/passes", params=query).json()["passes"]]

    assert plates(plate="l·77") == ["川L7730Q", "川L7730Q"]
    assert set(plates(verdict="DENY")) == {"贵B20917", "云D81126"}
    assert len(plates(lane="g1-b02")) == 5


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"lane": "g9-b09"}, "lane"),
        ({"verdict": "MAYBE"}, "verdict"),
        ({"plate": "云D1234567890"}, "plate"),
        ({"plate": "' or 1=1"}, "plate"),
        ({"cursor": "nonsense"}, "cursor"),
    ],
)
def test_bad_filter_is_refused_naming_it(gate: Gate, query: dict[str, str], field: str) -> None:
    refused = get(gate, "/api/passes", params=query)
    assert refused.status_code == 422
    assert refused.json()["field"] == field
    assert refused.json()["allowed"]


def test_pass_detail_carries_ledger_entries_with_their_hashes(gate: Gate, held: str) -> None:
    detail = get(gate, f"/api/passes/{held}").json()
    assert detail["pass"]["pass_id"] == held
    assert len(detail["entries"][0]["hash"]) == 64
    assert get(gate, "/api/passes/nope").status_code == 404


def test_photograph_is_served_for_good_and_nothing_else_is(gate: Gate, held: str, tmp_path: Path) -> None:
    photo = get(gate, f"/photos/{held}-head")
    assert photo.status_code == 200
    assert photo.headers["content-type"] == "image/jpeg"
    assert "immutable" in photo.headers["cache-control"]
    (tmp_path / "secret.txt").write_text("key")
    gate.do(lambda: gate.scenario._photos.update({"odd": tmp_path / "secret.txt", "gone": tmp_path / "gone.jpg"}))
    for name in (
        "odd",
        "gone",
        "..",
        "../secret.txt",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2fsecret.txt",
        "a" * 200,
        "%00",
    ):
        prepared = requests.Request("GET", "http://x/").prepare()
        prepared.url = f"{gate.url}/photos/{name}"
        assert requests.Session().send(prepared, timeout=5).status_code == 404


def test_camera_picture_carries_its_moment_and_says_when_there_is_none(gate: Gate) -> None:
    picture = get(gate, "/cameras/C01-H.jpg")
    assert picture.status_code == 200
    assert int(picture.headers["x-picture-at-ms"]) > 1_700_000_000_000
    assert picture.headers["cache-control"] == "no-store"
    gate.do(lambda: gate.scenario._pictures.pop("C01-H"))
    gate.do(lambda: gate.scenario.camera("C01-H", CameraHealth(False, None)))
    assert (get(gate, "/cameras/C01-H.jpg").status_code, get(gate, "/cameras/C09-H.jpg").status_code) == (503, 404)


def test_reference_is_local_and_pages_that_load_from_elsewhere_are_off(gate: Gate) -> None:
    paths = get(gate, "/api/openapi.json").json()["paths"]
    assert "/api/passes/{pass_id}/answer" in paths
    assert get(gate, "/docs").status_code == get(gate, "/redoc").status_code == 404
    assert "default-src 'none'" in get(gate, "/").headers["content-security-policy"]
    assert "http" not in "".join(
        part.partition('"')[0] for name in ("src=", "href=") for part in get(gate, "/").text.split(f'{name}"')[1:]
    )


def test_stream_sends_everything_first_and_then_only_what_changed(gate: Gate) -> None:
    with get(gate, "/events", stream=True) as stream:
        lines = stream.iter_lines(decode_unicode=True)
        first = []
        while "beat" not in first:
            line = next(lines)
            if line.startswith("event: "):
                first.append(line.removeprefix("event: "))
        assert {"hello", "top", "conditions", "lane-g1-b01-arm", "lane-g1-b02-pass", "passes"} <= set(first)
        gate.do(lambda: gate.scenario.barrier("g1-b01", "open"))
        later = []
        while "lane-g1-b01-arm" not in later:
            line = next(lines)
            if line.startswith("event: "):
                later.append(line.removeprefix("event: "))
        assert set(later) <= {"beat", "lane-g1-b01-arm"}


def test_viewers_are_bounded_and_leave_nothing_behind(gate: Gate) -> None:
    streams = [get(gate, "/events", stream=True) for _ in range(MAX_VIEWERS)]
    try:
        open_now = [stream.iter_content(1) for stream in streams]
        for stream in open_now:
            next(stream)
        full = get(gate, "/events", stream=True)
        assert full.status_code == 503
        assert full.json()["code"] == "too_many_viewers"
    finally:
        for stream in streams:
            stream.close()
    for _ in range(50):
        if get(gate, "/api/health").json()["viewers"] == 0:
            break
        gate.do(lambda: gate.scenario.tell("health"))
        time.sleep(0.1)
    assert get(gate, "/api/health").json()["viewers"] == 0


def test_page_of_nothing_is_polite_in_the_readers_language(gate: Gate) -> None:
    lost = get(gate, "/passes/none", headers={"accept": "text/html"}, cookies={"lvzha_language": "en"})
    assert lost.status_code == 404
    assert "No such passage" in lost.text


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1"])
def test_language_switch_never_leads_elsewhere(gate: Gate, back: str) -> None:
    switched = get(gate, "/language/en", params={"back": back}, allow_redirects=False)
    assert (switched.status_code, switched.headers["location"]) == (303, "/")


def test_failing_desk_gives_a_sentence_and_the_console_stays_up(gate: Gate) -> None:
    gate.do(lambda: setattr(gate.scenario, "is_broken", True))
    broken = get(gate, "/api/site")
    assert (broken.status_code, broken.json()["code"]) == (500, "failed")
    gate.do(lambda: setattr(gate.scenario, "is_broken", False))
    assert get(gate, "/api/site").status_code == 200


async def test_port_in_use_is_named(tmp_path: Path, gate: Gate) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        app = create_app(gate.scenario, gate.scenario, title="x")
        with pytest.raises(ConsolePortUnusable, match=rf"web\.port: cannot listen on 127\.0\.0\.1:{port}"):
            await ConsoleServer(app, host="127.0.0.1", port=port).start()
