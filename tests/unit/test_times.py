"""Lane time and gateway time: what may be concluded from messages that arrive late."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.times import DRIFT_PPM, MAX_AGE_S, LaneClock, LaneTime, MonoTime, WallTime

BOOT, NEXT_BOOT = "01f5a91c", "01f60000"


@pytest.mark.parametrize("pair", [(WallTime(5), MonoTime(1.0)), (MonoTime(1.0), LaneTime(BOOT, 5)), (WallTime(5), 3)])
def test_times_of_different_kinds_do_not_mix(pair: tuple[Any, Any]) -> None:
    with pytest.raises(TypeError):
        pair[0] - pair[1]
    with pytest.raises(TypeError):
        pair[0] < pair[1]  # noqa: B015


def test_lane_times_of_two_boots_have_no_difference() -> None:
    assert LaneTime(BOOT, 900) - LaneTime(BOOT, 400) == 500
    with pytest.raises(ValueError, match="01f5a91c and 01f60000"):
        LaneTime(BOOT, 900) - LaneTime(NEXT_BOOT, 400)


def test_nothing_is_known_before_the_first_message() -> None:
    clock = LaneClock()
    assert clock.lane_ms_at(10.0) is None
    assert clock.wall_of(BOOT, 5) is None


def test_the_smallest_delay_wins() -> None:
    clock = LaneClock()
    for lane_ms, delay_ms in ((1000, 400), (2000, 30), (3000, 900), (4000, 200)):
        clock.observe(BOOT, lane_ms, (lane_ms + delay_ms) / 1000)
    assert clock.lane_ms_at(10.0) == pytest.approx(10_000 - 30, abs=1)


def test_a_reset_lane_starts_afresh_and_late_messages_of_the_old_boot_change_nothing() -> None:
    clock = LaneClock()
    clock.observe(BOOT, 500_000, 500.0)
    clock.observe(NEXT_BOOT, 1000, 510.0)
    clock.observe(BOOT, 500_100, 510.5)
    assert clock.boot == NEXT_BOOT
    assert clock.lane_ms_at(511.0) == 2000
    assert clock.wall_of(BOOT, 500_000) is None


def test_the_boot_counter_may_wrap() -> None:
    clock = LaneClock()
    clock.observe("ffffa91c", 500_000, 500.0)
    clock.observe("0000a91c", 1000, 510.0)
    assert clock.boot == "0000a91c"


def test_an_old_estimate_is_not_used() -> None:
    clock = LaneClock()
    clock.observe(BOOT, 1000, 1.0)
    assert clock.lane_ms_at(1.0 + MAX_AGE_S) is not None
    assert clock.lane_ms_at(1.1 + MAX_AGE_S) is None


def test_wall_time_follows_a_step_of_the_gateways_clock() -> None:
    clock = LaneClock()
    for second in range(5):
        clock.observe(BOOT, second * 1000, 100.0 + second, 1_700_000_000_000 + second * 1000)
    assert clock.wall_of(BOOT, 2500) == (1_700_000_002_500, 20)
    clock.observe(BOOT, 5000, 105.0, 1_700_003_605_000)  # the wall was set one hour ahead
    at_ms, error_ms = clock.wall_of(BOOT, 5000) or (0, 0)
    assert (at_ms, error_ms) == (1_700_003_605_000, 20)


def test_the_first_messages_are_stated_as_unsure() -> None:
    clock = LaneClock()
    clock.observe(BOOT, 1000, 1.0, 1_700_000_000_000)
    at_ms, error_ms = clock.wall_of(BOOT, 1000) or (0, 0)
    assert (at_ms, error_ms >= 1000) == (1_700_000_000_000, True)


@given(
    start_ms=st.integers(0, 2**40),
    drift_ppm=st.floats(-DRIFT_PPM, DRIFT_PPM),
    steps=st.lists(st.tuples(st.floats(0.1, 60), st.floats(0.002, 30)), min_size=1, max_size=60),
)
def test_a_deadline_is_never_late(start_ms: int, drift_ppm: float, steps: list[tuple[float, float]]) -> None:
    """Whatever delays and drift within bounds: the lane's true clock is never behind the estimate by more than drift."""
    clock, true_s, arrived_s = LaneClock(), 0.0, 0.0
    for step_s, delay_s in steps:
        true_s += step_s
        arrived_s = max(arrived_s, true_s + delay_s)
        clock.observe(BOOT, start_ms + int(true_s * 1000 * (1 + drift_ppm / 1e6)), arrived_s)
    estimate_ms = clock.lane_ms_at(arrived_s)
    truth_ms = start_ms + arrived_s * 1000 * (1 + drift_ppm / 1e6)
    assert estimate_ms is not None
    allowed_ms = arrived_s * 1000 * DRIFT_PPM / 1e6 + 2
    assert estimate_ms <= truth_ms + allowed_ms
