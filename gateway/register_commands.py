"""`lvzha register ...` on the command line; the work is in register_actions.py, imported by the command that needs it.

Questions work beside a running gateway; changes are made by it, or on the ledger itself where none runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.domain.dictionary import registers

app = typer.Typer(help="登记簿 Registers: enterprise, vehicles, machines, carriers, drivers ...", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help=" ".join(registers()))]
KeyArgument = Annotated[str, typer.Argument(help="标识，如 云A12345/1 the row's key; see list")]
DataOption = Annotated[Path, typer.Option("--data", help="数据目录 data directory")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]
ByOption = Annotated[str, typer.Option("--by", help="姓名 your name")]
WhyOption = Annotated[str, typer.Option("--why", help="原因 why")]


@app.command("list")
def list_rows(
    name: Annotated[str, typer.Argument(help="登记簿；不填则列出各簿数量 default: counts of all")] = "",
    text: Annotated[str, typer.Option(help="包含的文字 part of a value")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 50,
    cursor: Annotated[str, typer.Option(help="上一页末行的标识 key of the last row seen")] = "",
    removed: Annotated[bool, typer.Option("--removed", help="已停用的 rows out of use")] = False,
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """列出 Rows of a register, or how many each has."""
    from gateway import register_actions

    raise typer.Exit(register_actions.list_rows(name, text, limit, cursor, removed, data, as_json))


@app.command()
def show(name: NameArgument, key: KeyArgument, data: DataOption = Path("data"), as_json: JsonOption = False) -> None:
    """查看一行 One row: every field with its sources, the eleven items, documents, what is missing."""
    from gateway import register_actions

    raise typer.Exit(register_actions.show(name, key, data, as_json))


@app.command("import")
def import_file(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help=".xlsx 或 .csv（UTF-8、GBK）")],
    by: ByOption,
    errors: Annotated[Path | None, typer.Option(help="错误结果文件；默认在原文件旁 where the bad rows go")] = None,
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """导入 Load the good rows; the bad ones come back in a file with each error in its cell. Exit 1 if there are any."""
    from gateway import register_actions

    raise typer.Exit(register_actions.import_file(name, file, by, errors, data, as_json))


@app.command()
def export(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help=".xlsx 或 .csv")],
    language: Annotated[str, typer.Option(help="zh, en；codes = 字段名与代码 field names and codes")] = "zh",
    data: DataOption = Path("data"),
) -> None:
    """导出 Every row in use; what is exported can be imported again."""
    from gateway import register_actions

    raise typer.Exit(register_actions.export(name, file, language, data))


@app.command("set")
def set_values(
    name: NameArgument,
    values: Annotated[list[str], typer.Argument(help="字段=内容 field=value, key fields too")],
    by: ByOption,
    partial: Annotated[bool, typer.Option("--partial", help="允许缺少必填项 required fields may be missing")] = False,
    data: DataOption = Path("data"),
) -> None:
    """录入 Type one row, new or known; `field=` takes the typed value back."""
    from gateway import register_actions

    raise typer.Exit(register_actions.set_values(name, values, by, partial, data))


@app.command()
def decide(
    name: NameArgument, key: KeyArgument, values: Annotated[list[str], typer.Argument(help="field=value")],
    by: ByOption, why: WhyOption, data: DataOption = Path("data"),
) -> None:  # fmt: skip
    """裁定 Choose between sources that differ."""
    from gateway import register_actions

    raise typer.Exit(register_actions.decide(name, key, values, by, why, data))


@app.command()
def attach(
    name: NameArgument,
    keys: Annotated[list[str], typer.Argument(help="一行或多行 one row or several")],
    kind: Annotated[str, typer.Option(help="种类 see dictionary/documents.toml")],
    by: ByOption,
    file: Annotated[Path | None, typer.Option(help=".jpg .png .pdf")] = None,
    number: Annotated[str, typer.Option(help="编号 number")] = "",
    valid_from: Annotated[str, typer.Option(help="yyyy-MM-dd")] = "",
    valid_to: Annotated[str, typer.Option(help="yyyy-MM-dd")] = "",
    data: DataOption = Path("data"),
) -> None:
    """附文件 Attach a document or photograph to rows."""
    from gateway import register_actions

    raise typer.Exit(register_actions.attach(name, keys, kind, by, file, number, valid_from, valid_to, data))


@app.command()
def remove(name: NameArgument, key: KeyArgument, by: ByOption, why: WhyOption, data: DataOption = Path("data")) -> None:
    """停用 Ask that a row be taken out of use; another person confirms (`lvzha confirm give`). Its history stays."""
    from gateway import register_actions

    raise typer.Exit(register_actions.remove(name, key, by, why, data))


@app.command()
def undo(
    change: Annotated[str, typer.Argument(help="变更编号 id of a set of changes, see history")],
    by: ByOption, why: WhyOption, data: DataOption = Path("data"),
) -> None:  # fmt: skip
    """撤销 Take back a set of changes by a new one; another person confirms where it made rows."""
    from gateway import register_actions

    raise typer.Exit(register_actions.undo(change, by, why, data))


@app.command()
def history(
    name: Annotated[str, typer.Argument(help="登记簿；不填则列出各次变更 default: all sets of changes")] = "",
    key: Annotated[str, typer.Argument(help="标识 key")] = "",
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """历史 Every change of a row: who, when, source, old and new."""
    from gateway import register_actions

    raise typer.Exit(register_actions.history(name, key, data, as_json))


@app.command()
def missing(
    name: Annotated[str, typer.Argument(help="登记簿；不填则按运输单位 default: by carrier")] = "",
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """缺项 Fields and documents that are missing."""
    from gateway import register_actions

    raise typer.Exit(register_actions.missing(name, data, as_json))


@app.command()
def stale(
    name: NameArgument = "vehicle",
    days: Annotated[int | None, typer.Option(min=0, help="天数，默认90 default 90")] = None,
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """久未核对 Rows that nobody has verified for so long."""
    from gateway import register_actions

    raise typer.Exit(register_actions.stale(name, days, data, as_json))


@app.command()
def expiring(
    days: Annotated[int | None, typer.Option(min=0, help="天数，默认30 default 30")] = None,
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """即将到期 Documents, agreements and licences that end soon or have ended. Exit 1 if there are any."""
    from gateway import register_actions

    raise typer.Exit(register_actions.expiring(days, data, as_json))


@app.command()
def conflicts(name: NameArgument = "vehicle", data: DataOption = Path("data"), as_json: JsonOption = False) -> None:
    """来源冲突 Rows whose sources differ, side by side."""
    from gateway import register_actions

    raise typer.Exit(register_actions.conflicts(name, data, as_json))
