"""What the gate's office does on the console: who is inside, plates typed from pictures, passages typed, the paper form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.domain.gate_rules import gate_rules
from gateway.domain.passing import Pass
from gateway.domain.visits import VisitRow
from gateway.services.evidence import Correction, correct
from gateway.services.goods_desk import GoodsDesk
from gateway.services.late_entry import LateEntries
from gateway.services.paper_form import PaperForm
from gateway.services.ports import Clock, Ledger, Queries, Visits
from gateway.services.use_records import UseDesk

SHOWN = 200


@dataclass(frozen=True)
class Presence:
    """inside: of visits open now, how many in all; overdue is the part of them that is too long inside. Longest first."""

    now_ms: int
    inside: int
    visits: list[VisitRow]
    overdue: list[VisitRow]
    unpaired: list[VisitRow]
    exit_missed: list[VisitRow]
    inexact: list[VisitRow]


@dataclass(frozen=True)
class Office:
    ledger: Ledger
    queries: Queries
    visits: Visits
    late: LateEntries
    paper: PaperForm
    uses: UseDesk
    goods: GoodsDesk
    clock: Clock

    def presence(self) -> Presence:
        now_ms, rules = self.clock.wall_ms(), gate_rules()
        since_ms = now_ms - rules.list_ms
        late_ms = now_ms - rules.overdue_ms
        return Presence(
            now_ms, self.visits.count_inside(now_ms), self.visits.inside(now_ms, SHOWN), self.visits.inside(late_ms, SHOWN),
            self.visits.unpaired(since_ms, SHOWN), self.visits.exit_missed(since_ms, SHOWN), self.visits.inexact(since_ms, SHOWN),
        )  # fmt: skip

    def unread(self, limit: int = 12) -> list[Pass]:
        """Passes that are over and whose plate nobody knows, newest first."""
        ids = self.visits.unread(self.clock.wall_ms() - gate_rules().list_ms, limit)
        return [p for pass_id in ids if (p := self.queries.find_pass(pass_id))]

    async def type_plate(self, pass_id: str, *, plate_no: str, plate_colour: str, by: str, why: str) -> int:
        """The plate of a pass that the sensors saw, typed from its picture: a correction, marked manual. Raises CorrectionRefused."""
        wanted = Correction(
            pass_id,
            {"plate_no": plate_no, "plate_colour": plate_colour, **self._papers(plate_no, plate_colour)},
            by,
            why,
        )
        return await correct(wanted, ledger=self.ledger, queries=self.queries, clock=self.clock)

    def _papers(self, plate_no: str, plate_colour: str) -> dict[str, Any]:
        """What the register says of that vehicle: the row is filled without typing."""
        known = self.late.prefill(plate_no, plate_colour)
        return {k: v for k, v in known.items() if isinstance(v, str) and v and k not in ("plate_no", "plate_colour")}
