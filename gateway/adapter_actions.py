"""What `lvzha adapters ...` does, on the files of a data directory; a running gateway notices and enters it in the ledger.

Each function prints and returns the exit code: 0 done, 1 something is refused, 2 a wrong argument.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.adapters.vision.adapter_folder import (
    FOLDER,
    NOTE,
    TRUSTED,
    AdapterFolder,
    AdapterRefused,
    check_model,
    key_id_of,
    read_folder,
    read_public,
    sign_folder,
    trusted_keys,
)
from gateway.adapters.vision.adapter_process import AdapterProcess
from gateway.adapters.vision.command import PictureUnusable, load_picture
from gateway.domain.model_adapters import MANIFEST, SIGNATURE, AdapterFault, ManifestRefused, combined, finding

REFUSALS = (AdapterRefused, ManifestRefused, PictureUnusable, AdapterFault)


def _run(action: Callable[[], int]) -> int:
    try:
        return action()
    except REFUSALS as refusal:
        print(f"无法执行 cannot be done:\n{refusal}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"无法执行 cannot be done:\n{error.filename}: {error.strerror}", file=sys.stderr)
        return 2


def _named(by: str, why: str) -> dict[str, str]:
    if not by.strip() or not why.strip():
        raise AdapterRefused("--by, --why: 必须填写姓名和原因 a name and a reason are required")
    return {"by": by.strip()[:40], "why": why.strip()[:160]}


def _row(found: AdapterFolder) -> dict[str, Any]:
    m = found.manifest
    return {"name": m.name, "version": m.version, "publisher": m.publisher, "licence": m.licence, "title_zh": m.title_zh,
            "title_en": m.title_en, "camera": m.input.camera, "classes": {c.name: c.effect for c in m.classes},
            "key_id": found.key_id, "manifest_sha256": found.sha256, **found.note}  # fmt: skip


def list_all(data: Path, as_json: bool) -> int:
    def action() -> int:
        trusted = trusted_keys(data)
        rows: list[dict[str, Any]] = []
        root = data / FOLDER
        for folder in sorted(root.iterdir()) if root.is_dir() else ():
            if not folder.is_dir() or folder.name == TRUSTED or folder.name.startswith("."):
                continue
            try:
                rows.append({"folder": folder.name, "state": "usable", **_row(read_folder(folder, trusted))})
            except (AdapterRefused, ManifestRefused) as refused:
                rows.append({"folder": folder.name, "state": "refused", "reason": str(refused)})
        if as_json:
            print(json.dumps({"adapters": rows, "trusted": sorted(trusted)}, ensure_ascii=False, indent=2))
        else:
            for row in rows:
                print(f"{row['folder']}  可用 usable  {row['version']}  {row['title_zh']} {row['title_en']}  {row['classes']}  key {row['key_id']}"
                      if row["state"] == "usable" else f"{row['folder']}  拒用 refused  {row['reason']}")  # fmt: skip
            print(f"信任的密钥 trusted keys: {', '.join(sorted(trusted)) or '无 none'}")
        return 1 if any(row["state"] == "refused" for row in rows) else 0

    return _run(action)


def add(folder: Path, by: str, why: str, data: Path) -> int:
    def action() -> int:
        note = _named(by, why)
        found = read_folder(folder, trusted_keys(data))
        check_model(folder, found.manifest)
        root = data / FOLDER
        made, place = root / f".new-{found.manifest.name}", root / found.manifest.name
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        for name in (MANIFEST, SIGNATURE, *found.manifest.files):
            shutil.copyfile(folder / name, made / name)
        (made / NOTE).write_text(json.dumps(note, ensure_ascii=False), encoding="utf-8")
        _put(made, place)
        print(
            f"已加入 added: {found.manifest.name} {found.manifest.version}, {found.manifest.title_zh} {found.manifest.title_en}"
        )
        return 0

    return _run(action)


def remove(name: str, by: str, why: str, data: Path) -> int:
    def action() -> int:
        _named(by, why)
        place = data / FOLDER / name
        if not (place / MANIFEST).is_file():
            raise AdapterRefused(f"{name}: 没有此扩展 there is no such adapter in {data / FOLDER}")
        shutil.rmtree(place)
        print(f"已移除 removed: {name}")
        return 0

    return _run(action)


def trust(key: Path, by: str, why: str, data: Path) -> int:
    def action() -> int:
        note, public = _named(by, why), read_public(key)
        folder = data / FOLDER / TRUSTED
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{key_id_of(public)}.json").write_text(json.dumps(note, ensure_ascii=False), encoding="utf-8")
        (folder / f"{key_id_of(public)}.pub").write_bytes(public)
        print(f"已信任 trusted: {key_id_of(public)}")
        return 0

    return _run(action)


def distrust(key_id: str, data: Path) -> int:
    def action() -> int:
        gone = [p for p in (data / FOLDER / TRUSTED).glob("*.pub") if key_id_of(read_public(p)) == key_id]
        if not gone:
            raise AdapterRefused(
                f"{key_id}: 没有这个密钥 no such key; allowed: {', '.join(sorted(trusted_keys(data))) or 'none'}"
            )
        for path in gone:
            path.unlink()
        print(f"已取消信任 not trusted any more: {key_id}")
        return 0

    return _run(action)


def sign(folder: Path, key: Ed25519PrivateKey) -> int:
    """For installer_commands, which reads the key."""

    def action() -> int:
        sha256 = sign_folder(folder, key)
        print(f"已签名 signed: {folder}, manifest {sha256}, key {key_id_of(key.public_key().public_bytes_raw())}")
        return 0

    return _run(action)


def check(folder: Path, pictures: Sequence[Path], data: Path | None, as_json: bool) -> int:
    def action() -> int:
        if data is None:  # the author's own folder: any signature will do, if it is of these bytes
            own = Ed25519PrivateKey.generate()
            with _copied(folder) as copy:
                sign_folder(copy, own)
                public = own.public_key().public_bytes_raw()
                found = read_folder(copy, {key_id_of(public): public})
        else:
            found = read_folder(folder, trusted_keys(data))
            check_model(folder, found.manifest)
        images = [load_picture(path) for path in pictures]
        said = asyncio.run(_ask(found, images)) if images else []
        if as_json:
            print(json.dumps(_row(found) | {"answers": said}, ensure_ascii=False, indent=2))
        else:
            print(f"{found.manifest.name} {found.manifest.version}: 清单和模型可用 manifest and model are usable"
                  + ("" if data else "；未查签名 the signature was not checked (--data)"))  # fmt: skip
            for path, answer in zip(pictures, said, strict=True):
                print(f"{path}: {answer['finding'] or 'unclear'}  {answer['confidences']}  {answer['ms']} ms")
        return 0

    return _run(action)


async def _ask(found: AdapterFolder, images: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    process, rows = AdapterProcess(found), []
    try:
        await process.ask(images[:1])  # starting it is not measured
        for image in images:
            began_s = time.perf_counter()
            answers = await process.ask([image])
            took_ms = 1000 * (time.perf_counter() - began_s)
            confidences = combined(found.manifest, answers)
            one = finding(found.manifest, confidences, pass_id="", lane="", camera=found.manifest.input.camera, at_ms=0)
            named = {c.name: round(v, 4) for c, v in zip(found.manifest.classes, confidences, strict=True)}
            rows.append({"finding": one.kind if one else "", "confidences": named, "ms": round(took_ms, 1)})
    finally:
        process.stop()
    return rows


class _copied:
    """A copy of an adapter's folder that may be signed; gone afterwards."""

    def __init__(self, folder: Path) -> None:
        import tempfile

        if not (folder / MANIFEST).is_file():
            raise AdapterRefused(f"{folder / MANIFEST}: 没有此文件 there is no such file")
        self._temporary = tempfile.TemporaryDirectory(prefix="lvzha-adapter-")
        self._copy = Path(self._temporary.name) / "adapter"
        shutil.copytree(folder, self._copy)

    def __enter__(self) -> Path:
        return self._copy

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()


def _put(made: Path, place: Path) -> None:
    """Replace a folder as a whole; a gateway that looks in between sees the old one or none, never half."""
    old = made.with_name(made.name.replace(".new-", ".old-"))
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.replace(old)
    made.replace(place)
    shutil.rmtree(old, ignore_errors=True)
