"""`lvzha lane config`: a lane's settings, read from the lane, changed through the gateway as a new version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.adapters.technician.commands.frame import (
    AccessOption,
    JsonOption,
    Lane,
    Why,
    config_app,
    desk_of,
    end,
    facts_of,
    give_order,
    origin,
    print_thing,
    put_question,
    tell_status,
)


@config_app.command("get")
def config_get(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """读取 The settings that the lane runs with."""
    put_question(access, lane, "settings", as_json, facts_of("设置 settings"))


@config_app.command("validate")
def config_validate(lane: Lane, changes: list[str], access: AccessOption = None, as_json: JsonOption = False) -> None:
    """检查 Would these changes (key=value) be applied? Nothing is changed."""
    put_question(access, lane, "check_settings", as_json, facts_of("现值 now"), _changes(changes))


@config_app.command("set")
def config_set(
    lane: Lane, changes: list[str], why: Why, access: AccessOption = None, as_json: JsonOption = False
) -> None:
    """修改 Change settings (key=value ...): all of them or none, as a new version."""
    wanted = _changes(changes)
    with desk_of(access, lane) as (desk, _):
        checked = desk.ask(lane, "check_settings", wanted, status=tell_status)
        if checked.is_done:
            args = {"settings": wanted, "before": checked.answer}
            checked = desk.order(lane, "config_set", args, why=why, origin=origin(), status=tell_status)
    end(checked, as_json, facts_of("设置 settings"))


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
    with desk_of(access, lane) as (desk, _):
        outcome = desk.ask(lane, "settings", status=tell_status)
    if not outcome.is_done:
        end(outcome, as_json)
    keys = sorted(set(outcome.answer) | set(other))
    differences = {
        k: {"lane": outcome.answer.get(k), "file": other.get(k)} for k in keys if outcome.answer.get(k) != other.get(k)
    }
    if as_json:
        typer.echo(json.dumps({"lane": lane, "differences": differences}, ensure_ascii=False))
        return
    facts_of("设置：车道 → 文件 lane → file")({k: f"{d['lane']} → {d['file']}" for k, d in differences.items()})
    typer.echo(f"{len(differences)} 项不同 differ")


@config_app.command("history")
def config_history(lane: Lane, access: AccessOption = None, as_json: JsonOption = False) -> None:
    """历史 The versions ordered through the gateway: when, who, why, what, and whether the lane took them."""

    def show_versions(answer: dict[str, Any]) -> None:
        for v in answer["versions"]:
            title = f"{v['version']} {v['state']} {v['by']}"
            print_thing({title: v["settings"], "before": v["before"], "why": v["why"]})

    give_order(access, lane, "config_history", as_json, "", None, show_versions)


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
    give_order(access, lane, "config_rollback", as_json, why, {"version": version}, facts_of("设置 settings"))


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
