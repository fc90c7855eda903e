"""Backup while the gateway runs, and restore: the ledger by SQLite's online copy, photographs that are new, all checked.

Layout of a backup folder: ledger-<newest entry>.sqlite3, photos/, heads.jsonl, keys/ledger.pub and backup.json, or the same names with
`.enc` and keys/ as a whole under a passphrase (AES-256-GCM in chunks, key by scrypt). Without a passphrase no private
key is copied. A photograph is copied once. backup.json names the ledger it is about; only after it is written do the
former ledger and the photographs that retention has dropped leave, so that a run that is cut off leaves the last backup.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from gateway.adapters.store.files import make_folder, sync_folder, write_synced
from gateway.adapters.store.heads import HEADS_FILE, PUBLIC_KEY
from gateway.adapters.store.reading import StoreRefused, open_readonly
from gateway.adapters.store.verify import verify

MANIFEST = "backup.json"
CHUNK = 1 << 20
PAGES_PER_STEP = 4096  # 16 MiB, then the writer may go on


@dataclass
class Backup:
    """newest_seq and newest_hash: the chain's end in this backup. copied: photographs copied this time."""

    newest_seq: int
    newest_hash: str
    entries: int
    photographs: int
    copied: int
    bytes: int
    is_encrypted: bool
    salt: str
    ledger: str  # its name in the backup folder
    ledger_sha256: str  # of the plain ledger file


class _Box:
    """Seals files, or copies them as they are. Nothing is ever overwritten in place."""

    def __init__(self, passphrase: bytes | None, salt: bytes) -> None:
        self.suffix = ".enc" if passphrase else ""
        self._aead = AESGCM(Scrypt(salt, 32, 1 << 15, 8, 1).derive(passphrase)) if passphrase else None

    def put(self, source: Path, target: Path) -> None:
        """target (with the suffix) holds source, durably, whole or not at all."""
        target = target.with_name(target.name + self.suffix)
        make_folder(target.parent)
        partial = target.with_name(target.name + ".part")
        with open(source, "rb") as plain, open(partial, "wb") as out:
            for block in self._sealed(plain):
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(target)
        sync_folder(target.parent)

    def move(self, source: Path, target: Path) -> None:
        """put(), after which source is gone: plain, on one disk, nothing is written twice."""
        if self._aead is not None:
            self.put(source, target)
            source.unlink()
            return
        with open(source, "rb") as file:
            os.fsync(file.fileno())
        source.replace(target)
        sync_folder(target.parent)

    def take(self, source: Path, target: Path) -> None:
        """target holds what was put. Raises StoreRefused for a wrong passphrase or a changed file."""
        source = source.with_name(source.name + self.suffix)
        make_folder(target.parent)
        try:
            with open(source, "rb") as sealed, open(target, "wb") as out:
                for block in self._opened(sealed):
                    out.write(block)
                out.flush()
                os.fsync(out.fileno())
        except (OSError, InvalidTag) as error:
            raise StoreRefused(
                f"{source}: {str(error) or '口令不对或文件被改动 wrong passphrase, or the file was changed'}"
            ) from None
        sync_folder(target.parent)

    def _sealed(self, plain: BinaryIO) -> Iterator[bytes]:
        if self._aead is None:
            while block := plain.read(CHUNK):
                yield block
            return
        prefix = os.urandom(8)
        yield prefix
        number, block = 0, plain.read(CHUNK)
        while True:
            following = plain.read(CHUNK)
            yield self._aead.encrypt(prefix + number.to_bytes(4, "big"), block, b"more" if following else b"last")
            if not following:
                return
            number, block = number + 1, following

    def _opened(self, sealed: BinaryIO) -> Iterator[bytes]:
        if self._aead is None:
            while block := sealed.read(CHUNK):
                yield block
            return
        prefix = sealed.read(8)
        number, block = 0, sealed.read(CHUNK + 16)
        while True:
            following = sealed.read(CHUNK + 16)
            yield self._aead.decrypt(prefix + number.to_bytes(4, "big"), block, b"more" if following else b"last")
            if not following:
                return
            number, block = number + 1, following


