"""Re-confirming an entry of the regulator's over-limit list (HJ 1321, enterprise function 8).

received -> checked -> confirmed | contested -> uploaded; lifted by the regulator at any time. While a case is open the
vehicle stays refused: re-confirming never opens the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

STATES = ("received", "checked", "confirmed", "contested", "uploaded", "lifted")
RESULTS = {"confirmed": "confirmed", "repaired": "confirmed", "not_ours": "contested", "disputed": "contested"}
"""Result of exceedConfirm -> state it leads to."""
TARGETS = ("vehicle", "machine")


class CaseRefused(ValueError):
    """A step is not possible now; the message names the case, its state and what is allowed."""


@dataclass(frozen=True)
class Terms:
    """Hours for each step; a case that is late is shown and alarmed. Source: policies/terms/over_limit.toml."""

    check_h: float
    answer_h: float
    upload_h: float


@dataclass(frozen=True, kw_only=True)
class OverLimitCase:
    exceed_id: str
    target: str  # vehicle | machine
    reason: str
    received_at_ms: int
    due_at_ms: int
    state: str = "received"
    plate_no: str = ""
    plate_colour: str = ""
    env_reg_code: str = ""  # machines
    found_at_ms: int | None = None
    effective_from_ms: int = 0
    checked_at_ms: int | None = None
    checked_by: str = ""
    findings: str = ""
    result: str = ""  # of RESULTS
    decided_at_ms: int | None = None
    decided_by: str = ""
    note: str = ""
    evidence: tuple[str, ...] = ()  # photographs or documents, as paths below the data directory
    uploaded_at_ms: int | None = None

    @property
    def is_open(self) -> bool:
        return self.state not in ("uploaded", "lifted")

    def is_late(self, at_ms: int) -> bool:
        return self.is_open and at_ms > self.due_at_ms


def received(*, exceed_id: str, target: str, reason: str, at_ms: int, terms: Terms, plate_no: str = "",
             plate_colour: str = "", env_reg_code: str = "", found_at_ms: int | None = None,
             effective_from_ms: int = 0) -> OverLimitCase:  # fmt: skip
    if target not in TARGETS:
        raise CaseRefused(f"over-limit {exceed_id}: target {target!r}; allowed: {', '.join(TARGETS)}")
    if not (plate_no and plate_colour) and not env_reg_code:
        raise CaseRefused(f"over-limit {exceed_id}: plate_no and plate_colour, or env_reg_code, are missing")
    return OverLimitCase(
        exceed_id=exceed_id, target=target, reason=reason, received_at_ms=at_ms, due_at_ms=_due(at_ms, terms.check_h),
        plate_no=plate_no, plate_colour=plate_colour, env_reg_code=env_reg_code, found_at_ms=found_at_ms,
        effective_from_ms=effective_from_ms,
    )  # fmt: skip


def checked(case: OverLimitCase, *, by: str, findings: str, at_ms: int, terms: Terms) -> OverLimitCase:
    _must(case, "received")
    _texts(case, by=by, findings=findings)
    return replace(case, state="checked", checked_at_ms=at_ms, checked_by=by, findings=findings,
                   due_at_ms=_due(case.received_at_ms, terms.answer_h))  # fmt: skip


def decided(case: OverLimitCase, *, result: str, by: str, note: str, evidence: tuple[str, ...], at_ms: int,
            terms: Terms) -> OverLimitCase:  # fmt: skip
    """confirmed or contested; contesting needs evidence."""
    _must(case, "checked")
    if result not in RESULTS:
        raise CaseRefused(f"over-limit {case.exceed_id}: result {result!r}; allowed: {', '.join(RESULTS)}")
    _texts(case, by=by, note=note)
    if RESULTS[result] == "contested" and not evidence:
        raise CaseRefused(
            f"over-limit {case.exceed_id}: 提出异议须附证据 result {result!r} needs at least one evidence"
        )
    return replace(case, state=RESULTS[result], result=result, decided_at_ms=at_ms, decided_by=by, note=note,
                   evidence=tuple(evidence), due_at_ms=_due(at_ms, terms.upload_h))  # fmt: skip


def uploaded(case: OverLimitCase, *, at_ms: int) -> OverLimitCase:
    _must(case, "confirmed", "contested")
    return replace(case, state="uploaded", uploaded_at_ms=at_ms)


def lifted(case: OverLimitCase, *, reason: str, at_ms: int) -> OverLimitCase:
    """The regulator took the vehicle off its list; what had been found stays."""
    return replace(
        case, state="lifted", note=f"{case.note}；{reason}".strip("；"), decided_at_ms=case.decided_at_ms or at_ms
    )


def confirmation(case: OverLimitCase) -> dict[str, Any]:
    """The canonical record of exceedConfirm."""
    _must(case, "confirmed", "contested", "uploaded")
    return {
        "exceed_id": case.exceed_id, "result": case.result, "check_time_ms": case.checked_at_ms,
        "checker": case.checked_by, "note": case.note, "evidence": list(case.evidence),
    }  # fmt: skip


def to_doc(case: OverLimitCase) -> dict[str, Any]:
    return asdict(case)


def from_doc(doc: Mapping[str, Any]) -> OverLimitCase:
    known = {f.name for f in fields(OverLimitCase)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in doc.items() if k in known}
    return OverLimitCase(**values)


def _due(from_ms: int, hours: float) -> int:
    return from_ms + round(hours * 3_600_000)


def _must(case: OverLimitCase, *states: str) -> None:
    if case.state not in states:
        raise CaseRefused(f"over-limit {case.exceed_id}: is {case.state}; allowed from {', '.join(states)}")


def _texts(case: OverLimitCase, **values: str) -> None:
    for name, value in values.items():
        if not value.strip():
            raise CaseRefused(f"over-limit {case.exceed_id}: {name} {value!r}; allowed: a text")
