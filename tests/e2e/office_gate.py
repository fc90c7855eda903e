"""The console with the pages of the gate's office over a real ledger of its own; `python -m tests.e2e.office_gate PORT` shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from gateway.adapters.web.app import create_app
from gateway.adapters.web.server import ConsoleServer
from gateway.services.office import Office
from tests.e2e.gate import Gate, show_filled
from tests.unit.office_site import OfficeSite
from tests.unit.policy_bench import at
from tests.unit.test_ledger_rows import MACHINE, MACHINE_PHOTOS
from tests.unit.test_visits import a_pass


class OfficeGate(Gate):
    """A Gate whose console has an office; the passes of its ledger are `site`'s."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site: OfficeSite = self.do(lambda: OfficeSite(folder / "office"))
        self.site.now_ms = at("2026-11-20 08:00:00")

    def start(self) -> None:
        s = self.site
        office = Office(
            ledger=s.ledger,
            queries=s.queries,
            visits=s.visits,
            late=s.late,
            paper=s.paper,
            uses=s.uses,
            goods=s.goods,
            clock=s,
        )
        app = create_app(_Photos(self.scenario, s), self.scenario, title="云岭水泥（示例）", office=office)
        self._server = ConsoleServer(app, host="127.0.0.1", port=self._port)
        self.wait_for(self._server.start())
        self._port = self._server.port

    def end(self) -> None:
        super().end()
        self.site.file.close()

    def fill(self) -> None:
        """Vehicles inside, one of them too long, an exit alone, an unread one with its picture, a machine."""
        picture = np.full((540, 960, 3), 90, np.uint8)
        cv2.rectangle(picture, (380, 330), (580, 400), (0, 190, 250), -1)
        cv2.putText(picture, "D 7?310", (390, 380), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (10, 10, 10), 4)
        self.site.jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
        self.site.register("machine", MACHINE, MACHINE_PHOTOS)
        for number, plate, direction, when in (
            (1, "云D63185", "in", "2026-11-18 21:10:00"), (2, "云AF2861", "in", "2026-11-20 05:40:00"), (3, "渝G91357", "in", "2026-11-20 07:12:00"),
            (4, "贵B20917", "out", "2026-11-20 06:30:00"), (5, "川L77301", "in", "2026-11-20 03:00:00"), (6, "川L77301", "in", "2026-11-20 07:30:00"),
            (7, "", "in", "2026-11-20 07:41:00"),
        ):  # fmt: skip
            p = a_pass(number, plate, direction, at(when))
            if not plate:
                p = replace(p, identity=replace(p.identity, plate_colour="5", candidates=("云D71310", "云D77310")))
            self.wait_for(self.site.end(p))


class _Photos:
    """The scenario's desk, with photographs and pages of the office's passes."""

    def __init__(self, scenario, site: OfficeSite) -> None:
        self._scenario, self._site = scenario, site

    def photo_path(self, photo_id: str):
        return self._site.queries.photo_file(photo_id) or self._scenario.photo_path(photo_id)

    def __getattr__(self, name):
        return getattr(self._scenario, name)


class _Shown(OfficeGate):
    def fill(self) -> None:
        super().fill()
        self.wait_for(self.site.paper.issue(1, by="王"))


if __name__ == "__main__":
    show_filled(_Shown, 8811)
