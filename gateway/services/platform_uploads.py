"""What the regulator learns besides passages: registered in-plant vehicles and machines, their use, our answers to its lists.

Looked at every few seconds; each becomes a row of the outbox, whose relay does the rest. The ledger's entries are followed
by their numbers, so that nothing is left out over a restart; a record whose row is there already makes no second one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from gateway.domain.records import record_number
from gateway.domain.register_rows import RowBrief
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.policy_book import PolicyBook
from gateway.services.ports import Clock, LedgerUnavailable, Regulator, UploadQueue
from gateway.services.register_port import RegisterStore

log = structlog.get_logger()

EVERY_S: Final = 10.0  # a change is on its way well within a minute
ENTRIES_AT_ONCE: Final = 500
REGISTERED: Final = {"in_plant_vehicle": "inPlantVehicle", "machine": "nonRoadMachinery"}
USED: Final = {"in_plant": "inPlantRecord", "machine": "nonRoadRecord"}
PHOTOS: Final = ("env_list_photo", "licence_photo", "machine_nameplate_photo", "engine_nameplate_photo", "env_label_photo",
                 "machine_photo")  # fmt: skip
MACHINE_BARRIER: Final = "0N"  # stands for the barrier in the number of a use record
Applied = Callable[[int], tuple[int, int, int]]
"""Since when -> (lanes that judge by what holds since then, lanes that are away, all lanes)."""


class PlatformUploads:
    """applied: services/offline_lists.py. enterprise_code, entrance_code: of record numbers. tell: called after each look.

    beside: what else makes rows or asks the platform, each in its turn in the same thread; one that breaks stops no other.
    """

    def __init__(self, queue: UploadQueue, regulator: Regulator, *, registers: RegisterStore, book: PolicyBook,
                 over_limit: OverLimitDesk, clock: Clock, applied: Applied, enterprise_code: str, entrance_code: str,
                 wake_relay: Callable[[], None] = lambda: None, tell: Callable[[], None] = lambda: None,
                 beside: Sequence[Callable[[], None]] = ()) -> None:  # fmt: skip
        self._queue, self._registers, self._book, self._over_limit = queue, registers, book, over_limit
        self._clock, self._applied, self._wake_relay, self._tell = clock, applied, wake_relay, tell
        self._codes, self._beside = (enterprise_code, entrance_code), beside
        self._able = {
            op for op in (*REGISTERED.values(), *USED.values(), "exceedConfirm", "strategyConfirm") if regulator.can(op)
        }
        self._seq = queue.mark("entries")

    async def run(self) -> None:
        """For ever; a ledger that cannot be written is tried again."""
        while True:
            try:
                await asyncio.to_thread(self.tick)
            except LedgerUnavailable as error:
                log.warning("uploads not made", error=str(error))
            self._tell()
            await asyncio.sleep(EVERY_S)

    def tick(self) -> None:
        """Make what is missing. Blocking."""
        while self._follow():
            pass
        if "exceedConfirm" in self._able:
            self._answers()
        if "strategyConfirm" in self._able:
            self._confirmations()
        for part in self._beside:
            try:
                part()
            except LedgerUnavailable:
                raise
            except Exception:
                log.exception("uploads not made by one part")
        self._wake_relay()

    # ------------------------------------------------------------ registers and use records

    def _follow(self) -> bool:
        """The next entries; True if there may be more."""
        entries = self._queue.entries_after(("register", "use"), self._seq, ENTRIES_AT_ONCE)
        if not entries:
            return False
        rows = {(body["register"], body["key"]): None for _, subject, body in entries if not subject.startswith("use/")}
        for register, key in rows:
            if REGISTERED.get(register) in self._able and (brief := self._registers.brief(register, key)):
                self._put(
                    REGISTERED[register], f"{REGISTERED[register]}/{key}", f"{register}/{key}", self._registered(brief)
                )
        for _, subject, body in entries:
            if subject.startswith("use/") and USED.get(body["ledger"]) in self._able:
                self._used(USED[body["ledger"]], subject, body)
        self._seq = entries[-1][0]
        self._queue.set_mark("entries", self._seq)
        return len(entries) == ENTRIES_AT_ONCE

    def _registered(self, brief: RowBrief) -> dict[str, Any]:
        """The row's values; photographs as paths below the data directory."""
        record = {name: value for name, value in brief.values.items() if value}
        for name in PHOTOS:
            if document_id := record.pop(name, ""):
                record[name] = (self._registers.document(document_id) or {}).get("path", "")
        return record | {"in_use": "0" if brief.is_removed else "1"}

    def _used(self, op: str, subject: str, body: dict[str, Any]) -> None:
        base = self._queue.base_of(subject) or self._record_no(body["at_ms"])
        hours = body.get("hours")
        record = {
            "record_no": base, "env_reg_code": body["subject"], "use": body["use"], "at_ms": body["at_ms"],
            "area": body.get("area") or None, "hours": None if hours is None else f"{hours:g}", "record_source": body["source"],
        }  # fmt: skip
        self._put(op, base, subject, {name: value for name, value in record.items() if value is not None})

    def _record_no(self, at_ms: int) -> str:
        for counter in range(1, 1000):
            number = record_number(*self._codes, MACHINE_BARRIER, at_ms, counter)
            if not self._queue.state(number):
                return number
        raise ValueError(f"no free record number at {at_ms}: a thousand use records in one millisecond")

    # ------------------------------------------------------------ answers to the platform's lists

    def _answers(self) -> None:
        """Each answer to an over-limit entry; the platform's receipt moves the case on."""
        for record in self._over_limit.to_upload():
            base = f"exceedConfirm/{record['exceed_id']}"
            self._put("exceedConfirm", base, f"over_limit/{record['exceed_id']}", record)
            if self._queue.state(base) == "accepted":
                self._over_limit.uploaded(record["exceed_id"])

    def _confirmations(self) -> None:
        """Each of the regulator's policies, once it is active and every lane that can be reached judges by it."""
        for policy_id, version, since_ms in self._book.unconfirmed():
            base = f"strategyConfirm/{policy_id}@{version}"
            state = self._queue.state(base)
            if state == "accepted":
                self._book.store.mark_confirmed(policy_id, version, self._clock.wall_ms())
            elif not state:
                applied, away, total = self._applied(since_ms)
                record = self._book.confirmation(
                    policy_id, version, lanes_applied=applied, lanes_total=total, lanes_away=away
                )
                if record is not None:
                    self._put("strategyConfirm", base, f"policy/{policy_id}", record)

    def _put(self, op: str, base: str, subject: str, record: dict[str, Any]) -> None:
        self._queue.put(op, base, subject, record, self._clock.wall_ms())
