"""The console with work areas over a real ledger of its own; `python -m tests.e2e.zone_gate PORT` shows it."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from gateway.adapters.web.app import create_app
from tests.e2e.gate import Gate, show_filled
from tests.unit.test_ledger_rows import MACHINE, MACHINE_PHOTOS
from tests.unit.test_zones import LOCATOR, ZoneSite


class ZoneGate(Gate):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site: ZoneSite = self.do(lambda: ZoneSite(folder / "zones"))
        self.site.register("machine", MACHINE, MACHINE_PHOTOS)

    def app(self) -> FastAPI:
        return create_app(self.scenario, self.scenario, title="云岭水泥（示例）", zones=self.site.desk)

    def end(self) -> None:
        super().end()
        self.site.file.close()

    def fill(self) -> None:
        """Machines of several stages, one of them in the yard, a strange one too, and one that has left."""
        s = self.site
        for n, (stage, count) in enumerate((("2", 2), ("3", 5), ("4", 11), ("D", 6)), start=1):
            for m in range(count):
                s.register("machine", MACHINE | {
                    "env_reg_code": f"{stage}-YC{n}{m:05d}", "emission_stage": stage, "fuel_type": "C" if stage == "D" else "B", "locator_code": f"BD-{n}{m:04d}",
                    "mein": f"CN12345678{n}{m:06d}", "production_date": "2016-01-06" if stage == "2" else "2023-05-06"}, MACHINE_PHOTOS)  # fmt: skip
        self.wait_for(s.tag("BD-10001"))
        s.now_ms += 200_000
        self.wait_for(s.desk.tick())
        self.wait_for(s.tag(LOCATOR))
        s.now_ms += 40_000
        self.wait_for(s.tag("E2003412AB77"))


if __name__ == "__main__":
    show_filled(ZoneGate, 8813)
