"""What a lane says is allowed where it refuses: Chinese first for whoever stands at the lane, and nothing of it forgotten."""

import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware.lane import config, contract
from gateway.domain.lane_allowed import allowed_zh, detail_lines

GOOD = {
    "site": "5303020007", "lane": "g1-b01", "board": "sim", "broker_host": "10.0.0.1", "sntp_host": "10.0.0.1", "lane_class": "III",
    "means": ["beam", "drive_force"],
}  # fmt: skip
BAD = {
    "int": ("x", 10**9 * 5, -(10**9)), "text": (7, "", "x" * 999), "choice": ("nothing",), "address": ("no address",),
    "host": ("somewhere",), "steps": ("", "allow", "maybe:3 hold", "allow:9 hold:3 guard", "allow:99999999 hold"), "date": ("yesterday",),
    "lane": ("lane one",), "io": ({"beam": 3},), "roles": ("beam", ["nothing"]),
}  # fmt: skip
TOGETHER = (
    {"absent": ["loop_exit"]}, {"absent_outputs": ["open"]}, {"absent_outputs": ["radar_test"]}, {"means": ["beam"], "absent": ["beam"]},
    {"travel_class": "F", "travel_limit_ms": 7000}, {"nothing": 1},
)  # fmt: skip


def refused(settings):
    with pytest.raises(contract.ContractError) as told:
        config.check(settings)
    return told.value.allowed


def test_every_setting_s_refusal_is_told_in_chinese():
    assert config.check(dict(GOOD))
    assert {kind for kind, *_ in config.KEYS.values()} <= set(BAD)
    for key, (kind, *_) in config.KEYS.items():
        for value in BAD[kind]:
            try:
                config.check(GOOD | {key: value})
            except contract.ContractError as error:
                told = allowed_zh(error.allowed)
                assert told and re.search("[\u4e00-\u9fff]", told), (key, value, error.allowed)
    for settings in TOGETHER:
        assert allowed_zh(refused(GOOD | settings)), settings
    assert allowed_zh(refused({})) == "必填"


def test_a_bound_and_the_value_that_missed_it_are_kept():
    assert allowed_zh(refused(GOOD | {"clear_ms": 200})) == "整数，1500 到 10000（现为 200）"
    assert allowed_zh("without it beam_test cannot be tested and must be absent too") == (
        "没有它，beam_test 红外自检 无法自检，须一并列为没有"
    )


def test_every_wrong_argument_of_a_question_is_told_in_chinese(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "firmware")  # as a board imports its files
    ARGUMENTS, wrong_argument = (
        getattr(import_module("lane.diagnostics"), name) for name in ("ARGUMENTS", "wrong_argument")
    )
    for question, wanted in ARGUMENTS.items():
        for args in (
            {"nothing": 1},
            {},
            {name.rstrip("?"): [] for name in wanted},
            {name.rstrip("?"): "" for name in wanted},
        ):
            if wrong := wrong_argument(question, args):
                assert allowed_zh(wrong), wrong


@pytest.mark.parametrize("args", [{"pass": "x"}, {"gap_mm": -1}, {"gap_mm": "x"}, {"nothing": 1}])
def test_a_malformed_order_s_refusal_is_told_in_chinese(args):
    order = {"id": "01JD9Z5T3M2K8Q4W7R6X0Y1ABC", "op": "raise", "args": args, "boot": "0" * 8, "not_after_ms": 0, "at": None,
             "by": "person:x", "why": "y"}  # fmt: skip
    with pytest.raises(contract.ContractError) as told:
        contract.encode("command", order)
    assert allowed_zh(told.value.allowed), told.value.allowed


def test_a_board_s_refusal_is_told_in_chinese():
    from firmware.boards.drivers import fit

    table = SimpleNamespace(
        TITLE="Board",
        TERMINALS={"X1": ("in",), "X2": ("in",), "Y1": ("out",)},
        INPUTS={"beam": "X1"},
        OUTPUTS={"open": "Y1"},
    )
    for inputs, io in ((["beam", "radar"], {}), (["beam"], {"beam": "X9"}), (["beam"], {"beam": "X1 maybe"}), (["beam"], {"cat": "X1"}),
                       (["beam", "radar"], {"radar": "X1"})):  # fmt: skip
        with pytest.raises(fit.Misfit) as told:
            fit.fit(table, inputs, ["open"], io)
        assert allowed_zh(told.value.allowed), told.value.allowed


def test_a_refusal_s_details_are_chinese_first_and_keep_the_lane_s_own_words():
    lines = detail_lines({"where": "clear_ms", "allowed": "integer, 1500 to 10000 (is 200)"})
    assert lines == [
        "位置 where: clear_ms",
        "允许 allowed: 整数，1500 到 10000（现为 200）  integer, 1500 to 10000 (is 200)",
    ]
    assert detail_lines({"allowed": "g1-b01, g1-b02"}) == ["允许 allowed: g1-b01, g1-b02"], "names need no translation"
    assert detail_lines({}) == []
