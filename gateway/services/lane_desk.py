"""Runs the passes of one lane: events in, transitions made durable, then readings, commands and signs out.

Order that never changes: a change is committed, then the lane is acknowledged, then something moves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from firmware.lane import contract
from gateway.domain import passing
from gateway.domain.passing import Answered, Identity, Judged, LaneEvent, LostByLane, Pass, Relinked
from gateway.domain.policy import Facts, Verdict
from gateway.services import answering, judging
from gateway.services import capture as capturing
from gateway.services.capture import Capture, VehicleCapture
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.desk_port import AnswerRefused
from gateway.services.goods_desk import Carried, GoodsDesk
from gateway.services.judging import CLOCK_PLAUSIBLE_FROM_MS
from gateway.services.label_keeper import LabelKeeper
from gateway.services.lane_orders import LaneOrders
from gateway.services.lane_view import LaneNow
from gateway.services.offline_lists import OfflineLists
from gateway.services.pairing import settle
from gateway.services.passage_record import Place
from gateway.services.policy_book import PolicyBook
from gateway.services.ports import (
    Change,
    Clock,
    CommandResultRow,
    LaneEventRow,
    LaneLink,
    LaneMessage,
    Ledger,
    LedgerUnavailable,
    NewEntry,
    NewUpload,
    Photographs,
)
from gateway.services.use_records import uses_of_pass
from gateway.services.walk import reach

log = structlog.get_logger()

LOST_AFTER_S = 5.0  # a restarted lane that has drained its journal and names no vehicle: this long, then the pass ends
RETRY_LEDGER_S = 1.0
GAP_PATIENCE_S = 25.0  # a lane tells unacknowledged events again every 10 s: two more chances

# A movement of the arm with one of these causes has no gateway command behind it and gets an entry of its own.
UNORDERED_CAUSES = ("button", "hold_to_run", "fire", "offline", "detached")
UNORDERED_KINDS = ("barrier.forced", "barrier.detached", "fire.on", "button.raise")


class LaneDesk:
    """All passes of one lane. Every public coroutine runs on the gateway's event loop."""

    def __init__(self, place: Place, *, ledger: Ledger, link: LaneLink, now: LaneNow,
                 capture: VehicleCapture, photographs: Photographs, book: PolicyBook, clock: Clock, changes: Changes,
                 conditions: Conditions, wake_relay: Callable[[], None], lists: OfflineLists,
                 goods: GoodsDesk | None = None, labels: LabelKeeper | None = None,
                 see: Callable[[Pass, Place, Capture], None] | None = None) -> None:  # fmt: skip
        self.place, self.now = place, now
        self._lists, self._goods, self._labels, self._see = lists, goods, labels, see
        self._alone: dict[str, dict[str, Any]] = {}  # pass -> what the lane decided by itself
        self._ledger, self._link = ledger, link
        self._capture, self._photographs, self._book, self._clock = capture, photographs, book, clock
        self._changes, self._conditions, self._wake_relay = changes, conditions, wake_relay
        self.orders = LaneOrders(place.lane, ledger=ledger, link=link, now=now, clock=clock)
        self._open: dict[str, Pass] = {p.pass_id: p for p in ledger.open_passes() if p.lane == place.lane}
        self._last_seq = ledger.last_seq(place.lane)
        self._lock = asyncio.Lock()  # one step of this lane at a time
        self._readings: dict[str, asyncio.Task[None]] = {}
        self._missing_since_s: dict[str, float] = {}
        self._gap: tuple[tuple[str, int], float] | None = None  # ((boot, last stored seq), first seen mono s)
        self.gaps = 0

    # ------------------------------------------------------------ what the lane says

    async def handle(self, message: LaneMessage, done: Callable[[], None]) -> None:
        """Take one message; `done` is called once nothing of it can be lost here any more."""
        self.now.heard(message)
        if message.topic == "event":
            await self._event(message)
        elif message.topic == "command/result":
            await self._result(message.payload)
        done()
        if message.topic in ("state", "status", "command/result"):
            self._offer_sign()
            await self._offer_raise()
        self._changes.tell(f"lane:{self.place.lane}")

    async def _event(self, message: LaneMessage) -> None:
        e = message.payload
        boot, seq = e["boot"], e["seq"]
        if seq <= self._last_seq.get(boot, 0):  # a journal replay or a redelivery
            self._link.acknowledge(self.place.lane, boot, seq)
            return
        async with self._lock, self._ledger.turn:
            if seq > self._last_seq.get(boot, 0) + 1 and not self._gap_is_final(boot, seq):
                return  # not acknowledged: the lane tells again, from the first one that is missing here
            at_ms, error_ms = self.now.event_time(e, message)
            if e["pass"] is not None and e["pass"] == contract.pass_name(boot, seq):
                reach("arrival.received", e["pass"])
            change = Change(lane_events=[LaneEventRow(self.place.lane, boot, seq, e["kind"], e["pass"] or "", e["ms"],
                                                      at_ms, error_ms, e["data"], message.received_at_ms)])  # fmt: skip
            p, actions = self._step_for(e, at_ms, error_ms, change)
            self._note_movement(e, p, at_ms, change)
            if e["kind"] == "offline.decision" and p is not None:
                self._alone[p.pass_id] = e["data"]
                change.entries.append(self._lists.judge_again(self.place.lane, p.pass_id, e["data"], at_ms))
            await self._commit_patiently(change)
            self._last_seq[boot] = seq
            if p is not None:
                self._keep(p)
        self._link.acknowledge(self.place.lane, boot, seq)
        if p is not None:
            self._log_walk(e, p)
            await self._carry_out(p, actions)

    def _gap_is_final(self, boot: str, seq: int) -> bool:
        """An acknowledgement covers everything before it, so a gap is waited for; one that stays is accepted and counted."""
        key = (boot, self._last_seq.get(boot, 0))
        if self._gap is None or self._gap[0] != key:
            self._gap = (key, self._clock.mono_s())
            log.warning("lane events missing", lane=self.place.lane, boot=boot, after=key[1], got=seq)
        if self._clock.mono_s() - self._gap[1] < GAP_PATIENCE_S:
            return False
        self.gaps += 1
        self._conditions.raise_(f"lane.gap.{self.place.lane}", "warning", f"{self.place.name} 有车道事件缺失",
                                f"{self.place.lane}: events after {boot}-{key[1]} never came")  # fmt: skip
        return True

    def _step_for(
        self, e: dict[str, Any], at_ms: int, error_ms: int, change: Change
    ) -> tuple[Pass | None, tuple[str, ...]]:
        """The pass this event belongs to, after it; new passes and relinked ones are made here."""
        name = e["pass"]
        if name is None:
            return None, ()
        p = next((q for q in self._open.values() if name in (q.lane_pass, q.pass_id)), None) or self._ledger.pass_of(
            self.place.lane, name
        )
        actions: tuple[str, ...] = ()
        if p is None:
            p = self._same_vehicle_after_reset(e)
            if p is not None:
                p, actions = passing.step(p, Relinked(name))
                change.entries.append(NewEntry("relinked", self.place.lane, p.pass_id, at_ms, {"lane_pass": name}))
            else:
                p, actions = self._opened(e, name, at_ms, error_ms, change)
        p, more = passing.step(p, LaneEvent(e["kind"], e["data"], at_ms))
        if passing.CLOSE in more:
            p = self._closing(p, at_ms, change)
        change.passes.append(p)
        return p, tuple(dict.fromkeys(actions + more))

    def _opened(
        self, e: dict[str, Any], name: str, at_ms: int, error_ms: int, change: Change
    ) -> tuple[Pass, tuple[str, ...]]:
        p = Pass(pass_id=name, lane=self.place.lane, direction=self.place.direction, lane_pass=name, arrived_at_ms=at_ms,
                 arrived_error_ms=error_ms)  # fmt: skip
        if name != contract.pass_name(e["boot"], e["seq"]):
            p = replace(
                p, notes=(f"first heard of through {e['kind']}; its opening event was lost with the lane's memory",)
            )
        body = {"lane_event": f"{e['boot']}-{e['seq']}", "kind": e["kind"], "direction": self.place.direction}
        change.entries.append(NewEntry("opened", self.place.lane, name, at_ms, body))
        return p, passing.resume(p)

    def _same_vehicle_after_reset(self, e: dict[str, Any]) -> Pass | None:
        """A vehicle found on a loop at boot is the one this lane was already serving, if it was serving one."""
        if e["data"].get("since") != "boot":
            return None
        mine = sorted(
            (q for q in self._open.values() if not q.end and q.lane_pass[:8] != e["boot"]),
            key=lambda q: q.arrived_at_ms,
        )
        return mine[0] if mine else None

    def _note_movement(self, e: dict[str, Any], p: Pass | None, at_ms: int, change: Change) -> None:
        cause = e["data"].get("cause")
        if e["kind"] in UNORDERED_KINDS or (e["kind"].startswith("barrier.") and cause in UNORDERED_CAUSES):
            body = {"kind": e["kind"], "data": e["data"], "lane_event": f"{e['boot']}-{e['seq']}"}
            change.entries.append(NewEntry("movement", self.place.lane, p.pass_id if p else "", at_ms, body))
        elif e["kind"].startswith("update."):
            body = {"step": e["kind"][7:], **e["data"], "lane_event": f"{e['boot']}-{e['seq']}"}
            change.entries.append(NewEntry("lane_update", self.place.lane, "", at_ms, body))

    async def _result(self, r: dict[str, Any]) -> None:
        if r["result"] in contract.TERMINAL:
            row = CommandResultRow(r["id"], r["result"], r["reason"] or "", self._clock.wall_ms())
            await self._commit_patiently(Change(results=[row]))
            self.orders.ended(r["id"], r["result"], r["reason"])

    # ------------------------------------------------------------ reading and judging

    async def _read(self, pass_id: str) -> None:
        p = self._open[pass_id]
        capture = await self._capture.read_vehicle(
            pass_id, self.place.head_camera, self.place.body_camera, p.arrived_at_ms, self.place.plate_zone
        )
        reach("plate.read", pass_id)
        await self._until_clock_is_plausible()
        now_ms = self._clock.wall_ms()
        identity = capture.identity
        is_old = now_ms - p.arrived_at_ms > capturing.RING_MS
        if pass_id in self._alone and (is_old or not identity.plate_no):  # the cameras show another vehicle, or none
            identity = self._lists.identity_from(self._alone[pass_id]) or Identity()
        verdict, facts = self._judge(identity, now_ms)
        photos = await self._write_photographs(p, capture)
        reach("photo.written", pass_id)
        async with self._lock, self._ledger.turn:
            p = self._open.get(pass_id, p)
            record_no = judging.mint_record_no(self._ledger, self.place, p.arrived_at_ms)
            ids = {f.kind: f.photo_id for f in photos}
            judged = Judged(identity, verdict, ids.get("head", ""), ids.get("body", ""), record_no,
                            judging.register_snapshot(facts.vehicle))  # fmt: skip
            p, actions = passing.step(p, judged)
            change = Change(reads=[(pass_id, r) for r in capture.reads], photos=photos)
            change.entries.append(judging.verdict_entry(p, photos, now_ms))
            p, more = passing.close_pending(p)
            if passing.CLOSE in more:
                p = self._closing(p, now_ms, change, photos={f.kind: f.path for f in photos})
                actions = ()
            else:
                change.uploads.append(self._upload(p, is_waiting=True, photos={f.kind: f.path for f in photos}))
            change.passes.append(p)
            await self._commit_patiently(change)
            self._keep(p)
        reach("verdict.durable", pass_id)
        if self._labels is not None:
            self._labels.offer(p, capture)
        if self._see is not None:
            self._see(p, self.place, capture)
        log.info("pass decided", **{"pass": pass_id}, lane=self.place.lane, verdict=verdict.verdict, rule=verdict.rule_id,
                 plate=identity.plate_no or "unread", ms_after_edge=now_ms - p.arrived_at_ms)  # fmt: skip
        await self._carry_out(p, actions)
        if not p.is_open:
            self._closed(p)

    def _judge(self, identity: Identity, now_ms: int) -> tuple[Verdict, Facts]:
        """The policy's verdict, with what is known of the goods; an incomplete exit may wait for a person."""
        direction = self.place.direction
        carried = (
            self._goods.goods_at(identity.plate_no, identity.plate_colour, direction, now_ms)
            if self._goods
            else Carried()
        )
        name = carried.goods.goods_name if carried.goods else ""
        facts = self._book.facts(identity, direction, now_ms, goods=name,
                                 has_booking=self._is_booked(identity.plate_no, identity.plate_colour, now_ms))  # fmt: skip
        verdict = self._book.judge(facts)
        return (self._goods.judged(verdict, identity, direction, now_ms) if self._goods else verdict), facts

    def _is_booked(self, plate: str, colour: str, now_ms: int) -> bool | None:
        return self._goods.has_booking(plate, colour, now_ms) if self._goods else None

    async def _until_clock_is_plausible(self) -> None:
        """A record number carries the time and is kept for life: none is minted from a clock that was never set."""
        while self._clock.wall_ms() < CLOCK_PLAUSIBLE_FROM_MS:
            self._conditions.raise_("clock.implausible", "alarm", "网关时钟早于 2020 年，暂停自动判定，请校时或由门卫放行",
                                    "the gateway's clock is before 2020: no verdicts until it is set; a person may open")  # fmt: skip
            await asyncio.sleep(RETRY_LEDGER_S)
        self._conditions.clear("clock.implausible")

    async def _write_photographs(self, p: Pass, capture: Capture) -> list[Any]:
        plate = capture.identity.plate_no or "未识别"
        photos = []
        for kind, camera, frame, corners in (
            ("head", self.place.head_camera, capture.head, capture.head_corners),
            ("body", self.place.body_camera, capture.body, capture.body_corners),
        ):
            if frame is None:
                continue
            jpeg = await asyncio.to_thread(self._photographs.evidence_jpeg, frame.image,
                                           lines=judging.overlay_lines(plate, frame.at_ms, self.place), plate_corners=corners)  # fmt: skip
            photos.append(await self._write_patiently(p.pass_id, kind, camera, jpeg, frame.at_ms))
        return photos

    async def _write_patiently(self, pass_id: str, kind: str, camera: str, jpeg: bytes, at_ms: int) -> Any:
        while True:
            try:
                return await self._ledger.write_photo(pass_id, kind, camera, jpeg, at_ms)
            except LedgerUnavailable as error:
                await self._ledger_trouble(error)

    # ------------------------------------------------------------ what may be seen from outside

    def open_passes(self) -> list[Pass]:
        return sorted(self._open.values(), key=lambda p: p.arrived_at_ms)

    def current(self) -> Pass | None:
        """The pass the console shows for this lane: the one at the arm, else the oldest open one."""
        passes = self.open_passes()
        return next((p for p in passes if p.lane_pass == self.now.at_arm), passes[0] if passes else None)

    # ------------------------------------------------------------ a person

    async def answer(self, pass_id: str, *, decision: str, reason: str, by: str, plate_no: str = "",
                     plate_colour: str = "", vehicle: dict[str, Any] | None = None) -> Pass:  # fmt: skip
        """A person answers a HOLD or overrides a DENY. Durable before it returns. Raises AnswerRefused."""
        async with self._lock:
            p = self._open.get(pass_id)
            if p is None or p.end:
                raise AnswerRefused("not_open", "该通行已结束", "this pass has ended")
            if p.verdict is None:
                raise AnswerRefused("not_judged", "正在识别，请稍候", "still being read, wait a moment")
            now_ms = self._clock.wall_ms()
            answer = answering.answer_for(
                p, self._book, decision=decision, reason=reason, by=by, plate_no=plate_no,
                plate_colour=plate_colour, vehicle=vehicle or {}, now_ms=now_ms,
                has_booking=self._is_booked(contract.normal_form(plate_no), plate_colour, now_ms),
            )  # fmt: skip
            p, actions = passing.step(p, Answered(answer))
            change = Change(passes=[p], entries=[judging.answer_entry(p, answer)])
            try:
                await self._ledger.commit(change)
            except LedgerUnavailable as error:
                raise AnswerRefused(
                    "ledger", f"账本不可写，未执行：{error}", f"the ledger cannot be written, nothing was done: {error}"
                ) from error
            self._keep(p)
        await self._carry_out(p, actions)
        return p

    async def manual_raise(self, *, reason: str, by: str) -> None:
        """A person raises the arm; for the open pass at the arm it is an answer, else a manual lift of its own."""
        if not reason.strip() or not by.strip():
            raise AnswerRefused("reason_required", "必须填写原因和姓名", "a reason and a name are required")
        at_arm = next((p for p in self._open.values() if p.lane_pass == self.now.at_arm and p.verdict), None)
        if at_arm:
            await self.answer(at_arm.pass_id, decision="allow", reason=reason, by=by)
            return
        await self.orders.manual("raise", "manual_raise", by=f"person:{by.strip()}", why=reason.strip())

    # ------------------------------------------------------------ carrying out

    async def resume(self) -> None:
        """After a start: finish what was open. All of it may be repeated."""
        for p in list(self._open.values()):
            log.info("pass resumed", **{"pass": p.pass_id}, lane=self.place.lane, state=p.state)
            await self._carry_out(p, passing.resume(p))

    async def _carry_out(self, p: Pass, actions: tuple[str, ...]) -> None:
        for action in actions:
            if action == passing.READ:
                self._start_reading(p.pass_id)
            elif action == passing.SHOW:
                self._offer_sign()
            elif action == passing.RAISE:
                await self._offer_raise()
            elif action == passing.CLOSE:
                self._closed(p)
        self._changes.tell(f"pass:{p.pass_id}")

    def _start_reading(self, pass_id: str) -> None:
        running = self._readings.get(pass_id)
        if running is None or running.done():
            task = asyncio.create_task(self._read_until_done(pass_id), name=f"read {pass_id}")
            self._readings[pass_id] = task
            task.add_done_callback(lambda _: self._readings.pop(pass_id, None))

    async def _read_until_done(self, pass_id: str) -> None:
        """A reading that breaks is an event: it is logged, raised and tried again; a pass never stays without verdict."""
        while pass_id in self._open and self._open[pass_id].verdict is None:
            try:
                await self._read(pass_id)
                self._conditions.clear(f"reading.{self.place.lane}")
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.exception("reading failed", **{"pass": pass_id})
                self._conditions.raise_(f"reading.{self.place.lane}", "alarm", f"{self.place.name} 识别任务出错：{error}",
                                        f"{self.place.name}: the reading task failed: {error}")  # fmt: skip
                await asyncio.sleep(1.0)

    def _offer_sign(self) -> None:
        for p in self._open.values():
            if p.lane_pass == self.now.at_arm and p.verdict and not p.end:
                self.orders.show(p, judging.sign_lines(p, self._clock.wall_ms()))

    async def _offer_raise(self) -> None:
        for p in list(self._open.values()):
            if p.wants_raise and p.lane_pass == self.now.at_arm:
                try:
                    await self.orders.raise_for(p)
                except LedgerUnavailable as error:
                    await self._ledger_trouble(error)

    async def tick(self) -> None:
        """Once a second: commands that were not answered, vehicles that a restarted lane no longer knows, an arm left open."""
        self._offer_sign()
        await self._offer_raise()
        for p in list(self._open.values()):
            if p.end or not self.now.has_forgotten(p, self._last_seq):
                self._missing_since_s.pop(p.pass_id, None)
                continue
            since = self._missing_since_s.setdefault(p.pass_id, self._clock.mono_s())
            if self._clock.mono_s() - since >= LOST_AFTER_S:
                await self._give_up(p)
        if not self._open:
            await self.orders.lower_if_left_open(self._last_seq)

    async def _give_up(self, p: Pass) -> None:
        now_ms = self._clock.wall_ms()
        note = "the lane restarted and no longer sees the vehicle; how it left was lost with the lane's memory"
        async with self._lock, self._ledger.turn:
            p, actions = passing.step(self._open.get(p.pass_id, p), LostByLane(now_ms, note))
            change = Change(entries=[NewEntry("recovery", self.place.lane, p.pass_id, now_ms, {"note": note})])
            if passing.CLOSE in actions:
                p = self._closing(p, now_ms, change)
            change.passes.append(p)
            await self._commit_patiently(change)
            self._keep(p)
        await self._carry_out(p, actions)

    # ------------------------------------------------------------ closing and keeping

    def _closing(self, p: Pass, at_ms: int, change: Change, photos: dict[str, str] | None = None) -> Pass:
        """Add the closing entry, the visit and the upload that is now free to go to the change."""
        p = settle(p, self._ledger, change, at_ms)
        change.sides += uses_of_pass(p, self._ledger)
        change.sides += self._goods.bound(p) if self._goods else []
        change.entries.append(judging.closing_entry(p, at_ms))
        change.uploads.append(self._upload(p, is_waiting=False, photos=photos))
        return p

    def _upload(self, p: Pass, *, is_waiting: bool, photos: dict[str, str] | None = None) -> NewUpload:
        paths = photos or {
            kind: row.path for kind, photo_id in (("head", p.head_photo), ("body", p.body_photo))
            if photo_id and (row := self._ledger.photo_row(photo_id))
        }  # fmt: skip
        goods = self._goods.goods_for(p).goods if self._goods else None
        return NewUpload(
            "inOutRecord", p.record_no, p.pass_id, judging.record_of(p, self.place, paths, goods), is_waiting
        )

    def _keep(self, p: Pass) -> None:
        if p.is_open:
            self._open[p.pass_id] = p
        else:
            self._open.pop(p.pass_id, None)
            self._alone.pop(p.pass_id, None)
            self.orders.forget(p.pass_id)

    def _closed(self, p: Pass) -> None:
        reach("closed.durable", p.pass_id)
        if not self._open:
            self.orders.clear_sign()
        log.info("pass closed", **{"pass": p.pass_id}, lane=self.place.lane, end=p.end, control_result=p.control_result)
        self._wake_relay()

    def _log_walk(self, e: dict[str, Any], p: Pass) -> None:
        if p.pass_id == contract.pass_name(e["boot"], e["seq"]):
            reach("arrival.durable", p.pass_id)
        elif e["kind"] == "crossing.started":
            reach("crossing.started", p.pass_id)

    async def _commit_patiently(self, change: Change) -> None:
        """Nothing is acknowledged and nothing moves while the ledger refuses; people are told."""
        while True:
            try:
                await self._ledger.commit(change)
                self._conditions.clear("ledger.unavailable")
                return
            except LedgerUnavailable as error:
                await self._ledger_trouble(error)

    async def _ledger_trouble(self, error: LedgerUnavailable) -> None:
        self._conditions.raise_("ledger.unavailable", "alarm", f"账本不可写，车道暂停放行：{error}",
                                f"the ledger cannot be written, nothing is let through: {error}")  # fmt: skip
        await asyncio.sleep(RETRY_LEDGER_S)
