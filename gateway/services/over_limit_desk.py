"""The regulator's over-limit list: taken in one transaction, re-confirmed step by step, answered.

From the moment it is taken the gate stops the vehicle. checked and decided are one action each; the upload follows by
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.domain import over_limit
from gateway.domain.over_limit import CaseRefused, OverLimitCase, Terms
from gateway.domain.records import CHINA
from gateway.services.policy_port import PolicyStore
from gateway.services.ports import Clock, NewEntry


class OverLimitDesk:
    def __init__(self, store: PolicyStore, clock: Clock, terms: Terms) -> None:
        self._store, self._clock, self._terms = store, clock, terms

    def receive(self, items: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Take the list of exceedVehicle whole or not at all, once or again. Raises CaseRefused naming the item and the field."""
        now_ms = self._clock.wall_ms()
        taken: dict[str, OverLimitCase] = {}
        for item in items:
            name = str(item.get("exceedId") or "")
            if not name:
                raise CaseRefused(f"over-limit item {dict(item)!r}: exceedId is missing")
            known = taken.get(name) or self._store.case(name)
            match item.get("op", "add"):
                case "add":
                    if known is None or known.state == "lifted":
                        taken[name] = self._new(name, item, now_ms)
                case "remove" if known is None or known.state != "lifted":
                    known = known or self._new(name, dict(item) | {"reason": item.get("reason") or "解除"}, now_ms)
                    taken[name] = over_limit.lifted(known, reason=str(item.get("reason", "")), at_ms=now_ms)
                case "remove":  # told before
                    pass
                case other:
                    raise CaseRefused(f"over-limit {name}: op {other!r}; allowed: add, remove")
        taken = {
            n: c
            for n, c in taken.items()
            if not (c.state == "lifted" and (k := self._store.case(n)) and k.state == "lifted")
        }
        counts = {"added": sum(c.state == "received" for c in taken.values()),
                  "lifted": sum(c.state == "lifted" for c in taken.values())}  # fmt: skip
        if taken:
            body = counts | {"cases": {name: case.state for name, case in taken.items()}}
            self._store.put_cases(list(taken.values()), NewEntry("over_limit", "", "", now_ms, body))
        return counts

    def _new(self, name: str, item: Mapping[str, Any], now_ms: int) -> OverLimitCase:
        return over_limit.received(
            exceed_id=name, target=str(item.get("targetType", "vehicle")), reason=str(item.get("reason") or "未说明原因"),
            at_ms=now_ms, terms=self._terms, plate_no=str(item.get("plateNo") or ""),
            plate_colour=str(item.get("plateColor") or ""), env_reg_code=str(item.get("envRegCode") or ""),
            found_at_ms=_time(name, "foundTime", item.get("foundTime")),
            effective_from_ms=_time(name, "effectiveFrom", item.get("effectiveFrom")) or 0,
        )  # fmt: skip

    def check(self, exceed_id: str, *, by: str, findings: str) -> OverLimitCase:
        case = over_limit.checked(self._known(exceed_id), by=by, findings=findings, at_ms=self._clock.wall_ms(),
                                  terms=self._terms)  # fmt: skip
        return self._keep(case, by)

    def decide(self, exceed_id: str, *, result: str, by: str, note: str, evidence: Sequence[str] = ()) -> OverLimitCase:
        case = over_limit.decided(self._known(exceed_id), result=result, by=by, note=note, evidence=tuple(evidence),
                                  at_ms=self._clock.wall_ms(), terms=self._terms)  # fmt: skip
        return self._keep(case, by)

    def to_upload(self) -> list[dict[str, Any]]:
        """Records of exceedConfirm that the platform has not accepted yet, the oldest term first."""
        return [over_limit.confirmation(c) for c in self._store.cases() if c.state in ("confirmed", "contested")]

    def uploaded(self, exceed_id: str) -> OverLimitCase:
        """The platform accepted the answer."""
        return self._keep(over_limit.uploaded(self._known(exceed_id), at_ms=self._clock.wall_ms()), "regulator")

    def all_cases(self) -> list[OverLimitCase]:
        """Those that are due first before the others."""
        return self._store.cases()

    def open_cases(self) -> list[OverLimitCase]:
        return [case for case in self._store.cases() if case.is_open]

    def late(self) -> list[OverLimitCase]:
        now_ms = self._clock.wall_ms()
        return [case for case in self._store.cases() if case.is_late(now_ms)]

    def _known(self, exceed_id: str) -> OverLimitCase:
        case = self._store.case(exceed_id)
        if case is None:
            raise CaseRefused(f"over-limit {exceed_id!r} is not known")
        return case

    def _keep(self, case: OverLimitCase, by: str) -> OverLimitCase:
        body = {"exceed_id": case.exceed_id, "step": case.state, "by": by, "result": case.result, "note": case.note,
                "findings": case.findings, "evidence": list(case.evidence)}  # fmt: skip
        self._store.put_cases([case], NewEntry("over_limit", "", "", self._clock.wall_ms(), body))
        return case


def _time(name: str, key: str, value: Any) -> int | None:
    if not value:
        return None
    try:
        at = datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        raise CaseRefused(f"over-limit {name}: {key} {value!r}; allowed: yyyy-MM-dd HH:mm:ss") from None
    return int(at.timestamp() * 1000)
