"""A technician's program without a network: orders and answers as bytes, parts put together, what the view draws."""

import random
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from firmware.lane import contract
from gateway.adapters.broker import pki
from gateway.adapters.broker.access import GATEWAY, Access
from gateway.adapters.technician import access as own_access
from gateway.adapters.technician import texts, watch_view
from gateway.adapters.technician.book import LaneBook
from gateway.adapters.technician.client import Heard
from gateway.adapters.technician.jobs import Assembly
from gateway.domain import lane_words, technicians
from gateway.domain.technicians import Answer, Order, OrderRefused

ROOT = Path(__file__).parents[2]
JOB = "01JD9Z5T3M2K8Q4W7R6X0Y1ABC"
SITE, LANE = "5303020007", "g1-b01"


# ---- words ----


def test_every_reason_and_fault_of_the_contract_has_its_sentences():
    assert set(contract.REASONS) <= set(lane_words.REASONS)
    assert set(contract.FAULTS) == set(lane_words.FAULTS)
    assert set(contract.ROLES) | set(contract.OUTPUTS) <= set(lane_words.ROLES)
    assert set(contract.BARRIER_STATES) == set(lane_words.BARRIER)
    assert set(contract.MODES) == set(lane_words.MODES)
    for zh, en in lane_words.REASONS.values():
        assert re.search(r"[\u4e00-\u9fff]", zh) and en.isascii()


def test_the_technician_s_root_is_the_contract_s():
    assert technicians.ROOT == contract.ROOT


# ---- orders ----


def order(**other) -> Order:
    return Order(
        **(
            {"job": JOB, "lane": LANE, "op": "raise", "args": {}, "why": "stuck", "origin": "x", "not_after_ms": 5}
            | other
        )
    )


def test_orders_and_answers_survive_the_wire():
    assert technicians.decode_order(technicians.encode(order(args={"seconds": 3}))) == order(args={"seconds": 3})
    answer = Answer(JOB, "refused", "moving", "拒绝", "refused", 12, {"a": [1]})
    assert technicians.decode_answer(technicians.encode(answer)) == answer


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b"", "message"),
        (b"[]", "message"),
        (b"\xff", "message"),
        (b"{}", "job"),
        (b"[" * 3000, "message"),
        (b" " * 4000, "message"),
        (b'{"job": "short"}', "job"),
        (technicians.encode(order()).replace(b'"op":"raise"', b'"op":7'), "op"),
        (technicians.encode(order()).replace(b'"not_after_ms":5', b'"not_after_ms":true'), "not_after_ms"),
        (technicians.encode(order()).replace(b'"v":1', b'"v":2'), "order"),
        (technicians.encode(order()).replace(b'"v":1', b'"v":1,"by":"boss"'), "order"),
        (technicians.encode(order(why="y" * 201)), "order"),
    ],
)
def test_an_order_that_is_none_is_refused_naming_where(raw, where):
    with pytest.raises(OrderRefused) as refused:
        technicians.decode_order(raw)
    assert refused.value.where == where


def test_the_topic_says_who_it_is_and_nothing_else_does():
    assert technicians.name_in(SITE, technicians.order_topic(SITE, "technician-li")) == "technician-li"
    for name in ("gateway", "g1-b01", "technician-", "technician-LI", "technician-a/b", "+", "technician-li/order"):
        assert technicians.name_in(SITE, technicians.order_topic(SITE, name)) is None
    assert technicians.name_in("other", technicians.order_topic(SITE, "technician-li")) is None


# ---- rights ----


@pytest.mark.requirement("X-32", "X-39")
def test_a_technician_asks_every_lane_and_orders_only_on_his_own_topic(tmp_path):
    keys = pki.ensure_site_keys(tmp_path, site_code=SITE, lanes=[LANE, "g1-b02"])
    pki.ensure_site_keys(tmp_path, site_code=SITE, lanes=[], roles=["technician-li", "technician-wu"])
    rights = Access(keys, SITE, [LANE, "g1-b02"])
    li, wu = "technician-li", "technician-wu"
    assert rights.technicians() == [li, wu]
    assert rights.may_publish(li, contract.topic(SITE, LANE, "diagnostics/request"))
    assert rights.may_publish(li, technicians.order_topic(SITE, li))
    assert not rights.may_publish(li, technicians.order_topic(SITE, wu)), "nobody orders in another's name"
    assert not rights.may_read(wu, technicians.answer_topic(SITE, li))
    for name in set(contract.LANE_READS) - {"diagnostics/request", "update"}:
        assert not rights.may_publish(li, contract.topic(SITE, LANE, name)), name
    for name in contract.LANE_WRITES:
        assert rights.may_read(li, contract.topic(SITE, LANE, name))
        assert not rights.may_publish(li, contract.topic(SITE, LANE, name))
    for name in contract.SITE_NAMES:
        assert not rights.may_publish(li, contract.topic(SITE, None, name))
    for topic in (technicians.order_topic(SITE, li), contract.topic(SITE, LANE, "diagnostics/request")):
        assert not rights.may_retain(topic)
    assert rights.may_read(GATEWAY, technicians.order_topic(SITE, li))
    assert rights.may_publish(GATEWAY, technicians.answer_topic(SITE, li))
    assert not rights.may_publish(GATEWAY, technicians.order_topic(SITE, li))
    for other in (LANE, "vision"):
        assert not rights.may_publish(other, technicians.order_topic(SITE, li))
        assert not rights.may_read(other, technicians.answer_topic(SITE, li))


