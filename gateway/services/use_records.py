"""Use of machines and in-plant vehicles: passages through the gate and work in the plant, child rows of their ledgers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ulid import ULID

from gateway.domain.passing import Pass
from gateway.domain.records import CHINA
from gateway.domain.side_records import SideRow
from gateway.domain.visits import CROSSED
from gateway.services.ports import Change, Clock, Ledger, Sides
from gateway.services.register_port import RegisterStore

LEDGER_OF = {"machine": "machine", "in_plant_vehicle": "in_plant"}
USES = ("in", "out", "work")
MAX_AREA, MAX_HOURS = 100, 24.0


class UseRefused(ValueError):
    """A use record is not acceptable; the message names the field and what is allowed."""


def uses_of_pass(p: Pass, ledger: Ledger) -> list[SideRow]:
    """A crossing of a registered machine or in-plant vehicle is a row of its ledger too."""
    if p.end not in CROSSED or not p.identity or not p.identity.plate_no:
        return []
    values = {"use": p.direction, "lane": p.lane, "area": "", "hours": None, "by": p.answer.by if p.answer else "",
              "source": p.source, "record_no": p.record_no, "note": ""}  # fmt: skip
    return [
        SideRow("use", f"{p.pass_id}.{LEDGER_OF[register]}", key, p.arrived_at_ms, p.pass_id, values, LEDGER_OF[register])
        for register, key in ledger.rows_with_plate(p.identity.plate_no)
    ]  # fmt: skip


class UseDesk:
    def __init__(self, *, ledger: Ledger, sides: Sides, registers: RegisterStore, clock: Clock) -> None:
        self._ledger, self._sides, self._registers, self._clock = ledger, sides, registers, clock

    async def record(self, register: str, key: str, *, use: str, at_ms: int, by: str, area: str = "", hours: float | None = None,
                     note: str = "") -> str:  # fmt: skip
        """A person enters a passage or work of a registered machine; the record's id, marked manual. Raises UseRefused."""
        if register not in LEDGER_OF:
            raise UseRefused(f"register {register!r}: 允许 allowed are {', '.join(LEDGER_OF)}")
        found = self._registers.brief(register, key)
        if found is None or found.is_removed:
            raise UseRefused(f"env_reg_code {key!r}: 未登记 is not registered; 请先登记 register it first")
        now_ms = self._clock.wall_ms()
        if use not in USES or not by.strip() or not 0 < at_ms <= now_ms:
            raise UseRefused(
                "use, by, at: 请选择进、出或作业，填写姓名，时间不得晚于现在 in, out or work; a name; a time not after now"
            )
        if len(area) > MAX_AREA or (hours is not None and not 0 < hours <= MAX_HOURS):
            raise UseRefused(
                f"area, hours: 区域最多 {MAX_AREA} 字，时长 0–{MAX_HOURS:g} 小时 at most {MAX_AREA} characters, {MAX_HOURS:g} h"
            )
        side_id = str(ULID.from_timestamp(now_ms / 1000))
        values = {"use": use, "lane": "", "area": area.strip(), "hours": hours, "by": by.strip(), "source": "manual", "record_no": "",
                  "note": note.strip()[:200], "entered_at_ms": now_ms}  # fmt: skip
        await self._ledger.commit(Change(sides=[SideRow("use", side_id, key, at_ms, "", values, LEDGER_OF[register])]))
        return side_id

    def of(self, register: str, key: str, from_ms: int = 0, to_ms: int = 2**62) -> list[SideRow]:
        """Oldest first."""
        return [r for r in self._sides.of_subject("use", key, from_ms, to_ms) if r.ledger == LEDGER_OF[register]]

    def kinds(self) -> dict[str, list[tuple[str, dict[str, Any]]]]:
        """register -> (key, values) of every machine and in-plant vehicle in use."""
        return {name: [(row.key, row.values) for row in self._registers.all(name)] for name in LEDGER_OF}


def moment_ms(text: str) -> int:
    """Wall time at the gate from yyyy-MM-dd HH:mm(:ss) or with a T. Raises ValueError."""
    return int(datetime.fromisoformat(text.strip().replace("/", "-")).replace(tzinfo=CHINA).timestamp() * 1000)
