"""A gateway's office towards a regulator process: ledger, registers, policy, over-limit desk, pulls, uploads and the relay."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import requests
from PIL import Image, ImageDraw
from uplink_bench import ENTERPRISE, FAST, Gateway, RegulatorProcess, wait_until

from gateway.adapters.policies.files import DEFAULT_PACK, load_pack, over_limit_terms
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.reconciling import SqliteTold
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.store.tasks import SqliteTasks
from gateway.domain.passing import CLOSED, Identity, Pass
from gateway.domain.policy import ALLOW, Verdict
from gateway.domain.records import local_text, record_number
from gateway.services import judging
from gateway.services.alarm_reports import AlarmReports
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.day_reports import DayReports
from gateway.services.goods_desk import GoodsDesk
from gateway.services.master_uploads import CameraView, MasterUploads
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.pairing import settle
from gateway.services.passage_record import Place
from gateway.services.platform_findings import PlatformFindings
from gateway.services.platform_uploads import PlatformUploads
from gateway.services.policy_book import PolicyBook
from gateway.services.ports import Change, NewEntry, NewUpload
from gateway.services.pulls import Pulls, PullSettings
from gateway.services.reconcile import Reconciler, ReportSettings
from gateway.services.register_book import RegisterBook
from gateway.services.relay import Relay
from gateway.services.use_records import UseDesk, uses_of_pass

FAST_PULLS = PullSettings(pull_s=60, pull_rows=2, stale_s=60, slow_wait_s=0.5, retry_waits_s=(0.2, 0.3))
PLACES = {"in": Place(ENTERPRISE, "g1-b01", "东门进", "in", "1", "01", "C01-H", "C01-B"),
          "out": Place(ENTERPRISE, "g1-b02", "东门出", "out", "1", "02", "C01-H", "C01-B")}  # fmt: skip
VEHICLE = {
    "plate_no": "云A12345", "plate_colour": "1", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "6", "network_status": "1",
    "use_nature": "F", "vin": "LFWSRXSJ5M1E12346", "register_date": "2022-03-04", "vehicle_model": "解放牌CA4250", "engine_model": "CA6DM3",
    "engine_maker": "一汽解放", "engine_no": "E7788990", "fleet_name": "滇东物流",
}  # fmt: skip


class PlatformSite(Gateway):
    """uplink_bench.Gateway with everything that makes rows for it. lanes: what OfflineLists.applied would say.

    with_reports: master data, alarms, counts and day reports are told too, as in the gateway.
    """

    def __init__(
        self, folder: Path, regulator: RegulatorProcess, pulls: PullSettings = FAST_PULLS, *, with_reports: bool = False
    ) -> None:
        super().__init__(folder, regulator)
        self.regulator, self.lanes, self.is_closed = regulator, (1, 0, 1), False
        self.ledger, self.queries, self.sides = (
            SqliteLedger(self.file),
            SqliteQueries(self.file),
            SqliteSides(self.file),
        )
        rows = SqliteRegisterRows(self.file)
        self.registers = RegisterBook(rows, self.clock)
        self.book = PolicyBook(SqlitePolicies(self.file), SqliteRegisters(self.file), self.clock, enterprise_code=ENTERPRISE,
                               site_packs=[load_pack(DEFAULT_PACK)])  # fmt: skip
        self.over_limit = OverLimitDesk(SqlitePolicies(self.file), self.clock, over_limit_terms())
        self.goods = GoodsDesk(ledger=self.ledger, sides=self.sides, queries=self.queries, clock=self.clock)
        self.uses = UseDesk(ledger=self.ledger, sides=self.sides, registers=rows, clock=self.clock)
        self.tasks, self.told = SqliteTasks(self.file), Conditions(self.clock, Changes())
        self.findings = PlatformFindings(self.tasks, self.outbox, self.told, self.clock)
        sinks = {
            "exceedVehicle": self.over_limit.receive,
            "basStrategy": self.book.receive,
            "alarmVehicle": self.findings.receive,
        }
        self.pulls = Pulls(self.client, self.outbox, self.clock, sinks, on_condition=self._on_condition, settings=pulls)
        self.relay = Relay(self.outbox, self.client, self.clock, status_provider=lambda: self.status() | self.pulls.versions(),
                           on_condition=self._on_condition, settings=FAST, pulls=self.pulls)  # fmt: skip
        told = SqliteTold(self.file)
        self.alarms = AlarmReports(self.outbox, told, self.client, self.clock, barrier_of={p.lane: p.barrier_code for p in PLACES.values()},
                                   pass_of=self.queries.find_pass, photo_of=self._photo_path, conditions=lambda: list(self.conditions.values()))  # fmt: skip
        self.days = DayReports(self.outbox, told, self.client, self.clock, settings=ReportSettings(reconcile_s=0),
                               quality=lambda day: {"completeness_percent": 99.5, "recognition_percent": None})  # fmt: skip
        self.reconciler = Reconciler(
            told, self.outbox, self.client, self.tasks, self.clock, is_up=lambda: self.relay.is_up
        )
        self.master = MasterUploads(self.outbox, self.client, rows, self.clock, enterprise_code=ENTERPRISE,
                                    view=CameraView(True, "10.9.0.1", 8554), on_condition=self._on_condition)  # fmt: skip
        self.uploads = PlatformUploads(
            self.outbox, self.client, registers=rows, book=self.book, over_limit=self.over_limit, clock=self.clock,
            applied=lambda since_ms: self.lanes, enterprise_code=ENTERPRISE, entrance_code="1", wake_relay=self.relay.notify,
            beside=beside(self) if with_reports else (),
        )  # fmt: skip

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            super().close()

    def _photo_path(self, photo_id: str) -> str:
        found = self.queries.photo_file(photo_id)
        return str(found.relative_to(self.data_dir)) if found else ""

    # ------------------------------------------------------------ the platform's side

    def told_master(self) -> dict[str, dict[str, Any]]:
        """Enterprise, barriers and cameras by their codes, as the platform has them."""
        return requests.get(f"{self.regulator.url}/master", timeout=5).json()

    def publish(self, kind: str, *items: dict[str, Any]) -> int:
        answer = requests.post(f"{self.regulator.url}/lists/{kind}", json=list(items), timeout=5)
        answer.raise_for_status()
        return answer.json()["version"]

    def version(self, kind: str) -> int:
        return self.outbox.mark(f"pull.{kind}")

    def taken(self, kind: str, version: int, within_s: float = 30) -> None:
        """Returns when this version of a list is in force here."""
        wait_until(lambda: self.version(kind) == version, within_s=within_s)

    def things(self, op: str) -> dict[str, dict[str, Any]]:
        return {row["item_key"]: row for row in requests.get(f"{self.regulator.url}/things/{op}", timeout=5).json()}

    def revisions(self, key: str) -> list[int]:
        """Revisions of a record in the order in which the platform took them."""
        rows = requests.get(f"{self.regulator.url}/revisions", timeout=5).json()
        return [rev for _, of, rev in rows if of == key]

    def regulator_said(self, name: str) -> Any:
        """What the newest heartbeat told the platform under this name."""
        beat = requests.get(f"{self.regulator.url}/heartbeat", timeout=5).json()
        return beat.get(name)

    def settled(self, within_s: float = 30) -> None:
        """Returns when every row is accepted."""
        wait_until(lambda: set(self.states()) <= {"accepted"}, within_s=within_s)

    # ------------------------------------------------------------ the plant's side

    async def end(
        self,
        way: str,
        plate: str = "云A12345",
        *,
        minutes_ago: float = 1,
        number: int = 1,
        verdict: Verdict | None = None,
        **vehicle: str,
    ) -> Pass:
        """A pass ends as the lane desk ends it, with photographs."""
        place, at_ms = PLACES[way], self.clock.wall_ms() - round(minutes_ago * 60_000)
        pass_id = f"{self._base + number:08x}-1"
        verdict = verdict or Verdict(ALLOW, "default", "", "准许", "allowed", "default", 1, "0", False, {})
        p = Pass(pass_id=pass_id, lane=place.lane, direction=way, lane_pass=pass_id, arrived_at_ms=at_ms, state=CLOSED,
                 identity=Identity(plate_no=plate, plate_colour="1"), verdict=verdict, crossing="completed", end="completed",
                 ended_by="lane", closed_at_ms=self.clock.wall_ms(), vehicle=VEHICLE | {"plate_no": plate} | vehicle,
                 record_no=record_number(ENTERPRISE, "1", place.barrier_code, at_ms, self._base // 10_000 % 1000))  # fmt: skip
        jpeg = (self.data_dir / "photos" / "head.jpg").read_bytes()
        photos = [await self.ledger.write_photo(pass_id, kind, "C", jpeg, at_ms) for kind in ("head", "body")]
        change = Change(photos=photos, entries=[NewEntry("opened", p.lane, pass_id, at_ms, {"direction": way}),
                                                judging.verdict_entry(p, photos, at_ms)])  # fmt: skip
        async with self.ledger.turn:
            p = settle(
                replace(p, head_photo=f"{pass_id}-head", body_photo=f"{pass_id}-body"), self.ledger, change, at_ms
            )
            change.sides += uses_of_pass(p, self.ledger)
            change.entries.append(judging.closing_entry(p, at_ms))
            record = judging.record_of(p, place, {f.kind: f.path for f in photos}, self.goods.goods_for(p).goods)
            change.uploads.append(NewUpload("inOutRecord", p.record_no, pass_id, record, False))
            change.passes.append(p)
            await self.ledger.commit(change)
        self.relay.notify()
        return p

    def log(self, op: str) -> list[tuple[str, str]]:
        """(key, what) of the uploads of an operation, oldest first."""
        rows = self.file.read(
            lambda c: c.execute(
                "select o.key, l.what from upload_log l join outbox o on o.id = l.outbox_id where o.op = ? order by l.id",
                (op,),
            ).fetchall()
        )
        return [(row[0], row[1]) for row in rows]  # fmt: skip

    def entries(self, kind: str) -> list[dict[str, Any]]:
        rows = self.file.read(
            lambda c: c.execute("select body from entry where kind = ? order by seq", (kind,)).fetchall()
        )
        return [json.loads(row[0]) for row in rows]


def beside(site: PlatformSite) -> tuple[Callable[[], None], ...]:
    return site.master.tick, site.alarms.tick, site.reconciler.tick, site.days.tick


def over_limit_item(name: str, plate: str, op: str = "add") -> dict[str, Any]:
    return {"exceedId": name, "op": op, "targetType": "vehicle", "plateNo": plate, "plateColor": "1", "reason": "遥感监测超标",
            "foundTime": "2026-11-20 09:12:00", "effectiveFrom": "2026-11-21 00:00:00"}  # fmt: skip


def strategy(name: str, from_ms: int, version: int = 1, **changes: Any) -> dict[str, Any]:
    """Level II: no road vehicle of stage IV and below; from then on for a day."""
    rule = {
        "ruleId": "r1",
        "target": "road",
        "match": {"maxEmissionStage": "4"},
        "effect": "refuse",
        "reason": "橙色预警",
    }
    return {"strategyId": name, "strategyVersion": version, "op": "add", "warningLevel": "orange", "responseLevel": "2",
            "effectiveFrom": local_text(from_ms), "effectiveTo": local_text(from_ms + 86_400_000), "industryType": "02",
            "scope": "enterprise", "rules": [rule], "boardText": "当前Ⅱ级响应", "issueTime": local_text(from_ms)} | changes  # fmt: skip


def picture(kind: str = "JPEG", size: tuple[int, int] = (640, 480), *, is_rough: bool = False) -> bytes:
    """A picture that decodes; rough ones compress badly."""
    image = Image.effect_noise(size, 80).convert("RGB") if is_rough else Image.new("RGB", size, (90, 110, 130))
    ImageDraw.Draw(image).rectangle((60, 60, 200, 160), fill=(240, 240, 240))
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()
