"""`lvzha models ...` and `lvzha labels ...` on the command line; the work is in model_actions.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

models = typer.Typer(help="识别模型 Models that read: add, compare, use, go back", no_args_is_help=True)
labels = typer.Typer(help="标注 Labelled pictures of this site", no_args_is_help=True)

DataOption = Annotated[Path, typer.Option("--data", help="数据目录 data directory")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]
ByOption = Annotated[str, typer.Option("--by", help="姓名 your name")]
WhyOption = Annotated[str, typer.Option("--why", help="原因 why")]
NameArgument = Annotated[str, typer.Argument(help="哈希前几位 the first digits of its hash, see `lvzha models list`")]


@models.command("list")
def list_models(data: DataOption = Path("data"), as_json: JsonOption = False) -> None:
    """清单 Shipped and added models with hash, size, what trained them, and which one reads."""
    from gateway import model_actions

    raise typer.Exit(model_actions.list_models(data, as_json))


@models.command()
def add(
    source: Annotated[Path, typer.Argument(help="文件夹或 .tflite folder with plate-reader.tflite and labels.json")],
    by: ByOption,
    trained_on: Annotated[str, typer.Option(help="训练数据说明 one line; default: from its training manifest")] = "",
    data: DataOption = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """登记 Copy a model into the registry, checked: it runs, and its shapes, alphabet and types fit. It does not read yet."""
    from gateway import model_actions

    raise typer.Exit(model_actions.add(source, by, trained_on, data, as_json))


@models.command()
def use(name: NameArgument, by: ByOption, why: WhyOption, data: DataOption = Path("data")) -> None:
    """换用 Let this model read; a running gateway changes between two bursts and enters it into the ledger."""
    from gateway import model_actions

    raise typer.Exit(model_actions.use(name, by, why, data))


@models.command()
def rollback(
    kind: Annotated[str, typer.Argument(help="plate-reader | plate-detector")],
    by: ByOption,
    why: WhyOption,
    data: DataOption = Path("data"),
) -> None:
    """回退 Take the last choice back: what read before reads again."""
    from gateway import model_actions

    raise typer.Exit(model_actions.rollback(kind, by, why, data))


@labels.command("status")
def status(data: DataOption = Path("data"), as_json: JsonOption = False) -> None:
    """现状 How many samples are kept, waiting and settled, by reason; reads beside a running gateway."""
    from gateway import model_actions

    raise typer.Exit(model_actions.label_status(data, as_json))


@labels.command("export")
def export(
    target: Annotated[Path, typer.Argument(help="新的或空的文件夹 a new or an empty folder")],
    config: Annotated[Path, typer.Option("--config", help="站点配置文件 the site's settings (TOML)")] = Path(
        "site.toml"
    ),
    as_json: JsonOption = False,
) -> None:
    """导出训练集 Settled labels as a training set: pictures and labels.csv; runs beside a running gateway."""
    from gateway import model_actions

    raise typer.Exit(model_actions.export_labels(target, config, as_json))
