"""Draws the picture of `lvzha lane watch` in firmware/TECHNICIAN.md: python -m tools.technician_pictures

A real site is run on this machine (broker, gateway, a lane on the real interpreter), a truck arrives, and the view is
photographed at 120 x 30. Needs Chromium.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "firmware" / "watch.png"
SIZE = (120, 30)


def main() -> int:
    sys.path.insert(0, str(ROOT / "tests" / "integration"))
    import technician_bench as bench  # pyright: ignore[reportMissingImports] (of the tests' own folder)

    with tempfile.TemporaryDirectory() as folder:
        site = bench.TechnicianSite(Path(folder), bits_per_s=1_000_000)
        try:
            site.wait_ready()
            svg = asyncio.run(_photograph(site, bench.LANE))
        finally:
            site.close()
        (Path(folder) / "watch.svg").write_text(svg, "utf-8")
        _to_png(Path(folder) / "watch.svg", TARGET)
    print(TARGET)
    return 0


async def _photograph(site, lane: str) -> str:
    from gateway.adapters.technician.access import load
    from gateway.adapters.technician.client import Client
    from gateway.adapters.technician.watch import NAMES, WatchApp

    with Client(load(site.access), ["+"], NAMES) as client:
        app = WatchApp(client, lane)
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause(2.0)
            site.plant.set("loop_arrival", 1)
            await pilot.pause(9.0)  # the gateway looks for frames, holds the vehicle and says so on the sign
            await asyncio.to_thread(site.lane, "raise", lane, "--why", "picture")
            site.plant.set("beam", 1)
            site.plant.set("loop_under_arm", 1)
            await pilot.pause(22.0)  # until the lane has told its telemetry
            # rich stretches every text to one cell per character; Chinese ones take two
            return re.sub(r' textLength="[^"]*"', "", app.export_screenshot()).replace("Fira Code", "DejaVu Sans Mono")


def _to_png(svg: Path, png: Path) -> None:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or ""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1486, "height": 820})
        page.goto(svg.as_uri())
        page.screenshot(path=png)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
