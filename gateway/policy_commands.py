"""`lvzha policy ...` on the command line; the work is in policy_actions.py, imported by the command that needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.domain.exceptions import MAX_HOURS, REASON_KINDS

app = typer.Typer(help="管控策略 Control policy: rule packs, rehearsal, activation, exceptions", no_args_is_help=True)

PackArgument = Annotated[str, typer.Argument(help="规则包文件或名称 a TOML file or the name of a shipped pack")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]
DataOption = Annotated[Path, typer.Option("--data", help="数据目录 data directory")]
ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config", help="站点配置文件 the site's settings; 网关运行与否均可 with or without a running gateway"
    ),
]
ByOption = Annotated[str, typer.Option("--by", help="姓名 your name")]
FromOption = Annotated[str, typer.Option("--from", help="自何时起 from when, yyyy-MM-dd HH:mm; default: now")]
WhyOption = Annotated[str, typer.Option("--why", help="原因 why")]
ReplaceOption = Annotated[str, typer.Option("--why", help="原因 why; needed where it replaces a pack in force")]
ReasonOption = Annotated[str, typer.Option("--reason", help="原因 why")]


@app.command()
def show(
    pack: PackArgument,
    html: Annotated[Path | None, typer.Option(help="写成网页 write a printable page")] = None,
    industry: Annotated[str, typer.Option(help="行业 industry code")] = "",
    grade: Annotated[str, typer.Option(help="绩效等级 grade")] = "",
    region: Annotated[str, typer.Option(help="区域 key or general")] = "",
    as_json: JsonOption = False,
) -> None:
    """决策表 Print the decision table of a pack: what a person reads before activating it."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.show(pack, html, industry, grade, region, as_json))


@app.command()
def check(pack: PackArgument, as_json: JsonOption = False) -> None:
    """检查规则包 Check a pack: exit 2 when it is refused, 1 when rules can never decide, 0 when it is sound."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.check(pack, as_json))


@app.command()
def rehearse(
    pack: Annotated[list[str] | None, typer.Argument(help="规则包，可多个 packs; default: the shipped default")] = None,
    level: Annotated[str | None, typer.Option(help="响应等级 0-3; 不填则按当时等级 as it was")] = None,
    days: Annotated[int, typer.Option(min=1, max=730, help="天数 days back")] = 30,
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """预演 Judge the last days again under packs and a level; who would be refused, and a forecast of the next 24 h."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.rehearse(pack, level, days, data, as_json))


@app.command()
def windows(
    days: Annotated[int, typer.Option(min=1, max=1830, help="天数 days back")] = 30, data: DataOption = Path("data")
) -> None:
    """响应期统计 Counts per response window: by stage, allowed, denied, exceptions (JSON)."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.windows(days, data))


@app.command("list")
def list_packs(config: ConfigOption = Path("site.toml")) -> None:
    """列出 List packs in force, waiting ones, and what the regulator sent that was not understood."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.list_packs(config))


@app.command()
def activate(
    pack: PackArgument,
    by: ByOption,
    from_time: FromOption = "",
    why: ReplaceOption = "",
    config: ConfigOption = Path("site.toml"),
) -> None:
    """激活 Load a pack and put it in force, now or from a time on; another person confirms where it replaces one."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.activate(pack, by, from_time, why, config))


@app.command()
def withdraw(policy_id: str, by: ByOption, why: WhyOption, config: ConfigOption = Path("site.toml")) -> None:
    """停用 Ask that a pack be taken out of force; another person confirms (`lvzha confirm give`)."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.withdraw(policy_id, by, why, config))


@app.command()
def blacklist(
    plate: str,
    colour: str,
    by: ByOption,
    why: WhyOption,
    remove: Annotated[bool, typer.Option("--remove", help="移出名单 take off the list")] = False,
    config: ConfigOption = Path("site.toml"),
) -> None:
    """黑名单 Ask that a plate be put on the site's blacklist or taken off; another person confirms (`lvzha confirm give`)."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.blacklist(plate, colour, by, why, remove, config))


@app.command()
def level(
    value: str,
    by: ByOption,
    reason: ReasonOption,
    from_time: FromOption = "",
    until_time: Annotated[str, typer.Option("--until", help="至何时止 until when; then none")] = "",
    config: ConfigOption = Path("site.toml"),
) -> None:
    """响应等级 State the response level: 0 none, 3 yellow, 2 orange, 1 red; another person confirms a lower one."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.set_level(value, by, reason, from_time, until_time, config))


@app.command()
def site(name: str, value: str, by: ByOption, config: ConfigOption = Path("site.toml")) -> None:
    """企业信息 State industry, grade, region, daily_trucks, clean_share or replaced_share."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.set_site(name, value, by, config))


@app.command("except")
def grant(
    plate: str,
    colour: Annotated[str, typer.Argument(help="号牌颜色 plate colour 0-6")],
    kind: Annotated[str, typer.Option(help=", ".join(REASON_KINDS))],
    reason: ReasonOption,
    approver: Annotated[str, typer.Option(help="批准人 who approved")],
    hours: Annotated[float, typer.Option(help=f"时长，最多 {MAX_HOURS} 小时 at most {MAX_HOURS}")] = 24,
    config: ConfigOption = Path("site.toml"),
) -> None:
    """例外放行 Let one plate pass the rules for some hours; never permanent."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.grant(plate, colour, kind, reason, approver, hours, config))


@app.command()
def revoke(exception_id: str, by: ByOption, config: ConfigOption = Path("site.toml")) -> None:
    """撤销例外 Withdraw an exception before its end."""
    from gateway import policy_actions

    raise typer.Exit(policy_actions.revoke(exception_id, by, config))
