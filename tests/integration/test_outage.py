"""A whole site whose deciding process is gone: the lane decides by the list it was given, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.small_cast import write_small_cast
from tools.simulator.report import load_run, moves_without_entry
from tools.simulator.site import ROOT, Site, interpreter

LANE = "g1-b01"
CAST = ("tractor-stage6", "over-limit", "stranger")
PATIENCE_S = 150.0

pytestmark = pytest.mark.skipif(
    interpreter() is None, reason="the MicroPython interpreter's package exists for x86-64 only"
)


def entries(site: Site) -> list[dict[str, Any]]:
    """The ledger's entries, whether the gateway runs or not."""
    with sqlite3.connect(f"file:{site.folder.ledger}?mode=ro", uri=True, timeout=10) as db:
        rows = db.execute("select kind, lane, pass_id, body from entry order by seq").fetchall()
    return [{"kind": k, "lane": lane, "pass": p, "body": json.loads(body)} for k, lane, p, body in rows]


async def within(what: str, condition) -> Any:
    """The first true value of an (async) condition; the wait is only a limit, never a measure."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := await condition()):  # noqa: ASYNC110 (files and other processes tell)
                await asyncio.sleep(0.3)
            return found
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


async def lane_now(site: Site) -> dict[str, Any]:
    return (await site.plant.ask("status"))["lanes"][LANE]


async def named(site: Site, times: int) -> None:
    """Until the vision process has named so many vehicles, and the lane has had time to decide."""
    log = site.folder.logs / "vision.log"

    async def is_named() -> bool:
        return log.read_text("utf-8").count("vehicle named") >= times

    await within(f"{times} vehicles named by the vision process", is_named)
    await asyncio.sleep(3.0)


async def away(site: Site) -> None:
    async def is_empty() -> bool:
        now = await lane_now(site)
        return not now["vehicles"] and now["arm_deg"] < 1.0

    await within("the lane is empty and the arm down", is_empty)


@pytest.mark.requirement("X-02", "X-03", "S0-57")
@pytest.mark.timeout(600)
async def test_the_lane_decides_by_its_list_while_the_gateway_is_gone_and_everything_is_entered_later(tmp_path: Path):
    site = Site(tmp_path, seed=5, passes=-1, cast_file=write_small_cast(tmp_path / "cast.toml", CAST),
                clip_cache=ROOT / "demo-data" / "clips")  # fmt: skip
    gateway = None
    try:
        await site.start()
        gateway = site.programs["gateway"]
        await site.wait_healthy(180.0)

        async def has_list() -> bool:
            shown = [e for e in entries(site) if e["kind"] == "offline_list" and e["lane"] == LANE]
            kept = site.folder.flash(LANE) / "list"
            return bool(shown) and kept.exists()

        await within("the lane has its list", has_list)
        before = len(entries(site))
        await gateway.hold_down()

        await site.plant.ask("enter", lane=LANE, truck="tractor-stage6")
        await named(site, 1)
        await away(site)

        await site.plant.ask("enter", lane=LANE, truck="stranger")
        await named(site, 2)
        held = await lane_now(site)
        assert held["vehicles"] and held["arm_deg"] < 1.0, "not on the list: held"
        await site.plant.ask("press", lane=LANE, input="button_raise")
        await away(site)

        await site.plant.ask("enter", lane=LANE, truck="over-limit")
        await named(site, 3)
        refused = await lane_now(site)
        assert refused["vehicles"] and refused["arm_deg"] < 1.0, "over the limit: refused"
        assert len(entries(site)) == before, "nobody wrote while the gateway was gone"

        gateway.start()
        await away(site)

        def run():
            return load_run(site.folder.truth, site.folder.ledger, site.folder.regulator_data / "regulator.sqlite3")

        async def is_finished() -> bool:
            now = run()
            return len(now.matched) == 3 and all(p.upload in ("accepted", "parked") for p in now.passes)

        await within("every passage is closed and sent", is_finished)
        told, found = run(), entries(site)[before:]
    finally:
        await site.stop()
    assert [site.cast.trucks[v.truck].id for v in told.visits] == ["tractor-stage6", "stranger", "over-limit"]
    through, lifted, turned = (told.matched[v.visit] for v in told.visits)
    assert [p.end for p in (through, lifted, turned)] == ["completed", "completed", "denied_left"]
    assert len(told.passes) == 3, "nothing doubled"
    assert [p.upload for p in (through, lifted, turned)] == ["accepted", "parked", "accepted"], (
        "a person must name the stranger"
    )
    assert [e["pass"] for e in found if e["kind"] == "closed"] == [p.pass_id for p in (through, lifted, turned)]
    decisions = {e["pass"]: e["body"] for e in found if e["kind"] == "rejudged"}
    assert [(decisions[p.pass_id]["decision"], decisions[p.pass_id]["verdict"]) for p in (through, lifted, turned)] == [
        ("raise", "ALLOW"), ("hold", "HOLD"), ("refuse", "DENY"),
    ], "each judged again by the policy, as the lane had decided"  # fmt: skip
    assert not [e for e in decisions.values() if e["is_finding"]]
    assert moves_without_entry(told) == []
    assert not [t for t in told.truth if t["kind"] == "violation"]
    raised = [(e["pass"], e["body"]["data"].get("cause")) for e in found if e["body"].get("kind") == "barrier.opening"]
    assert raised == [(through.pass_id, "offline"), (lifted.pass_id, "button")], "each movement has an entry of its own"
