"""What the real boards' tables say: against the makers' own facts, against the contract, and what they refuse. CPython only."""

import importlib
import importlib.util

import pytest

from firmware.boards.drivers import fit
from firmware.lane.contract import OUTPUTS, ROLES
from firmware.lane.words import PRESENCE

BOARDS = ("kc868_a16", "ws_s3_eth_8di_8ro", "w5500_evb_pico")
NO_PLACE = {"ws_s3_eth_8di_8ro": {"curtain", "alarm_sense"}}  # what a board has no terminal for by default


def table(name):
    return importlib.import_module(f"firmware.boards.{name}")


def facts(name):
    """The makers' facts, written apart from the tables for the boards' twins."""
    spec = importlib.util.spec_from_file_location("sim_hardware", "tools/simulator/interpreter/sim_hardware.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.BOARDS[name]


@pytest.mark.parametrize("name", BOARDS)
def test_every_terminal_is_where_the_maker_says(name):
    board, maker = table(name), facts(name)
    for label, (kind, path, place, bit, _on) in board.TERMINALS.items():
        if kind == "analog":
            assert place in maker["analog"], label
            continue
        wanted = {
            "gpio": ("pin", place),
            "pio": ("pin", place),
            "i2c": ("chip", place, bit),
            "rs485": ("module", bit),
        }[path]
        assert maker["terminals"][label] == wanted, label
    assert {a: chip for a, (chip, _) in board.EXPANDERS.items()} == {
        a: chip for a, chip in maker["chips"].items() if chip != "PCF85063A"
    }
    if board.I2C:
        assert (board.I2C["sda"], board.I2C["scl"]) == maker["i2c"]
    assert (board.RS485["uart"], board.RS485["tx"], board.RS485["rx"]) == maker["rs485"]
    assert maker["machine"].endswith(board.MACHINE)


@pytest.mark.parametrize("name", BOARDS)
def test_every_role_of_the_contract_has_a_terminal_or_is_named_here(name):
    board = table(name)
    assert set(ROLES) - set(board.INPUTS) == NO_PLACE.get(name, set())
    assert set(board.OUTPUTS) == set(OUTPUTS)
    inputs, outputs = fit.fit(board, [r for r in ROLES if r in board.INPUTS], OUTPUTS, {})
    used = {label for label, _ in inputs.values()} | set(outputs.values())
    loose = {label for label, row in board.TERMINALS.items() if row[0] != "analog"} - used
    assert loose == set(board.FREE)


@pytest.mark.parametrize("name", BOARDS)
def test_no_sensor_that_ends_a_closing_motion_is_polled_over_rs485(name):
    board = table(name)
    inputs, outputs = fit.fit(board, [r for r in ROLES if r in board.INPUTS], OUTPUTS, {})
    for role in PRESENCE:
        if role in inputs:
            assert board.TERMINALS[inputs[role][0]][1] in fit.FAST, role
    for role in ("edge", "beam"):
        assert board.TERMINALS[inputs[role][0]][1] in ("gpio", "pio"), f"{role} has a pin of its own"
    for role in ("open", "close", "stop"):
        assert board.TERMINALS[outputs[role]][1] in fit.FAST, role


@pytest.mark.parametrize("name", BOARDS)
def test_a_cut_wire_of_a_safety_input_reads_active(name):
    board = table(name)
    for role in (*PRESENCE, "button_stop", "fire", "cabinet", "arm_detached"):
        if role in board.INPUTS:
            assert fit.split(board.INPUTS[role])[1], role
    assert not fit.split(board.INPUTS["hold_to_run"])[1], "a cut wire must never hold the arm running"


def test_missing_roles_are_refused_by_name_all_at_once():
    board = table("ws_s3_eth_8di_8ro")
    with pytest.raises(fit.Misfit) as refused:
        fit.fit(board, ROLES, OUTPUTS, {})
    assert "curtain, alarm_sense" in refused.value.allowed
    assert "free: none" in refused.value.allowed
    assert refused.value.where == "io.curtain"


def test_a_role_moves_to_the_terminal_that_config_json_names():
    board = table("kc868_a16")
    inputs, outputs = fit.fit(board, ROLES, OUTPUTS, {"beam": "X16", "siren": "Y16"})
    assert inputs["beam"] == ("X16", False)
    assert outputs["siren"] == "Y16"
    assert fit.path(board, "X16") == "i2c 0x21.7"
    assert fit.path(board, "HT1") == "gpio 32"
    assert fit.path(table("w5500_evb_pico"), "M-DI1") == "rs485 1.0"


@pytest.mark.parametrize(
    ("io", "where", "says"),
    [
        ({"beam": "X99"}, "io.beam", "HT1"),
        ({"beam": "Y01"}, "io.beam", "X16"),
        ({"siren": "X16"}, "io.siren", "Y16"),
        ({"beam": "X01 nc"}, "io.beam", "X01 is loop_arrival"),
        ({"beam": "X16 maybe"}, "io", "LABEL nc"),
        ({"laser": "X16"}, "io.laser", "a role"),
        ({"beam": ""}, "io.beam", "for beam"),
    ],
)
def test_a_wrong_move_is_refused_by_role_and_terminal(io, where, says):
    with pytest.raises(fit.Misfit) as refused:
        fit.fit(table("kc868_a16"), ROLES, OUTPUTS, io)
    assert refused.value.where == where
    assert says in refused.value.allowed


@pytest.mark.parametrize("name", BOARDS)
def test_the_watchdog_of_the_lane_is_within_what_the_processor_can_do(name):
    assert table(name).WATCHDOG_MAX_MS >= 2000
    if name == "w5500_evb_pico":
        assert table(name).WATCHDOG_MAX_MS == 8388
