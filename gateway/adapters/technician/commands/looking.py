"""Commands that look: state, inputs and outputs, log, live events; the self-test and what an I/O test drives."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware.lane import contract
from gateway.adapters.technician.commands.frame import (
    AccessOption,
    JsonOption,
    Lane,
    Seconds,
    TestWhy,
    app,
    desk_of,
    end,
    facts_of,
    print_thing,
    put_question,
    tell_status,
    who_of,
)


@app.command("list")
def list_lanes(access: AccessOption = None, as_json: JsonOption = False) -> None:
    """车道一览 Every lane: online, firmware, state."""
    from gateway.adapters.technician import texts
    from gateway.domain import lane_words

    with desk_of(access, "+", ("status", "state")) as (desk, book):
        desk.listen(1.5)
    rows = []
    for lane in sorted(book.lanes):
        page = book.lanes[lane]
        status, state = page.status or {}, page.state or {}
        rows.append({
            "lane": lane, "online": page.is_online, "barrier": state.get("barrier"), "mode": state.get("mode"),
            "faults": [f"{f['code']}:{f['component']}" for f in state.get("faults", [])], "board": status.get("board"),
            "firmware": status.get("firmware"), "address": status.get("address"), "boot": status.get("boot"),
        })  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"lanes": rows, "gateway_online": book.is_gateway_online}, ensure_ascii=False))
        return
    for row in rows:
        barrier = f"{lane_words.BARRIER.get(row['barrier'], '?')} {row['barrier']}"
        mode = f"{lane_words.MODES.get(row['mode'], '?')} {row['mode']}"
        line = {"在线 online": "是 yes" if row["online"] else "否 NO", "闸杆 arm": barrier, "模式 mode": mode,
                "故障 faults": ", ".join(row["faults"]) or "无 none", "控制器 board": f"{row['board']} {row['firmware']} {row['address']}"}  # fmt: skip
        print_thing(texts.facts(row["lane"], line))
    if not rows:
        typer.echo("没有收到任何车道的状态 no lane has told its status")
        raise typer.Exit(1)


SHOWN = ("versions", "faults", "health", "memory", "counters", "journal", "link", "settings")


@app.command()
def show(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """一条车道的全部情况 Everything about one lane: state, faults and what to do, health, counters, settings."""
    from gateway.adapters.technician import texts
    from gateway.domain import lane_words

    with desk_of(access, lane, ("status", "state", "telemetry", "diagnostics/reply")) as (desk, book):
        outcomes = {}
        for question in SHOWN:
            outcomes[question] = desk.ask(lane, question, status=tell_status)
            if not outcomes[question].is_done:
                end(outcomes[question], as_json)
        page = book.page(lane)
    if as_json:
        doc = {question: outcome.answer for question, outcome in outcomes.items()}
        typer.echo(json.dumps({"lane": lane, "status": page.status, "state": page.state, **doc}, ensure_ascii=False))
        return
    state = page.state or {}
    passes = state.get("passes", {})
    print_thing(texts.facts(lane, {
        "闸杆 arm": f"{lane_words.BARRIER.get(state.get('barrier', ''), '?')} {state.get('barrier')}",
        "模式 mode": f"{lane_words.MODES.get(state.get('mode', ''), '?')} {state.get('mode')}",
        "闸口车辆 at the arm": passes.get("at_arm"), "等待车辆 waiting": passes.get("waiting"),
        "警示 alarm": state.get("alarm"), "显示屏 sign": state.get("sign"), "网关 gateway": state.get("gateway"),
        "可证明间隙 provable gap": texts.provable_gap(outcomes["counters"].answer.get("provable_gap_mm")),
    }))  # fmt: skip
    if outcomes["faults"].answer:
        print_thing(texts.faults(outcomes["faults"].answer))
    else:
        typer.echo("没有故障 no faults")
    for question, title in (("versions", "版本 versions"), ("health", "任务 tasks"), ("memory", "内存 memory"),
                            ("counters", "计数 counters"), ("journal", "事件日志 journal"), ("link", "连接 link"),
                            ("settings", "设置 settings")):  # fmt: skip
        print_thing(texts.facts(title, outcomes[question].answer))


@app.command()
def faults(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """当前故障及处理 Faults now: what each means and what to do."""

    def show_faults(answer: dict[str, Any]) -> None:
        from gateway.adapters.technician import texts

        print_thing(texts.faults(answer))

    put_question(access, lane, "faults", as_json, show_faults)


@app.command()
def versions(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """版本 Firmware, board, contract, settings and offline list versions."""
    put_question(access, lane, "versions", as_json, facts_of("版本 versions"))


@app.command()
def health(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """任务与安全循环 Tasks, their beats, late steps."""
    put_question(access, lane, "health", as_json, facts_of("任务 tasks"))


@app.command()
def ask(
    lane: Lane,
    question: Annotated[
        str, typer.Argument(help="inputs outputs counters memory versions faults settings health journal link")
    ],
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """原始问答 Ask one question and print the answer as the lane gave it."""
    plain = [q for q in contract.QUESTIONS if q not in ("drive", "self_test", "log", "check_settings")]
    if question not in plain:
        typer.echo(f"没有这个问题 no such question: {question}; allowed: {', '.join(plain)}", err=True)
        raise typer.Exit(2)
    put_question(access, lane, question, as_json, facts_of(question))


@app.command()
def io(
    lane: Lane,
    drive: Annotated[
        str | None, typer.Option(help="驱动一个输出 drive an output: alarm_light siren fault_light sign, *_test")
    ] = None,
    seconds: Seconds = 3,
    text: Annotated[str, typer.Option(help="显示屏文字 text for the sign")] = "",
    why: TestWhy = "I/O test",
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """输入输出 Every input with level, health and edge count; --drive an output that cannot hurt, for some seconds."""
    if drive is not None:
        args: dict[str, Any] = {"output": drive, "seconds": seconds, "by": who_of(access), "why": why}
        if text:
            args["text"] = text.encode("gbk", errors="replace")[:64].hex()
        put_question(access, lane, "drive", as_json, lambda answer: None, args, takes_s=seconds + 2)
        return
    from gateway.adapters.technician import texts

    with desk_of(access, lane) as (desk, _):
        found = desk.ask(lane, "inputs", status=tell_status)
        driven = desk.ask(lane, "outputs", status=tell_status) if found.is_done else found
    if as_json or not driven.is_done:
        if as_json and driven.is_done:
            typer.echo(json.dumps({"lane": lane, "inputs": found.answer, "outputs": driven.answer}, ensure_ascii=False))
            return
        end(driven, as_json)
    print_thing(texts.inputs(found.answer))
    print_thing(texts.outputs(driven.answer))


@app.command()
def test(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """自检 Run the self-test of the presence sensors; the result of each."""

    def show_results(answer: dict[str, Any]) -> None:
        from gateway.adapters.technician import texts
        from gateway.domain import lane_words

        print_thing(
            texts.facts(
                "自检 self-test", {texts.role(k): f"{lane_words.TESTED.get(v, '')} {v}" for k, v in answer.items()}
            )
        )

    put_question(access, lane, "self_test", as_json, show_results, {"by": who_of(access)}, takes_s=5)


@app.command()
def log(
    lane: Lane,
    level: Annotated[str, typer.Option(help="info, warn 或 or error")] = "info",
    crash: Annotated[bool, typer.Option("--crash", help="上次崩溃 the text of the last crash")] = False,
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """控制器日志 The lane's log, oldest first; --crash: the last crash."""
    if level not in ("info", "warn", "error"):
        typer.echo(f"level {level!r}: allowed: info, warn, error", err=True)
        raise typer.Exit(2)
    with desk_of(access, lane) as (desk, _):
        if crash:
            outcome = desk.ask(lane, "log", {"crash": True}, status=tell_status)
            lines = [(n, str(text)) for n, text in enumerate(outcome.answer.values())]
        else:
            outcome, lines = desk.read_log(lane, level, tell_status)
    if as_json:
        typer.echo(
            json.dumps({**outcome.as_json(), "answer": None, "lines": [text for _, text in lines]}, ensure_ascii=False)
        )
    else:
        for number, text in lines:
            typer.echo(text if crash else f"{number:>5} {text}")
        if not lines and outcome.is_done:
            typer.echo("无 none")
        if not outcome.is_done:
            end(outcome, False)
    raise typer.Exit(0 if outcome.is_done else 1)