def test_a_revoked_technician_is_nobody(tmp_path):
    keys = pki.ensure_site_keys(tmp_path, site_code=SITE, lanes=[LANE], roles=["gateway", "technician-li"])
    rights = Access(keys, SITE, [LANE])
    pki.revoke(tmp_path, site_code=SITE, name="technician-li")
    assert rights.technicians() == []
    with pytest.raises(pki.KeyFileError):
        keys.fingerprint("technician-li")
    with pytest.raises(pki.KeyFileError):
        pki.revoke(tmp_path, site_code=SITE, name="technician-li")


def test_an_access_folder_that_is_not_whole_is_refused_by_name(tmp_path):
    def refused() -> str:
        with pytest.raises(own_access.AccessRefused) as refusal:
            own_access.load(tmp_path)
        return str(refusal.value)

    assert "access.toml" in refused()
    file = tmp_path / "access.toml"
    good = own_access.Access(
        "technician-li", SITE, "10.0.0.1", 8883, "gateway.local", *(tmp_path / n for n in ("ca", "c", "k"))
    )
    own_access.write(tmp_path, good)
    assert "ca: " in refused().replace(str(tmp_path) + "/", ""), "a missing file is named"
    for name in ("ca", "c", "k"):
        (tmp_path / name).touch()
    assert own_access.load(tmp_path) == good
    for text, word in (("port = 8883", "port"), ('site = "5303020007"', "site")):
        whole = file.read_text("utf-8")
        file.write_text(whole.replace(text, ""), "utf-8")
        assert word in refused()
        file.write_text(whole, "utf-8")
    file.write_text(file.read_text("utf-8") + 'colour = "red"\n', "utf-8")
    assert "colour" in refused()
    assert "colour" in tomllib.loads(file.read_text("utf-8"))


# ---- parts ----


def reply(part: int, of: int, result: str = "done", **other) -> dict:
    reason = None if result in ("done", "accepted") else "busy"
    return {"id": JOB, "part": part, "of": of, "result": result, "reason": reason, "answer": {f"k{part}": part}} | other


@given(st.lists(st.integers(0, 6), max_size=40), st.randoms())
def test_parts_in_any_order_and_number_make_one_whole_answer(extra: list[int], dice: random.Random):
    parts = [reply(n, 7) for n in range(7)] + [reply(n, 7) for n in extra]
    parts += [reply(0, 1, id="01JD9Z5T3M2K8Q4W7R6X0Y1XYZ"), reply(0, 1, "accepted", answer={})]
    dice.shuffle(parts)
    assembly = Assembly(JOB)
    for part in parts:
        assembly.add(part)
    assert assembly.is_whole and assembly.result == "done"
    assert assembly.answer() == {f"k{n}": n for n in range(7)}


def test_missing_parts_are_known_by_number():
    assembly = Assembly(JOB)
    assert assembly.missing() == [] and not assembly.is_whole
    assembly.add(reply(3, 5))
    assembly.add(reply(0, 5))
    assert assembly.missing() == [1, 2, 4] and not assembly.is_whole


def test_an_answer_made_anew_after_a_reboot_replaces_the_parts_of_the_first():
    assembly = Assembly(JOB)
    assembly.add(reply(0, 3))
    assembly.add(reply(0, 1, "refused", answer={}))
    assert assembly.is_whole and assembly.result == "refused" and assembly.answer() == {}


# ---- the view ----


