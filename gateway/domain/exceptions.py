"""Exceptions from the rules: for one plate, with a reason, an approver and an end. None is permanent."""

from __future__ import annotations

from dataclasses import dataclass

MAX_HOURS = 72
REASON_KINDS = ("livelihood", "rescue", "fire", "medical", "public_safety")
_HOUR_MS = 3_600_000


class ExceptionRefused(ValueError):
    """An exception is not acceptable; the message names field, value and what is allowed."""


@dataclass(frozen=True)
class PassException:
    """Lifts the rules, networking and booking for one plate; never the over-limit list, blacklist or registration."""

    exception_id: str
    plate_no: str
    plate_colour: str
    reason_kind: str
    reason: str
    approver: str
    from_ms: int
    until_ms: int

    def covers(self, plate_no: str, plate_colour: str, at_ms: int) -> bool:
        """In force for this plate now. One that would last longer than MAX_HOURS, however it got here, never is."""
        return (
            (self.plate_no, self.plate_colour) == (plate_no, plate_colour)
            and self.from_ms <= at_ms < self.until_ms
            and self.until_ms - self.from_ms <= MAX_HOURS * _HOUR_MS
        )


def exception_from(exception_id: str, *, plate_no: str, plate_colour: str, reason_kind: str, reason: str, approver: str,
                   from_ms: int, hours: float) -> PassException:  # fmt: skip
    """A checked exception. Raises ExceptionRefused."""
    if reason_kind not in REASON_KINDS:
        raise ExceptionRefused(f"例外类别 reason_kind = {reason_kind!r}; allowed: {', '.join(REASON_KINDS)}")
    for name, zh, value in (
        ("plate_no", "号牌", plate_no),
        ("reason", "原因", reason),
        ("approver", "批准人", approver),
    ):
        if not value.strip():
            raise ExceptionRefused(f"例外必须填写{zh} {name} = {value!r}; allowed: a text")
    if not 0 < hours <= MAX_HOURS:
        raise ExceptionRefused(f"例外时长 hours = {hours!r}; allowed: more than 0, at most {MAX_HOURS}")
    until_ms = from_ms + round(hours * _HOUR_MS)
    return PassException(exception_id, plate_no.strip(), plate_colour, reason_kind, reason.strip(), approver.strip(),
                         from_ms, until_ms)  # fmt: skip
