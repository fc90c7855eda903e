"""`lvzha lane ...`: what a technician with a laptop reads, tests and orders. Everything heavy is imported on use.

Exit status: 0 done, 1 refused, failed, expired or timeout, 2 no access, no broker or a wrong argument.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware.lane import contract

app = typer.Typer(
    help="车道控制器：查看、测试、维护 Lane controllers: look, test, maintain (for technicians)", no_args_is_help=True
)
config_app = typer.Typer(help="车道设置 A lane's settings: get, set, diff, validate, rollback", no_args_is_help=True)
app.add_typer(config_app, name="config")

AccessOption = Annotated[
    Path | None, typer.Option("--access", help="技术员凭据文件夹 folder of your access", envvar="LVZHA_ACCESS")
]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]
Lane = Annotated[str, typer.Argument(help="车道 lane, e.g. g1-b01")]
Why = Annotated[str, typer.Option("--why", help="原因，记入台账 reason; goes into the ledger", prompt="原因 why")]
TestWhy = Annotated[str, typer.Option("--why", help="原因，记入台账 reason; goes into the ledger")]
Seconds = Annotated[int, typer.Option(help="秒 seconds", min=1, max=60)]


# ---------------------------------------------------------------- the frame of every command


@contextmanager
def _desk(access: Path | None, lane: str = "+", names: tuple[str, ...] = ("status", "diagnostics/reply")):
    """A connected desk and the book it fills; ends the program with a sentence when there is no way in."""
    from gateway.adapters.technician.access import AccessRefused, load
    from gateway.adapters.technician.book import LaneBook
    from gateway.adapters.technician.client import Client, Unreachable
    from gateway.adapters.technician.jobs import Desk

    book = LaneBook()
    try:
        with Client(load(access), [lane], names) as client:
            yield Desk(client, book.take), book
    except (AccessRefused, Unreachable) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def _status(text: str) -> None:
    typer.echo(f"… {text}", err=True)


def _print(thing: Any) -> None:
    from rich.console import Console

    Console().print(thing)


def _end(outcome: Any, as_json: bool, show: Callable[[dict[str, Any]], None] = lambda answer: None) -> None:
    """Show an outcome and end the program with its status."""
    if as_json:
        typer.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        if outcome.answer and (outcome.is_done or outcome.what == "self_test"):
            show(outcome.answer)
        typer.echo(f"{outcome.text_zh} {outcome.text_en}")
        if not outcome.is_done:
            for key in ("where", "allowed", "detail"):
                if outcome.answer.get(key):
                    typer.echo(f"  {key}: {outcome.answer[key]}")
    raise typer.Exit(0 if outcome.is_done else 1)


def _question(access: Path | None, lane: str, question: str, as_json: bool, show: Callable[[dict[str, Any]], None],
              args: dict[str, Any] | None = None, takes_s: float = 0.0) -> None:  # fmt: skip
    with _desk(access, lane) as (desk, _):
        outcome = desk.ask(lane, question, args, takes_s=takes_s, status=_status)
    _end(outcome, as_json, show)


def _order(access: Path | None, lane: str, op: str, as_json: bool, why: str, args: dict[str, Any] | None = None,
           show: Callable[[dict[str, Any]], None] = lambda answer: None) -> None:  # fmt: skip
    with _desk(access, lane, ()) as (desk, _):
        outcome = desk.order(lane, op, args, why=why, origin=_origin(), status=_status)
    _end(outcome, as_json, show)


def _origin() -> str:
    """Where this program runs, for the ledger."""
    return f"lvzha lane@{socket.gethostname()}"[:80]


def _who(access: Path | None) -> str:
    from gateway.adapters.technician.access import AccessRefused, load

    try:
        return load(access).name
    except AccessRefused as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def _facts(title: str) -> Callable[[dict[str, Any]], None]:
    def show(answer: dict[str, Any]) -> None:
        from gateway.adapters.technician import texts

        _print(texts.facts(title, answer))

    return show


# ---------------------------------------------------------------- looking


@app.command("list")
def list_lanes(access: AccessOption = None, as_json: JsonOption = False) -> None:
    """车道一览 Every lane: online, firmware, state."""
    from gateway.adapters.technician import texts
    from gateway.domain import lane_words

    with _desk(access, "+", ("status", "state")) as (desk, book):
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
        _print(texts.facts(row["lane"], line))
    if not rows:
        typer.echo("没有收到任何车道的状态 no lane has told its status")
        raise typer.Exit(1)


SHOWN = ("versions", "faults", "health", "memory", "counters", "journal", "link", "settings")


@app.command()
def show(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """一条车道的全部情况 Everything about one lane: state, faults and what to do, health, counters, settings."""
    from gateway.adapters.technician import texts
    from gateway.domain import lane_words

    with _desk(access, lane, ("status", "state", "telemetry", "diagnostics/reply")) as (desk, book):
        outcomes = {}
        for question in SHOWN:
            outcomes[question] = desk.ask(lane, question, status=_status)
            if not outcomes[question].is_done:
                _end(outcomes[question], as_json)
        page = book.page(lane)
    if as_json:
        doc = {question: outcome.answer for question, outcome in outcomes.items()}
        typer.echo(json.dumps({"lane": lane, "status": page.status, "state": page.state, **doc}, ensure_ascii=False))
        return
    state = page.state or {}
    passes = state.get("passes", {})
    _print(texts.facts(lane, {
        "闸杆 arm": f"{lane_words.BARRIER.get(state.get('barrier', ''), '?')} {state.get('barrier')}",
        "模式 mode": f"{lane_words.MODES.get(state.get('mode', ''), '?')} {state.get('mode')}",
        "闸口车辆 at the arm": passes.get("at_arm"), "等待车辆 waiting": passes.get("waiting"),
        "警示 alarm": state.get("alarm"), "显示屏 sign": state.get("sign"), "网关 gateway": state.get("gateway"),
        "可证明间隙 provable gap": texts.provable_gap(outcomes["counters"].answer.get("provable_gap_mm")),
    }))  # fmt: skip
    if outcomes["faults"].answer:
        _print(texts.faults(outcomes["faults"].answer))
    else:
        typer.echo("没有故障 no faults")
    for question, title in (("versions", "版本 versions"), ("health", "任务 tasks"), ("memory", "内存 memory"),
                            ("counters", "计数 counters"), ("journal", "事件日志 journal"), ("link", "连接 link"),
                            ("settings", "设置 settings")):  # fmt: skip
        _print(texts.facts(title, outcomes[question].answer))


@app.command()
def faults(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """当前故障及处理 Faults now: what each means and what to do."""

    def show_faults(answer: dict[str, Any]) -> None:
        from gateway.adapters.technician import texts

        _print(texts.faults(answer))

    _question(access, lane, "faults", as_json, show_faults)


@app.command()
def versions(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """版本 Firmware, board, contract, settings and offline list versions."""
    _question(access, lane, "versions", as_json, _facts("版本 versions"))


@app.command()
def health(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """任务与安全循环 Tasks, their beats, late steps."""
    _question(access, lane, "health", as_json, _facts("任务 tasks"))


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
    _question(access, lane, question, as_json, _facts(question))


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
        args: dict[str, Any] = {"output": drive, "seconds": seconds, "by": _who(access), "why": why}
        if text:
            args["text"] = text.encode("gbk", errors="replace")[:64].hex()
        _question(access, lane, "drive", as_json, lambda answer: None, args, takes_s=seconds + 2)
        return
    from gateway.adapters.technician import texts

    with _desk(access, lane) as (desk, _):
        found = desk.ask(lane, "inputs", status=_status)
        driven = desk.ask(lane, "outputs", status=_status) if found.is_done else found
    if as_json or not driven.is_done:
        if as_json and driven.is_done:
            typer.echo(json.dumps({"lane": lane, "inputs": found.answer, "outputs": driven.answer}, ensure_ascii=False))
            return
        _end(driven, as_json)
    _print(texts.inputs(found.answer))
    _print(texts.outputs(driven.answer))


@app.command()
def test(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """自检 Run the self-test of the presence sensors; the result of each."""

    def show_results(answer: dict[str, Any]) -> None:
        from gateway.adapters.technician import texts
        from gateway.domain import lane_words

        _print(
            texts.facts(
                "自检 self-test", {texts.role(k): f"{lane_words.TESTED.get(v, '')} {v}" for k, v in answer.items()}
            )
        )

    _question(access, lane, "self_test", as_json, show_results, {"by": _who(access)}, takes_s=5)


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
    with _desk(access, lane) as (desk, _):
        if crash:
            outcome = desk.ask(lane, "log", {"crash": True}, status=_status)
            lines = [(n, str(text)) for n, text in enumerate(outcome.answer.values())]
        else:
            outcome, lines = desk.read_log(lane, level, _status)
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
            _end(outcome, False)
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


def _follow(access: Path | None, lane: str, name: str, seconds: int, as_json: bool) -> None:
    import time

    from gateway.adapters.technician import texts
    from gateway.adapters.technician.access import AccessRefused, load
    from gateway.adapters.technician.client import Client, Unreachable
    from gateway.adapters.technician.jobs import Desk

    def tell(heard: Any) -> None:
        if heard.name == name and not heard.is_retained:
            text = json.dumps(heard.payload, ensure_ascii=False)
            typer.echo(text if as_json or name != "event" else texts.event_line(heard.payload))
            sys.stdout.flush()

    try:
        with Client(load(access), [lane], [name]) as client:
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


# ---------------------------------------------------------------- orders, through the gateway


@app.command("raise")
def raise_arm(lane: Lane, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """抬杆 Raise the arm; a manual lift in the ledger."""
    _order(access, lane, "raise", as_json, why)


@app.command()
def lower(lane: Lane, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """落杆 Ask for the arm to be lowered; the lane does it only when it is provably clear."""
    _order(access, lane, "lower", as_json, why)


@app.command()
def stop(lane: Lane, why: TestWhy = "stop", access: AccessOption = None, as_json: JsonOption = False) -> None:
    """停 Stop the arm."""
    _order(access, lane, "stop", as_json, why)


@app.command("hold-open")
def hold_open(lane: Lane, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """保持开启 Open and stay open until release (emergency, convoy, fire drill)."""
    _order(access, lane, "hold_open", as_json, why)


@app.command()
def release(lane: Lane, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """解除保持 End hold-open; moves nothing by itself."""
    _order(access, lane, "release", as_json, why)


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
    _order(access, lane, "sign", as_json, why, {"lines": lines, "seconds": seconds})


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
    _order(access, lane, "alarm", as_json, why, {"pattern": pattern, "seconds": seconds})


@app.command()
def arrival(lane: Lane, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """代报到达 Report a vehicle by hand; taken only when the arrival loop is in fault."""
    from ulid import ULID

    _order(access, lane, "arrival", as_json, why, {"pass": f"g-{ULID()}"})


@app.command("clear-fault")
def clear_fault(lane: Lane, code: str, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """清除故障 Clear a fault by its code (two_obstructions: at the lane only)."""
    _order(access, lane, "clear_fault", as_json, why, {"code": code})


@app.command("set-mode")
def set_mode(lane: Lane, mode: str, why: Why, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """模式 automatic, manual or maintenance."""
    _order(access, lane, "set_mode", as_json, why, {"mode": mode})


@app.command()
def reboot(
    lane: Lane,
    why: Why,
    force: Annotated[bool, typer.Option("--force", help="有车通行时也重启 also while a pass is open")] = False,
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """重启控制器 Restart the controller; refused while a pass is open, unless --force."""
    _order(access, lane, "reboot", as_json, why, {"force": True} if force else {})


# ---------------------------------------------------------------- settings


@config_app.command("get")
def config_get(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """读取 The settings that the lane runs with."""
    _question(access, lane, "settings", as_json, _facts("设置 settings"))


@config_app.command("validate")
def config_validate(lane: Lane, changes: list[str], access: AccessOption = None, as_json: JsonOption = False) -> None:
    """检查 Would these changes (key=value) be applied? Nothing is changed."""
    _question(access, lane, "check_settings", as_json, _facts("现值 now"), _changes(changes))


@config_app.command("set")
def config_set(
    lane: Lane, changes: list[str], why: Why, access: AccessOption = None, as_json: JsonOption = False
) -> None:
    """修改 Change settings (key=value ...): all of them or none, as a new version."""
    wanted = _changes(changes)
    with _desk(access, lane) as (desk, _):
        checked = desk.ask(lane, "check_settings", wanted, status=_status)
        if checked.is_done:
            args = {"settings": wanted, "before": checked.answer}
            checked = desk.order(lane, "config_set", args, why=why, origin=_origin(), status=_status)
    _end(checked, as_json, _facts("设置 settings"))


@config_app.command("diff")
def config_diff(
    lane: Lane,
    file: Annotated[Path, typer.Argument(help="JSON 设置文件 settings as JSON (lvzha lane config get --json)")],
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """比较 What differs between the lane's settings and a file."""
    try:
        doc = json.loads(file.read_text(encoding="utf-8"))
        other = doc.get("answer", doc)
        assert isinstance(other, dict)
    except (OSError, ValueError, AttributeError, AssertionError) as error:
        typer.echo(f"{file}: 不是 JSON 设置文件 not a JSON document of settings: {error}", err=True)
        raise typer.Exit(2) from None
    with _desk(access, lane) as (desk, _):
        outcome = desk.ask(lane, "settings", status=_status)
    if not outcome.is_done:
        _end(outcome, as_json)
    keys = sorted(set(outcome.answer) | set(other))
    differences = {
        k: {"lane": outcome.answer.get(k), "file": other.get(k)} for k in keys if outcome.answer.get(k) != other.get(k)
    }
    if as_json:
        typer.echo(json.dumps({"lane": lane, "differences": differences}, ensure_ascii=False))
        return
    _facts("设置：车道 → 文件 lane → file")({k: f"{d['lane']} → {d['file']}" for k, d in differences.items()})
    typer.echo(f"{len(differences)} 项不同 differ")


