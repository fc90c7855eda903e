"""The example adapter, signed with a throwaway key, for tests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.adapters.vision.adapter_folder import FOLDER, TRUSTED, sign_folder

EXAMPLE = Path(__file__).parents[1] / "models" / "adapter-example"


def trust(data_dir: Path, key: Ed25519PrivateKey) -> None:
    folder = data_dir / FOLDER / TRUSTED
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "publisher.pub").write_bytes(key.public_key().public_bytes_raw())


def drop(data_dir: Path, key: Ed25519PrivateKey, change: Callable[[dict[str, Any]], None] = lambda doc: None) -> Path:
    """The example, its manifest changed, signed and put into the data directory; its folder."""
    made = data_dir.parent / f"{data_dir.name}-author"
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(EXAMPLE, made)
    doc = json.loads((made / "adapter.json").read_text("utf-8"))
    change(doc)
    (made / "adapter.json").write_text(json.dumps(doc, ensure_ascii=False), "utf-8")
    sign_folder(made, key)
    placed = data_dir / FOLDER / doc["name"]
    placed.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(placed, ignore_errors=True)
    shutil.move(made, placed)
    return placed
