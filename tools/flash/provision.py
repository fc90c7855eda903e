"""Writes a controller: loader, firmware image into slot a, keys, settings; reads everything back. Then the record of it.

Order on the flash: contents first, `slot` last. A board that loses its supply in between starts nothing and is flashed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.adapters.broker.pki import SiteKeys, ensure_site_keys, reissue
from gateway.adapters.store.commissioning import CommissioningFiles
from gateway.domain import commissioning
from gateway.domain.records import CHINA
from tools.flash import image, romfs
from tools.flash.image import Image
from tools.flash.port import Port, PortError

LEFT_OVER = ("trial", "trial.new", "slot", "slot.new", "update.manifest", "update.manifest.new", "config.json",
             "rom.copy", "rom.copy.new")  # fmt: skip


@dataclass(frozen=True)
class Record:
    """What was put on which board; kept in DATA/lanes/LANE.json."""

    site: str
    lane: str
    board: str
    board_id: str
    machine: str
    interpreter: str
    firmware: str
    fingerprint: str
    at: str
    io_missing: list[str] | None = None  # terminals that did not react; None: the I/O test was not made


def record_path(data_dir: Path, lane: str) -> Path:
    return data_dir / "lanes" / f"{lane}.json"


def read_record(data_dir: Path, lane: str) -> Record | None:
    try:
        return Record(**json.loads(record_path(data_dir, lane).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_record(data_dir: Path, record: Record) -> Path:
    path = record_path(data_dir, record.lane)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(record), ensure_ascii=False, indent=1) + "\n", "utf-8")
    return path


def keys_for(data_dir: Path, *, site: str, lane: str, board_id: str) -> tuple[SiteKeys, bool]:
    """Key and certificate of the lane. A lane that gets another board gets new ones: the old board is refused from then on."""
    keys = ensure_site_keys(data_dir / "keys", site_code=site, lanes=[lane])
    before = read_record(data_dir, lane)
    if before is not None and before.board_id != board_id:
        return reissue(data_dir / "keys", site_code=site, name=lane), True
    return keys, False


def with_commissioning(data_dir: Path, settings: dict[str, Any], board_id: str) -> dict[str, Any]:
    """The settings of a board that has been commissioned on this lane before keep that; any other begins without."""
    doc = CommissioningFiles(data_dir).newest(settings["lane"])
    today = datetime.now(CHINA).date()
    if doc is None or doc["board_id"] != board_id or commissioning.problems(doc, today):
        return settings
    return {**settings, "commissioned": commissioning.sha256(doc), "force_test": doc["date"]}


def contents(content: Image, settings: dict[str, Any], keys: SiteKeys, update_key: bytes) -> dict[str, bytes]:
    """Every file of the flash but `slot`, by path, in the order in which it is written."""
    lane = settings["lane"]
    files = {f"a/{path}": data for path, data in content.files}
    files["a/manifest"] = content.manifest
    files["ca.der"] = keys.ca_der.read_bytes()
    files["lane.crt.der"] = keys.crt_der(lane).read_bytes()
    files["lane.key.der"] = keys.key_der(lane).read_bytes()
    files["update.pub"] = update_key
    files["config.json"] = json.dumps(settings, ensure_ascii=False).encode()
    files |= {name: (image.FIRMWARE_DIR / name).read_bytes() for name in image.LOADER_FILES}
    return files


def write(port: Port, files: dict[str, bytes], on_progress: Callable[[int, int], None]) -> None:
    """Everything is on the flash, read back and equal. Raises PortError naming the file that is not."""
    port.remove(LEFT_OVER)
    for folder in ("a", "b"):
        port.wipe(folder)
    port.make_folders(files)
    total, done = sum(map(len, files.values())), 0
    for path, data in files.items():
        port.write(path, data)
        done += len(data)
        on_progress(done, total)
    _compare(port, files)
    rom = romfs.whole([(path.removeprefix("a/"), data) for path, data in files.items()])
    if rom is not None and port.copy_to_rom("a", len(rom)) != hashlib.sha256(rom).hexdigest():
        raise PortError(f"{port.device}: ROMFS: 回读不一致 what was read back is not what was written; flash again")
    port.write("slot", b"a")
    _compare(port, {"slot": b"a"})


def _compare(port: Port, files: dict[str, bytes]) -> None:
    found = port.sha256(files)
    for path, data in files.items():
        if found.get(path) != hashlib.sha256(data).hexdigest():
            raise PortError(
                f"{port.device}: {path}: 回读不一致 what was read back is not what was written; flash again"
            )