@config_app.command("history")
def config_history(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """历史 The versions ordered through the gateway: when, who, why, what, and whether the lane took them."""

    def show_versions(answer: dict[str, Any]) -> None:
        for v in answer["versions"]:
            title = f"{v['version']} {v['state']} {v['by']}"
            _print({title: v["settings"], "before": v["before"], "why": v["why"]})

    _order(access, lane, "config_history", as_json, "", None, show_versions)


@config_app.command("rollback")
def config_rollback(
    lane: Lane,
    version: Annotated[
        int, typer.Argument(help="回到的版本，0 为最初 version to go back to; 0: before all changes", min=0)
    ],
    why: Why,
    access: AccessOption = None,
    as_json: JsonOption = False,
) -> None:
    """回退 Go back to the settings as they were at a version, as a new version."""
    _order(access, lane, "config_rollback", as_json, why, {"version": version}, _facts("设置 settings"))


def _changes(texts: list[str]) -> dict[str, Any]:
    """key=value texts as a document; whole numbers as numbers."""
    changes: dict[str, Any] = {}
    for text in texts:
        key, found, value = text.partition("=")
        if not found or not key:
            typer.echo(f"{text!r}: 应为 must be key=value", err=True)
            raise typer.Exit(2)
        changes[key] = int(value) if value.lstrip("-").isdigit() else value
    if len(changes) > 8:
        typer.echo("一次最多 8 项 at most 8 keys at once", err=True)
        raise typer.Exit(2)
    return changes
