"""Work areas and the drivers' page as the settings name them, joined as the gateway joins them."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import requests

from gateway.config import Settings, load
from gateway.grounds import Grounds
from gateway.visitors import Visitors
from tests.integration.test_tag_readers import Reader, until
from tests.unit.test_config import GOOD, READER, ZONE, given
from tests.unit.test_zones import Pictures, ZoneSite


def settings_of(folder: Path, text: str) -> Settings:
    return load(given(folder, GOOD + text))


async def test_a_zone_of_the_settings_watches_its_reader_and_says_when_it_is_away(tmp_path):
    line, site = Reader(), ZoneSite(tmp_path / "data")
    await line.start()
    text = (READER + ZONE).replace("10.0.0.60:6000", f"127.0.0.1:{line.port}")
    grounds = Grounds(
        settings_of(tmp_path, text),
        site.file,
        ledger=site.ledger,
        frames=Pictures(site),
        clock=site,
        conditions=site.conditions,
    )
    task = asyncio.create_task(grounds.run())
    await line.say(b"E200341201\n")
    await until(site.alarms)
    await line.drop()
    await line.stop()
    await until(lambda: any(c.code == "tags.R1" and "煤场" in c.text_zh for c in site.conditions.list()))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    site.file.close()


async def test_the_drivers_page_listens_on_its_own_port_and_codes_in_waiting_are_said_without_the_code(tmp_path):
    site = ZoneSite(tmp_path / "data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = f'[drivers]\nbase_url = "http://127.0.0.1:{port}/"\nport = {port}\n'
    visitors = Visitors(settings_of(tmp_path, text), site.file, ledger=site.ledger, book=site.registers, clock=site,
                        conditions=site.conditions, on_loop=asyncio.get_running_loop().call_soon_threadsafe)  # fmt: skip
    await visitors.server.start()
    page = await asyncio.to_thread(requests.get, f"{visitors.gate.base_url}d/1", timeout=30)
    asked = await asyncio.to_thread(
        requests.post, f"{visitors.gate.base_url}api/code", json={"phone": "13800005678"}, timeout=30
    )
    assert page.status_code == 200 and "1号口" in page.text and asked.status_code == 200
    await until(lambda: any(c.code == "drivers.codes" for c in site.conditions.list()))
    (condition,) = [c for c in site.conditions.list() if c.code == "drivers.codes"]
    assert visitors.gate.codes is not None
    (shown,) = visitors.gate.codes.waiting()
    assert shown.code not in condition.text_zh + condition.text_en + asked.text
    await visitors.server.stop()
    visitors.shelf.close()
    site.file.close()
