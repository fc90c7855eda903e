"""Goods and load of passes from whatever source says something; what no source says stays unknown and is listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ulid import ULID

from gateway.domain.gate_rules import gate_rules
from gateway.domain.goods import SOURCES, Goods, GoodsRefused, goods_from, to_values
from gateway.domain.passing import Identity, Pass
from gateway.domain.policy import ALLOW, HOLD, Verdict
from gateway.domain.side_records import SideRow
from gateway.domain.visits import CROSSED
from gateway.services.ports import Change, Clock, Ledger, Queries, Sides
from gateway.services.revisions import revision

EXIT_NEEDS = ("nothing", "goods", "weighed")
SLACK_MS = 120_000  # the scale's clock against the gate's


@dataclass(frozen=True)
class Carried:
    """What a pass carried. source "" and confidence 0: unknown. at_ms: of the source's record."""

    goods: Goods | None = None
    side_id: str = ""
    confidence: float = 0.0

    @property
    def source(self) -> str:
        return self.goods.source if self.goods else ""

    @property
    def is_known(self) -> bool:
        return bool(self.goods and (self.goods.goods_name or self.goods.quantity_t is not None))


@dataclass(frozen=True)
class DayBalance:
    """One day in tonnes, by direction. open: differences that nobody explained; each names its record or pass."""

    weighed_t: dict[str, float]
    ledger_t: dict[str, float]
    document_t: dict[str, float]
    open: list[dict[str, Any]]
    explained: list[dict[str, Any]]


