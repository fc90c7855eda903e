"""A console and the drivers' page on an address of its own, over a real ledger; `python -m tests.e2e.driver_gate PORT` shows both."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from gateway.adapters.sheets import tables
from gateway.adapters.store.register_lookups import SqliteLookups
from gateway.adapters.web.app import create_app
from gateway.adapters.web.driver_app import create_driver_app
from gateway.adapters.web.request_pages import DriverGate as Shown
from gateway.adapters.web.server import ConsoleServer
from gateway.services.audit_desk import AuditDesk
from gateway.services.register_desk import RegisterDesk
from tests.e2e.gate import Gate, show_filled
from tests.unit.driver_site import ENTRANCES, OTHER_PHONE, DriverSite

TITLE = "云岭水泥（示例）"


class DriverGate(Gate):
    """phone_url: of the drivers' page; `phone_stop` and `phone_start` take it away and bring it back on the same port."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site: DriverSite = self.do(lambda: DriverSite(folder / "data"))
        self._phone_server: ConsoleServer | None = None
        self._phone_port = 0

    @property
    def phone_url(self) -> str:
        return f"http://127.0.0.1:{self._phone_port}"

    def app(self) -> FastAPI:
        s = self.site
        audit = AuditDesk(s.book, SqliteLookups(s.file), s.clock, reader=s.desk._reader)
        drivers = Shown(s.requests, s.screen, ENTRANCES, f"{self.phone_url}/")
        return create_app(self.scenario, self.scenario, title=TITLE, registers=RegisterDesk(s.book, audit, tables, s.file.data_dir), drivers=drivers)  # fmt: skip

    def start(self) -> None:
        self.phone_start()
        super().start()

    def phone_start(self) -> None:
        self._phone_server = ConsoleServer(
            create_driver_app(self.site.desk, title=TITLE), host="127.0.0.1", port=self._phone_port
        )
        self.wait_for(self._phone_server.start())
        self._phone_port = self._phone_server.port

    def phone_stop(self) -> None:
        if self._phone_server is not None:
            self.wait_for(self._phone_server.stop())
            self._phone_server = None

    def end(self) -> None:
        self.phone_stop()
        super().end()
        self.site.close()

    def fill(self) -> None:
        s = self.site
        s.vehicle()
        from tests.unit.test_driver_requests import LIST

        self.wait_for(s.sent(list_text=LIST, engine_no="WP10-7781"))
        self.wait_for(s.sent(phone=OTHER_PHONE, name="李师傅", plate_no="云D81126", plate_colour="1", draft="b" * 24))
        self.wait_for(s.requests.refuse("b" * 24, by="王五", why="行驶证照片模糊，请重拍"))
        s.codes.ask("13700009999", "10.0.0.9")


if __name__ == "__main__":
    show_filled(DriverGate, 8812)
