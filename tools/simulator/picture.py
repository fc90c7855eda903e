"""Makes the README's picture: a site runs, trucks come, and the console is photographed in a real browser.

    .venv/bin/python -m tools.simulator.picture [--seconds 150]

Writes tools/simulator/console.png (desk) and console-phone.png. Needs Debian's chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

from tools.simulator.guard import Guard
from tools.simulator.site import Site, get_json
from tools.simulator.site_files import LANES

HERE = Path(__file__).parent
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
VIEWS = (("console.png", 1440, 900, False), ("console-phone.png", 390, 844, True))


async def _best_moment(site: Site, within_s: float) -> None:
    """Until a vehicle stands judged at a lane; a picture of an empty gate says little."""
    end = asyncio.get_running_loop().time() + within_s
    while asyncio.get_running_loop().time() < end:
        lanes = await asyncio.to_thread(get_json, f"{site.console_url}/api/lanes")
        if any(lane["current"] and lane["current"]["verdict"] for lane in lanes):
            await asyncio.sleep(1.0)
            return
        await asyncio.sleep(0.3)


async def make(seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="lvzha-picture-") as folder:
        site = Site(Path(folder), seed=5)
        guard: asyncio.Task[None] | None = None
        try:
            await site.start()
            await site.wait_healthy()
            directions = {lane.id: lane.direction for lane in LANES}
            watchman = Guard(site.console_url, site.cast, directions, seed=5, truck_at=site.plant.truck_at)
            guard = asyncio.create_task(watchman.run())
            await site.start_traffic()
            await asyncio.sleep(seconds)
            async with async_playwright() as p:
                browser = await p.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                for name, width, height, is_mobile in VIEWS:
                    page = await browser.new_page(viewport={"width": width, "height": height}, is_mobile=is_mobile)
                    await page.goto(site.console_url)
                    await page.wait_for_timeout(4000)
                    await _best_moment(site, 40.0)
                    await page.screenshot(path=str(HERE / name))
                await browser.close()
        finally:
            if guard:
                guard.cancel()
            await site.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=150.0, help="traffic before the picture")
    asyncio.run(make(parser.parse_args().seconds))