@app.command()
def events(
    lane: Lane,
    seconds: Annotated[int, typer.Option(help="听多久，0 为一直 how long; 0: until Ctrl-C", min=0)] = 0,
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """实时事件 Follow a lane's events live."""
    _follow(access, lane, "event", seconds, as_json)


@app.command()
def telemetry(
    lane: Lane,
    seconds: Annotated[int, typer.Option(help="听多久，0 为一直 how long; 0: until Ctrl-C", min=0)] = 0,
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """实时遥测 Follow a lane's telemetry: memory, loop lateness, temperature, supply, link counters."""
    _follow(access, lane, "telemetry", seconds, as_json)


@app.command()
def messages(
    lane: Lane,
    names: Annotated[
        list[str] | None, typer.Argument(help="消息名 names of the contract, e.g. state command/result; default: all")
    ] = None,
    seconds: Annotated[int, typer.Option(help="听多久，0 为一直 how long; 0: until Ctrl-C", min=0)] = 0,
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """全部消息 Every message of a lane, and of its gateway to all lanes, as it comes; the retained ones first."""
    hearable = (*contract.LANE_WRITES, *contract.SITE_NAMES)
    if unknown := sorted(set(names or ()) - set(hearable)):
        typer.echo(f"听不到这种消息 not to be heard: {', '.join(unknown)}; allowed: {', '.join(hearable)}", err=True)
        raise typer.Exit(2)
    wanted = set(names or hearable)

    def tell(heard: Any) -> None:
        if heard.name in wanted:
            line = {"lane": heard.lane, "name": heard.name, "retained": heard.is_retained, "message": heard.payload}
            text = json.dumps(line if as_json else heard.payload, ensure_ascii=False)
            typer.echo(text if as_json else f"{heard.name}{' 〔保留 retained〕' if heard.is_retained else ''} {text}")
            sys.stdout.flush()

    _listen(access, lane, sorted(wanted - set(contract.SITE_NAMES)), seconds, tell)


def _follow(access: Path | None, lane: str, name: str, seconds: int, as_json: bool) -> None:
    from gateway.adapters.technician import texts

    def tell(heard: Any) -> None:
        if heard.name == name and not heard.is_retained:
            text = json.dumps(heard.payload, ensure_ascii=False)
            typer.echo(text if as_json or name != "event" else texts.event_line(heard.payload))
            sys.stdout.flush()

    _listen(access, lane, [name], seconds, tell)


def _listen(access: Path | None, lane: str, names: list[str], seconds: int, tell: Callable[[Any], None]) -> None:
    """Tell of everything that is heard, for so many seconds or until Ctrl-C."""
    import time

    from gateway.adapters.technician.access import AccessRefused, load
    from gateway.adapters.technician.client import Client, Unreachable
    from gateway.adapters.technician.jobs import Desk

    try:
        with Client(load(access), [lane], names) as client:
            desk, until = Desk(client, tell), time.monotonic() + (seconds or 10**9)
            while time.monotonic() < until:
                desk.listen(min(1.0, until - time.monotonic()))
    except KeyboardInterrupt:
        pass
    except (AccessRefused, Unreachable) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


@app.command()
def watch(
    lane: Annotated[str | None, typer.Argument(help="车道 lane; default: the first")] = None,
    access: AccessOption = None,
) -> None:
    """全屏实时画面 A full-screen live view; keys: t test, l log, m mode, ? help, q quit."""
    from gateway.adapters.technician.access import AccessRefused, load
    from gateway.adapters.technician.client import Unreachable
    from gateway.adapters.technician.watch import watch_lane

    try:
        watch_lane(load(access), lane)
    except (AccessRefused, Unreachable) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
