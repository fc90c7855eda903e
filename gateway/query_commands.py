"""`lvzha query`, `counters`, `tasks` and `misuse` on the command line; the work is in query_actions.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
tasks = typer.Typer(help="任务 Tasks: counters that differ, irregular uses", no_args_is_help=True)
app.add_typer(tasks, name="tasks")

DataOption = Annotated[Path, typer.Option("--data", help="数据目录 data directory")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]
FromOption = Annotated[str, typer.Option("--from", help="起 yyyy-MM-dd [HH:mm]")]
UntilOption = Annotated[str, typer.Option("--until", help="止 until; 只有日期则含当天 a date alone: the whole day")]


@app.command("query")
def query_command(
    where: Annotated[
        list[str] | None, typer.Argument(help="条件 名=值，如 plate=*123 stage=5,6 lane=g1-b01; name=value")
    ] = None,
    from_: FromOption = "",
    until: UntilOption = "",
    by: Annotated[str, typer.Option(help="分组计数，如 stage,day counts by these names instead of rows")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="行数 rows")] = 50,
    cursor: Annotated[str, typer.Option(help="上一页的 older 或 newer of the page before")] = "",
    way: Annotated[str, typer.Option(help="older | newer")] = "older",
    as_csv: Annotated[bool, typer.Option("--csv", help="输出 CSV（全部行） print CSV, all rows")] = False,
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """查询台账 Ask the in/out ledger anything: rows with their exact total, or counts by group. * is any text in a part."""
    from gateway import query_actions

    raise typer.Exit(query_actions.query(data, where or [], from_, until, by, limit, cursor, way, as_csv, as_json))


@app.command("counters")
def counters_command(
    from_: FromOption = "", until: UntilOption = "", data: DataOption = Path("data"), as_json: JsonOption = False
) -> None:
    """四项计数 Loops, passes, photographs, acknowledged uploads per lane and hour; the last 24 h unless told. 1 if they differ."""
    from gateway import query_actions

    raise typer.Exit(query_actions.counters(data, from_, until, as_json))


@app.command("misuse")
def misuse_command(
    from_: FromOption = "", until: UntilOption = "", data: DataOption = Path("data"), as_json: JsonOption = False
) -> None:
    """违规使用 Look for irregular uses in the ledger again; the last 7 days unless told. Writes nothing."""
    from gateway import query_actions

    raise typer.Exit(query_actions.misuse(data, from_, until, as_json))


@app.command("quality")
def quality_command(
    day: Annotated[str, typer.Argument(help="日期 yyyy-MM-dd; default: yesterday")] = "",
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """台账质量 A day's quality score of the in/out ledger, its rates, and its 20 worst rows with what is wrong."""
    from gateway import query_actions

    raise typer.Exit(query_actions.quality(data, day, as_json))


@app.command("uploads")
def uploads_command(
    profile: Annotated[str, typer.Option(help="平台接口 profile of the platform")] = "yunnan-v1",
    days: Annotated[int, typer.Option(min=1, max=3650, help="天数 days back")] = 1,
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """上报情况 Each message of the regulator's interface: whether its platform has it, rows accepted, pending and refused."""
    from gateway import upload_actions

    raise typer.Exit(upload_actions.uploads(data, profile, days, as_json))


@tasks.command("list")
def tasks_list(
    state: Annotated[str, typer.Option(help="open | closed | all")] = "open",
    kind: Annotated[str, typer.Option(help="counters | misuse | finding | platform | reconcile; default: all")] = "",
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """任务清单 What a person must look at, newest first."""
    from gateway import query_actions

    raise typer.Exit(query_actions.tasks_list(data, state, kind, as_json))


@tasks.command("close")
def tasks_close(
    task_id: Annotated[str, typer.Argument(help="任务编号 the task's number")],
    by: Annotated[str, typer.Option("--by", help="姓名 your name")],
    why: Annotated[str, typer.Option("--why", help="原因 why")],
    data: DataOption = Path("data"),
) -> None:
    """关闭任务 Close a task with a reason."""
    from gateway import query_actions

    raise typer.Exit(query_actions.tasks_close(data, task_id, by, why))
