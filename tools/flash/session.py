"""An installer's visit: from a board on the USB cable to a lane with label and sheet. Asks and tells through two functions."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.adapters.broker.pki import KeyFileError
from gateway.adapters.store.commissioning import CommissioningFiles
from gateway.config import ConfigRefused, Settings, load
from gateway.domain.records import CHINA
from tools.flash import answers, identity, image, interpreter, io_test, label, port, provision, romfs, sheet
from tools.flash.image import Image, ImageError
from tools.flash.port import Port

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Wishes:
    """What the installer said on the command line. io_seconds 0: no I/O test."""

    config: Path
    lane: str = ""
    device: str = ""
    board: str = ""
    image: Path | None = None
    update_key: Path | None = None
    interpreter: Path | None = None
    answers: Path | None = None
    io_seconds: int = 180
    out: Path = Path()


def flash(wishes: Wishes, question: answers.Ask, tell: Tell) -> provision.Record:
    """Raises ImageError (PortError) with a sentence; nothing was written before the board and the settings were found good."""
    settings = _site(wishes.config)
    site, data_dir = settings.site.enterprise_code, settings.site.data_dir
    device = wishes.device or _choose_port(question)
    if wishes.interpreter:
        tell(f"写入解释器 writing MicroPython from {wishes.interpreter.name} …")
        interpreter.write(wishes.interpreter, wishes.board or None, device)
    with Port(device) as line:
        found = line.identify()
        board = identity.check(line, found, wishes.board or None)
        tell(f"控制器 controller: {board}（{found.machine}，ID {found.board_id or '?'}）")
        lane = _choose_lane(wishes.lane, settings, question)
        content, update_key = _image(wishes, board, data_dir)
        _check_rom(line, board, content)
        _tell_journal(line, board, tell)
        document = _settings(wishes, settings, lane, board, question, tell)
        document = provision.with_commissioning(data_dir, document, found.board_id)
        try:
            keys, is_new = provision.keys_for(data_dir, site=site, lane=lane, board_id=found.board_id)
        except KeyFileError as error:
            raise ImageError(str(error)) from None
        if is_new:
            tell(
                "这条车道换了控制器：已签发新证书，旧的作废 another board for this lane: new certificate, the old one is refused"
            )
        last = -1

        def progress(done: int, total: int) -> None:
            nonlocal last
            if (percent := 100 * done // total) >= last + 10:
                last = percent
                tell(f"写入 writing {percent} %")

        provision.write(line, provision.contents(content, document, keys, update_key), progress)
        tell("已写入并逐个文件核对 written, and every file read back and compared")
        record = provision.Record(
            site, lane, board, found.board_id, found.machine, ".".join(map(str, found.version)), content.head["version"],
            keys.fingerprint(lane), datetime.now(CHINA).isoformat(timespec="seconds"),
        )  # fmt: skip
        if wishes.io_seconds:
            record = replace(record, io_missing=_io_test(line, document, wishes.io_seconds, tell))
        provision.write_record(data_dir, record)
        _papers(record, data_dir, wishes.out, tell)
        line.restart()
    tell(f"完成 done: {lane}。首次上电为维护模式，验收后放行 it starts in maintenance mode until it is commissioned: lvzha commission {lane}"
         if not document.get("commissioned") else f"完成 done: {lane}，已验收 commissioned")  # fmt: skip
    return record


def _site(config: Path) -> Settings:
    try:
        return load(config)
    except ConfigRefused as error:
        raise ImageError(str(error)) from None


def _choose_port(question: answers.Ask) -> str:
    found = port.candidates()
    if not found:
        raise ImageError(
            "没有找到控制器：插好 USB，或用 --port 指定 no controller on USB; plug it in, or name it with --port"
        )
    if len(found) == 1:
        return found[0][0]
    listed = "\n".join(f"  {n}: {device}  {what}" for n, (device, what) in enumerate(found, 1))
    typed = question(f"{listed}\n用哪一个 which one", "1")
    if not typed.isdigit() or not 1 <= int(typed) <= len(found):
        raise ImageError(f"{typed!r}: 应为 allowed: 1 to {len(found)}")
    return found[int(typed) - 1][0]


def _choose_lane(wanted: str, settings: Settings, question: answers.Ask) -> str:
    lanes = [lane.id for lane in settings.lanes]
    lane = (
        wanted or (lanes[0] if len(lanes) == 1 else question(f"车道 lane [{' / '.join(lanes)}]", lanes[0])) or lanes[0]
    )
    if lane not in lanes:
        raise ImageError(f"车道 lane {lane!r}: 不在站点配置中 not of this site; allowed are {', '.join(lanes)}")
    return lane


def _image(wishes: Wishes, board: str, data_dir: Path) -> tuple[Image, bytes]:
    """The image for this board and the key that the lane will trust for updates."""
    public_file = wishes.update_key or data_dir / "keys" / "firmware.pub"
    try:
        public = public_file.read_bytes()
    except OSError:
        raise ImageError(
            f"{public_file}: 没有更新公钥 no public key for updates; make one: lvzha firmware key {public_file.with_suffix('.key')}"
        ) from None
    if len(public) != 32:
        raise ImageError(f"{public_file}: 不是公钥 not a public key of lvzha firmware key (32 bytes)")
    if wishes.image is None:
        return image.build(board), public
    content = image.read(wishes.image)
    image.check(content, public)
    if board not in content.head["boards"]:
        raise ImageError(
            f"拒绝：{wishes.image.name} 是 {', '.join(content.head['boards'])} 的，这块板是 {board}\n"
            f"Refused: {wishes.image.name} is for {', '.join(content.head['boards'])}, this is a {board}"
        )
    return content, public


def _check_rom(line: Port, board: str, content: Image) -> None:
    """Where the code must lie in ROM, the interpreter needs a ROMFS partition that holds it."""
    rom = romfs.whole(content.files)
    if rom is not None and (found := line.rom_bytes()) < len(rom):
        raise ImageError(
            f"拒绝：{board} 的程序须放在 ROMFS 分区（需要 {len(rom)} 字节，现有 {found}）；写入带 ROMFS 的 MicroPython（--interpreter）\n"
            f"Refused: the code of a {board} must lie in a ROMFS partition of {len(rom)} bytes, this MicroPython has {found}; "
            "write one that was built with ROMFS (--interpreter); see hardware/interpreter.md"
        )


def _tell_journal(line: Port, board: str, tell: Tell) -> None:
    """Where the board's file wants the journal in a partition of its own and this interpreter has none, or a smaller one: say so."""
    if board not in interpreter.CHIP_OF:
        return  # the simulated board
    flash = importlib.import_module(f"firmware.boards.{board}").FLASH
    if flash["journal"] and (found := line.sectors(flash["journal"])) < flash["journal_sectors"]:
        where = f"{found} 个扇区 sectors" if found else "文件夹 a folder"
        tell(
            f"注意：日志分区 journal 应有 {flash['journal_sectors']} 个扇区，现在用{where}；分区表见 hardware/interpreter.md\n"
            f"Note: a journal partition of {flash['journal_sectors']} sectors is missing; events will lie in {where}; see hardware/interpreter.md"
        )


