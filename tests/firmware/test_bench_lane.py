"""`lvzha bench lane` in short: a lane's life in virtual time on the real interpreter, and the faults that it must tell of."""

import os
import subprocess

import pytest

from firmware.lane.config import KEYS
from tools.bench.lane import kept, models
from tools.bench.lane.figures import KMH, provable_gaps, quantile
from tools.bench.lane.interpreter import MICROPYTHON, Job, run_job
from tools.bench.lane.run import BEAM_TO_EXIT_END_M, CLEAR_MS, measure
from tools.simulator import geometry

BOARD = "kc868_a16"
SEED = 1
SEQUENCES = 60
TAILGATE_M = 6.6  # onboard/plays_vehicles.py
# What `lvzha bench lane --json` must tell at least (issue of the lane controller).
NAMED = {
    "steps", "sequences", "invariant_violations", "unexpected_movements", "sensor_to_stop_ms", "closings_on_occupied",
    "long_rig_errors", "provable_gap_m", "direction_accuracy", "tailgate_recall", "watchdog_resets", "heap_peak_bytes",
    "journal_lost", "journal_duplicated", "update_power_cuts", "update_bricks", "virtual_hours", "seed", "boards",
}  # fmt: skip
# A fault planted into the firmware, the kind of sequence that shows it, and what the bench says of it.
PLANTED = {
    "no_dead_time": ("pedestrian", "3: direction changed"),
    "ignored_beam": ("twice", "after beam"),
    "ignored_presence": ("pedestrian", "2: closing"),
    "no_self_test": ("rigid", "untested"),
    "no_long_rig_rule": ("slow_rig", "gap of"),
    "ticks_by_minus": ("time_jump", "directions told"),
    "flash_in_motion": ("rigid", "11: flash"),
    "collects_in_motion": ("rigid", "11: automatic"),
    "deaf_fire": ("fire", "7: fire"),
}

PLAYED = {
    "ignored_presence": 12,
    "ignored_beam": 12,
    "no_long_rig_rule": 8,
    "ticks_by_minus": 8,
}  # sequences until it shows, where four do not do


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    plot = tmp_path_factory.mktemp("plot") / "stop.svg"
    out = measure(count=SEQUENCES, checks=6, hours=1, passes=8, resets=8, seed=SEED, processes=2, update="", plot=plot)
    return out | {"plot": plot.read_text("utf-8")}


def test_every_figure_that_was_asked_for_is_told(figures):
    assert set(figures) >= NAMED
    assert figures["sequences"] == SEQUENCES
    assert set(figures["boards"]) == set(models.board_names())
    assert figures["update_power_cuts"] is None and figures["update_reason"], "no made-up number"


@pytest.mark.requirement("S0-56", "X-09", "X-13")
def test_no_invariant_is_violated_and_nothing_closes_on_anybody(figures):
    told = figures["wrong_sequences"], figures["broken"]
    assert figures["invariant_violations"] == 0 and figures["errors"] == 0, told
    assert figures["closings_on_occupied"] == figures["long_rig_errors"] == figures["announced_closings"] == 0, told
    assert figures["wrong_states"] == 0 and figures["watchdog_resets"] == 0, told
    assert figures["closings"] > 20 and figures["long_rigs"] > 3 and figures["power_dips"] > 0, "else nothing is proven"


@pytest.mark.requirement("S0-57", "X-01")
def test_nothing_moves_by_reboot_reconnect_or_bad_orders(figures):
    assert set(figures["unexpected_movements"].values()) == {0}, figures["broken"]
    assert figures["bad_orders_carried_out"] == 0
    assert min(figures["movement_checks"].values()) >= 6
    assert figures["good_orders_that_moved"] > 0, "the same lane does move by good orders"
    assert figures["connections_max"] == 1, "closed before the next: no board has room for two TLS sessions"


@pytest.mark.requirement("S0-56")
def test_the_motor_is_off_within_the_limits_under_every_stall_model(figures):
    limits = models.load()["limits"]
    for board in figures["boards"]:
        told = run_job(Job(board, "sequences.py", (str(SEED), "5"), ("twice",)))[-1]
        assert len(told["stops_us"]) > 3, board
        assert max(told["stops_us"] + told["reverses_us"]) <= limits["stop_us"], board
        assert min(told["stops_us"]) > models.resolve(board)["output_us"], "never the poll period alone"
    assert "<svg" in figures["plot"] and "50 ms" in figures["plot"]


