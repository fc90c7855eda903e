"""The lane contract: every golden message on CPython and on the real MicroPython interpreter, names, times, plates."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.lane import contract

ROOT = Path(__file__).parents[2]
GOLDEN = sorted((ROOT / "tests/contract/golden").glob("*.json"))
MICROPYTHON = Path(sys.executable).parent / "micropython"
PROGRAMS = {"cpython": sys.executable, "micropython": str(MICROPYTHON)}


def run_on(interpreter: str, script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = dict(os.environ, PYTHONPATH=str(ROOT / "firmware"), MICROPYPATH=f"{ROOT / 'firmware'}:.frozen")
    return subprocess.run(
        [PROGRAMS[interpreter], str(script), *arguments], env=env, capture_output=True, text=True, timeout=60
    )


def test_every_message_has_a_golden_file():
    named = {json.loads(p.read_text("utf-8"))["message"] for p in GOLDEN}
    assert named == set(contract.MESSAGES)


def test_every_event_kind_and_operation_has_a_golden_case():
    event = json.loads((ROOT / "tests/contract/golden/event.json").read_text("utf-8"))
    command = json.loads((ROOT / "tests/contract/golden/command.json").read_text("utf-8"))
    assert {case["value"]["kind"] for case in event["cases"]} == set(contract.KINDS)
    assert {case["value"]["op"] for case in command["cases"]} == set(contract.OPERATIONS)


@pytest.mark.parametrize("interpreter", PROGRAMS)
def test_golden_messages_agree(interpreter):
    done = run_on(interpreter, ROOT / "tests/contract/golden_messages.py", *map(str, GOLDEN))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("checked") == len(GOLDEN)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_golden_bytes_are_what_an_independent_encoder_writes(path):
    for case in json.loads(path.read_text("utf-8"))["cases"]:
        text = json.dumps(case["value"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert text == case["bytes"]
        assert len(text.encode()) <= contract.max_bytes(json.loads(path.read_text("utf-8"))["message"])


def test_encode_adds_the_version():
    assert contract.encode_event_ack({"boot": "01f5a91c", "seq": 3}) == b'{"boot":"01f5a91c","seq":3,"v":1}'


def test_encode_refuses_an_event_larger_than_a_kilobyte():
    with pytest.raises(contract.ContractError) as refused:
        contract.encode("config", {"version": 1, "settings": {f"key{i}": "x" * 60 for i in range(60)}})
    assert refused.value.reason == "oversized"


@given(st.binary(max_size=1200), st.sampled_from(contract.NAMES))
def test_decode_of_any_bytes_refuses_by_name_or_returns_a_dict(raw, name):
    try:
        assert isinstance(contract.decode(name, raw), dict)
    except contract.ContractError as refused:
        assert refused.reason in contract.ERRORS


@given(st.text(max_size=20), st.sampled_from(contract.RESULTS[:2]))
def test_strings_survive_a_round_trip(text, _result):
    settings = {"note": text}
    try:
        raw = contract.encode("config", {"version": 1, "settings": settings})
    except UnicodeEncodeError:
        return  # lone surrogates are not text
    assert contract.decode("config", raw)["settings"] == settings


def test_deeply_nested_payload_is_malformed_not_a_crash():
    with pytest.raises(contract.ContractError):
        contract.decode_command(b"[" * 1000)
    with pytest.raises(contract.ContractError):
        contract.decode_command(b'{"a":' * 200 + b"1" + b"}" * 200)


def test_malformed_command_keeps_its_id():
    raw = b'{"v":1,"id":"01JD9Z5T3M2K8Q4W7R6X0Y1ABC","op":"toggle"}'
    assert contract.salvage_id(raw) == "01JD9Z5T3M2K8Q4W7R6X0Y1ABC"
    assert contract.salvage_id(b'{"id":7}') is None
    assert contract.salvage_id(b"\xff") is None


@pytest.mark.parametrize("name", contract.NAMES)
def test_topics_come_back(name):
    lane = None if name in contract.SITE_NAMES else "g1-b01"
    topic = contract.topic("5303020007", lane, name)
    assert contract.parse_topic(topic) == ("5303020007", lane, name)
    assert topic.startswith("lvzha/v1/5303020007/")


@pytest.mark.parametrize(
    "topic",
    [
        "lvzha/v2/5303020007/g1-b01/event",
        "lvzha/v1/5303020007/g1-b01/toggle",
        "lvzha/v1/5303020007/lane1/event",
        "lvzha/v1/5303020007/g1-b01",
        "lvzha/v1/53+/g1-b01/event",
        "lvzha/v1/5303020007/g1-b01/time",
        "",
    ],
)
def test_foreign_topics_are_refused(topic):
    with pytest.raises(contract.ContractError):
        contract.parse_topic(topic)


def test_lane_ids_keep_their_codes():
    assert contract.lane_id("1", "01") == "g1-b01"
    assert contract.split_lane_id("g1-b01") == ("1", "01")
    for entrance, barrier in (("", "01"), ("1", "0/1"), ("1#", "1"), ("123456789", "1")):
        with pytest.raises(contract.ContractError):
            contract.lane_id(entrance, barrier)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("京a·12345", "京A12345"),
        (" 云 D-88888 ", "云D88888"),
        ("粤Ｂ１２３４５", "粤B12345"),
        ("WJ・京1234x", "WJ京1234X"),
    ],
)
def test_normal_form(written, normal):
    assert contract.normal_form(written) == normal


@given(st.text(max_size=30))
def test_normal_form_is_idempotent(text):
    once = contract.normal_form(text)
    assert contract.normal_form(once) == once


@given(st.integers(min_value=0, max_value=4102444800000))
def test_times_come_back(at_ms):
    assert contract.time_to_ms(contract.ms_to_time(at_ms)) == at_ms


def test_times_match_the_calendar():
    assert contract.ms_to_time(0) == "1970-01-01T00:00:00.000Z"
    assert contract.time_to_ms("2026-11-22T04:12:09.114Z") == 1795320729114
    assert contract.time_to_ms("2000-02-29T23:59:59.999Z") == 951868799999
    with pytest.raises(contract.ContractError):
        contract.time_to_ms("2100-02-29T00:00:00.000Z")


def test_decider_is_the_word_before_the_colon():
    assert contract.decider("policy") == "policy"
    assert contract.decider("person:王师傅") == "person"
    assert contract.decider("emergency:值班长") == "emergency"
    assert contract.decider("root") == "person"


def test_every_error_reason_is_listed():
    source = "".join((ROOT / f"firmware/lane/{name}.py").read_text("utf-8") for name in ("contract", "shape"))
    raised = {part.split('"')[1] for part in source.split("ContractError(")[1:] if part.lstrip().startswith('"')}
    assert raised <= set(contract.ERRORS)
