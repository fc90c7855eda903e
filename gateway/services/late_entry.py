"""Passages that no sensor saw, typed by a person: the arm worked by hand, or the paper form of an outage entered later.

They are ledger rows like all others, marked manual or paper for ever, judged by the policy of now, and uploaded. What a
sensor did see is never typed here: its plate is typed at the hold or by a correction (services/evidence.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ulid import ULID

from firmware.lane.contract import normal_form
from gateway.domain.goods import Goods, goods_from
from gateway.domain.passing import CLOSED, Answer, Identity, Pass
from gateway.domain.plates import is_valid_plate
from gateway.domain.vehicles import PLATE_COLOURS, VehicleRefused, vehicle_from
from gateway.services import judging
from gateway.services.goods_desk import GoodsBook, side_row
from gateway.services.pairing import settle
from gateway.services.paper_form import PaperForm, used_row
from gateway.services.passage_record import Place
from gateway.services.policy_book import PolicyBook
from gateway.services.ports import Change, Clock, Ledger, NewEntry, NewUpload
from gateway.services.use_records import uses_of_pass

MAX_BACK_MS = 400 * 86_400_000  # [assumed] nobody types a passage that is older
MARK = "人工补录，无传感器记录 typed by a person, seen by no sensor"


class EntryRefused(ValueError):
    """A typed passage is not acceptable; the message names the field, the value and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class LateEntry:
    """What a person types. at_ms: when the vehicle passed, as the person or the paper says. photo: JPEG of vehicle or paper row.

    vehicle: fields of domain/vehicles.py from the papers, where the register has no row. load: fields of domain/goods.py.
    """

    lane: str
    plate_no: str
    plate_colour: str
    at_ms: int
    by: str
    why: str
    paper_no: str = ""
    photo: bytes = b""
    vehicle: Mapping[str, str] = field(default_factory=dict)
    load: Mapping[str, Any] = field(default_factory=dict)