@pytest.mark.requirement("X-07")
def test_directions_and_tailgaters_are_told(figures):
    assert figures["direction_accuracy"] == 1.0 and figures["directions"] > 10
    assert figures["tailgaters"] > 0 and figures["tailgate_recall"] >= 0.8, "99 in 100 is proven by the long form"


@pytest.mark.requirement("X-04")
def test_no_event_is_lost_or_doubled_over_an_outage_with_resets(figures):
    assert figures["journal_lost"] == figures["journal_duplicated"] == 0
    assert figures["journal_disorder"] == figures["journal_invented"] == 0
    assert figures["journal_events"] > 50 and figures["outage_resets"] >= 8 and figures["outage_hours"] >= 1
    assert figures["outage_passes"] == 8, "the arm did move meanwhile"
    assert figures["unclean_wrong"] == 0, "a boot after a reset in motion tells of it, and of the last event on flash"


@pytest.mark.requirement("X-13")
def test_the_firmware_fits_into_each_board_s_heap(figures):
    for board, told in figures["boards"].items():
        assert 100_000 < told["heap_peak_bytes"] <= told["heap_limit_bytes"], board


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_told(fault):
    kind, words = PLANTED[fault]
    lines = run_job(Job(BOARD, "sequences.py", (str(SEED), str(PLAYED.get(fault, 4)), fault), (kind,)))
    told = [str(line["broken"]) + str(line["wrong"]) for line in lines if "wrong" in line]
    assert any(words in text for text in told), told


def test_what_goes_off_is_written_before_what_goes_on():
    """Drive `contact`: OPEN is pressed within the press on CLOSE, without a dead time; two writes of an expander apart."""
    script = (
        "import app\n"
        "from lane.contract import OUTPUTS\n"
        "class Terminals:\n"
        "    def write(self, role, level):\n"
        "        print(role, level)\n"
        "class Whole:\n"
        "    pass\n"
        "class Loop(app.Loop):\n"
        "    def __init__(self):\n"
        "        pass\n"
        "parts, loop = Whole(), Loop()\n"
        "parts.safety, parts.drive, parts.board = Whole(), Whole(), Terminals()\n"
        "parts.safety.out, parts.drive.level = bytearray(len(OUTPUTS)), bytearray(len(OUTPUTS))\n"
        "loop._parts, loop._written = parts, bytearray(len(OUTPUTS))\n"
        "parts.safety.out[OUTPUTS.index('close')] = 1\n"
        "loop._write()\n"
        "parts.safety.out[OUTPUTS.index('close')] = 0\n"
        "parts.safety.out[OUTPUTS.index('open')] = 1\n"
        "loop._write()\n"
    )
    env = dict(os.environ, MICROPYPATH=f"{models.ROOT / 'firmware'}:.frozen")
    done = subprocess.run([str(MICROPYTHON), "-c", script], env=env, capture_output=True, text=True, timeout=30)
    assert done.stdout.split("\n")[:3] == ["close 1", "close 0", "open 1"], done.stdout + done.stderr


def test_a_slow_loop_shows_in_the_figure():
    quick, slow = (
        run_job(Job(BOARD, "sequences.py", (str(SEED), "8", *fault), ("twice",)))[-1]["stops_us"]
        for fault in ((), ("slow_loop",))
    )
    assert max(quick) < 50_000 < max(slow)


@pytest.mark.requirement("S0-56")
def test_an_interrupt_ends_a_closing_motion_sooner_than_the_loop():
    board = "w5500_evb_pico"
    cut, looped = (
        run_job(Job(board, "sequences.py", (str(SEED), "4", *fault), ("twice",)))[-1]["cuts_us"]
        for fault in ((), ("no_interrupt",))
    )
    model = models.resolve(board)
    assert cut and max(cut) <= model["output_us"] + model["irq_us"] + 100, "no turn of the loop"
    assert max(looped) > max(cut) + model["step_us"]


@pytest.mark.parametrize("fault", ["retained_accepted", "any_boot_accepted"])
def test_a_bad_order_that_is_carried_out_is_told(fault):
    assert run_job(Job(BOARD, "whole.py", (str(SEED), "movements", "1", fault)))[-1]["carried_out"] > 0


