"""Rows of the three electronic ledgers with every column of dictionary/ledgers.toml, as texts; unknown stays "".

in_out: one row a visit, and one for each passage that made no visit (refused, backed out, left). The other two: one
row a registered vehicle or machine, its use records beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.dictionary import LedgerLayout, ledgers
from gateway.domain.goods import Goods
from gateway.domain.records import local_text
from gateway.domain.register_sheet import heading, normalised, shown
from gateway.domain.side_records import SideRow
from gateway.domain.visits import VisitRow
from gateway.services.goods_desk import GoodsBook
from gateway.services.passage_record import UNREAD, record_source
from gateway.services.ports import LedgerFacts, PassFacts, Sides
from gateway.services.register_port import RegisterStore

REGISTER_OF = {"in_plant": "in_plant_vehicle", "machine": "machine"}
_UPLOADS = ("parked", "retry", "new", "waiting", "accepted")  # the row shows its least finished side
_UPLOAD_WORDS = {"parked": "parked", "retry": "pending", "new": "pending", "waiting": "waiting", "accepted": "accepted"}
_SOURCES = ("paper", "manual", "auto")
MAX_TEXT = 200


@dataclass(frozen=True)
class LedgerRows:
    facts: LedgerFacts
    goods: GoodsBook
    registers: RegisterStore
    sides: Sides

    def ledger_row(self, visit: VisitRow | None, passes: Sequence[PassFacts]) -> dict[str, str]:
        """One row of in_out, every column."""
        by_way = {f.p.direction: f for f in passes}
        loads = {way: self.goods.goods_for(f.p).goods for way, f in by_way.items()}
        newest = max(passes, key=lambda f: f.p.arrived_at_ms)
        plate, colour = (newest.p.identity.plate_no, newest.p.identity.plate_colour) if newest.p.identity else ("", "5")
        papers = self.registers.brief("vehicle", f"{plate}/{colour}") if plate else None
        return in_out_row(visit, by_way, loads, papers.values if papers else {})

    def in_out(self, from_ms: int, to_ms: int) -> Iterator[dict[str, str]]:
        for visit, passes in self.facts.between(from_ms, to_ms):
            yield self.ledger_row(visit, passes)

    def register(self, ledger: str) -> Iterator[tuple[dict[str, str], list[SideRow]]]:
        """Each row of in_plant or machine with its use records."""
        for row in self.registers.all(REGISTER_OF[ledger]):
            values = {c.name: row.values.get(c.name, "") for c in ledgers()[ledger].columns}
            uses = [u for u in self.sides.of_subject("use", row.key) if u.ledger == ledger]
            yield values, uses

    def table(self, ledger: str, from_ms: int, to_ms: int, language: str | None = "zh") -> list[list[str]]:
        """Headings first, every column in export order."""
        rows = self.in_out(from_ms, to_ms) if ledger == "in_out" else (values for values, _ in self.register(ledger))
        return table_of(ledgers()[ledger], list(rows), language)


def in_out_row(visit: VisitRow | None, by_way: Mapping[str, PassFacts], loads: Mapping[str, Goods | None],
               papers: Mapping[str, str]) -> dict[str, str]:  # fmt: skip
    """by_way: "in" and/or "out" -> its pass. papers: the vehicle's register row, for its documents' photographs."""
    passes = sorted(by_way.values(), key=lambda f: f.p.arrived_at_ms)
    first, last = passes[0], passes[-1]
    named = by_way.get("in") or last
    row = {c.name: "" for c in ledgers()["in_out"].columns}
    row |= {
        "visit_id": visit.visit_id if visit else first.p.visit_id or first.p.record_no,
        "passage_state": {"in": "1", "out": "2"}[last.p.direction],
        "plate_no": (named.p.identity.plate_no if named.p.identity else "") or UNREAD,
        "plate_colour": named.p.identity.plate_colour if named.p.identity and named.p.identity.plate_no else "5",
    }
    for way, f in by_way.items():
        row |= {
            f"entrance_code_{way}": str(f.record.get("entrance_code", "")),
            f"barrier_code_{way}": str(f.record.get("barrier_code", "")),
            f"time_{way}": local_text(f.p.arrived_at_ms),
            f"photo_{way}_head": f.photos.get(f.p.head_photo, ""),
            f"photo_{way}_body": f.photos.get(f.p.body_photo, ""),
            f"control_result_{way}": f.p.control_result,
            f"barrier_action_{way}": f.p.barrier_action,
        }
        if goods := loads.get(way):
            row |= {f"goods_name_{way}": goods.goods_name, f"quantity_{way}_t": _number(goods.quantity_t)}
    vehicle = last.p.vehicle or first.p.vehicle
    for c in ledgers()["in_out"].columns:
        if c.origin == "vehicle" or c.personal:
            row[c.name] = str(vehicle.get(c.name) or "")
    row |= {name: papers.get(name, "") for name in ("env_list_photo", "licence_photo")}
    weighed = next((g for way in ("out", "in") if (g := loads.get(way)) and g.is_weighed), None)
    if weighed:
        row |= {"weigh_ticket_no": weighed.weigh_ticket_no, "tare_t": _number(weighed.tare_t), "gross_t": _number(weighed.gross_t),
                "net_t": _number(weighed.net_t), "weigh_time": local_text(weighed.weigh_ms or weighed.at_ms)}  # fmt: skip
    return row | _judged(passes, first) | _system(passes)


def _judged(passes: Sequence[PassFacts], first: PassFacts) -> dict[str, str]:
    reasons = [str(f.record.get("violation_reason", "")) for f in passes]
    verdict = first.p.verdict
    return {
        "violates_policy": "1" if any(f.record.get("violates_policy") for f in passes) else "0",
        "violation_reason": "；".join(dict.fromkeys(r for r in reasons if r))[:MAX_TEXT],
        "policy_id": verdict.policy_id if verdict else "",
        "response_level": verdict.response_level if verdict else "",
    }


def _system(passes: Sequence[PassFacts]) -> dict[str, str]:
    states = [f.upload.get("state", "waiting") for f in passes]
    done = [f.upload["accepted_at_ms"] for f in passes if f.upload.get("accepted_at_ms")]
    receipts = [str(f.upload.get("receipt", {}).get("platform_visit_id", "")) for f in passes]
    seqs = sorted(seq for f in passes for seq in f.entries)
    return {
        "record_source": min((record_source(f.p) for f in passes), key=_SOURCES.index),
        "is_backfill": "1" if any(f.upload.get("is_backfill") for f in passes) else "0",
        "upload_state": _UPLOAD_WORDS[min(states, key=_UPLOADS.index)],
        "upload_time": local_text(max(done)) if len(done) == len(passes) else "",
        "upload_attempts": str(sum(f.upload.get("attempts", 0) for f in passes)),
        "platform_id": "；".join(dict.fromkeys(r for r in receipts if r)),
        "entry_ids": _spans(seqs)[:MAX_TEXT],
    }


def _spans(seqs: Sequence[int]) -> str:
    """1,2,3,7 as 1-3,7"""
    spans: list[list[int]] = []
    for seq in seqs:
        if spans and spans[-1][1] == seq - 1:
            spans[-1][1] = seq
        else:
            spans.append([seq, seq])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".rstrip("0").rstrip(".") or "0"


# ------------------------------------------------------------ tables


def table_of(layout: LedgerLayout, rows: Sequence[Mapping[str, str]], language: str | None = "zh") -> list[list[str]]:
    """Headings first; codes in words, or as codes where language is None."""
    head = [heading(c, language) for c in layout.columns]
    return [head, *([shown(c, row.get(c.name, ""), language) for c in layout.columns] for row in rows)]


def rows_of(layout: LedgerLayout, headings: Sequence[str], lines: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """The inverse of table_of. Raises ValueError naming a heading that is no column of this ledger."""
    by_name = {name: c for c in layout.columns for name in (c.zh, c.en, c.name)}
    if unknown := [h for h in headings if h not in by_name]:
        raise ValueError(f"{layout.zh}：没有“{unknown[0]}”这一列 there is no column {unknown[0]!r}")
    columns = [by_name[h] for h in headings]
    return [{c.name: normalised(c, text) for c, text in zip(columns, line, strict=True)} for line in lines]
