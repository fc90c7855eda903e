"""What the regulator was told of a pass, told again when the ledger's row has changed: the next revision of its record."""

from __future__ import annotations

from gateway.domain.goods import Goods
from gateway.domain.passing import Pass
from gateway.services.passage_record import Place, passage_record
from gateway.services.ports import Ledger, NewUpload

OP = "inOutRecord"
KEPT = ("platform_visit_id", "goods_name", "quantity")  # what no pass says itself; replaced where the goods are known


def revision(p: Pass, ledger: Ledger, goods: Goods | None = None) -> NewUpload | None:
    """The next revision of a closed pass's record; None where nothing of it has changed or nothing was let go yet.

    Hold `ledger.turn` from here to the end of the commit: the number follows the newest one that is stored.
    """
    told = None if p.is_open else ledger.told(p.pass_id)
    if told is None:
        return None
    rev, before = told
    place = Place(
        "",
        p.lane,
        "",
        p.direction,
        before["entrance_code"],
        before["barrier_code"],
        before.get("camera_code") or "",
        "",
    )
    now = passage_record(
        p, place, head_photo=before.get("head_photo", ""), body_photo=before.get("body_photo", ""), goods=goods
    )
    now = {name: before[name] for name in KEPT if name in before} | now
    if now | {"rev": rev} == before:
        return None
    return NewUpload(OP, f"{p.record_no}#{rev + 1}", p.pass_id, now | {"rev": rev + 1}, False, rev + 1)
