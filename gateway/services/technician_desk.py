"""What a technician orders of a lane: written into the ledger, sent under the same id, answered exactly once.

The order's id is the command's id on the lane, so one job has one name everywhere and is never carried out twice.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from ulid import ULID

from firmware.lane import contract
from gateway.domain import lane_words
from gateway.domain.technicians import AHEAD_MS, CONFIG_OPS, HELLO, TERMINAL, Answer, Order
from gateway.services.desk_port import AnswerRefused
from gateway.services.lane_desk import LaneDesk
from gateway.services.ports import Change, Clock, LaneConfigs, LaneMessage, Ledger, LedgerUnavailable, NewEntry, Queries

log = structlog.get_logger()

ANSWER_WITHIN_S = 20.0  # a motion takes its travel limit and a self-test before it
ANSWERS_KEPT = 256
HISTORY_BYTES = 2800  # newest versions of a lane's settings, as many as one answer takes
MOVES = ("raise", "lower", "stop", "hold_open", "release")
ENTRY_KINDS = {"raise": "manual_raise"}  # every other order of a technician is a `technician` entry
CONFIG_ENTRY = "lane_config"
COMMISSIONING = (
    "gateway-commissioning"  # orders settings for an accepted document; nobody has a certificate of this name
)
COMMISSIONING_KEYS = ("commissioned", "force_test")


@dataclass
class _Job:
    order: Order
    name: str
    until_mono_s: float
    version: int | None = None  # of a settings document that the lane has to take
    before: dict[str, Any] = field(default_factory=dict)


class TechnicianDesk:
    """All technicians of a site. Lives on the gateway's event loop."""

    def __init__(self, lanes: Mapping[str, LaneDesk], *, ledger: Ledger, queries: Queries, configs: LaneConfigs,
                 clock: Clock, answer: Callable[[str, Answer], None]) -> None:  # fmt: skip
        """answer(name, answer): sends it to that technician."""
        self._lanes, self._ledger, self._queries, self._configs = lanes, ledger, queries, configs
        self._clock, self._send = clock, answer
        self._jobs: dict[str, _Job] = {}
        self._answers: OrderedDict[str, tuple[str, Answer]] = OrderedDict()  # job -> (who, newest answer)

    # ------------------------------------------------------------ orders

    async def take(self, name: str, order: Order) -> None:
        """One order of the technician `name`. A job that is known gets its newest answer again and is not done again."""
        if order.job in self._answers or order.job in self._jobs:
            known = self._answers.get(order.job)
            if known is not None and known[0] == name:
                self._send(name, known[1])
            return
        job = _Job(order, name, self._clock.mono_s() + ANSWER_WITHIN_S)
        if order.op == HELLO:
            return self._say(job, "done", None, self._hello())
        if refusal := self._refusal(order):
            return self._say(job, "refused", refusal[0], refusal[1])
        self._jobs[order.job] = job
        try:
            if order.op in CONFIG_OPS:
                await self._config(job)
            else:
                await self._command(job)
            if order.job in self._jobs:  # not answered meanwhile: entered and sent
                self._say(job, "accepted", None, {})
        except AnswerRefused as refused:
            self._end(job, "refused", refused.code)
        except LedgerUnavailable as error:
            self._end(job, "refused", "ledger", {"detail": str(error)[:200]})

    def refuse(self, name: str, order_id: str, where: str, allowed: str) -> None:
        """An order that could not be read, but names itself."""
        job = _Job(Order(order_id, "", ""), name, 0.0)
        self._say(job, "refused", "malformed", {"where": where, "allowed": allowed})

    def _refusal(self, order: Order) -> tuple[str, dict[str, Any]] | None:
        now_ms = self._clock.wall_ms()
        if order.lane not in self._lanes:
            return "unknown_lane", {"allowed": ", ".join(self._lanes)}
        if order.op not in contract.OPERATIONS and order.op not in CONFIG_OPS:
            return "unknown_op", {"allowed": ", ".join((*contract.OPERATIONS, *CONFIG_OPS))}
        if not now_ms <= order.not_after_ms <= now_ms + AHEAD_MS:
            return "stale", {}
        if order.op != "config_history" and not order.why.strip():
            return "why.missing", {}
        if order.op in contract.OPERATIONS:
            probe = {"id": order.job, "op": order.op, "args": order.args, "boot": "0" * 8, "not_after_ms": 0, "at": None,
                     "by": order.op, "why": order.why}  # fmt: skip
            try:
                contract.encode("command", probe)
            except contract.ContractError as error:
                return "malformed", {"where": error.where, "allowed": error.allowed[:300]}
        return None

    async def _command(self, job: _Job) -> None:
        order, desk = job.order, self._lanes[job.order.lane]
        args = dict(order.args)
        if order.op == "raise" and desk.now.at_arm:
            args["pass"] = desk.now.at_arm  # a person's raise names the open pass where there is one
        open_pass = next((p.pass_id for p in desk.open_passes() if p.lane_pass == desk.now.at_arm), "")
        entry = NewEntry(ENTRY_KINDS.get(order.op, "technician"), order.lane, open_pass if order.op in MOVES else "",
                         self._clock.wall_ms(), self._body(job, args=args))  # fmt: skip
        await desk.orders.order(order.job, order.op, args, by=_by(job.name, order.op), why=order.why, entry=entry)
        log.info("technician ordered", who=job.name, lane=order.lane, op=order.op, job=order.job)

    def _body(self, job: _Job, **more: Any) -> dict[str, Any]:
        return {
            "op": job.order.op,
            "by": job.name,
            "why": job.order.why,
            "from": job.order.origin,
            "job": job.order.job,
            **more,
        }

    def _hello(self) -> dict[str, Any]:
        return {
            "lanes": [
                {"lane": lane, "name": desk.place.name, "direction": desk.place.direction, "online": desk.now.is_online}
                for lane, desk in self._lanes.items()
            ]
        }

    # ------------------------------------------------------------ settings of a lane

    async def _config(self, job: _Job) -> None:
        order, desk = job.order, self._lanes[job.order.lane]
        history = self._history(order.lane)
        if order.op == "config_history":
            while history and len(json.dumps(history, ensure_ascii=False).encode()) > HISTORY_BYTES:
                history.pop(0)
            return self._end(job, "done", None, {"versions": history})
        if not desk.now.is_online:
            raise AnswerRefused("lane_offline", "车道离线", "the lane is offline")
        changes, before = order.args.get("settings"), order.args.get("before", {})
        if order.op == "config_rollback":
            applied = [v for v in history if v["state"] == "applied"]
            wanted = order.args.get("version")
            if wanted not in [0, *(v["version"] for v in applied)]:
                return self._end(
                    job, "refused", "no_version", {"allowed": ", ".join(str(v["version"]) for v in applied)}
                )
            changes, before = {}, {}
            for version in reversed(applied):
                if version["version"] > wanted:
                    changes |= version["before"]
                    before = version["settings"] | before
        if not isinstance(changes, dict) or not changes or not isinstance(before, dict):
            return self._end(
                job, "refused", "arguments", {"where": "settings", "allowed": "at least one key and value"}
            )
        if job.name != COMMISSIONING and (keys := [key for key in COMMISSIONING_KEYS if key in changes]):
            return self._end(job, "refused", "config", {"where": keys[0], "allowed": "lvzha commission"})
        told = (desk.now.status or {}).get("config", 0)
        job.version, job.before = max([told, *(v["version"] for v in history)]) + 1, before
        doc = {"version": job.version, "settings": changes}
        try:
            contract.encode("config", doc)
        except contract.ContractError as error:
            return self._end(job, "refused", "config", {"where": error.where, "allowed": error.allowed[:300]})
        body = self._body(job, version=job.version, settings=changes, before=before, state="ordered")
        await self._ledger.commit(Change(entries=[NewEntry(CONFIG_ENTRY, order.lane, "", self._clock.wall_ms(), body)]))
        self._configs.publish_config(order.lane, doc)

    async def commission(self, lane: str, settings: dict[str, Any], why: str) -> None:
        """Settings that follow from an accepted commissioning document; in the history as any others."""
        until_ms = self._clock.wall_ms() + AHEAD_MS
        await self.take(
            COMMISSIONING, Order(str(ULID()), lane, "config_set", {"settings": settings}, why, "", until_ms)
        )

    def has_taken(self, lane: str, settings: dict[str, Any]) -> bool:
        """Whether the lane has taken exactly these, and nothing newer for these keys."""
        newest: dict[str, Any] = {}
        for version in self._history(lane):
            if version["state"] == "applied":
                newest |= version["settings"]
        return all(newest.get(key) == value for key, value in settings.items())

    def _history(self, lane: str) -> list[dict[str, Any]]:
        """Every version ordered for a lane, oldest first, with what became of it."""
        versions: dict[int, dict[str, Any]] = {}
        for row in self._queries.entries_of_kind(CONFIG_ENTRY):
            body = row["body"]
            if row["lane"] != lane:
                continue
            if body["state"] == "ordered":
                versions[body["version"]] = {
                    "version": body["version"], "at_ms": row["at_ms"], "by": body["by"], "why": body["why"],
                    "settings": body["settings"], "before": body["before"], "state": "ordered",
                }  # fmt: skip
            elif body["version"] in versions:
                versions[body["version"]]["state"] = body["state"]
        return [versions[number] for number in sorted(versions)]

    def resume(self) -> None:
        """After a start: the newest settings that each lane has taken are there for a broker that forgot them."""
        for lane in self._lanes:
            if applied := [v for v in self._history(lane) if v["state"] == "applied"]:
                self._configs.publish_config(lane, {k: applied[-1][k] for k in ("version", "settings")})

    async def _config_ended(self, job: _Job, data: dict[str, Any], state: str) -> None:
        lane = job.order.lane
        body = {"version": job.version, "state": state, "job": job.order.job, "detail": data}
        entry = NewEntry(CONFIG_ENTRY, lane, "", self._clock.wall_ms(), body)
        try:
            await self._ledger.commit(Change(entries=[entry]))
        except LedgerUnavailable as error:
            log.warning("outcome of settings not entered", lane=lane, error=str(error))
        if state == "applied":
            return self._end(job, "done", None, {"version": job.version})
        applied = [v for v in self._history(lane) if v["state"] == "applied"]
        good = {k: applied[-1][k] for k in ("version", "settings")} if applied else {
            "version": (self._lanes[lane].now.status or {}).get("config", 0), "settings": {}}  # fmt: skip
        self._configs.publish_config(lane, good)  # a refused document must not be refused again at each reconnect
        self._end(job, "refused", "config", {"where": data["where"], "allowed": data["allowed"]})

    # ------------------------------------------------------------ what the lanes say

    async def heard(self, message: LaneMessage) -> None:
        """A message of a lane, after its desk has taken it: ends the jobs that it answers."""
        payload = message.payload
        if message.topic == "command/result" and payload["id"] in self._jobs:
            if payload["result"] in contract.TERMINAL:
                self._end(self._jobs[payload["id"]], payload["result"], payload["reason"], {"seq": payload["seq"]})
        elif message.topic == "event" and payload["kind"] in ("config.applied", "config.refused"):
            data = payload["data"]
            for job in list(self._jobs.values()):
                if job.version == data["version"] and job.order.lane == message.lane:
                    await self._config_ended(job, data, payload["kind"].split(".")[1])

    def tick(self) -> None:
        """Once a second: a job that the lane has not answered in time ends with that."""
        for job in list(self._jobs.values()):
            if self._clock.mono_s() > job.until_mono_s:
                self._end(job, "timeout", "no_answer")

    # ------------------------------------------------------------ answers

    def _end(self, job: _Job, result: str, reason: str | None, data: dict[str, Any] | None = None) -> None:
        assert result in TERMINAL
        self._jobs.pop(job.order.job, None)
        self._say(job, result, reason, data or {})

    def _say(self, job: _Job, result: str, reason: str | None, data: dict[str, Any]) -> None:
        zh, en = lane_words.sentence(result, reason)
        answer = Answer(job.order.job, result, reason or "", zh, en, self._clock.wall_ms(), data)
        self._answers[job.order.job] = (job.name, answer)
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        self._send(job.name, answer)


def _by(name: str, op: str) -> str:
    """Who decided, as the lane contract writes it: a technician is a person, a hold is an emergency's."""
    return f"{'emergency' if op in ('hold_open', 'release') else 'person'}:{name}"