class GoodsBook:
    """Goods of passes, and what does not add up; reads only."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides

    def goods_for(self, p: Pass) -> Carried:
        """The best source: one that names the pass, else of the same plate, way and time; a better kind of source first."""
        named = [(row, goods_of(row)) for row in self._sides.of_pass("goods", p.pass_id)]
        if named:
            row, goods = max(named, key=lambda found: _rank(found[1]))
            return Carried(goods, row.side_id, gate_rules().confidence[goods.source] if goods.joined else 1.0)
        plate, colour = (p.identity.plate_no, p.identity.plate_colour) if p.identity else ("", "5")
        return self.goods_at(plate, colour, p.direction, p.arrived_at_ms)

    def bound(self, p: Pass) -> list[SideRow]:
        """The record that belongs to a crossing by plate, way and time, and the booking that it used: bound to it from now on,
        so that no other takes them."""
        if p.end not in CROSSED or p.identity is None:
            return []
        found = self.goods_for(p)
        rows = {found.side_id: found.goods} if found.goods and not found.goods.pass_id else {}
        if p.direction == "in" and (
            used := self._booking(p.identity.plate_no, p.identity.plate_colour, p.arrived_at_ms)
        ):
            rows.setdefault(*used)
        return [side_row(side_id, replace(goods, pass_id=p.pass_id, joined=True)) for side_id, goods in rows.items()]

    def goods_at(self, plate: str, colour: str, direction: str, at_ms: int) -> Carried:
        if not plate:
            return Carried()
        rules = gate_rules()
        near = [
            (row, goods) for row in self._sides.of_subject("goods", f"{plate}/{colour}", at_ms - rules.join_ms, at_ms + rules.join_ms)
            if not (goods := goods_of(row)).pass_id and goods.direction == direction
        ]  # fmt: skip
        if not near:
            return Carried()
        row, goods = min(near, key=lambda found: (SOURCES.index(found[1].source), abs(found[1].at_ms - at_ms)))
        return Carried(goods, row.side_id, rules.confidence[goods.source])

    def has_booking(self, plate: str, colour: str, at_ms: int) -> bool:
        """A reservation announces this vehicle about now, and no passage has used it yet."""
        return self._booking(plate, colour, at_ms) is not None

    def booked(self, at_ms: int) -> frozenset[str]:
        """plate/colour of every vehicle that a reservation announces about this moment and no passage has used."""
        near_ms = gate_rules().join_ms
        rows = [r for r in self._sides.between("goods", at_ms - near_ms, at_ms + near_ms) if not r.pass_id]
        return frozenset(r.subject for r in rows if (g := goods_of(r)).source == "reservation" and g.direction == "in")

    def _booking(self, plate: str, colour: str, at_ms: int) -> tuple[str, Goods] | None:
        near_ms = gate_rules().join_ms
        rows = self._sides.of_subject("goods", f"{plate}/{colour}", at_ms - near_ms, at_ms + near_ms) if plate else []
        free = [(row.side_id, goods_of(row)) for row in rows if not row.pass_id]
        free = [(side_id, g) for side_id, g in free if g.source == "reservation" and g.direction == "in"]
        return min(free, key=lambda found: abs(found[1].at_ms - at_ms), default=None)

    # ------------------------------------------------------------ lists

    def missing(self, passes: Iterable[Pass]) -> list[Pass]:
        """Passes that crossed and whose goods no source knows."""
        return [p for p in passes if p.end in CROSSED and not self.goods_for(p).is_known]

    def differences(self, from_ms: int, to_ms: int) -> list[tuple[str, Goods]]:
        """Records whose weight differs from their document by more than the rule, explained or not."""
        rows = self._sides.between("goods", from_ms, to_ms)
        return [(row.side_id, goods) for row in rows if (goods := goods_of(row)).differs]

    def reconcile(self, from_ms: int, to_ms: int, passes: Iterable[Pass]) -> DayBalance:
        """Scale records against the ledger of the same time in tonnes; passes: those of that time.

        A difference is a ticket without a passage, a weighed load that the ledger does not carry, or a document that differs.
        """
        tickets = {
            row.side_id: goods
            for row in self._sides.between("goods", from_ms, to_ms)
            if (goods := goods_of(row)).is_weighed
        }
        carried = {p.pass_id: (p, self.goods_for(p)) for p in passes if p.end in CROSSED}
        used = {c.side_id for _, c in carried.values()}
        found: list[dict[str, Any]] = []
        for side_id, goods in tickets.items():
            kind = "no_passage" if side_id not in used else "document_differs" if goods.differs else ""
            if kind:
                found.append({"kind": kind, "side_id": side_id, "plate_no": goods.plate_no, "ticket": goods.weigh_ticket_no,
                              "tonnes": goods.net_t, "document_t": goods.document_t, "explained": goods.explained})  # fmt: skip
        seen: dict[str, str] = {}
        for pass_id, (_, c) in carried.items():
            if c.side_id in tickets and (other := seen.setdefault(c.side_id, pass_id)) != pass_id:
                found.append({"kind": "ticket_twice", "side_id": c.side_id, "passes": [other, pass_id],
                              "tonnes": tickets[c.side_id].net_t, "explained": tickets[c.side_id].explained})  # fmt: skip
        return DayBalance(
            _sums((g.direction, g.net_t) for g in tickets.values()),
            _sums((p.direction, c.goods.quantity_t) for p, c in carried.values() if c.goods),
            _sums((g.direction, g.document_t) for g in tickets.values()),
            [f for f in found if not f["explained"]],
            [f for f in found if f["explained"]],
        )


class GoodsDesk(GoodsBook):
    """What may be said and asked of goods. exit_needs: one of EXIT_NEEDS."""

    def __init__(
        self, *, ledger: Ledger, sides: Sides, queries: Queries, clock: Clock, exit_needs: str = "nothing"
    ) -> None:
        super().__init__(sides)
        self._ledger, self._queries, self._clock = ledger, queries, clock
        self.exit_needs = exit_needs

    async def record(self, values: Mapping[str, Any]) -> str:
        """Keep what a source says; the record's id. Raises GoodsRefused naming the field."""
        goods = replace(goods_from(values), entered_at_ms=self._clock.wall_ms())
        if goods.pass_id and self._queries.find_pass(goods.pass_id) is None:
            raise GoodsRefused(f"pass_id {goods.pass_id!r}: 没有这次通行 there is no such pass")
        side_id = str(ULID.from_timestamp(self._clock.wall_ms() / 1000))
        async with self._ledger.turn:
            p = self._closed_pass(goods)
            if p and not goods.pass_id:
                goods = replace(goods, pass_id=p.pass_id, joined=True)
            change = Change(sides=[side_row(side_id, goods)])
            if p and self._is_best(p, goods):
                change.uploads += [upload] if (upload := revision(p, self._ledger, goods)) else []
            await self._ledger.commit(change)
        return side_id

    def _closed_pass(self, goods: Goods) -> Pass | None:
        """The crossing that a late record belongs to: the one it names, else the entry that the scale saw last or the exit
        that came next. A booking says what is planned and never looks back."""
        if goods.pass_id:
            return self._queries.find_pass(goods.pass_id)
        if goods.source == "reservation":
            return None
        join_ms = gate_rules().join_ms
        visits = self._ledger.visits_from(goods.plate_no, goods.plate_colour, goods.at_ms - join_ms)
        if goods.direction == "in":
            ways = [(v.time_in_ms, v.in_pass) for v in visits]
            near = [
                (at_ms, name)
                for at_ms, name in ways
                if at_ms and name and goods.at_ms - join_ms <= at_ms <= goods.at_ms + SLACK_MS
            ]
            found = max(near, default=None)
        else:
            ways = [(v.time_out_ms, v.out_pass) for v in visits]
            near = [
                (at_ms, name)
                for at_ms, name in ways
                if at_ms and name and goods.at_ms - SLACK_MS <= at_ms <= goods.at_ms + join_ms
            ]
            found = min(near, default=None)
        p = self._ledger.pass_of("", found[1]) if found else None
        return p if p and not p.is_open and not self._sides.of_pass("goods", p.pass_id) else None

    def _is_best(self, p: Pass, goods: Goods) -> bool:
        """Whether the ledger shows this record for the pass from now on."""
        return all(_rank(goods_of(row)) < _rank(goods) for row in self._sides.of_pass("goods", p.pass_id))

    async def explain(self, side_id: str, *, by: str, why: str) -> None:
        """A person says why a record differs. Raises GoodsRefused."""
        row = self._sides.one("goods", side_id)
        if row is None or not by.strip() or not why.strip():
            raise GoodsRefused(
                f"{side_id}: 没有这条记录，或缺少姓名和原因 no such record, or name and reason are missing"
            )
        goods = replace(
            goods_of(row), explained=why.strip(), explained_by=by.strip(), entered_at_ms=self._clock.wall_ms()
        )
        await self._ledger.commit(Change(sides=[side_row(side_id, goods)]))

    # ------------------------------------------------------------ the exit rule

    def judged(self, verdict: Verdict, identity: Identity, direction: str, at_ms: int) -> Verdict:
        """An exit whose record is not complete waits for a person, whose allow carries who and why; nothing else changes."""
        if self.exit_needs == "nothing" or direction != "out" or verdict.verdict != ALLOW or not identity.plate_no:
            return verdict
        found = self.goods_at(identity.plate_no, identity.plate_colour, direction, at_ms)
        if found.is_known and (self.exit_needs == "goods" or (found.goods and found.goods.is_weighed)):
            return verdict
        zh, en = ("出厂记录不完整：未过磅", "the exit's record is not complete: not weighed") if self.exit_needs == "weighed" else \
                 ("出厂记录不完整：货物未知", "the exit's record is not complete: goods unknown")  # fmt: skip
        return replace(
            verdict, verdict=HOLD, rule_id=f"exit-{self.exit_needs}", reason_code="V03", reason_zh=zh, reason_en=en
        )


def side_row(side_id: str, goods: Goods) -> SideRow:
    values = {k: v for k, v in to_values(goods).items() if k not in ("at_ms", "pass_id")}
    return SideRow("goods", side_id, f"{goods.plate_no}/{goods.plate_colour}", goods.at_ms, goods.pass_id, values)


def goods_of(row: SideRow) -> Goods:
    return Goods(**row.values, at_ms=row.at_ms, pass_id=row.pass_id)


def _rank(goods: Goods) -> tuple[bool, int, int]:
    """Of records of one pass the greatest counts: one that names it, the better source, the later one."""
    return not goods.joined, -SOURCES.index(goods.source), goods.at_ms


def _sums(parts: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    total = {"in": 0.0, "out": 0.0}
    for direction, tonnes in parts:
        total[direction] += tonnes or 0.0
    return {k: round(v, 3) for k, v in total.items()}
