"""The plant's control port: what a test, the guard or the demo may ask and do. One JSON object a line, one answer each.

    {"op": "status"}                                          -> lanes, vehicles, violations, traffic
    {"op": "start_traffic"} / {"op": "stop_traffic"}          let them come / nobody new comes
    {"op": "press", "lane": L, "input": ROLE, "ms": 500}      hold an input active for a while
    {"op": "force", "lane": L, "input": ROLE, "level": 0|1|null}   hold an input at a level; null lets go
    {"op": "enter", "lane": L, "truck": ID}                   let a truck of the cast come now

Answers are {"ok": true, ...} or {"error": "..."}; a bad line changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from tools.simulator.cast import Cast
from tools.simulator.drivers import Driver
from tools.simulator.vehicles import BODIES
from tools.simulator.world import LaneWorld, Visitor

if TYPE_CHECKING:
    from tools.simulator.plant import Plant

EXTRA_VISITS = 1_000_000  # numbers of visits that were ordered by hand, apart from those of the plan


async def serve_control(plant: Plant, cast: Cast, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while line := await reader.readline():
            try:
                answer = obey(plant, cast, json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
            await writer.drain()
    writer.close()


def obey(plant: Plant, cast: Cast, order: dict[str, Any]) -> dict[str, Any]:
    """Carry out one order. Raises ValueError, KeyError, TypeError naming what is wrong."""
    op = order.get("op")
    if op == "status":
        return {"ok": True, **status(plant)}
    if op in ("start_traffic", "stop_traffic"):
        if plant.timekeeper:
            (plant.timekeeper.start if op == "start_traffic" else plant.timekeeper.stop)()
        return {"ok": True}
    if op not in ("press", "force", "enter"):
        raise ValueError(f"op {op!r}; allowed: status, start_traffic, stop_traffic, press, force, enter")
    if order.get("lane") not in plant.lanes:
        raise ValueError(f"lane {order.get('lane')!r}; allowed: {', '.join(plant.lanes)}")
    lane = plant.lanes[order["lane"]]
    if op == "press":
        lane.press(order["input"], int(order.get("ms", 500)))
    elif op == "force":
        lane.force(order["input"], order["level"])
    else:
        _enter(lane, cast, str(order["truck"]), sum(1 for other in plant.lanes.values() for _ in other.visitors))
    return {"ok": True}


def _enter(lane: LaneWorld, cast: Cast, truck_id: str, number: int) -> None:
    if truck_id not in cast.trucks:
        raise ValueError(f"truck {truck_id!r}; allowed: {', '.join(cast.trucks)}")
    truck = cast.trucks[truck_id]
    facts = {"plate": truck.plate, "plate_kind": truck.plate_kind, "body": truck.body, "behaviour": truck.behaviour}
    visit = EXTRA_VISITS + lane.now_ms + number
    lane.enter(Visitor(truck_id, visit, Driver(BODIES[truck.body], behaviour=truck.behaviour), facts))


def status(plant: Plant) -> dict[str, Any]:
    lanes = {}
    for name, lane in plant.lanes.items():
        lanes[name] = {
            "arm_deg": round(lane.arm.angle_deg, 1),
            "is_board_connected": name in plant.boards,
            "watchdog_ms": plant.boards[name].watchdog_ms if name in plant.boards else 0,
            "outputs": lane.outputs,
            "inputs": lane.inputs,
            "sign": lane.sign.text,
            "violations": lane.violations,
            "vehicles": [
                {"truck": v.truck, "visit": v.visit, "state": v.driver.state, "front_m": round(v.driver.front_m, 2)}
                for v in lane.visitors
            ],
            "cameras_connected": sum(link.is_connected for link in plant.cameras.get(name, ())),
            "cameras": len(plant.cameras.get(name, ())),
            "camera_refusals": [r for link in plant.cameras.get(name, ()) for r in link.refusals],
        }
    keeper = plant.timekeeper
    return {
        "lanes": lanes,
        "let_in": keeper.let_in if keeper else 0,
        "skipped": keeper.skipped if keeper else 0,
        "is_done": keeper.is_done if keeper else False,
        "dropped_ms": plant.dropped_ms,
        "refused_lines": plant.refused_lines,
    }