def _settings(
    wishes: Wishes, settings: Settings, lane: str, board: str, question: answers.Ask, tell: Tell
) -> dict[str, Any]:
    given = answers.from_file(wishes.answers) if wishes.answers else answers.ask({}, question, tell)
    given.setdefault("broker_port", settings.broker.port)
    given.setdefault("sntp_port", settings.sntp.port)
    return answers.settings(given, site=settings.site.enterprise_code, lane=lane, board=board)


def _io_test(line: Port, document: dict[str, Any], seconds: int, tell: Tell) -> list[str]:
    names = {role: io_test.terminal(document, role) for role in io_test.wanted(document)}
    left = {role: 2 for role in names}

    def show(word: str, role: str, level: int) -> None:
        if word == "ready":
            tell(
                "请依次触动每个输入，各动作一次 act on each input once:\n  "
                + "  ".join(f"{t} {r}" for r, t in names.items())
            )
        elif word == "drive":
            tell(f"  输出 output {role} …")
        elif role in left:
            left[role] -= 1
            open_roles = sum(n > 0 for n in left.values())
            tell(f"  {'●' if level else '○'} {names[role]} {role}  剩余 left: {open_roles}")

    missing = io_test.run(line, document, show, seconds=seconds)
    for m in missing:
        tell(
            f"无反应：端子 {m.terminal}（{m.role}），检查接线 no reaction from terminal {m.terminal}: {m.role}; check its wiring"
        )
    return [f"{m.terminal} {m.role}".strip() for m in missing]


def _papers(record: provision.Record, data_dir: Path, out: Path, tell: Tell) -> None:
    out.mkdir(parents=True, exist_ok=True)
    picture = label.draw(record, out / f"label-{record.lane}.png")
    doc = CommissioningFiles(data_dir).newest(record.lane)
    fitting = doc if doc and doc["board_id"] == record.board_id else None
    page = sheet.write(out / f"commissioning-{record.lane}.html", record, fitting, picture)
    tell(f"标签 label: {picture}\n验收单 sheet to print: {page}")
