"""The outbox worker: what must reach the regulator gets there, once, in a sensible order, or somebody is told.

One thread. A row is done only by the regulator's business acknowledgement. After any row that was not taken, a
heartbeat tells whether the link or the row is at fault: a bad row waits alone (5 s, 15 s, 60 s, 5 min, then every
10 min) and is in nobody's way; a bad link stops all uploads until a heartbeat is answered again, so that an outage
costs each row at most one attempt. Live rows go first, newest first; back-fill goes oldest first, slowed to a share
of the line. The regulator's lists are asked for in the same thread (pulls.py).
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog

from gateway.domain.link_words import reason_zh
from gateway.services.desk_port import Condition
from gateway.services.ports import Clock, Outbox, OutboxRow, Receipt, Regulator
from gateway.services.pulls import Pulls
from gateway.services.walk import reach

log = structlog.get_logger(__name__)

POLL_S: Final = 1.0  # how often a row's retry time is looked at when nobody notifies
PICK_ROWS: Final = 16  # looked at before each upload, so that a fresh row is never behind a batch
CHECK_ROWS: Final = 100
FAILURES_BEFORE_ALARM: Final = 2  # in a row; the first may be a single lost packet
CLOCK_ALARM_S: Final = 60.0
FAR_AHEAD_MS: Final = 7 * 86_400_000  # beyond every retry time: due(now + this) shows all rows that are still open

OFFLINE, CREDENTIAL, CLOCK = "uplink.offline", "uplink.credential", "uplink.clock"
REJECTED, MISSED = "uplink.rejected", "uplink.missed"
_REFUSALS: Final = {
    "credential": (CREDENTIAL, "监管平台拒绝凭证", "The regulator refuses our credential"),
    "clock": (CLOCK, "监管平台拒绝本机时间", "The regulator refuses our time"),
}


@dataclass(frozen=True)
class RelaySettings:
    """Seconds, and shares 0-1. The field names are those of an uplink profile's schedule.

    backfill_after_s: a first attempt later than this after the passage closed is a back-fill. backfill_duty: share of
    the time that back-fill may keep the line busy. missed_after_s: an open row older than this raises the alarm.
    """

    heartbeat_s: float = 60
    retry_waits_s: tuple[float, ...] = (5, 15, 60, 300, 600)
    retry_jitter: float = 0.2
    slow_wait_s: float = 600
    backfill_after_s: float = 60
    backfill_rows_per_s: float = 30
    backfill_duty: float = 0.5
    missed_after_s: float = 60
    check_s: float = 5


class Relay:
    """Carries rows from the outbox to the regulator until stopped.

    status_provider: what a heartbeat says (adapters/uplink/records.py, SiteStatus). on_condition(code, condition):
    called from the relay's thread when a condition is raised or its text changes, and with None when it is cleared.
    """

    def __init__(
        self,
        outbox: Outbox,
        regulator: Regulator,
        clock: Clock,
        *,
        status_provider: Callable[[], dict[str, Any]],
        on_condition: Callable[[str, Condition | None], None],
        settings: RelaySettings | None = None,
        pulls: Pulls | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._pulls = pulls
        self._outbox, self._regulator, self._clock = outbox, regulator, clock
        self._status_provider, self._on_condition = status_provider, on_condition
        self._settings = settings or RelaySettings()
        self._rng = rng or random.Random()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._is_probe_wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._counts: Counter[str] = Counter()
        self._conditions: dict[str, Condition] = {}
        self._is_up = False  # no upload before the first answered heartbeat
        self._failures = 0
        self._up_since_ms = clock.wall_ms()
        self._next_beat_mono_s = self._next_check_mono_s = clock.mono_s()
        self._quiet_until_mono_s = self._backfill_from_mono_s = clock.mono_s()
        self._skip_until_mono_s: dict[int, float] = {}
        self._reasons: dict[int, str] = {}
        self._last_rejection = ""
        self._seen_errors: set[str] = set()

    # ------------------------------------------------------------------ the thread

    def start(self) -> None:
        """Start the worker thread. Call once."""
        if self._thread is not None:
            raise RuntimeError("relay has been started")
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """A row has become ready: look now. Any thread."""
        self._wake.set()

    def probe(self) -> None:
        """Try a heartbeat now, whatever the wait: a person has mended something. Any thread."""
        self._is_probe_wanted.set()
        self._wake.set()

    def stop(self, timeout_s: float = 1.0) -> bool:
        """Ask the worker to end and wait; True if it has. A request in flight is abandoned: its row stays open and is
        repeated with the same bytes after the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def counters(self) -> dict[str, int]:
        """Since the start: sent, accepted, backfilled, retried, parked, heartbeats, heartbeats_failed, unexpected."""
        names = ("sent", "accepted", "backfilled", "retried", "parked", "heartbeats", "heartbeats_failed", "unexpected")
        return {name: self._counts[name] for name in names}

    @property
    def is_up(self) -> bool:
        """Whether the last heartbeat was answered."""
        return self._is_up

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                wait_s = self.step()
            except Exception as error:  # whatever it is, the other rows must still be carried
                self._note_unexpected("step", error)
                wait_s = POLL_S
            if wait_s > 0 and not self._stopping.is_set():
                self._wake.wait(min(wait_s, POLL_S))

    def _note_unexpected(self, where: str, error: Exception) -> None:
        """Count; log the first of each kind with its trace."""
        self._counts["unexpected"] += 1
        kind = f"{where}:{type(error).__name__}"
        if kind not in self._seen_errors:
            self._seen_errors.add(kind)
            log.error("relay trouble", where=where, exc_info=error)

    # ------------------------------------------------------------------ one round

    def step(self) -> float:
        """At most one heartbeat and one upload; returns the seconds until there may be more to do, 0 = at once."""
        if self._clock.mono_s() >= self._next_check_mono_s:
            self._next_check_mono_s = self._clock.mono_s() + self._settings.check_s
            self._check_rows()
            if self._pulls:
                self._pulls.check()
        if self._is_probe_wanted.is_set() or self._clock.mono_s() >= self._next_beat_mono_s:
            self._is_probe_wanted.clear()
            self._beat()
        if not self._is_up:
            return max(0.0, self._next_beat_mono_s - self._clock.mono_s())
        now_mono_s = self._clock.mono_s()
        if now_mono_s < self._quiet_until_mono_s:
            return self._quiet_until_mono_s - now_mono_s
        pull_wait_s = self._pull()
        row, wait_s = self._pick(self._clock.mono_s())
        if row is None:
            return min(wait_s, pull_wait_s)
        self._carry(row)
        return 0.0

    def _pull(self) -> float:
        """One list at most; what breaks there must not stop the rows."""
        if not self._pulls:
            return POLL_S
        try:
            return self._pulls.step()
        except Exception as error:
            self._note_unexpected("pull", error)
            return POLL_S

    def _pick(self, now_mono_s: float) -> tuple[OutboxRow | None, float]:
        """The row to send now, or None and how long to wait."""
        now_ms = self._clock.wall_ms()
        late: list[OutboxRow] = []
        live: list[OutboxRow] = []
        for row in self._outbox.due(now_ms, PICK_ROWS):
            if self._skip_until_mono_s.get(row.id, now_mono_s) > now_mono_s:
                continue
            (late if self._is_backfill(row, now_ms) else live).append(row)
        if live:
            return max(live, key=lambda row: (row.created_at_ms, row.id)), 0.0
        if not late:
            return None, POLL_S
        if now_mono_s < self._backfill_from_mono_s:
            return None, self._backfill_from_mono_s - now_mono_s
        return min(late, key=lambda row: (row.created_at_ms, row.id)), 0.0

    def _carry(self, row: OutboxRow) -> None:
        """One attempt of one row, to its receipt."""
        started_mono_s = self._clock.mono_s()
        now_ms = self._clock.wall_ms()
        is_backfill = self._is_backfill(row, now_ms)
        if is_backfill and row.id not in self._reasons:
            self._reasons[row.id] = self._why_late(row)
        try:
            row = self._outbox.begin_attempt(row.id, now_ms, is_backfill)
        except Exception:
            self._skip_until_mono_s[row.id] = started_mono_s + self._settings.retry_waits_s[0]
            raise
        self._counts["sent"] += 1
        reach("upload.begun", row.key)
        try:
            receipt = self._regulator.send(row)
        except Exception as error:  # a row that breaks the client must not stop the rows behind it
            self._note_unexpected("send", error)
            receipt = Receipt("retry", 0, f"{type(error).__name__}: {error}")
        reach("upload.answered", row.key)
        took_s = self._clock.mono_s() - started_mono_s
        if row.is_backfill:
            duty_pause_s = took_s * (1 / self._settings.backfill_duty - 1)
            pause_s = max(duty_pause_s, 1 / self._settings.backfill_rows_per_s - took_s)
            self._backfill_from_mono_s = self._clock.mono_s() + pause_s
        self._settle(row, receipt)

    def _settle(self, row: OutboxRow, receipt: Receipt) -> None:
        now_ms = self._clock.wall_ms()
        if receipt.outcome == "accepted":
            self._counts["accepted"] += 1
            reason = self._reasons.pop(row.id, "")
            self._outbox.accept(row.id, self._proof(row, receipt, reason, now_ms), now_ms)
            if row.is_backfill:
                self._counts["backfilled"] += 1
                log.info("back-fill accepted", key=row.key, rev=row.rev, created_at_ms=row.created_at_ms,
                         sent_at_ms=row.upload_at_ms, acked_at_ms=now_ms, attempts=row.attempts, reason=reason)  # fmt: skip
            return
        if receipt.outcome == "parked":
            self._counts["parked"] += 1
            self._reasons.pop(row.id, None)
            self._outbox.park(row.id, receipt.code, receipt.message, now_ms)
            self._last_rejection = f"{row.key}: {receipt.code} {receipt.message}"
            log.warning("upload parked", key=row.key, rev=row.rev, code=receipt.code, reason=receipt.message)
            self._next_check_mono_s = self._clock.mono_s()
            return
        self._counts["retried"] += 1
        error = f"{receipt.code} {receipt.message}" if receipt.code else receipt.message
        if receipt.data.get("condition") == "throttled":
            wait_s = receipt.retry_after_s or self._settings.retry_waits_s[0]
            self._quiet_until_mono_s = self._clock.mono_s() + wait_s
            self._outbox.retry(row.id, now_ms + round(wait_s * 1000), error, now_ms)
            return
        if receipt.data.get("condition") == "offline":
            self._failures += 1  # the heartbeat that follows is then the second in a row, if it fails
        self._beat()
        if not self._is_up:
            wait_s = self._jittered(self._settings.retry_waits_s[0])  # the link decides when, not the row
        else:
            wait_s = self._jittered(self._wait_of(row.attempts))
            wait_s = max(wait_s, receipt.retry_after_s or 0)
        self._outbox.retry(row.id, now_ms + round(wait_s * 1000), error, now_ms)

    def _proof(self, row: OutboxRow, receipt: Receipt, reason: str, now_ms: int) -> dict[str, Any]:
        """What is kept with an accepted row: the platform's words and, for a back-fill, its log line."""
        proof: dict[str, Any] = {
            "code": receipt.code,
            "message": receipt.message,
            "req_id": row.req_id,
            "attempts": row.attempts,
            "created_at_ms": row.created_at_ms,
            "sent_at_ms": row.upload_at_ms,
            "acked_at_ms": now_ms,
            "is_backfill": row.is_backfill,
            **receipt.data,
        }
        if row.is_backfill:
            proof["backfill_reason"] = reason
        return proof

    # ------------------------------------------------------------------ live or late

    def _closed_at_ms(self, row: OutboxRow) -> int:
        """When there was something to tell; a revision is new when it is made."""
        return row.created_at_ms if row.rev > 1 else row.record.get("closed_at_ms") or row.created_at_ms

    def _is_backfill(self, row: OutboxRow, now_ms: int) -> bool:
        """Fixed by the first attempt; before it: late, or waiting since before the link came back."""
        if row.upload_at_ms is not None:
            return row.is_backfill
        return row.is_backfill or self._why_late(row, now_ms) != ""

    def _why_late(self, row: OutboxRow, now_ms: int | None = None) -> str:
        closed_at_ms = self._closed_at_ms(row)
        if closed_at_ms < self._up_since_ms:
            return "link was down"
        age_ms = (self._clock.wall_ms() if now_ms is None else now_ms) - closed_at_ms
        return "not sent in time" if age_ms > self._settings.backfill_after_s * 1000 else ""

    def _wait_of(self, attempts: int) -> float:
        waits_s = self._settings.retry_waits_s
        return waits_s[min(max(attempts, 1), len(waits_s)) - 1]

    def _jittered(self, wait_s: float) -> float:
        jitter = self._settings.retry_jitter
        return wait_s * self._rng.uniform(1 - jitter, 1 + jitter)

    # ------------------------------------------------------------------ the link

    def _beat(self) -> None:
        """One heartbeat, and what its answer says about the link."""
        self._counts["heartbeats"] += 1
        try:
            receipt = self._regulator.heartbeat(self._status_provider())
        except Exception as error:
            self._note_unexpected("heartbeat", error)
            receipt = Receipt("retry", 0, f"{type(error).__name__}: {error}")
        now_mono_s = self._clock.mono_s()
        if receipt.outcome in ("accepted", "parked"):  # parked: our status was not liked, but the platform is there
            if not self._is_up:
                self._is_up = True
                self._up_since_ms = self._clock.wall_ms() if self._failures else self._up_since_ms
                log.info("uplink up", after_failures=self._failures)
            self._failures = 0
            self._clear(OFFLINE)
            self._clear(CREDENTIAL)
            self._compare_clocks(receipt)
            if self._pulls:
                self._pulls.heard(receipt.data)
            if receipt.outcome == "parked":
                self._last_rejection = f"heartBeat: {receipt.code} {receipt.message}"
                log.warning("heartbeat rejected", code=receipt.code, reason=receipt.message)
            self._next_beat_mono_s = now_mono_s + self._settings.heartbeat_s
            return
        self._counts["heartbeats_failed"] += 1
        self._failures += 1
        if self._is_up:
            self._is_up = False
            log.warning("uplink down", code=receipt.code, reason=receipt.message)
        wait_s = min(self._wait_of(self._failures), self._settings.heartbeat_s)
        self._next_beat_mono_s = now_mono_s + max(self._jittered(wait_s), receipt.retry_after_s or 0)
        self._raise_for_link(receipt)

    def _compare_clocks(self, receipt: Receipt) -> None:
        """Tell a clock that is drifting away before the platform refuses it (at 300 s)."""
        server_time_ms = receipt.data.get("server_time_ms")
        offset_s = (self._clock.wall_ms() - server_time_ms) / 1000 if isinstance(server_time_ms, int) else 0.0
        if abs(offset_s) <= CLOCK_ALARM_S:
            self._clear(CLOCK)
            return
        self._raise(CLOCK, f"本机时间与监管平台相差 {offset_s:+.0f} 秒",
                    f"Our time differs from the regulator's by {offset_s:+.0f} s")  # fmt: skip

    def _raise_for_link(self, receipt: Receipt) -> None:
        reason = f"{receipt.code} {receipt.message}" if receipt.code else receipt.message
        zh = f"{receipt.code} {reason_zh(receipt.message)}" if receipt.code else reason_zh(receipt.message)
        said = receipt.data.get("condition")
        if said == "throttled":
            return
        if said in _REFUSALS:
            code, text_zh, text_en = _REFUSALS[said]
            self._raise(code, f"{text_zh}：{zh}", f"{text_en}: {reason}")
            self._clear(OFFLINE)  # whoever refuses is there
        elif self._failures >= FAILURES_BEFORE_ALARM:
            self._raise(OFFLINE, f"监管平台联网中断：{zh}", f"The regulator cannot be reached: {reason}")

    # ------------------------------------------------------------------ rows that need somebody

    def _check_rows(self) -> None:
        """Raise or clear what the outbox says: parked rows, and rows that should have arrived by now."""
        counts = self._outbox.counts(0)
        parked = counts.get("parked", 0)
        if parked:
            detail_zh = f"；最近：{self._last_rejection}" if self._last_rejection else ""
            detail_en = f"; last: {self._last_rejection}" if self._last_rejection else ""
            self._raise(REJECTED, f"{parked} 条记录被拒，待处理{detail_zh}",
                        f"{parked} records refused, waiting for a person{detail_en}", severity="warning")  # fmt: skip
        else:
            self._clear(REJECTED)
        now_ms = self._clock.wall_ms()
        limit_ms = self._settings.missed_after_s * 1000
        open_rows = self._outbox.due(now_ms + FAR_AHEAD_MS, CHECK_ROWS)
        missed = [row for row in open_rows if now_ms - self._closed_at_ms(row) > limit_ms]
        if not missed:
            self._clear(MISSED)
            return
        oldest = min(missed, key=self._closed_at_ms)
        more = "+" if len(open_rows) >= CHECK_ROWS else ""
        self._raise(
            MISSED,
            f"漏传报警：{len(missed)}{more} 条记录未按时上传，最早 {oldest.key}",
            f"Missed upload: {len(missed)}{more} records not acknowledged in time, oldest {oldest.key}",
        )

    def _raise(self, code: str, text_zh: str, text_en: str, *, severity: str = "alarm") -> None:
        standing = self._conditions.get(code)
        if standing is not None and standing.text_zh == text_zh:
            return
        since_ms = standing.since_ms if standing else self._clock.wall_ms()
        condition = Condition(code=code, severity=severity, since_ms=since_ms, text_zh=text_zh, text_en=text_en)
        self._conditions[code] = condition
        if standing is None:
            log.warning("condition raised", condition=code, reason=text_en)
        self._tell(code, condition)

    def _clear(self, code: str) -> None:
        if self._conditions.pop(code, None) is not None:
            log.info("condition cleared", condition=code)
            self._tell(code, None)

    def _tell(self, code: str, condition: Condition | None) -> None:
        try:
            self._on_condition(code, condition)
        except Exception as error:
            self._note_unexpected("on_condition", error)
