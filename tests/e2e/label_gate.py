"""The console with the labelling page over a real store of its own; `python -m tests.e2e.label_gate PORT` shows it."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from gateway.adapters.web.app import create_app
from tests.e2e.gate import Gate, show_filled
from tests.unit.label_site import LabelSite


class LabelGate(Gate):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site: LabelSite = self.do(lambda: LabelSite(folder / "labels"))

    def app(self) -> FastAPI:
        return create_app(self.scenario, self.scenario, title="云岭水泥（示例）", labels=self.site.desk)

    def fill(self) -> None:
        self.wait_for(self.site.fill())

    def end(self) -> None:
        super().end()
        self.site.close()


if __name__ == "__main__":
    show_filled(LabelGate, 8812)
