"""Commands that order something of a lane, through the gateway and its ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from firmware.lane import contract
from gateway.adapters.technician.commands.frame import AccessOption, JsonOption, Lane, TestWhy, Why, app, give_order


@app.command("raise")
def raise_arm(lane: Lane, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """抬杆 Raise the arm; a manual lift in the ledger."""
    give_order(access, lane, "raise", as_json, why)


@app.command()
def lower(lane: Lane, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """落杆 Ask for the arm to be lowered; the lane does it only when it is provably clear."""
    give_order(access, lane, "lower", as_json, why)


@app.command()
def stop(lane: Lane, why: TestWhy = "stop", access: AccessOption = None, as_json: JsonOption = False) -> None:
    """停 Stop the arm."""
    give_order(access, lane, "stop", as_json, why)


@app.command("hold-open")
def hold_open(lane: Lane, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """保持开启 Open and stay open until release (emergency, convoy, fire drill)."""
    give_order(access, lane, "hold_open", as_json, why)


@app.command()
def release(lane: Lane, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """解除保持 End hold-open; moves nothing by itself."""
    give_order(access, lane, "release", as_json, why)


@app.command()
def sign(
    lane: Lane,
    text: Annotated[list[str], typer.Argument(help="一行或多行，最多 4 行 lines, at most 4")],
    seconds: Annotated[int, typer.Option(min=1, max=3600)] = 20,
    why: TestWhy = "sign test",
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """显示屏 Show lines of text on the sign for some seconds."""
    lines = [line.encode("gbk", errors="replace")[:64].hex() for line in text[:4]]
    give_order(access, lane, "sign", as_json, why, {"lines": lines, "seconds": seconds})


@app.command()
def alarm(
    lane: Lane,
    pattern: Annotated[str, typer.Argument(help=" ".join(contract.ALARMS))],
    seconds: Annotated[int, typer.Option(min=1, max=3600)] = 5,
    why: TestWhy = "alarm test",
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """声光警示 Show a named pattern of light and siren."""
    give_order(access, lane, "alarm", as_json, why, {"pattern": pattern, "seconds": seconds})


@app.command()
def arrival(lane: Lane, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """代报到达 Report a vehicle by hand; taken only when the arrival loop is in fault."""
    from ulid import ULID

    give_order(access, lane, "arrival", as_json, why, {"pass": f"g-{ULID()}"})


@app.command("clear-fault")
def clear_fault(lane: Lane, code: str, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """清除故障 Clear a fault by its code (two_obstructions: at the lane only)."""
    give_order(access, lane, "clear_fault", as_json, why, {"code": code})


@app.command("set-mode")
def set_mode(lane: Lane, mode: str, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """模式 automatic, manual or maintenance."""
    give_order(access, lane, "set_mode", as_json, why, {"mode": mode})


@app.command()
def reboot(
    lane: Lane,
    why: Why,
    force: Annotated[bool, typer.Option("--force", help="有车通行时也重启 also while a pass is open")] = False,
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """重启控制器 Restart the controller; refused while a pass is open, unless --force."""
    give_order(access, lane, "reboot", as_json, why, {"force": True} if force else {})
