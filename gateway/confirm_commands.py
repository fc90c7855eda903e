"""`lvzha confirm`: what needs two persons, listed, confirmed or refused by another. Joined to `lvzha`."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="双人确认 What needs two persons: list, give, refuse", no_args_is_help=True)

RequestArgument = Annotated[str, typer.Argument(help="申请编号 number of the request, see list")]
ByOption = Annotated[str, typer.Option("--by", help="姓名，不得是申请人 your name; not the one who asked")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="数据目录 data directory; default: that of the settings")
]
ConfigOption = Annotated[
    Path, typer.Option("--config", help="配置文件 settings file; needed for policies while no gateway runs")
]


@app.command("list")
def list_requests(data: DataOption = None, config: ConfigOption = Path("site.toml")) -> None:
    """清单 Requests of the last three months and what came of them, as JSON, newest first."""

    def act() -> None:
        from gateway.adapters.store.readonly import ReadOnlyLedger
        from gateway.adapters.store.sides import SqliteSides
        from gateway.clock import SystemClock
        from gateway.domain import two_person as tp
        from gateway.services.two_person import DAY_MS, SHOWN_DAYS

        folder, _ = _where(data, config)
        now_ms = SystemClock().wall_ms()
        with closing(ReadOnlyLedger(folder)) as file:
            rows = SqliteSides(file).between(tp.KIND, now_ms - SHOWN_DAYS * DAY_MS, now_ms + 1)
        found = [{"id": r.side_id, **r.values, "state": tp.state_of(r, now_ms)} for r in reversed(rows)]
        print(json.dumps(found, ensure_ascii=False, indent=2))

    _refusing(act)


@app.command()
def give(
    request: RequestArgument, by: ByOption, data: DataOption = None, config: ConfigOption = Path("site.toml")
) -> None:
    """确认 Another person confirms: it is carried out at once."""
    _decide(request, True, by, "", data, config)


@app.command()
def refuse(
    request: RequestArgument,
    by: ByOption,
    why: Annotated[str, typer.Option("--why", help="原因 the reason")],
    data: DataOption = None,
    config: ConfigOption = Path("site.toml"),
) -> None:
    """不同意 Refuse it; the one who asked takes it back with the same command."""
    _decide(request, False, by, why, data, config)


def _decide(request: str, approve: bool, by: str, why: str, data: Path | None, config: Path) -> None:
    def act() -> None:
        from gateway.ledger_hands import change

        folder, settings = _where(data, config)
        state = change(
            folder, "confirm.decide", {"request_id": request, "approve": approve, "by": by, "why": why}, settings
        )
        words = {"done": "已执行 done", "failed": "未能执行，原因见清单 could not be done; see lvzha confirm list",
                 "refused": "已拒绝 refused", "taken_back": "已收回 taken back"}  # fmt: skip
        print(words.get(state, state))
        if state == "failed":
            raise typer.Exit(1)

    _refusing(act)


def _where(data: Path | None, config: Path) -> tuple[Path, Any]:
    from gateway.config import load

    settings = load(config) if config.is_file() else None
    if data is None:
        data = settings.site.data_dir if settings else Path("data")
    return data, settings


def _refusing(act: Any) -> None:
    from gateway.ledger_hands import REFUSALS

    try:
        act()
    except REFUSALS as refusal:
        print(f"无法执行 cannot be done:\n{refusal}", file=sys.stderr)
        raise typer.Exit(2) from None