def test_a_movement_at_boot_is_told():
    found = run_job(Job(BOARD, "whole.py", (str(SEED), "movements", "9", "moves_at_boot")))[-1]
    assert found["moves"]["reboots"] > 0 and found["violations"] > 0


def test_a_reversal_before_the_supply_goes_is_no_movement_by_the_boot():
    found = run_job(Job(BOARD, "whole.py", (str(SEED), "struck")))[-1]
    assert found["boots"] == 2 and found["risen"] > 0.5, "the arm was on its way up again when the board went down"
    assert found["moves"] == 0 and found["violations"] == 0


def test_an_order_is_answered_while_a_long_journal_is_told():
    found = run_job(Job(BOARD, "whole.py", (str(SEED), "drain", "400")))[-1]
    assert found["answer"] == "done" and found["drained"] >= 400
    assert found["events_before_answer"] <= 48, "not behind the whole journal: what was under way already, at most"


def test_the_bench_stands_on_the_simulator_s_geometry():
    text = (models.ROOT / "tools/bench/lane/onboard/geometry.py").read_text("utf-8")
    here: dict = {}
    exec(text, here)
    assert here["BEAM_M"] == geometry.BEAM_M and dict(here["LOOPS"]) == geometry.LOOPS_M
    assert (here["LOOP_ON_M"], here["LOOP_OFF_M"]) == (geometry.LOOP_ON_METAL_M, geometry.LOOP_OFF_METAL_M)
    assert here["EXIT_END_M"] - here["BEAM_M"] == pytest.approx(BEAM_TO_EXIT_END_M)


def test_every_real_board_has_a_stall_model():
    boards = {path.stem for path in (models.ROOT / "firmware/boards").glob("*.py")} - {"sim", "sim_pins", "__init__"}
    assert set(models.board_names()) == boards
    for board in boards:
        model = models.resolve(board)
        assert not {"beam", "edge", "radar", "loop_under_arm"} & set(model["slow_roles"]), (
            "no presence sensor is polled"
        )


def test_the_provable_gap_is_the_standards_own():
    gaps = provable_gaps(4.0, 1500)
    assert (gaps["2"], gaps["10"], gaps["25"]) == (4.0, 4.17, 10.42)
    assert provable_gaps(BEAM_TO_EXIT_END_M, CLEAR_MS)["2"] == 5.7


def test_a_car_half_a_second_behind_is_too_near_to_be_told_apart_at_every_speed_of_a_gate(figures):
    nearest = figures["one_vehicle_below_m"]
    assert nearest == {str(v): round(geometry.one_vehicle_below_m(v, KEYS["loop_clear_ms"][1]), 2) for v in KMH}
    assert all(v / 3.6 * 0.5 < float(nearest[str(v)]) for v in KMH), (
        "hence told as one, and nothing closes between the two"
    )
    sums = run_job(Job(BOARD, "sequences.py", (str(SEED), "3"), ("follow_on",)))[-1]["sums"]
    assert sums["follow_ons"] > 0 and sums.get("follow_ons_found", 0) == sums["closings_on_occupied"] == 0
    assert max(map(float, nearest.values())) < TAILGATE_M, "from where on a tailgater has to be told"


def test_a_quantile_is_a_measured_value():
    assert quantile([3, 1, 2], 0.5) == 2 and quantile([3, 1, 2], 0.999) == 3 and quantile([], 0.5) is None


def test_an_unknown_board_or_part_is_named():
    with pytest.raises(ValueError, match="allowed are"):
        measure(boards=["atari"])
    with pytest.raises(ValueError, match="allowed are sequences"):
        measure(parts=["everything"])


def test_a_stopped_run_goes_on_and_more_sequences_add_to_it(tmp_path, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("tools.bench.lane.interpreter.run_job", lambda job, hear: told.append(job.name) or run_job(job))
    monkeypatch.setattr("tools.bench.lane.run.CHUNK", 2)
    given = {"boards": [BOARD], "parts": ["sequences"], "keep": tmp_path}
    first = measure(count=2, **given)
    more = measure(count=4, **given)
    assert len(told) == 2, "of four sequences two were kept"
    assert (first["sequences"], more["sequences"]) == (2, 4) and more["steps"] > first["steps"]
    assert more["failed"] == [] and more["update_power_cuts"] is None
    monkeypatch.setattr(kept, "LANE", (*kept.LANE, models.ROOT / "pyproject.toml"))
    measure(count=2, **given)
    assert len(told) == 3, "what other code has found is not taken"