class LateEntries:
    def __init__(self, places: Mapping[str, Place], *, ledger: Ledger, book: PolicyBook, paper: PaperForm, clock: Clock,
                 wake_relay: Callable[[], None], bookings: GoodsBook | None = None) -> None:  # fmt: skip
        self.places, self._bookings = places, bookings
        self._ledger, self._book, self._paper, self._clock = ledger, book, paper, clock
        self._wake_relay = wake_relay

    async def enter(self, typed: LateEntry) -> Pass:
        """The closed pass, durable, with its visit and its upload. Raises EntryRefused, PaperRefused, GoodsRefused."""
        place, identity = self._checked(typed)
        now_ms = self._clock.wall_ms()
        pass_id = f"{'p' if typed.paper_no else 'm'}-{ULID.from_timestamp(now_ms / 1000)}"
        is_booked = (
            self._bookings.has_booking(identity.plate_no, identity.plate_colour, typed.at_ms)
            if self._bookings
            else None
        )
        facts = self._book.facts(identity, place.direction, typed.at_ms, has_booking=is_booked)
        verdict = self._book.judge(facts)
        vehicle = self._vehicle(typed, identity) or judging.register_snapshot(facts.vehicle)
        photos = (
            [
                await self._ledger.write_photo(
                    pass_id, "head", "paper" if typed.paper_no else "typed", typed.photo, now_ms
                )
            ]
            if typed.photo
            else []
        )
        goods = self._goods(typed, identity, place, pass_id)
        async with self._ledger.turn:
            number = self._paper.free(typed.paper_no) if typed.paper_no else None
            answer = Answer(
                decision="allow", reason=typed.why.strip(), by=typed.by.strip(), at_ms=now_ms, vehicle=vehicle
            )
            p = Pass(
                pass_id=pass_id, lane=place.lane, direction=place.direction, lane_pass=pass_id, arrived_at_ms=typed.at_ms,
                state=CLOSED, identity=identity, verdict=verdict, answer=answer, raised_by="person", crossing="completed",
                end="completed", ended_by="person", closed_at_ms=typed.at_ms, head_photo=photos[0].photo_id if photos else "",
                record_no=judging.mint_record_no(self._ledger, place, typed.at_ms), vehicle=vehicle,
                source="paper" if typed.paper_no else "manual", paper_no=typed.paper_no, notes=(MARK,),
            )  # fmt: skip
            change = Change(photos=photos)
            body = {
                "kind": p.source,
                "by": answer.by,
                "why": answer.reason,
                "direction": place.direction,
                "paper_no": p.paper_no,
            }
            change.entries += [NewEntry("opened", p.lane, pass_id, now_ms, body), judging.verdict_entry(p, photos, now_ms),
                               judging.answer_entry(p, answer)]  # fmt: skip
            p = settle(p, self._ledger, change, now_ms)
            change.entries.append(judging.closing_entry(p, now_ms))
            change.passes.append(p)
            change.sides += uses_of_pass(p, self._ledger)
            change.sides += [used_row(number, pass_id, answer.by, now_ms)] if number else []
            change.sides += [side_row(f"{pass_id}.goods", goods)] if goods else []
            paths = {f.kind: f.path for f in photos}
            change.uploads.append(
                NewUpload("inOutRecord", p.record_no, pass_id, judging.record_of(p, place, paths, goods), False)
            )
            await self._ledger.commit(change)
        self._wake_relay()
        return p

    def prefill(self, plate_no: str, plate_colour: str) -> dict[str, Any]:
        """What the register knows of a plate, {} if nothing: fewer things to type."""
        return judging.register_snapshot(self._book.registers.vehicle(normal_form(plate_no), plate_colour))

    def _checked(self, typed: LateEntry) -> tuple[Place, Identity]:
        place = self.places.get(typed.lane)
        if place is None:
            raise EntryRefused(f"lane {typed.lane!r}: 允许 allowed are {', '.join(self.places)}")
        if not typed.by.strip() or not typed.why.strip():
            raise EntryRefused("by, why: 必须填写姓名和原因 a name and a reason are required")
        now_ms = self._clock.wall_ms()
        if not now_ms - MAX_BACK_MS <= typed.at_ms <= now_ms:
            raise EntryRefused("at: 时间应在过去 400 天内，且不晚于现在 a time of the last 400 days, not after now")
        plate = normal_form(typed.plate_no)
        if not is_valid_plate(plate) and not self._ledger.rows_with_plate(plate):
            raise EntryRefused(f"plate_no {typed.plate_no!r}: 不是有效号牌 has the form of no plate")
        if len(typed.plate_colour) != 1 or typed.plate_colour not in PLATE_COLOURS:
            raise EntryRefused(f"plate_colour {typed.plate_colour!r}: 允许 allowed are {', '.join(PLATE_COLOURS)}")
        if typed.photo and not typed.photo.startswith(b"\xff\xd8\xff"):
            raise EntryRefused("photo: 只接受 JPEG 照片 only a JPEG is taken")
        return place, Identity(plate_no=plate, plate_colour=typed.plate_colour, confidence=1.0, is_manual=True)

    def _vehicle(self, typed: LateEntry, identity: Identity) -> dict[str, Any]:
        given = {k: v for k, v in typed.vehicle.items() if v}
        if not given:
            return {}
        try:
            named = given | {"plate_no": identity.plate_no, "plate_colour": identity.plate_colour}
            return judging.register_snapshot(vehicle_from(named))
        except VehicleRefused as error:
            raise EntryRefused(f"车辆信息有误 {error}") from None

    def _goods(self, typed: LateEntry, identity: Identity, place: Place, pass_id: str) -> Goods | None:
        given = {k: v for k, v in typed.load.items() if v not in (None, "")}
        if not given:
            return None
        named = {"source": "typed", "plate_no": identity.plate_no, "plate_colour": identity.plate_colour, "direction": place.direction,
                 "at_ms": typed.at_ms, "by": typed.by}  # fmt: skip
        goods = goods_from(given | named)
        return replace(goods, pass_id=pass_id, entered_at_ms=self._clock.wall_ms())
