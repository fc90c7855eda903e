"""`lvzha ledger ...` on the command line; the work is in ledger_actions.py, imported by the command that needs it.

Questions work beside a running gateway; what adds to the ledger is done by it, or directly where none runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="电子台账 The three ledgers: export, who is inside, goods, paper form", no_args_is_help=True)

DataOption = Annotated[Path, typer.Option("--data", help="数据目录 data directory")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]
ByOption = Annotated[str, typer.Option("--by", help="姓名 your name")]
FromOption = Annotated[str, typer.Option("--from", help="起始日 first day, yyyy-MM-dd")]
ToOption = Annotated[str, typer.Option("--to", help="截止日（含）last day, yyyy-MM-dd")]


@app.command()
def export(
    ledger: Annotated[str, typer.Argument(help="in_out | in_plant | machine")],
    first: FromOption = "",
    last: ToOption = "",
    xlsx: Annotated[Path | None, typer.Option(help="写成 Excel write an Excel file")] = None,
    csv: Annotated[Path | None, typer.Option(help="写成 CSV write a CSV file")] = None,
    language: Annotated[str, typer.Option(help="zh | en | codes 表头与代码 headings and codes")] = "zh",
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """导出台账 Export a ledger with every column; in_out needs --from and --to."""
    from gateway import ledger_actions

    raise typer.Exit(ledger_actions.export(ledger, first, last, xlsx, csv, language, data, as_json))


@app.command()
def inside(data: DataOption = Path("data"), as_json: JsonOption = False) -> None:
    """在厂车辆 Who is inside now, who too long, exits without an entry, entries without an exit."""
    from gateway import ledger_actions

    raise typer.Exit(ledger_actions.inside(data, as_json))


@app.command()
def goods(
    file: Annotated[
        Path, typer.Argument(help=".xlsx、.csv 或 .json：ERP、地磅或预约记录 records of ERP, scale or bookings")
    ],
    source: Annotated[str, typer.Option(help="scale | erp | reservation")],
    by: ByOption,
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """导入货物 Load records of goods; the good ones are kept, each bad one is named with its line. Exit 1 if there are any."""
    from gateway import ledger_actions

    raise typer.Exit(ledger_actions.goods(file, source, by, data, as_json))


@app.command()
def reconcile(
    day: Annotated[str, typer.Argument(help="日期 yyyy-MM-dd")],
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """吨位核对 Scale, ledger and documents of a day in tonnes; exit 1 while a difference is open."""
    from gateway import ledger_actions

    raise typer.Exit(ledger_actions.reconcile(day, data, as_json))


@app.command()
def paper(data: DataOption = Path("data"), as_json: JsonOption = False) -> None:
    """纸质台账 Numbers of the paper form: issued, entered, void, not used, missing. Exit 1 if any is missing."""
    from gateway import ledger_actions

    raise typer.Exit(ledger_actions.paper(data, as_json))
