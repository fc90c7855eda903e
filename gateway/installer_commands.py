"""`lvzha firmware`, `lvzha flash`, `lvzha commission`, `lvzha lane update`: the installer's part of the command line. All of tools/flash is imported on use.

Exit status: 0 done, 1 refused or failed, 2 a wrong argument or file.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

firmware = typer.Typer(help="车道固件映像 Lane firmware images: key, build, sign", no_args_is_help=True)

KeyOption = Annotated[Path, typer.Option("--key", help="签名私钥 private key that signs images (PEM, 0600)")]


@contextmanager
def sentence():
    """A refusal of the tools ends the program with its sentence."""
    from tools.flash.image import ImageError

    try:
        yield
    except ImageError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None


@firmware.command()
def key(path: Annotated[Path, typer.Argument(help="写到哪里 where to write it")] = Path("firmware.key")) -> None:
    """生成签名密钥 Make the key that signs images; lanes get its public half when they are flashed."""
    from tools.flash.signing import make_key

    with sentence():
        public = make_key(path)
    typer.echo(f"私钥 private key (0600): {path}\n公钥 public key, for lvzha flash: {public}")


@firmware.command()
def build(
    board: Annotated[list[str] | None, typer.Argument(help="控制器板，默认全部 boards; default: all")] = None,
    version: Annotated[str, typer.Option(help="版本 version; default: of the source")] = "",
    out: Annotated[Path, typer.Option(help="输出文件夹 folder")] = Path("images"),
    key: Annotated[Path | None, typer.Option("--key", help="签名私钥 sign with this key")] = None,
) -> None:
    """编译固件映像 Compile one image per board: the same source gives the same bytes. A bill of materials lies beside it."""
    import hashlib

    from tools.flash import image
    from tools.flash.signing import read_key

    with sentence():
        signer = read_key(key) if key else None
        for name in board or image.boards():
            built = image.build(name, version or image.FIRMWARE)
            built = image.sign(built, signer) if signer else built
            path = out / f"lvzha-lane_{name}_{built.head['version']}.img"
            image.write(built, path)
            typer.echo(
                f"{path}  {len(built.body)} bytes, {len(built.files)} files, sha256 {hashlib.sha256(built.body).hexdigest()}, "
                f"{'已签名 signed' if signer else '未签名 unsigned'}; SBOM {path.with_suffix('.cdx.json').name}"
            )


@firmware.command()
def sign(images: list[Path], key: KeyOption = Path("firmware.key")) -> None:
    """签名 Sign images in place."""
    from tools.flash import image
    from tools.flash.signing import read_key

    with sentence():
        signer = read_key(key)
        for path in images:
            signed = image.sign(image.read(path), signer)
            image.write(signed, path)
            typer.echo(f"已签名 signed: {path}")


def sign_adapter(
    folder: Annotated[Path, typer.Argument(help="扩展文件夹 the adapter's folder")],
    key: KeyOption = Path("adapter.key"),
) -> None:
    """签名 For authors: fill in the files' hashes and sign a model adapter; the key is one of `lvzha firmware key`."""
    from gateway import adapter_actions
    from tools.flash.signing import read_key

    with sentence():
        signer = read_key(key)
    raise typer.Exit(adapter_actions.sign(folder, signer))


