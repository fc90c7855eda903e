"""Exceptions granted and revoked, the site's own blacklist, and what the daily report says of them."""

from __future__ import annotations

from typing import Any

from ulid import ULID

from gateway.domain.exceptions import ExceptionRefused, PassException, exception_from
from gateway.domain.plates import is_valid_plate, normal_form
from gateway.domain.records import local_text
from gateway.domain.vehicles import PLATE_COLOURS
from gateway.services.policy_port import PolicyStore
from gateway.services.ports import Clock, NewEntry


class Exceptions:
    def __init__(self, store: PolicyStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def grant(self, *, plate_no: str, plate_colour: str, reason_kind: str, reason: str, approver: str,
              hours: float) -> PassException:  # fmt: skip
        """From now on. Raises ExceptionRefused naming the field and what is allowed."""
        now_ms = self._clock.wall_ms()
        plate = _plate(plate_no, plate_colour)
        granted = exception_from(str(ULID.from_timestamp(now_ms / 1000)), plate_no=plate, plate_colour=plate_colour,
                                 reason_kind=reason_kind, reason=reason, approver=approver, from_ms=now_ms, hours=hours)  # fmt: skip
        self._store.add_exception(granted, self._entry("exception", {"granted": vars(granted).copy()}))
        return granted

    def revoke(self, exception_id: str, *, by: str) -> None:
        if not by.strip():
            raise ExceptionRefused("必须填写姓名 by: a name is required")
        now_ms = self._clock.wall_ms()
        if not any(e["exception_id"] == exception_id for e in self._store.exceptions(now_ms, now_ms + 1)):
            raise ExceptionRefused(f"exception {exception_id!r} is not in force 例外不存在或已失效")
        self._store.revoke_exception(exception_id, by, self._entry("exception", {"revoked": exception_id, "by": by}))

    def day_report(self, from_ms: int, until_ms: int) -> list[dict[str, Any]]:
        """Every exception that was in force in the time, with the passes that it let through: for the daily report."""
        used: dict[str, list[str]] = {}
        for row in self._store.judged(from_ms, until_ms):
            rule = row["verdict"]["rule_id"]
            if rule.startswith("exception:"):
                used.setdefault(rule.removeprefix("exception:"), []).append(row["pass_id"])
        return [
            row | {"passes": used.get(row["exception_id"], []), "until": local_text(row["until_ms"])}
            for row in self._store.exceptions(from_ms, until_ms)
        ]

    def blacklist(self, plate_no: str, plate_colour: str, *, reason: str, by: str, until_ms: int | None = None) -> None:
        """Refuse this plate from now on."""
        plate = _plate(plate_no, plate_colour)
        if not reason.strip() or not by.strip():
            raise ExceptionRefused("必须填写原因和姓名 a reason and a name are required")
        body = {"plate_no": plate, "plate_colour": plate_colour, "reason": reason, "by": by, "until_ms": until_ms}
        self._store.put_blacklist(plate, plate_colour, reason.strip(), by, self._clock.wall_ms(), until_ms,
                                  self._entry("blacklist", body))  # fmt: skip

    def unlist(self, plate_no: str, plate_colour: str, *, by: str) -> None:
        if not by.strip():
            raise ExceptionRefused("必须填写姓名 by: a name is required")
        plate = _plate(plate_no, plate_colour)
        body = {"plate_no": plate, "plate_colour": plate_colour, "removed_by": by}
        self._store.drop_blacklist(plate, plate_colour, self._entry("blacklist", body))

    def plate(self, plate_no: str, plate_colour: str) -> str:
        """The normal form of a plate that can be listed. Raises ExceptionRefused."""
        return _plate(plate_no, plate_colour)

    def listed(self, plate_no: str, plate_colour: str) -> None:
        """Raises ExceptionRefused for a plate that is not on the blacklist now."""
        plate = _plate(plate_no, plate_colour)
        if self._store.blacklist_reason(plate, plate_colour, self._clock.wall_ms()) is None:
            raise ExceptionRefused(f"{plate}: 不在黑名单 is not on the blacklist")

    def _entry(self, kind: str, body: dict[str, Any]) -> NewEntry:
        return NewEntry(kind, "", "", self._clock.wall_ms(), body)


def _plate(plate_no: str, plate_colour: str) -> str:
    plate = normal_form(plate_no)
    if not is_valid_plate(plate):
        raise ExceptionRefused(f"{plate_no!r} 不是有效号牌 has the form of no plate")
    if len(plate_colour) != 1 or plate_colour not in PLATE_COLOURS:
        raise ExceptionRefused(f"plate_colour {plate_colour!r}; allowed: {', '.join(PLATE_COLOURS)}")
    return plate
