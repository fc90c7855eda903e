"""`lvzha adapters ...` on the command line: models of others beside the plate reader. The work is in adapter_actions.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="识别模型扩展 Model adapters: signed models that look at passages; they find, they never open",
    no_args_is_help=True,
)

DataOption = Annotated[Path, typer.Option("--data", help="数据目录 data directory")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]
ByOption = Annotated[str, typer.Option("--by", help="姓名 your name")]
WhyOption = Annotated[str, typer.Option("--why", help="原因 why")]
FolderArgument = Annotated[Path, typer.Argument(help="扩展文件夹 the adapter's folder")]


@app.command("list")
def list_command(data: DataOption = Path("data"), as_json: JsonOption = False) -> None:
    """列出 What lies in the data directory: usable or refused, with the reason; works beside a running gateway."""
    from gateway import adapter_actions

    raise typer.Exit(adapter_actions.list_all(data, as_json))


@app.command()
def add(folder: FolderArgument, by: ByOption, why: WhyOption, data: DataOption = Path("data")) -> None:
    """加入 Check a signed adapter and put it into the data directory; a running gateway uses it within seconds."""
    from gateway import adapter_actions

    raise typer.Exit(adapter_actions.add(folder, by, why, data))


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="名称 name")],
    by: ByOption,
    why: WhyOption,
    data: DataOption = Path("data"),
) -> None:
    """移除 Take an adapter out; its findings stay in the ledger."""
    from gateway import adapter_actions

    raise typer.Exit(adapter_actions.remove(name, by, why, data))


@app.command()
def check(
    folder: FolderArgument,
    picture: Annotated[list[Path] | None, typer.Option(help="图片，可多个 pictures to ask it about")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="也检查签名 also check the signature against its keys")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """检查 For authors: manifest, model, signature, and what it says of pictures, in the process it will run in."""
    from gateway import adapter_actions

    raise typer.Exit(adapter_actions.check(folder, picture or [], data, as_json))


@app.command()
def trust(
    key: Annotated[Path, typer.Argument(help="公钥 public key, 32 bytes (lvzha firmware key)")],
    by: ByOption,
    why: WhyOption,
    data: DataOption = Path("data"),
) -> None:
    """信任 Adapters signed by this key may run here from now on."""
    from gateway import adapter_actions

    raise typer.Exit(adapter_actions.trust(key, by, why, data))


@app.command()
def distrust(
    key_id: Annotated[str, typer.Argument(help="密钥编号 as `lvzha adapters list` shows it")],
    data: DataOption = Path("data"),
) -> None:
    """取消信任 Adapters signed by this key stop within seconds."""
    from gateway import adapter_actions

    raise typer.Exit(adapter_actions.distrust(key_id, data))
