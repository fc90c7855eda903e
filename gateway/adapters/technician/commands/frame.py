"""What every command of `lvzha lane` is made of: its options, a connected desk, how an outcome is shown and ends the program."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

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


@contextmanager
def desk_of(access: Path | None, lane: str = "+", names: tuple[str, ...] = ("status", "diagnostics/reply")):
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


def tell_status(text: str) -> None:
    typer.echo(f"… {text}", err=True)


def print_thing(thing: Any) -> None:
    from rich.console import Console

    Console().print(thing)


def end(outcome: Any, as_json: bool, show: Callable[[dict[str, Any]], None] = lambda answer: None) -> None:
    """Show an outcome and end the program with its status."""
    if as_json:
        typer.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        if outcome.answer and (outcome.is_done or outcome.what == "self_test"):
            show(outcome.answer)
        typer.echo(f"{outcome.text_zh} {outcome.text_en}")
        if not outcome.is_done:
            from gateway.domain.lane_allowed import detail_lines

            for line in detail_lines(outcome.answer):
                typer.echo(f"  {line}")
    raise typer.Exit(0 if outcome.is_done else 1)


def put_question(access: Path | None, lane: str, question: str, as_json: bool, show: Callable[[dict[str, Any]], None],
              args: dict[str, Any] | None = None, takes_s: float = 0.0) -> None:  # fmt: skip
    with desk_of(access, lane) as (desk, _):
        outcome = desk.ask(lane, question, args, takes_s=takes_s, status=tell_status)
    end(outcome, as_json, show)


def give_order(access: Path | None, lane: str, op: str, as_json: bool, why: str, args: dict[str, Any] | None = None,
           show: Callable[[dict[str, Any]], None] = lambda answer: None) -> None:  # fmt: skip
    with desk_of(access, lane, ()) as (desk, _):
        outcome = desk.order(lane, op, args, why=why, origin=origin(), status=tell_status)
    end(outcome, as_json, show)


def origin() -> str:
    """Where this program runs, for the ledger."""
    return f"lvzha lane@{socket.gethostname()}"[:80]


def who_of(access: Path | None) -> str:
    from gateway.adapters.technician.access import AccessRefused, load

    try:
        return load(access).name
    except AccessRefused as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


def facts_of(title: str) -> Callable[[dict[str, Any]], None]:
    def show(answer: dict[str, Any]) -> None:
        from gateway.adapters.technician import texts

        print_thing(texts.facts(title, answer))

    return show
