"""Lane facts as short texts and tables for a terminal: Chinese first, English second. Pure: facts in, rich objects out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from gateway.domain import lane_words

_NARROW = ("端子\nterminal", "路径\npath", "输入\ninput", "输出\noutput", "状态\nlevel", "健康\nhealth")


def role(name: str) -> str:
    zh = lane_words.ROLES.get(name)
    return f"{zh} {name}" if zh else name


def event_line(event: Mapping[str, Any]) -> str:
    """`04:12:09.114 #1842 loop.on arrival (pass 1842)`; the time is UTC, or lane ms before the clock was set."""
    at = str(event["at"])[11:23] if event["at"] else f"{event['ms']} ms"
    data = " ".join(f"{key}={_plain(value)}" for key, value in event["data"].items() if value is not None)
    of = f" 〔{event['pass'].split('-')[1]}〕" if event["pass"] else ""
    return f"{at} #{event['seq']} {event['kind']} {data}{of}"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    if isinstance(value, dict):
        return ",".join(f"{key}:{item}" for key, item in value.items())
    return str(value)


def faults(found: Mapping[str, str]) -> Table:
    """component -> "code since_ms", each with what it means and what to do."""
    table = _table("部件\npart", "代码\ncode", "含义\nmeans", "处理\ndo")
    for component, text in found.items():
        code = text.split()[0]
        zh_means, zh_do, en_means, en_do = lane_words.FAULTS.get(code, ("", "", "unknown to this program", ""))
        table.add_row(role(component), code, f"{zh_means}\n{en_means}", f"{zh_do}\n{en_do}")
    return table


def inputs(answer: Mapping[str, str]) -> Table:
    """Words of each input: on|off health edges steady|settling terminal path."""
    table = _table("端子\nterminal", "路径\npath", "输入\ninput", "状态\nlevel", "健康\nhealth", "边沿\nedges")
    for name, text in _ordered(answer):
        on, health, edges, steady, terminal, path = (text.split() + ["-"] * 6)[:6]
        level = Text("● 有 on" if on == "on" else "○ 无 off", style="bold yellow" if on == "on" else "dim")
        if steady == "settling":
            level.append(" …", style="yellow")
        table.add_row(terminal.replace("_", " "), path.replace("_", " "), role(name), level,
                      Text(health, style="green" if health == "ok" else "bold red"), edges)  # fmt: skip
    return table


def outputs(answer: Mapping[str, str]) -> Table:
    """Words of each output: on|off lane|test terminal path."""
    table = _table("端子\nterminal", "路径\npath", "输出\noutput", "状态\nlevel", "来源\nby")
    for name, text in _ordered(answer):
        if name == "sign":
            table.add_row("-", "-", role("sign"), text.split()[0], " / ".join(sign_lines(text)) or "-")
            continue
        on, by, terminal, path = (text.split() + ["-"] * 4)[:4]
        table.add_row(terminal.replace("_", " "), path.replace("_", " "), role(name),
                      Text("● 有 on" if on == "on" else "○ 无 off", style="bold green" if on == "on" else "dim"),
                      "测试 test" if by == "test" else "控制器 lane")  # fmt: skip
    return table


def sign_lines(text: str) -> list[str]:
    """The lines of a sign from the lane's words: `gateway bea94131/...`."""
    found = text.partition(" ")[2]
    try:
        return [bytes.fromhex(line).decode("gbk", errors="replace") for line in found.split("/") if line]
    except ValueError:
        return [found]


def facts(title: str, values: Mapping[str, Any]) -> Table:
    table = _table(title, "")
    table.show_header = bool(title)
    for key, value in values.items():
        table.add_row(str(key), "-" if value is None else str(value))
    return table


def provable_gap(mm: Any) -> str | None:
    """What the lane's geometry proves, in words; None for a lane that does not tell (older firmware)."""
    if mm is None:
        return None
    m = f"{int(mm) / 1000:.1f} m"
    return (
        f"{m}：间隙更长的挂车须申报（保持开启）或装光幕；跟得太近、驶离地感空不出来的车与挂车无法区分，记为同一辆，其间不会落杆\n"
        "rigs with a longer gap are announced (held open) or need a light curtain; a follower so near that the exit loop never becomes free "
        "cannot be told from a trailer: both are one pass, and the arm stays up between them"
    )


def _ordered(answer: Mapping[str, str]) -> list[tuple[str, str]]:
    """As the contract lists the roles, not by their names."""
    order = list(lane_words.ROLES)
    return sorted(answer.items(), key=lambda item: (order.index(item[0]) if item[0] in order else len(order), item[0]))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold cyan")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _NARROW)
    return table