def page(**state):
    book = LaneBook()
    base = {
        "boot": "01f5a91c", "seq": 9, "ms": 1000, "at": None, "sync": False, "barrier": "open", "mode": "automatic",
        "passes": {"at_arm": "01f5a91c-5", "waiting": None}, "faults": [], "alarm": "off", "sign": "off", "gateway": "heard",
        "inputs": {role: {"on": role == "beam", "ok": role != "radar", "edges": 123456} for role in contract.ROLES},
    }  # fmt: skip
    book.take(Heard(LANE, "state", base | state, False))
    return book.page(LANE)


@pytest.mark.parametrize("width", [20, 44, 79, 80, 120, 200])
@pytest.mark.parametrize("barrier", contract.BARRIER_STATES)
def test_every_drawing_fits_its_width(width, barrier):
    faults = [{"code": code, "component": "beam", "since_ms": 1} for code in contract.FAULTS[:8]]
    for state in ({"barrier": barrier}, {"barrier": barrier, "faults": faults, "alarm": "fire"}):
        p = page(**state)
        arm = watch_view.Arm()
        arm.angle = 0.6
        for text, rows in (
            (watch_view.arm_drawing(p, arm, width, 9, True), 9),
            (watch_view.lamps(p, width, 9), 9),
            (watch_view.road(p, max(40, width)), 3),
            (watch_view.facts(p, ["京A12345", "请通行"], width), 2),
            (watch_view.fault_lines(p, width, 3), 3 if p.state["faults"] else 1),
            (watch_view.header(p, 3.0, True, width), 1),
        ):
            lines = text.plain.split("\n")
            assert len(lines) == rows
            assert max(cell_len(line) for line in lines) <= max(40, width)


def test_the_arm_is_drawn_where_the_lane_says_it_is():
    arm = watch_view.Arm()
    for _ in range(30):
        arm.step("open", 0.1)
    assert arm.angle == 1.0
    up = watch_view.arm_drawing(page(), arm, 60, 9, False).plain.split("\n")
    for _ in range(30):
        arm.step("closed", 0.1)
    assert arm.angle == 0.0 and not arm.step("closed", 0.1)
    down = watch_view.arm_drawing(page(passes={"at_arm": None, "waiting": None}), arm, 60, 9, False).plain.split("\n")

    def reach(lines: list[str]) -> int:
        return len(lines[5].rstrip())

    assert reach(down) > reach(up) + 10, "a closed arm reaches across the road"
    arm.learn([{"kind": "barrier.open", "data": {"travel_ms": 2000}}])
    arm.step("opening", 1.0)
    assert 0.4 < arm.angle < 0.6, "half way after half of the travel that the lane told"


def test_lamps_tell_on_off_and_unhealthy_apart():
    drawn = watch_view.lamps(page(), 40, 9).plain
    assert drawn.count("●") == 1 and drawn.count("✖") == 1
    assert drawn.count("○") == len(contract.ROLES) - 2


def test_a_fault_says_what_to_do():
    p = page(faults=[{"code": "input_noisy", "component": "beam", "since_ms": 1}])
    drawn = watch_view.fault_lines(p, 80, 3).plain
    assert "红外" in drawn and "查松动接线" in drawn
    assert "loose wire" in watch_view.fault_lines(p, 160, 3).plain


def test_the_sign_s_words_are_read_from_their_bytes():
    hexed = "/".join(line.encode("gbk").hex() for line in ("京A12345", "请通行"))
    assert texts.sign_lines(f"gateway {hexed}") == ["京A12345", "请通行"]
    assert texts.sign_lines("off ") == []


def test_events_are_kept_once_and_counted():
    book = LaneBook()
    event = {
        "boot": "01f5a91c",
        "seq": 1,
        "ms": 5,
        "at": None,
        "sync": False,
        "kind": "cabinet.open",
        "pass": None,
        "data": {},
    }
    for _ in range(3):
        book.take(Heard(LANE, "event", event, False))
    book.take(Heard(LANE, "event", event | {"seq": 2}, False))
    assert book.page(LANE).events_seen == 2 and len(book.page(LANE).events) == 2
    assert texts.event_line(event) == "5 ms #1 cabinet.open "


def test_the_readme_explains_every_fault_as_the_program_does():
    guide = (ROOT / "firmware/TECHNICIAN.md").read_text("utf-8")
    for code, (zh_means, zh_do, en_means, en_do) in lane_words.FAULTS.items():
        row = next((line for line in guide.splitlines() if line.startswith(f"| `{code}` |")), "")
        for words in (zh_means, zh_do, en_means, en_do):
            assert words in row, f"{code}: {words!r} is not in firmware/TECHNICIAN.md"