def update(
    lane: Annotated[str, typer.Argument(help="车道 lane, e.g. g1-b01")],
    image_file: Annotated[Path, typer.Argument(metavar="IMAGE", help="固件映像 image of lvzha firmware build, signed")],
    wait: Annotated[bool, typer.Option(help="等到首次通行确认 wait for the first passage that confirms it")] = False,
    access: Annotated[
        Path | None, typer.Option("--access", help="技术员凭据文件夹 folder of your access", envvar="LVZHA_ACCESS")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")] = False,
) -> None:
    """更新车道固件 Send a signed image to a lane. It waits for vehicles, survives lost links, and goes back by itself if bad."""
    import json

    from gateway.adapters.technician.access import AccessRefused, load
    from gateway.adapters.technician.client import Client, Unreachable
    from gateway.adapters.technician.update import REASONS, Parcel, Sender
    from tools.flash import image

    with sentence():
        content = image.read(image_file)
        if content.signature is None:
            raise image.ImageError(f"{image_file}: 未签名 not signed; sign it with lvzha firmware sign")
    parcel = Parcel(content.head["version"], content.body, content.sha256, content.signature)
    shown = ""

    def progress(state: str, offset: int, total: int) -> None:
        nonlocal shown
        line = f"{STATES.get(state, state)} {100 * offset // total if state == 'receiving' else ''}".strip()
        if line != shown:
            shown = line
            typer.echo(f"… {line}", err=True)

    try:
        with Client(load(access), [lane], ["update/status"]) as client:
            ending = Sender(client, lane, parcel, progress).run(waits_for_passage=wait)
    except (AccessRefused, Unreachable) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    zh, en = REASONS.get(ending.reason, (ending.reason, ""))
    if as_json:
        typer.echo(json.dumps(vars(ending), ensure_ascii=False))
    else:
        typer.echo(f"{lane} {parcel.version}: {STATES.get(ending.state, ending.state)} {zh} {en}".rstrip())
        if ending.state == "committed":
            typer.echo(
                "首次车辆正常通过后自动确认，否则自动退回 confirmed by the first good passage; until then it may go back"
            )
    raise typer.Exit(0 if ending.is_good else 1)


ConfigOption = Annotated[Path, typer.Option("--config", help="站点配置文件 the site's settings (TOML)")]
OutOption = Annotated[Path, typer.Option(help="标签和验收单写到哪里 folder for label and sheet")]


def _question(text: str, default: str) -> str:
    return typer.prompt(text, default=default, show_default=bool(default))


def flash(
    lane: Annotated[str, typer.Argument(help="车道 lane, e.g. g1-b01; empty: ask")] = "",
    port: Annotated[str, typer.Option(help="串口 serial port; empty: find it")] = "",
    board: Annotated[str, typer.Option(help="控制器板 board; empty: ask the board")] = "",
    image: Annotated[Path | None, typer.Option(help="固件映像 image; default: built from this version")] = None,
    update_key: Annotated[Path | None, typer.Option(help="更新公钥 public key for updates")] = None,
    interpreter: Annotated[Path | None, typer.Option(help="MicroPython 固件文件 .bin or .uf2 to write first")] = None,
    answers: Annotated[Path | None, typer.Option(help="车道设置 answers (TOML); default: asked one by one")] = None,
    io_seconds: Annotated[int, typer.Option(min=0, help="输入测试最长秒数 longest I/O test; 0: none")] = 180,
    out: OutOption = Path(),
    config: ConfigOption = Path("site.toml"),
) -> None:
    """安装控制器 Flash a controller and join it: board, firmware, certificate, settings, I/O test, label, sheet."""
    from tools.flash.session import Wishes
    from tools.flash.session import flash as run

    with sentence():
        run(
            Wishes(config, lane, port, board, image, update_key, interpreter, answers, io_seconds, out),
            _question,
            typer.echo,
        )


def commission(
    lane: Annotated[str, typer.Argument(help="车道 lane, e.g. g1-b01")],
    answers: Annotated[Path | None, typer.Option(help="测量值 readings (TOML); default: asked one by one")] = None,
    out: OutOption = Path(),
    config: ConfigOption = Path("site.toml"),
) -> None:
    """验收车道 Put a lane's twelve checks on record; without them it stays in maintenance mode."""
    from tools.flash.commission import run

    with sentence():
        doc, papers = run(config, lane, answers, out, _question)
    typer.echo(f"{lane}: 已验收 commissioned {doc['date']}\n" + "\n".join(str(path) for path in papers))
    typer.echo(
        f"网关会在 10 秒内下发；然后 the gateway hands it on within 10 s; then: lvzha lane set-mode {lane} automatic"
    )


STATES = {
    "receiving": "传输 % receiving", "paused": "有车，暂停 paused for a vehicle", "verified": "校验通过 verified",
    "committed": "已切换，重启中 committed, restarting", "confirmed": "已确认 confirmed", "refused": "被拒绝 refused",
    "failed": "失败 failed", "rolled_back": "已退回旧固件 rolled back", "timeout": "超时 timeout",
}  # fmt: skip
