"""The relay on a clock moved by hand: order, waits, outages, alarms, and that nothing stops it."""

import dataclasses
import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.services.desk_port import Condition
from gateway.services.ports import OutboxRow, Receipt
from gateway.services.relay import Relay, RelaySettings

OK = Receipt("accepted", 200, "ok")
OFFLINE = Receipt("retry", 0, "read timeout", {"condition": "offline"})
FAULT = Receipt("retry", 50001, "server fault")
START_MS = 1_795_300_000_000


class World:
    """An outbox in memory, a scripted regulator and a clock, joined to a relay that is stepped by hand."""

    def __init__(self, *, settings: RelaySettings | None = None, gap_ms: int = 1000) -> None:
        self.now_s, self.send_takes_s, self.gap_ms = 0.0, 0.01, gap_ms
        self.rows: dict[int, OutboxRow] = {}
        self.state: dict[int, str] = {}
        self.next_at_ms: dict[int, int] = {}
        self.errors: dict[int, str] = {}
        self.receipts: dict[int, dict[str, Any]] = {}
        self.sent: list[tuple[float, int]] = []
        self.beats_s: list[float] = []
        self.link: Receipt = OK
        self.answer: Callable[[OutboxRow], Receipt] = lambda row: OK if self.link is OK else self.link
        self.conditions: dict[str, Condition] = {}
        self.told: list[tuple[float, str, bool]] = []
        self.broken_outbox_rows: set[int] = set()
        self.relay = Relay(self, self, self, status_provider=lambda: {"status": 1}, on_condition=self.on_condition,
                           settings=settings, rng=random.Random(3))  # fmt: skip

    # clock
    def wall_ms(self) -> int:
        return START_MS + round(self.now_s * 1000)

    def mono_s(self) -> float:
        return self.now_s

    # outbox
    def due(self, now_ms: int, limit: int) -> list[OutboxRow]:
        ready = [
            r for r in self.rows.values() if self.state[r.id] in ("new", "retry") and self.next_at_ms[r.id] <= now_ms
        ]
        live = sorted((r for r in ready if now_ms - r.created_at_ms < 60_000), key=lambda r: -r.created_at_ms)
        late = sorted((r for r in ready if now_ms - r.created_at_ms >= 60_000), key=lambda r: r.created_at_ms)
        return (live + late)[:limit]

    def begin_attempt(self, row_id: int, now_ms: int, is_backfill: bool) -> OutboxRow:
        if row_id in self.broken_outbox_rows:
            raise RuntimeError("database is locked")
        row = self.rows[row_id]
        is_first = row.upload_at_ms is None
        self.rows[row_id] = dataclasses.replace(
            row, attempts=row.attempts + 1, upload_at_ms=now_ms if is_first else row.upload_at_ms,
            is_backfill=is_backfill if is_first else row.is_backfill)  # fmt: skip
        return self.rows[row_id]

    def accept(self, row_id: int, receipt: dict[str, Any], now_ms: int) -> None:
        self.state[row_id], self.receipts[row_id] = "accepted", receipt

    def retry(self, row_id: int, next_at_ms: int, error: str, now_ms: int) -> None:
        self.state[row_id], self.next_at_ms[row_id], self.errors[row_id] = "retry", next_at_ms, error

    def park(self, row_id: int, code: int, error: str, now_ms: int) -> None:
        self.state[row_id], self.errors[row_id] = "parked", f"{code} {error}"

    def counts(self, since_ms: int) -> dict[str, int]:
        states = list(self.state.values())
        return {"generated": len(states), "accepted": states.count("accepted"), "waiting": 0,
                "pending": states.count("new") + states.count("retry"), "parked": states.count("parked")}  # fmt: skip

    # regulator
    def send(self, row: OutboxRow) -> Receipt:
        self.sent.append((self.now_s, row.id))
        self.now_s += self.send_takes_s
        return self.answer(row)

    def heartbeat(self, status: dict[str, Any]) -> Receipt:
        self.beats_s.append(self.now_s)
        return self.link

    # the rest
    def on_condition(self, code: str, condition: Condition | None) -> None:
        self.told.append((self.now_s, code, condition is not None))
        if condition is None:
            del self.conditions[code]
        else:
            self.conditions[code] = condition

    def put(self, *ids: int, age_s: float = 0.0) -> None:
        """New rows; each is gap_ms younger than the one before it."""
        for place, row_id in enumerate(ids):
            at_ms = self.wall_ms() - round(age_s * 1000) + place * self.gap_ms
            self.rows[row_id] = OutboxRow(
                row_id, "inOutRecord", f"R{row_id}", 1, f"q{row_id}", {}, at_ms, 0, None, False
            )
            self.state[row_id], self.next_at_ms[row_id] = "new", 0

    def forward(self, seconds: float) -> None:
        """Let the relay work until the clock has moved on by seconds."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            wait_s = self.relay.step()
            self.now_s += min(max(wait_s, 0.0), 1.0, max(0.0, until_s - self.now_s)) or 0.0001

    def order(self) -> list[int]:
        return [row_id for _, row_id in self.sent]


def test_the_first_word_is_a_heartbeat_and_rows_follow_its_answer() -> None:
    world = World()
    world.put(1)
    world.relay.step()
    assert world.beats_s == [0.0] and world.order() == [1]


def test_nothing_is_uploaded_before_a_heartbeat_was_answered() -> None:
    world = World()
    world.link = OFFLINE
    world.put(1, 2, 3)
    world.forward(30)
    assert world.order() == [] and len(world.beats_s) >= 3


def test_live_rows_go_newest_first() -> None:
    world = World()
    world.forward(10)
    world.put(1, 2, 3)
    world.forward(2)
    assert world.order() == [3, 2, 1]


@pytest.mark.requirement("S3-34")
def test_backfill_goes_oldest_first_and_says_so() -> None:
    world = World()
    world.put(1, 2, 3, age_s=3600)
    world.forward(5)
    assert world.order() == [1, 2, 3]
    assert all(world.rows[i].is_backfill for i in (1, 2, 3))


@pytest.mark.requirement("S3-34")
def test_a_backfilled_row_keeps_created_sent_acked_and_reason() -> None:
    world = World()
    world.forward(5)
    world.put(1, age_s=100)
    world.forward(5)
    receipt = world.receipts[1]
    assert receipt["is_backfill"] and receipt["backfill_reason"] == "link was down"
    assert receipt["created_at_ms"] < receipt["sent_at_ms"] <= receipt["acked_at_ms"]


def test_a_row_that_was_only_slow_says_not_sent_in_time() -> None:
    world = World()
    world.forward(300)
    world.put(1, age_s=100)
    world.forward(5)
    assert world.receipts[1]["backfill_reason"] == "not sent in time"


def test_a_fresh_row_overtakes_the_backfill() -> None:
    world = World()
    world.put(*range(1, 40), age_s=3600)
    world.forward(0.5)
    sent_before = len(world.sent)
    assert 0 < sent_before < 39
    world.put(100)
    world.forward(0.2)
    assert world.order()[sent_before] == 100
    world.forward(30)
    assert sorted(world.order()) == [*range(1, 40), 100]


def test_backfill_uses_half_of_the_line_and_live_rows_all_of_it() -> None:
    world = World(settings=RelaySettings(backfill_rows_per_s=1000))
    world.send_takes_s = 0.2
    world.put(*range(1, 30), age_s=3600)
    world.forward(8)
    assert 18 <= len(world.sent) <= 21  # 0.2 s at work, 0.2 s quiet
    world = World()
    world.forward(1)
    world.send_takes_s = 0.2
    world.gap_ms = 1
    world.put(*range(1, 30))
    world.forward(4)
    assert len(world.sent) >= 19


def test_backfill_reaches_its_rate_when_the_line_is_quick() -> None:
    world = World(settings=RelaySettings(backfill_rows_per_s=30))
    world.put(*range(1, 500), age_s=90_000)
    world.forward(10)
    assert 20 * 10 <= len(world.sent) <= 31 * 10


def test_a_row_is_repeated_after_5_15_60_300_and_then_every_600_seconds() -> None:
    world = World()
    world.answer = lambda row: FAULT
    world.forward(1)
    world.put(1)
    world.forward(3600)
    at = [s for s, _ in world.sent]
    gaps = [b - a for a, b in itertools.pairwise(at)]
    for gap, wait in zip(gaps, [5, 15, 60, 300, 600, 600, 600], strict=False):
        assert wait * 0.79 <= gap <= wait * 1.21 + 2
    assert world.errors[1] == "50001 server fault"
    assert len({round(gap) for gap in gaps[4:7]}) > 1  # jitter


@pytest.mark.requirement("X-28")
def test_a_bad_row_is_in_nobodys_way() -> None:
    world = World()
    world.answer = lambda row: FAULT if row.id == 2 else OK
    world.forward(1)
    world.put(1, 2, 3)
    world.forward(3)
    assert world.state == {1: "accepted", 2: "retry", 3: "accepted"}
    assert "uplink.offline" not in world.conditions


def test_a_row_that_always_breaks_the_line_is_in_nobodys_way() -> None:
    world = World()
    world.answer = lambda row: OFFLINE if row.id == 3 else OK
    world.forward(1)
    world.put(1, 2, 3)
    world.forward(3)
    assert world.state == {1: "accepted", 2: "accepted", 3: "retry"}


@pytest.mark.requirement("X-28")
def test_a_parked_row_is_kept_with_its_reason_raises_a_condition_and_blocks_nobody() -> None:
    world = World()
    world.answer = lambda row: Receipt("parked", 40003, "plateNo: 8 characters") if row.id == 2 else OK
    world.put(1, 2, 3)
    world.forward(2)
    assert world.state == {1: "accepted", 2: "parked", 3: "accepted"}
    assert world.errors[2] == "40003 plateNo: 8 characters"
    condition = world.conditions["uplink.rejected"]
    assert "R2: 40003 plateNo" in condition.text_zh and condition.severity == "warning"
    world.forward(3600)
    assert world.order().count(2) == 1
    world.state[2] = "accepted"  # somebody has mended it
    world.forward(10)
    assert "uplink.rejected" not in world.conditions


def test_an_outage_costs_a_row_at_most_one_attempt_and_is_told() -> None:
    world = World()
    world.forward(10)
    world.link = OFFLINE
    world.put(*range(1, 21))
    world.forward(24 * 3600)
    assert len(world.sent) == 1
    assert {"uplink.offline", "uplink.missed"} <= set(world.conditions)
    world.link = OK
    world.forward(120)
    assert set(world.state.values()) == {"accepted"}
    assert not world.conditions
    # The row that met the outage keeps its bytes; the others are back-fill, oldest first.
    (met,) = {row_id for _, row_id in world.sent[:1]}
    assert [i for i in world.order()[1:] if i != met] == [i for i in range(1, 21) if i != met]
    assert all(world.rows[i].is_backfill for i in range(1, 21) if i != met)


def test_recovery_is_noticed_within_a_heartbeat_even_after_a_long_outage() -> None:
    world = World()
    world.link = OFFLINE
    world.put(1)
    world.forward(6 * 3600)
    world.link = OK
    world.forward(60 * 1.2 + 1)
    assert world.state[1] == "accepted"


@pytest.mark.requirement("S0-101")
def test_heartbeats_keep_the_interval_of_the_profile() -> None:
    world = World(settings=RelaySettings(heartbeat_s=60))
    world.forward(600)
    assert len(world.beats_s) in (10, 11)
    gaps = [b - a for a, b in itertools.pairwise(world.beats_s)]
    assert all(59.9 <= gap <= 61.1 for gap in gaps)


@pytest.mark.requirement("S0-101")
def test_a_missed_heartbeat_is_alarmed_here_before_the_regulator_shows_offline() -> None:
    world = World()
    world.forward(61)
    last_answered_s = world.beats_s[-1]
    world.link = OFFLINE
    world.forward(120)
    raised_s = next(s for s, code, is_raised in world.told if code == "uplink.offline" and is_raised)
    assert raised_s - last_answered_s < 120 - 2 * 20  # two read timeouts of 20 s fit in as well


def test_one_lost_heartbeat_is_no_alarm() -> None:
    world = World()
    world.forward(59)
    world.link = OFFLINE
    world.forward(2)
    world.link = OK
    world.forward(30)
    assert not [code for _, code, is_raised in world.told if code == "uplink.offline"]


@pytest.mark.parametrize(("condition", "code"), [("credential", "uplink.credential"), ("clock", "uplink.clock")])
def test_refused_credential_or_clock_has_its_own_condition_and_clears(condition: str, code: str) -> None:
    world = World()
    world.link = Receipt(
        "retry", 40103, "refused", {"condition": condition}, 600 if condition == "credential" else None
    )
    world.put(1)
    world.forward(5)
    assert code in world.conditions and "uplink.offline" not in world.conditions and world.order() == []
    world.link = OK
    world.relay.probe()
    world.forward(3)
    assert code not in world.conditions and world.state[1] == "accepted"


@pytest.mark.requirement("S0-98")
def test_a_clock_that_drifts_is_told_before_it_is_refused() -> None:
    world = World()
    world.link = Receipt("accepted", 200, "ok", {"server_time_ms": world.wall_ms() - 59_000})
    world.answer = lambda row: OK
    world.forward(1)
    assert "uplink.clock" not in world.conditions
    world.link = Receipt("accepted", 200, "ok", {"server_time_ms": world.wall_ms() - 150_000})
    world.put(1)
    world.relay.probe()
    world.forward(2)
    assert (
        "+151 秒" in world.conditions["uplink.clock"].text_zh or "+150 秒" in world.conditions["uplink.clock"].text_zh
    )
    assert world.state[1] == "accepted"
    world.link = OK
    world.forward(70)
    assert "uplink.clock" not in world.conditions


def test_too_many_requests_pauses_everything_for_as_long_as_asked() -> None:
    world = World()
    world.answer = lambda row: Receipt("retry", 42901, "slow down", {"condition": "throttled"}, 20.0)
    world.forward(1)
    world.put(1, 2)
    world.forward(10)
    assert len(world.sent) == 1
    world.answer = lambda row: OK
    world.forward(15)
    assert set(world.state.values()) == {"accepted"}


@pytest.mark.requirement("S3-34")
def test_missed_uploads_are_alarmed_with_the_oldest_record() -> None:
    world = World()
    world.answer = lambda row: FAULT
    world.put(7, 8)
    world.forward(50)
    assert "uplink.missed" not in world.conditions
    world.forward(20)
    assert "R7" in world.conditions["uplink.missed"].text_zh
    world.answer = lambda row: OK
    world.forward(400)
    assert "uplink.missed" not in world.conditions


def test_exceptions_of_client_outbox_and_listener_stop_nothing() -> None:
    world = World()

    def explode(row: OutboxRow) -> Receipt:
        if row.id == 2:
            raise ZeroDivisionError("poison")
        return OK

    world.answer = explode
    world.broken_outbox_rows = {3}
    world.forward(1)
    world.put(1, 2, 3, 4)
    for _ in range(8):  # the thread's loop survives what a step raises
        try:
            world.relay.step()
        except RuntimeError:
            continue
    assert world.state == {1: "accepted", 2: "retry", 3: "new", 4: "accepted"}
    assert "ZeroDivisionError: poison" in world.errors[2]
    assert world.relay.counters()["unexpected"] == 1


class RealClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_s(self) -> float:
        return time.monotonic()


def threaded(world: World) -> Relay:
    return Relay(world, world, RealClock(), status_provider=lambda: {}, on_condition=lambda code, condition: None)


def test_the_thread_is_woken_at_once_and_stops_within_a_second() -> None:
    world = World()
    relay = threaded(world)
    relay.start()
    deadline = time.monotonic() + 5
    while not world.beats_s and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)
    world.now_s = time.time() - START_MS / 1000
    world.put(1)
    relay.notify()
    while not world.sent and time.monotonic() < deadline:
        time.sleep(0.002)
    assert world.sent
    assert relay.stop(timeout_s=1.0)


def test_the_thread_survives_any_exception_of_a_step() -> None:
    world = World()
    relay = threaded(world)
    failures = threading.Event()

    def broken(now_ms: int, limit: int) -> list[OutboxRow]:
        failures.set()
        raise OSError("disk gone")

    world.due = broken  # type: ignore[method-assign]
    relay.start()
    assert failures.wait(5)
    time.sleep(0.05)
    del world.due
    world.now_s = time.time() - START_MS / 1000
    world.put(1)
    relay.notify()
    deadline = time.monotonic() + 10
    while not world.sent and time.monotonic() < deadline:
        time.sleep(0.01)
    assert world.sent and relay.counters()["unexpected"] >= 1
    assert relay.stop()


def test_stop_returns_within_a_second_even_while_a_request_hangs() -> None:
    world = World()
    relay, hangs, release = threaded(world), threading.Event(), threading.Event()

    def hang(status: dict[str, Any]) -> Receipt:
        hangs.set()
        release.wait(10)
        return OK

    world.heartbeat = hang  # type: ignore[method-assign]
    relay.start()
    assert hangs.wait(5)
    started = time.monotonic()
    assert relay.stop() is False
    assert time.monotonic() - started < 3.0  # 1 s, and a busy test machine
    release.set()
