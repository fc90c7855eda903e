"""The roof: the only place that names concrete classes and joins them into a running gateway."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from gateway import __version__
from gateway.adapters.broker import serve
from gateway.adapters.cameras import photo
from gateway.adapters.cameras.bank import CameraBank
from gateway.adapters.cameras.capture import CaptureSettings
from gateway.adapters.control.server import ControlServer
from gateway.adapters.lanes_mqtt.client import MqttLanes
from gateway.adapters.papers.lookup_site import LookupSite
from gateway.adapters.papers.qr import QrReader
from gateway.adapters.policies.files import DEFAULT_PACK, load_pack, over_limit_terms
from gateway.adapters.sheets import tables
from gateway.adapters.sntp import server as sntp
from gateway.adapters.store.commissioning import CommissioningFiles
from gateway.adapters.store.connection import LedgerFile, StoreRefused
from gateway.adapters.store.counters import SqliteCounters
from gateway.adapters.store.heads import LedgerKey, SqliteHeads
from gateway.adapters.store.label_reads import SqliteCorrections
from gateway.adapters.store.labels import SqliteLabels
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.ledger_pack import Packer
from gateway.adapters.store.ledger_query import LedgerReader, SqliteLedgerQueries
from gateway.adapters.store.misuse_reads import SqliteMisuseReads
from gateway.adapters.store.model_registry import ModelRegistry
from gateway.adapters.store.offline import SqliteOfflineLists
from gateway.adapters.store.outbox import SqliteOutbox
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.register_lookups import SqliteLookups
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.store.sweep import SqliteSweep, load_terms
from gateway.adapters.store.tasks import SqliteTasks
from gateway.adapters.store.visits import SqliteVisits
from gateway.adapters.systemd import notify
from gateway.adapters.uplink.client import open_regulator
from gateway.adapters.vision import cutouts
from gateway.adapters.vision.pipeline import MODELS_FOLDER
from gateway.adapters.vision.process import VisionProcess
from gateway.adapters.web.app import create_app
from gateway.adapters.web.server import ConsoleServer
from gateway.clock import SystemClock
from gateway.compliance_actions import judged
from gateway.config import ConfigRefused, Settings, load
from gateway.domain import technicians
from gateway.domain.labels import Keeping
from gateway.domain.link_words import reason_zh
from gateway.eyes import Eyes
from gateway.grounds import Grounds
from gateway.ledger_hands import by_hand, evidence_desk, policy_desk, quality_desk, two_persons
from gateway.platform_reports import PlatformReports, camera_account, master_data
from gateway.services.audit_desk import AuditDesk
from gateway.services.camera_alarms import tell_cameras
from gateway.services.capture import VehicleCapture
from gateway.services.changes import Changes
from gateway.services.commissioning_desk import CommissioningDesk
from gateway.services.compliance import Judged
from gateway.services.conditions import Conditions
from gateway.services.counting import CounterDesk
from gateway.services.desk import SiteDesk
from gateway.services.desk_port import Condition
from gateway.services.expected_plates import ExpectedPlates
from gateway.services.goods_desk import GoodsDesk
from gateway.services.housekeeper import Housekeeper
from gateway.services.judging import CLOCK_PLAUSIBLE_FROM_MS
from gateway.services.label_desk import LabelDesk
from gateway.services.label_keeper import LabelKeeper, record_consent
from gateway.services.lane_desk import LaneDesk
from gateway.services.lane_view import LaneNow
from gateway.services.late_entry import LateEntries
from gateway.services.ledger_desk import LedgerDesk
from gateway.services.ledger_query import LedgerQuery
from gateway.services.misuse import MisuseWatch, load_figures
from gateway.services.model_watch import ModelWatch
from gateway.services.office import Office
from gateway.services.offline_lists import OfflineLists
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.paper_form import PaperForm
from gateway.services.passage_record import Place
from gateway.services.platform_findings import PlatformFindings
from gateway.services.platform_uploads import PlatformUploads
from gateway.services.policy_book import PolicyBook
from gateway.services.policy_watch import PolicyWatch
from gateway.services.ports import LedgerUnavailable
from gateway.services.pulls import Pulls, PullSettings, Sink
from gateway.services.register_book import RegisterBook
from gateway.services.register_desk import RegisterDesk
from gateway.services.register_watch import RegisterWatch
from gateway.services.relay import Relay, RelaySettings
from gateway.services.self_probes import probes
from gateway.services.self_test import SelfTest
from gateway.services.technician_desk import TechnicianDesk
from gateway.services.use_records import UseDesk
from gateway.services.visit_watch import VisitWatch
from gateway.services.watching import LedgerWatch
from gateway.start import REFUSALS, keys_of, refuse, set_up_logging
from gateway.visitors import Visitors

log = structlog.get_logger()

SINK_TIMEOUT_S = 60.0  # a list of the regulator is in the ledger by then
REFUSAL_SHOWN_MS = 600_000  # a refused message stays on the page for ten minutes
PROFILES = Path(__file__).parent / "adapters" / "uplink" / "profiles"


def run_gateway(config: Path) -> int:
    """Run until SIGTERM or SIGINT; 2 with a sentence when something given is not acceptable."""
    set_up_logging()
    try:
        settings = load(config)
        asyncio.run(Gateway(settings).run())
    except REFUSALS as refusal:
        return refuse("网关无法启动 the gateway cannot start", refusal)
    return 0


def run_site_broker(config: Path) -> int:
    set_up_logging()
    try:
        settings = load(config)
        serve.run_broker(settings.broker.host, settings.broker.port, keys_of(settings), settings.site.enterprise_code,
                         [lane.id for lane in settings.lanes], on_ready=_say_ready)  # fmt: skip
    except REFUSALS as refusal:
        return refuse("消息代理无法启动 the broker cannot start", refusal)
    return 0


class Gateway:
    """All parts of one site, built from its settings. `run` returns after an orderly stop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = SystemClock()
        self.started_mono_s = self.clock.mono_s()
        pack = load_pack(settings.site.policy_pack or DEFAULT_PACK)
        self.keys = keys_of(settings)
        self.file = LedgerFile(settings.site.data_dir)
        self.ledger, self.outbox = SqliteLedger(self.file), SqliteOutbox(self.file)
        self.queries, self.registers = SqliteQueries(self.file), SqliteRegisters(self.file)
        self.book = PolicyBook(SqlitePolicies(self.file), self.registers, self.clock,
                               enterprise_code=settings.site.enterprise_code, site_packs=[pack])  # fmt: skip
        self.register_book = RegisterBook(SqliteRegisterRows(self.file), self.clock)
        self.audit = AuditDesk(self.register_book, SqliteLookups(self.file), self.clock, reader=QrReader(),
                               site=LookupSite(settings.lookup.base_url) if settings.lookup.base_url else None)  # fmt: skip
        self.over_limit = OverLimitDesk(SqlitePolicies(self.file), self.clock, over_limit_terms())
        self.changes = Changes()
        self.conditions = Conditions(self.clock, self.changes)
        self.policy_watch = PolicyWatch(self.book, self.over_limit, self.conditions, self.clock)
        self.visit_watch = VisitWatch(SqliteVisits(self.file), self.clock, self.conditions)
        self.register_watch = RegisterWatch(self.register_book, self.audit, self.conditions)
        least = CaptureSettings(
            min_width_px=settings.reading.min_width_px, min_height_px=settings.reading.min_height_px
        )
        self.frames = CameraBank({c.code: c.url for c in settings.cameras}, least)
        self.reader = VisionProcess()
        self.lanes_alive_mono_s = self.clock.mono_s()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.link = MqttLanes(
            host=settings.broker.host, port=settings.broker.port, ca_crt=self.keys.ca_crt, crt=self.keys.crt("gateway"), key=self.keys.key("gateway"), site=settings.site.enterprise_code,
            lanes=[lane.id for lane in settings.lanes], clock=self.clock, deciding_is_alive=self._is_deciding, on_link=self._on_link,
            on_order=self._on_order,
        )  # fmt: skip
        regulator = open_regulator(
            PROFILES / f"{settings.uplink.profile}.toml", base_url=settings.uplink.base_url, enterprise_code=settings.site.enterprise_code,
            app_id=settings.uplink.app_id, private_key_file=settings.uplink.private_key,
            platform_key_file=settings.uplink.platform_key, data_dir=settings.site.data_dir, clock=self.clock,
            master=lambda: master_data(self.outbox), secrets_of=camera_account(settings),
        )  # fmt: skip
        self.tasks = SqliteTasks(self.file)
        self.platform_findings = PlatformFindings(self.tasks, self.outbox, self.conditions, self.clock)
        sinks = {
            "exceedVehicle": self.over_limit.receive,
            "basStrategy": self.book.receive,
            "alarmVehicle": self.platform_findings.receive,
        }
        self.pulls = Pulls(regulator, self.outbox, self.clock, {op: self._on_loop(sink) for op, sink in sinks.items()},
                           on_condition=self._on_relay_condition, settings=regulator.profile.schedule.of(PullSettings))  # fmt: skip
        self.relay = Relay(self.outbox, regulator, self.clock, status_provider=self._status, on_condition=self._on_relay_condition,
                           settings=_relay_settings(settings, regulator), pulls=self.pulls)  # fmt: skip
        ledger_key, terms = LedgerKey(settings.site.data_dir), load_terms()
        self.eyes = Eyes(settings, self.file, ledger=self.ledger, queries=self.queries, frames=self.frames, reader=self.reader,
                         clock=self.clock, conditions=self.conditions, changes=self.changes, terms=terms)  # fmt: skip
        self.keeping, self.labels = keeping_of(settings), self._open_labels()
        self.models = ModelWatch(ModelRegistry(settings.site.data_dir, MODELS_FOLDER), self.reader, self.clock, "gateway",
                                 ledger=self.ledger, queries=self.queries, conditions=self.conditions)  # fmt: skip
        self.label_keeper = (
            LabelKeeper(self.keeping, self.labels, cutouts, SqliteCorrections(self.file), self.queries, self.reader, self.clock, terms)
            if self.labels else None
        )  # fmt: skip
        heads = SqliteHeads(self.file, ledger_key)
        self.housekeeper = Housekeeper(
            heads=heads, retention=SqliteSweep(self.file, ledger_key, terms), terms=terms,
            clock=self.clock, conditions=self.conditions, hand_on=lambda head: self.link.hand_head(f"{head['seq']}:{head['hash']}"),
            clock_is_trusted=lambda: self.clock_state() == "trusted", beside=[part for part in (self.eyes.clips, self.label_keeper) if part],
        )  # fmt: skip
        capture = VehicleCapture(self.frames, self.reader, self.clock, budget_ms=settings.reading.budget_ms,
                                 min_agreeing=settings.reading.min_agreeing, framing=self.eyes.framing,
                                 known=ExpectedPlates(self.registers, self.book.store, self.ledger, self.clock))  # fmt: skip
        nows = {lane.id: LaneNow(lane.id, self.clock, self.link.lane_clock(lane.id)) for lane in settings.lanes}
        self.lists = OfflineLists(
            {lane.id: (lane.direction, nows[lane.id]) for lane in settings.lanes}, store=SqliteOfflineLists(self.file),
            book=self.book, clock=self.clock, conditions=self.conditions, send=self.link.send_list,
            booked=lambda at_ms: goods.booked(at_ms),
        )  # fmt: skip
        sides = SqliteSides(self.file)
        goods = GoodsDesk(
            ledger=self.ledger, sides=sides, queries=self.queries, clock=self.clock, exit_needs=settings.site.exit_needs
        )
        self.desks = {
            lane.id: LaneDesk(
                Place(settings.site.enterprise_code, lane.id, lane.name, lane.direction, lane.entrance_code,
                      lane.barrier_code, lane.head_camera, lane.body_camera, lane.rear_camera or "", lane.plate_zone),
                ledger=self.ledger, link=self.link, now=nows[lane.id], lists=self.lists,
                capture=capture, photographs=photo, book=self.book, clock=self.clock, changes=self.changes,
                conditions=self.conditions, wake_relay=self.relay.notify, goods=goods, labels=self.label_keeper,
                see=self.eyes.see,
            )
            for lane in settings.lanes
        }  # fmt: skip
        self.eyes.desks = self.desks
        self.technicians = TechnicianDesk(self.desks, ledger=self.ledger, queries=self.queries, configs=self.link,
                                          clock=self.clock, answer=self.link.answer_technician)  # fmt: skip
        self.commissioning = CommissioningDesk(
            self.desks, site=settings.site.enterprise_code, documents=CommissioningFiles(settings.site.data_dir),
            ledger=self.ledger, queries=self.queries, clock=self.clock, conditions=self.conditions,
            order_settings=self.technicians.commission, is_known=self.technicians.has_taken,
        )  # fmt: skip
        paper = PaperForm(ledger=self.ledger, sides=sides, clock=self.clock)
        self.office = Office(
            ledger=self.ledger, queries=self.queries, visits=SqliteVisits(self.file), paper=paper, goods=goods, clock=self.clock,
            late=LateEntries({name: desk.place for name, desk in self.desks.items()}, ledger=self.ledger, book=self.book, paper=paper,
                             clock=self.clock, wake_relay=self.relay.notify, bookings=goods),
            uses=UseDesk(ledger=self.ledger, sides=sides, registers=self.register_book.store, clock=self.clock),
        )  # fmt: skip
        self.evidence = evidence_desk(self.file, self.ledger, self.queries, self.clock, tell=self._on_evidence)
        self.policy = policy_desk(
            self.file, self.book, self.over_limit, self.clock, tell=lambda: self.changes.tell("health")
        )
        self._orders: set[asyncio.Task[None]] = set()
        self.desk = SiteDesk(
            enterprise_code=settings.site.enterprise_code, name=settings.site.name, version=__version__, lanes=self.desks,
            queries=self.queries, registers=self.registers, outbox=self.outbox, frames=self.frames, clock=self.clock,
            changes=self.changes, conditions=self.conditions, clock_state=self.clock_state, sides=sides,
        )  # fmt: skip
        self.reading_apart, self.watch_reader = (
            LedgerReader(settings.site.data_dir),
            LedgerReader(settings.site.data_dir),
        )
        self.ledger_query = LedgerQuery(SqliteLedgerQueries(self.reading_apart))
        self.two = two_persons(
            self.file, self.ledger, self.clock, self.evidence, self.policy, self.register_book, tell=self._two_wait
        )
        hands = by_hand(
            self.evidence,
            self.policy,
            self.register_book,
            self.audit,
            goods,
            self.tasks,
            self.clock,
            self.two,
            self.registers,
        )
        self.control = ControlServer(settings.site.data_dir, hands.do)
        self.counters = CounterDesk(SqliteCounters(self.watch_reader), self.tasks, self.clock, self.conditions,
                                    lambda lane: self.desks[lane].place.name if lane in self.desks else lane)  # fmt: skip
        self.misuse = MisuseWatch(SqliteMisuseReads(self.watch_reader, self.file.data_dir, self.file), self.tasks, self.clock, self.conditions,
                                  load_figures(), self.frames.thumbs,
                                  online=lambda: [lane for lane, desk in self.desks.items() if desk.now.is_online])  # fmt: skip
        self.ledger_watch = LedgerWatch(
            self.counters, self.misuse, Packer(self.file, self.watch_reader), self.clock, self.conditions
        )
        ledger = LedgerDesk(self.ledger_query, self.tasks, SqliteCounters(self.reading_apart), self.clock,
                            {lane.id: lane.name for lane in settings.lanes}, write_rows=tables.write_rows,
                            accept_picture=self.misuse.accept_picture)  # fmt: skip
        self.quality = quality_desk(
            self.file, self.ledger, self.reading_apart, ledger_key, heads, self.audit, self.clock
        )
        reports = PlatformReports(settings, self.file, regulator, self.outbox, registers=self.register_book.store, queries=self.queries,
                                  tasks=self.tasks, conditions=self.conditions, clock=self.clock, quality=self.quality.figures,
                                  is_up=lambda: self.relay.is_up, on_condition=self._on_relay_condition)  # fmt: skip
        self.platform_uploads = PlatformUploads(
            self.outbox, regulator, registers=self.register_book.store, book=self.book, over_limit=self.over_limit, clock=self.clock,
            applied=self.lists.applied, enterprise_code=settings.site.enterprise_code, entrance_code=settings.lanes[0].entrance_code,
            wake_relay=self.relay.notify, tell=self.platform_findings.tell, beside=reports.parts,
        )  # fmt: skip
        self.grounds = Grounds(
            settings, self.file, ledger=self.ledger, frames=self.frames, clock=self.clock, conditions=self.conditions
        )
        self.visitors = self._open_visitors()
        self.console = ConsoleServer(create_app(self.desk, self.frames, title=settings.site.name, registers=RegisterDesk(self.register_book, self.audit, tables, settings.site.data_dir), office=self.office, ledger=ledger, policy=self.policy, evidence=self.evidence, quality=self.quality, findings=(sides, self.eyes.clips.path),
                                                labels=LabelDesk(self.labels, self.keeping, self.clock, {lane.id: lane.name for lane in settings.lanes}) if self.labels else None,
                                                drivers=self.visitors.gate if self.visitors else None, zones=self.grounds.desk, two=self.two, self_test=(self._self_test(sides, regulator), self._clauses)),
                                     host=settings.web.host, port=settings.web.port)  # fmt: skip

    def _self_test(self, sides: SqliteSides, regulator: Any) -> SelfTest:
        lanes = {name: desk.now for name, desk in self.desks.items()}
        return SelfTest(
            probes(lanes=lanes, frames=self.frames, cameras=[c.code for c in self.settings.cameras], photographs=photo, cut=self.frames.clip,
                   clips=self.eyes.clips, sides=sides, book=self.book, registers=self.register_book.store, queries=self.queries,
                   rows=SqliteLedgerQueries(self.reading_apart), store=self.outbox, free_share=lambda: _free_share(self.settings.site.data_dir),
                   greet=lambda: regulator.heartbeat(self._status()), clock=self.clock),
            self.register_book.store, self.clock,
        )  # fmt: skip

    async def _clauses(self) -> list[Judged]:
        return await asyncio.to_thread(judged, self.settings.site.data_dir, self.clock.wall_ms())

    async def run(self) -> None:
        loop = self.loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        async with contextlib.AsyncExitStack() as parts:
            parts.callback(self.file.close)
            if self.labels:
                parts.callback(self.labels.close)
            parts.callback(self.reading_apart.close)
            parts.callback(self.watch_reader.close)
            await self.two.resume()
            await self.console.start()
            parts.push_async_callback(self.console.stop)
            if self.visitors:
                parts.callback(self.visitors.shelf.close)
                await self.visitors.server.start()
                parts.push_async_callback(self.visitors.server.stop)
            await self.control.start()
            parts.push_async_callback(self.control.stop)
            self.reader.start()
            parts.callback(self.reader.stop)
            self.frames.start()
            parts.callback(self.frames.stop)
            parts.callback((await _time_service(self.settings, self.clock)).close)
            self.relay.start()
            parts.callback(self.relay.stop)
            self.technicians.resume()
            self.link.start(loop)
            parts.callback(self.link.stop)
            tasks = [
                asyncio.create_task(c, name=n)
                for n, c in (
                    ("lanes", self._lanes()),
                    ("ticks", self._ticks()),
                    ("lists", self.lists.run()),
                    ("housekeeper", self.housekeeper.run()),
                    ("registers", self.register_watch.run()),
                    ("labels", self._keep_labels()),
                    ("eyes", self.eyes.run()),
                    ("grounds", self.grounds.run()),
                    *((("drivers", self.visitors.run()),) if self.visitors else ()),
                    ("models", self.models.run()),
                    ("ledger watch", self.ledger_watch.run()),
                    ("quality", self._look_at_quality()),
                    ("platform uploads", self.platform_uploads.run()),
                )
            ]
            for task in tasks:
                task.add_done_callback(lambda t: stopping.set())
            notify("READY=1")
            log.info("gateway ready", version=__version__, console=f"http://{self.settings.web.host}:{self.settings.web.port}",
                     open_passes=sum(len(d.open_passes()) for d in self.desks.values()))  # fmt: skip
            await stopping.wait()
            notify("STOPPING=1")
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):  # a part is broken: end, so that the supervisor starts it anew
                    raise result

    async def _lanes(self) -> None:
        """Messages of one lane in their order; one lane never waits for another."""
        queues: dict[str, asyncio.Queue[Any]] = {lane: asyncio.Queue(256) for lane in self.desks}
        async with asyncio.TaskGroup() as group:
            for lane, desk in self.desks.items():
                group.create_task(self._one_lane(desk, queues[lane]), name=f"lane {lane}")
            async for message, done in self.link.messages():
                await queues[message.lane].put((message, done))

    async def _one_lane(self, desk: LaneDesk, queue: asyncio.Queue[Any]) -> None:
        await desk.resume()
        while True:
            message, done = await queue.get()
            await desk.handle(message, done)
            self.lists.heard(message)
            await self.technicians.heard(message)

    def _open_labels(self) -> SqliteLabels | None:
        """None, and a condition, when the labels cannot be opened: they are no evidence and stop nothing."""
        try:
            return SqliteLabels(self.settings.site.data_dir)
        except StoreRefused as refused:
            self.conditions.raise_("labels.unusable", "warning", f"标注库无法打开：{refused}", f"labels: {refused}")
            return None

    def _open_visitors(self) -> Visitors | None:
        """None where drivers do not register themselves; None, and a condition, when their shelf cannot be opened."""
        if not self.settings.drivers.base_url:
            return None
        try:
            return Visitors(self.settings, self.file, ledger=self.ledger, book=self.register_book, clock=self.clock,
                            conditions=self.conditions, on_loop=self._soon)  # fmt: skip
        except StoreRefused as refused:
            self.conditions.raise_(
                "drivers.unusable", "warning", f"司机自助登记无法启用：{refused}", f"drivers: {refused}"
            )
            return None

    def _soon(self, action: Callable[[], None]) -> None:
        """On the gateway's loop, from any thread."""
        if self.loop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(action)

    def _two_wait(self, waiting: int) -> None:
        self._say(
            waiting > 0,
            "two_person.waiting",
            "info",
            f"{waiting} 项操作等待另一人确认",
            f"{waiting} acts wait for a second person",
        )

    async def _keep_labels(self) -> None:
        """The consent is entered as it stands in the settings, then corrections are looked for, for ever."""
        while True:
            try:
                await record_consent(self.keeping, ledger=self.ledger, queries=self.queries, clock=self.clock)
                break
            except LedgerUnavailable as error:
                log.warning("consent not entered yet", error=str(error))
                await asyncio.sleep(10.0)
        await (self.label_keeper.run() if self.label_keeper else asyncio.Event().wait())

    async def _ticks(self) -> None:
        while True:
            self.lanes_alive_mono_s = self.clock.mono_s()
            for desk in self.desks.values():
                await desk.tick()
            self.technicians.tick()
            await self.commissioning.tick()
            self._watch()
            self.policy_watch.tick()
            self.visit_watch.tick()
            notify("WATCHDOG=1")
            await asyncio.sleep(1.0)

    def _is_deciding(self) -> bool:
        """The event loop that decides has turned lately; only then may `time` be published."""
        return self.clock.mono_s() - self.lanes_alive_mono_s < 5.0

    def clock_state(self) -> str:
        return "trusted" if self.clock.wall_ms() >= CLOCK_PLAUSIBLE_FROM_MS else "untrusted"

    def _watch(self) -> None:
        """What is stale: the clock, cameras, lanes, the reader."""
        self._say(self.clock_state() != "trusted", "clock.implausible", "alarm", "网关时钟早于 2020 年，记录时间不可信",
                  "the gateway's clock is before 2020; times are not trusted")  # fmt: skip
        tell_cameras(self.conditions, self.frames.health(), lambda code: self.settings.camera(code).name)
        refusals = self.link.stats()["refusals"]
        newest = refusals[-1] if refusals else None
        self._say(newest is not None and self.clock.wall_ms() - newest["at_ms"] < REFUSAL_SHOWN_MS, "lanes.refused", "warning",
                  f"拒收车道消息 {newest and newest['topic']}：{newest and newest['detail']}",
                  f"a lane message was refused: {newest and newest['topic']}: {newest and newest['reason']}")  # fmt: skip
        lost = self.label_keeper.lost if self.label_keeper else 0
        self._say(lost > 0, "labels.lost", "warning", f"启动以来有 {lost} 次通行的图片未能留存供标注",
                  f"{lost} passes since the start could not be kept for labelling")  # fmt: skip
        for lane, desk in self.desks.items():
            self._say(not desk.now.is_online, f"lane.offline.{lane}", "alarm", f"车道 {desk.place.name} 控制器离线",
                      f"lane {lane}: controller offline")  # fmt: skip

    def _say(self, is_so: bool, code: str, severity: str, zh: str, en: str) -> None:
        if is_so:
            self.conditions.raise_(code, severity, zh, en)
        else:
            self.conditions.clear(code)

    def _on_link(self, is_up: bool, reason: str) -> None:
        self._say(
            not is_up,
            "broker.away",
            "alarm",
            f"消息代理断开：{reason_zh(reason)}",
            f"the message broker is away: {reason}",
        )

    async def _look_at_quality(self) -> None:
        """What breaks here is told and tried again: it must not stop the lanes."""
        while True:
            try:
                await self.quality.run()
            except Exception as error:
                log.exception("quality not looked at")
                self.conditions.raise_("watch.quality", "warning", f"台账质量检查出错：{error}", f"looking at the ledger's quality failed: {error}")  # fmt: skip
                await asyncio.sleep(3600.0)
                self.conditions.clear("watch.quality")

    def _on_evidence(self, word: str) -> None:
        """A person changed a row: its pages show it, and the regulator is told by its revision."""
        self.changes.tell(word)
        self.relay.notify()

    def _on_order(self, name: str, raw: bytes) -> None:
        """A technician's order; one that is none is answered if it names itself."""
        try:
            task = asyncio.create_task(self.technicians.take(name, technicians.decode_order(raw)), name=f"order {name}")
        except technicians.OrderRefused as refused:
            log.warning("technician's order refused", who=name, reason=str(refused))
            if refused.job:
                self.technicians.refuse(name, refused.job, refused.where, refused.allowed)
            return
        self._orders.add(task)
        task.add_done_callback(self._orders.discard)

    def _on_loop(self, sink: Sink) -> Sink:
        """For the relay's thread: the list is taken on the event loop, where policy and registers are read."""

        async def take(items: Sequence[Mapping[str, Any]]) -> object:
            return sink(items)

        def from_thread(items: Sequence[Mapping[str, Any]]) -> object:
            if self.loop is None or self.loop.is_closed():
                raise RuntimeError("the gateway is not running")
            return asyncio.run_coroutine_threadsafe(take(items), self.loop).result(SINK_TIMEOUT_S)

        return from_thread

    def _on_relay_condition(self, code: str, condition: Condition | None) -> None:
        """Called from the relay's thread."""
        loop = self.loop
        if loop is None or loop.is_closed():
            return
        if condition is None:
            loop.call_soon_threadsafe(self.conditions.clear, code)
        else:
            loop.call_soon_threadsafe(
                self.conditions.raise_, code, condition.severity, condition.text_zh, condition.text_en
            )

    def _status(self) -> dict[str, Any]:
        """For the heartbeat (adapters/uplink/records.py, SiteStatus); called from the relay's thread."""
        counts = self.outbox.counts(self.clock.wall_ms() - 86_400_000)
        health = self.frames.health()
        return {
            "status": 1,
            "soft_version": __version__,
            "uptime_s": round(self.clock.mono_s() - self.started_mono_s),
            "buffered_count": counts["pending"] + counts["parked"],
            "today_generated": counts["generated"],
            "today_accepted": counts["accepted"],
            "barriers": [
                {"barrier_code": d.place.barrier_code, "online": d.now.is_online} for d in self.desks.values()
            ],
            "cameras": [{"camera_code": code, "online": h.is_online} for code, h in health.items()],
            "ledger_head": self.housekeeper.head_text(),
            **self.pulls.versions(),
            "disk_free_percent": round(100 * _free_share(self.settings.site.data_dir)),
            "clock_state": "synced" if self.clock_state() == "trusted" else "unsynced",
        }


def keeping_of(settings: Settings) -> Keeping:
    given = settings.labelling
    return Keeping(given.keep, given.consent_by.strip(), given.consent_on, given.licence.strip(), given.doubt_below,
                   given.sure_one_in, given.most_per_day)  # fmt: skip


async def _time_service(settings: Settings, clock: SystemClock) -> sntp.SntpServer:
    try:
        return await sntp.start(settings.sntp.host, settings.sntp.port, clock)
    except OSError as error:
        raise ConfigRefused(
            f"sntp.port: {error.strerror}; choose a free port, or let no other time service run here"
        ) from None


def _say_ready() -> None:
    notify("READY=1")


def _free_share(folder: Path) -> float:
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total


def _relay_settings(settings: Settings, regulator: Any) -> RelaySettings:
    found = regulator.profile.schedule.of(RelaySettings)
    return replace(found, heartbeat_s=settings.uplink.heartbeat_s) if settings.uplink.heartbeat_s else found
