"""What belongs to passes and registers but is no pass: goods, use of machines and in-plant vehicles, paper numbers, findings,
drivers' requests, machines in work areas, what two persons decide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SIDE_KINDS = ("goods", "use", "paper", "finding", "driver_request", "zone", "two_person")


@dataclass(frozen=True)
class SideRow:
    """One record, stated whole by each of its entries. subject: plate/colour, register row key, or sheet. at_ms: of the fact."""

    kind: str
    side_id: str
    subject: str
    at_ms: int
    pass_id: str
    values: dict[str, Any] = field(default_factory=dict)
    ledger: str = "in_out"

    def body(self) -> dict[str, Any]:
        return {
            **self.values,
            "subject": self.subject,
            "at_ms": self.at_ms,
            "pass_id": self.pass_id,
            "ledger": self.ledger,
        }

    @staticmethod
    def of(kind: str, side_id: str, body: dict[str, Any]) -> SideRow:
        values = {k: v for k, v in body.items() if k not in ("subject", "at_ms", "pass_id", "ledger")}
        return SideRow(kind, side_id, body["subject"], body["at_ms"], body["pass_id"], values, body["ledger"])
