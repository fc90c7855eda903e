"""Goods of a day as a person looks after them: what nobody stated, what differs, the balance in tonnes; typing a load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.goods import EMPTY, GoodsRefused
from gateway.domain.passing import Pass
from gateway.domain.visits import CROSSED
from gateway.services.goods_desk import Carried, DayBalance, GoodsDesk
from gateway.services.ports import Queries, Visits

LOAD = ("goods_name", "quantity_t", "document_no", "document_t")


@dataclass(frozen=True)
class GoodsDay:
    goods: GoodsDesk
    visits: Visits
    queries: Queries

    def of_day(self, from_ms: int, to_ms: int) -> tuple[int, list[Pass], DayBalance]:
        """(how many crossed, those whose goods no source knows, the balance); takes a moment on a busy day."""
        passes = self.visits.passes_between(from_ms, to_ms)
        missing = self.goods.missing(passes)
        balance = self.goods.reconcile(from_ms, to_ms, passes)
        return sum(1 for p in passes if p.end in CROSSED), missing, balance

    def carried(self, p: Pass) -> Carried:
        return self.goods.goods_for(p)

    async def type_load(self, pass_id: str, load: Mapping[str, str], *, by: str, is_empty: bool = False) -> str:
        """What a person says a pass carried; the record's id. Nothing said is refused: unknown stays unknown."""
        p = self.queries.find_pass(pass_id)
        if p is None:
            raise GoodsRefused(f"pass_id {pass_id!r}: 没有这次通行 there is no such pass")
        if not p.identity or not p.identity.plate_no:
            raise GoodsRefused("plate_no: 号牌未知，请先补录号牌 the plate is not known: type it first")
        said: dict[str, Any] = {name: load[name] for name in LOAD if load.get(name, "").strip()}
        if is_empty:
            if said:
                raise GoodsRefused(f"{next(iter(said))}: 空车不能有货物 an empty vehicle carries no goods")
            said = {"goods_name": EMPTY, "quantity_t": "0"}
        if "goods_name" not in said:
            raise GoodsRefused("goods_name: 请填写货物名称，或点“空车” give the goods' name, or choose empty")
        return await self.goods.record(
            said | {"source": "typed", "plate_no": p.identity.plate_no, "plate_colour": p.identity.plate_colour, "direction": p.direction,
                    "at_ms": p.arrived_at_ms, "pass_id": p.pass_id, "by": by})  # fmt: skip
