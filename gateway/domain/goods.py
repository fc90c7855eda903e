"""What a vehicle carried: one record of one source (weighbridge, ERP, booking, typed at the gate), checked; never a guess.

A passage for which no source says anything carries unknown goods, which is not the same as empty (空车).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gateway.domain.gate_rules import gate_rules
from gateway.domain.plates import normal_form

SOURCES = ("scale", "erp", "reservation", "typed")  # best first
DIRECTIONS = ("in", "out")
EMPTY = "空车"
MAX_NAME, MAX_LOAD_T, MAX_GROSS_T, MAX_TARE_T = 20, 200.0, 200.0, 120.0  # columns 23, 24, 31 of the in/out ledger


class GoodsRefused(ValueError):
    """A record of goods is not acceptable; the message names the field, the value and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Goods:
    """Weights in tonnes, None = not said. document_t: the load by the bill; bill_photo: its photograph's document id."""

    source: str
    plate_no: str
    plate_colour: str
    direction: str
    at_ms: int
    by: str
    goods_name: str = ""
    quantity_t: float | None = None
    weigh_ticket_no: str = ""
    tare_t: float | None = None
    gross_t: float | None = None
    net_t: float | None = None
    weigh_ms: int | None = None
    document_no: str = ""
    document_t: float | None = None
    bill_photo: str = ""
    pass_id: str = ""
    joined: bool = False  # by plate, way and time, not by the source
    entered_at_ms: int = 0
    explained: str = ""
    explained_by: str = ""

    @property
    def is_weighed(self) -> bool:
        return self.net_t is not None

    @property
    def difference_percent(self) -> float | None:
        """Weight against the document, None where one of the two is missing."""
        if self.net_t is None or not self.document_t:
            return None
        return round(100 * abs(self.net_t - self.document_t) / self.document_t, 3)

    @property
    def differs(self) -> bool:
        return (self.difference_percent or 0.0) > gate_rules().document_percent


def goods_from(values: Mapping[str, Any]) -> Goods:
    """A checked record; the load of a weighed vehicle is its net weight. Raises GoodsRefused."""
    allowed = Goods.__dataclass_fields__
    if unknown := sorted(set(values) - set(allowed)):
        raise GoodsRefused(f"{unknown[0]}: 没有这个字段 no such field; allowed are {', '.join(allowed)}")
    doc: dict[str, Any] = {k: v.strip() if isinstance(v, str) else v for k, v in values.items() if v is not None}
    _one_of(doc, "source", SOURCES)
    _one_of(doc, "direction", DIRECTIONS)
    for name in ("plate_no", "by"):
        if not doc.get(name):
            raise GoodsRefused(f"{name}: 必须填写 must be given")
    doc["plate_no"] = normal_form(doc["plate_no"])
    for name, top in (
        ("quantity_t", MAX_LOAD_T),
        ("document_t", MAX_LOAD_T),
        ("tare_t", MAX_TARE_T),
        ("gross_t", MAX_GROSS_T),
        ("net_t", MAX_LOAD_T),
    ):
        doc[name] = _tonnes(doc.get(name), name, top)
    if len(doc.get("goods_name", "")) > MAX_NAME:
        raise GoodsRefused(f"goods_name {doc['goods_name']!r}: 最多 at most {MAX_NAME} characters")
    if not doc.get("goods_name") and doc["quantity_t"] is None and doc["net_t"] is None and doc["gross_t"] is None:
        raise GoodsRefused("goods_name, quantity_t: 至少填写一项 at least one of them must be given")
    _balance(doc)
    if doc["net_t"] is not None:
        if doc["quantity_t"] is not None and abs(doc["quantity_t"] - doc["net_t"]) > gate_rules().balance_t:
            raise GoodsRefused(
                f"quantity_t {doc['quantity_t']}: 与净重不符 a weighed load is the net weight {doc['net_t']}"
            )
        doc["quantity_t"] = doc["net_t"]
    try:
        return Goods(**doc)
    except TypeError as error:
        raise GoodsRefused(f"缺少字段 a field is missing: {error}") from None


def to_values(goods: Goods) -> dict[str, Any]:
    return asdict(goods)


def _one_of(doc: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> None:
    if doc.get(name) not in allowed:
        raise GoodsRefused(f"{name} {doc.get(name)!r}: 允许 allowed are {', '.join(allowed)}")


def _tonnes(value: Any, name: str, top: float) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= top:
        raise GoodsRefused(f"{name} {value!r}: 允许 allowed is 0 to {top:g} t")
    return round(number, 3)


def _balance(doc: dict[str, Any]) -> None:
    """gross - tare = net; the third is made from the other two. Unequal ones are refused, naming the figures."""
    tare, gross, net = doc["tare_t"], doc["gross_t"], doc["net_t"]
    if gross is not None and tare is not None:
        made = round(gross - tare, 3)
        if made < 0:
            raise GoodsRefused(f"gross_t {gross:g}: 毛重小于皮重 is below the tare {tare:g}")
        if net is not None and abs(made - net) > gate_rules().balance_t + 1e-9:
            raise GoodsRefused(
                f"net_t {net:g}: 毛重减皮重应为 gross - tare is {made:g}, within {gate_rules().balance_t:g} t"
            )
        doc["net_t"] = net if net is not None else made
