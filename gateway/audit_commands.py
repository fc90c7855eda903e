"""`lvzha audit ...` on the command line: what only a person can decide about vehicles. The work is in audit_actions.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="车辆审核 Auditing vehicles: the eleven items, lists, the national look-up", no_args_is_help=True
)

KeyArgument = Annotated[str, typer.Argument(help="车辆标识，如 云A12345/1 the vehicle's key")]
DataOption = Annotated[Path, typer.Option("--data", help="数据目录 data directory")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]
ByOption = Annotated[str, typer.Option("--by", help="姓名 your name")]
WhyOption = Annotated[str, typer.Option("--why", help="原因 why")]
ItemOption = Annotated[list[int] | None, typer.Option("--item", min=1, max=11, help="第几项，可多个 items")]


@app.command()
def queue(
    audit: Annotated[str, typer.Option(help="conflict, failed, pending；不填为全部 default: all")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    cursor: Annotated[str, typer.Option(help="上一页给出的 of the page before")] = "",
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """待审核 Vehicles that wait for a person: conflicts first."""
    from gateway import audit_actions

    raise typer.Exit(audit_actions.queue(audit, limit, cursor, data, as_json))


@app.command()
def show(key: KeyArgument, data: DataOption = Path("data"), as_json: JsonOption = False) -> None:
    """查看 The eleven items of a vehicle: value, source, time, verifier, state; age of the look-up's answer."""
    from gateway import audit_actions

    raise typer.Exit(audit_actions.show(key, data, as_json))


@app.command()
def accept(
    key: KeyArgument, by: ByOption, why: WhyOption, item: ItemOption = None, data: DataOption = Path("data")
) -> None:
    """认可 Accept items as they stand; all that are open by default. Refused while sources differ."""
    from gateway import audit_actions

    raise typer.Exit(audit_actions.accept(key, by, why, item or [], data))


@app.command()
def reject(
    key: KeyArgument, by: ByOption, why: WhyOption, item: ItemOption = None, data: DataOption = Path("data")
) -> None:
    """不通过 These items are wrong as they stand."""
    from gateway import audit_actions

    raise typer.Exit(audit_actions.reject(key, by, why, item or [], data))


@app.command()
def scan(
    key: KeyArgument, picture: Path, by: ByOption, data: DataOption = Path("data"), as_json: JsonOption = False
) -> None:
    """扫随车清单 Read the QR code on a photograph of the environmental list; picture and text are kept."""
    from gateway import audit_actions

    raise typer.Exit(audit_actions.scan(key, picture, by, data, as_json))


@app.command()
def lookup(
    key: Annotated[str, typer.Argument(help="车辆标识；不填则列出等待中的 default: what waits")] = "",
    way: Annotated[str, typer.Option(help="plate, vin, qr；不填则自选 default: the one that says most")] = "",
    by: Annotated[str, typer.Option("--by", help="姓名 your name")] = "",
    now: Annotated[bool, typer.Option("--now", help="立即查询 ask what is due now")] = False,
    config: Annotated[Path, typer.Option("--config", help="站点配置文件 the site's settings (TOML)")] = Path(
        "site.toml"
    ),
    data: Annotated[Path | None, typer.Option("--data", help="数据目录；默认取自配置 default: of the settings")] = None,
    as_json: JsonOption = False,
) -> None:
    """官方查询 Queue a question to the national look-up; a running gateway asks it when it is due, or --now."""
    from gateway import audit_actions

    raise typer.Exit(audit_actions.lookup(key, way, by, now, config, data, as_json))
