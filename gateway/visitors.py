"""Joins drivers' self-registration: its shelf, codes, desk, and a server of its own; part of the roof, as eyes.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gateway.adapters.codes.guard_screen import GuardScreen
from gateway.adapters.papers.jpeg import jpeg_size
from gateway.adapters.papers.qr import QrReader
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.driver_shelf import SqliteDriverShelf
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.web.driver_app import create_driver_app
from gateway.adapters.web.request_pages import DriverGate
from gateway.adapters.web.server import ConsoleServer
from gateway.config import Settings
from gateway.domain.driver_requests import code_terms, limits
from gateway.services.conditions import Conditions
from gateway.services.driver_desk import DriverDesk
from gateway.services.driver_requests import DriverRequests
from gateway.services.phone_codes import PhoneCodes
from gateway.services.ports import Clock, LedgerUnavailable
from gateway.services.register_book import RegisterBook

log = structlog.get_logger()
DAY_MS, SWEEP_S = 86_400_000, 3600.0


class Visitors:
    """`gate` is for the console. on_loop: calls a function on the gateway's loop, from any thread."""

    def __init__(self, settings: Settings, file: LedgerFile, *, ledger: SqliteLedger, book: RegisterBook, clock: Clock, conditions: Conditions,
                 on_loop: Callable[[Callable[[], None]], object]) -> None:  # fmt: skip
        given = settings.drivers
        assert given.base_url
        self._clock, self._conditions, self._on_loop = clock, conditions, on_loop
        named = {b.key: b.values.get("entrance_name", "") for b in book.store.all("entrance")}
        entrances = {
            lane.entrance_code: named.get(lane.entrance_code) or f"{lane.entrance_code}号口" for lane in settings.lanes
        }
        sides = SqliteSides(file)
        self.shelf = SqliteDriverShelf(settings.site.data_dir)
        screen = GuardScreen(clock, tell=self._codes_wait)
        self._desk = DriverDesk(ledger=ledger, sides=sides, shelf=self.shelf, codes=PhoneCodes(self.shelf, screen, clock, code_terms()),
                                reader=QrReader(), clock=clock, entrances=entrances, picture_size=jpeg_size, tell=self._say)  # fmt: skip
        requests = DriverRequests(ledger=ledger, sides=sides, shelf=self.shelf, book=book, clock=clock)
        self.gate = DriverGate(requests, screen, entrances, given.base_url)
        self.server = ConsoleServer(
            create_driver_app(self._desk, title=settings.site.name),
            host=given.host,
            port=given.port,
            setting="drivers.port",
        )

    def _codes_wait(self, waiting: int) -> None:
        """Called from any thread; the code itself is in no condition, as conditions are logged."""
        self._on_loop(lambda: self._set("drivers.codes", waiting, f"{waiting} 位司机等门卫读出验证码（审核 → 司机登记）",
                                        f"{waiting} drivers wait for a code to be read out (Audit, Drivers)"))  # fmt: skip

    def _say(self) -> None:
        waiting = self._desk.waiting_count()
        self._set(
            "drivers.requests",
            waiting,
            f"{waiting} 份司机自助登记待审核",
            f"{waiting} drivers' requests wait for a clerk",
        )

    def _set(self, code: str, count: int, zh: str, en: str) -> None:
        if count:
            self._conditions.raise_(code, "info", zh, en)
        else:
            self._conditions.clear(code)

    async def run(self) -> None:
        """What is over is swept once an hour; how much waits is said every few seconds."""
        turn = 0
        while True:
            self._say()
            self._codes_wait(len(self.gate.codes.waiting()) if self.gate.codes else 0)
            if turn % 720 == 0:
                now_ms, keep = self._clock.wall_ms(), limits()
                try:
                    await asyncio.to_thread(self.shelf.sweep, undecided_before_ms=now_ms - keep.keep_undecided_days * DAY_MS,
                                            decided_before_ms=now_ms - keep.keep_decided_days * DAY_MS, now_ms=now_ms)  # fmt: skip
                except LedgerUnavailable as error:
                    log.warning("drivers' shelf not swept", error=str(error))
            turn += 1
            await asyncio.sleep(SWEEP_S / 720)