def backup(data_dir: Path, target: Path, *, passphrase: bytes | None = None,
           progress: Callable[[str], None] = lambda text: None) -> Backup:  # fmt: skip
    """Bring target up to date and check what was copied. Raises StoreRefused if the copy would not verify."""
    known = _manifest(target)
    if known and known["is_encrypted"] != bool(passphrase):
        raise StoreRefused(
            f"{target}: 已有备份的加密方式不同 the backup there is {'' if known['is_encrypted'] else 'not '}encrypted; use another folder"
        )
    salt = bytes.fromhex(known["salt"]) if known else os.urandom(16)
    box = _Box(passphrase, salt)
    make_folder(target)
    with tempfile.TemporaryDirectory(prefix=".copy-", dir=target) as folder:
        copy = Path(folder)
        _online_copy(data_dir, copy, progress)
        photos = _photographs(copy)
        copied = _copy_photographs(data_dir, target, photos, box, progress)
        for name in (HEADS_FILE, str(PUBLIC_KEY)):
            if (data_dir / name).is_file():
                (copy / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(data_dir / name, copy / name)
        report = verify(copy, with_photographs=False, progress=progress)
        if serious := [f for f in report.findings if f.kind != "head_removed"]:  # the file may be ahead of the copy
            raise StoreRefused(
                f"{data_dir}: 备份未通过核验 the copy does not verify, the last backup stays: {serious[0]}"
            )
        ledger = f"ledger-{report.newest_seq}.sqlite3"
        digest = _sha256(copy / "ledger.sqlite3")
        box.move(copy / "ledger.sqlite3", target / ledger)
        for name in (HEADS_FILE, str(PUBLIC_KEY)):
            if (copy / name).is_file():
                box.put(copy / name, target / name)
        if passphrase:
            for path in sorted(p for p in (data_dir / "keys").glob("*") if p.is_file() and p.name != PUBLIC_KEY.name):
                box.put(path, target / "keys" / path.name)
    done = Backup(report.newest_seq, report.newest_hash, report.entries, len(photos), copied,
                  sum(p.stat().st_size for p in target.rglob("*") if p.is_file()), bool(passphrase), salt.hex(), ledger, digest)  # fmt: skip
    write_synced(target / MANIFEST, json.dumps(asdict(done), indent=2).encode())
    _drop(target, {path + box.suffix for path, _ in photos} | {ledger + box.suffix})
    return done


def restore(source: Path, data_dir: Path, *, passphrase: bytes | None = None,
            progress: Callable[[str], None] = lambda text: None) -> Backup:  # fmt: skip
    """A new data directory from a backup, every entry and photograph verified. Raises StoreRefused.

    What happened after the backup is not in it: give `lvzha verify --heads` the heads that a lane or the regulator kept.
    """
    known = _manifest(source)
    if not known:
        raise StoreRefused(
            f"{source}: 没有 {MANIFEST}，不是完整备份 there is no {MANIFEST}: this is no finished backup"
        )
    if known["is_encrypted"] != bool(passphrase):
        raise StoreRefused(
            f"{source}: {'需要口令 a passphrase is needed' if known['is_encrypted'] else '备份未加密 the backup is not encrypted'}"
        )
    if data_dir.exists() and any(data_dir.iterdir()):
        raise StoreRefused(f"{data_dir}: 目录不为空 the directory is not empty; restore into a new one")
    box = _Box(passphrase, bytes.fromhex(known["salt"]))
    box.take(source / known["ledger"], data_dir / "ledger.sqlite3")
    if _sha256(data_dir / "ledger.sqlite3") != known["ledger_sha256"]:
        raise StoreRefused(f"{source}: 账本与 {MANIFEST} 不符 the ledger is not the one that {MANIFEST} names")
    others = [source / f"{HEADS_FILE}{box.suffix}", *(source / "keys").glob("*" + box.suffix)]
    for path in [p for p in others if p.is_file()]:
        name = path.relative_to(source).with_name(path.name.removesuffix(box.suffix))
        box.take(source / name, data_dir / name)
        (data_dir / name).chmod(0o600)
    for number, (path, _) in enumerate(_photographs(data_dir), start=1):
        box.take(source / path, data_dir / path)
        if number % 1000 == 0:
            progress(f"已恢复照片 photographs restored {number}")
    report = verify(data_dir, progress=progress)
    if serious := [f for f in report.findings if f.kind != "head_removed"]:
        raise StoreRefused(f"{data_dir}: 恢复的数据未通过核验 what was restored does not verify: {serious[0]}")
    return Backup(**known)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StoreRefused(f"{folder / MANIFEST}: {error}") from None


def _online_copy(data_dir: Path, copy: Path, progress: Callable[[str], None]) -> None:
    source = open_readonly(data_dir)
    target = sqlite3.connect(copy / "ledger.sqlite3")

    def told(_: int, left: int, total: int) -> None:
        progress(f"已复制账本 ledger copied {100 * (total - left) // max(total, 1)} %")

    try:
        source.backup(target, pages=PAGES_PER_STEP, progress=told, sleep=0.01)
        target.execute("pragma journal_mode = delete")  # one file, nothing beside it
    finally:
        target.close()
        source.close()


def _photographs(copy: Path) -> list[tuple[str, str]]:
    conn = open_readonly(copy)
    try:
        return conn.execute("select path, sha256 from photo where state = 'kept' union"
                            " select path, sha256 from register_document where path <> '' order by path").fetchall()  # fmt: skip
    finally:
        conn.close()


def _copy_photographs(
    data_dir: Path, target: Path, photos: list[tuple[str, str]], box: _Box, progress: Callable[[str], None]
) -> int:
    """Each photograph that is not there yet, its bytes compared with its row before they are copied."""
    copied = 0
    for path, sha256 in photos:
        if (target / (path + box.suffix)).exists():
            continue
        if _sha256(data_dir / path) != sha256:
            raise StoreRefused(
                f"{path}: 照片被改动，备份中止 the photograph was changed; the backup stops. Run lvzha verify"
            )
        box.put(data_dir / path, target / path)
        copied += 1
        if copied % 1000 == 0:
            progress(f"已复制照片 photographs copied {copied}")
    return copied


def _drop(target: Path, wanted: set[str]) -> None:
    for path in [*(target / "photos").rglob("*"), *target.glob("ledger-*")]:
        if path.is_file() and str(path.relative_to(target)) not in wanted:
            path.unlink()


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreRefused(f"{path}: {error.strerror}") from None
