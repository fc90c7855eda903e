"""Commissioning documents and their photographs: files under DATA/commissioning/LANE, never changed once written.

NNNN-SHA256.json, the newest number counts; photographs are SHA256.jpg (or .png) beside them.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from gateway.domain import commissioning


class CommissioningFiles:
    """services.commissioning_desk.Documents on a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / "commissioning"

    def newest(self, lane: str) -> dict[str, Any] | None:
        """The newest document whose content is what its name says, or None."""
        for path in sorted((self._root / lane).glob("[0-9]*-*.json"), reverse=True):
            try:
                doc = json.loads(path.read_bytes())
            except (OSError, ValueError):
                continue
            if isinstance(doc, dict) and path.stem.partition("-")[2] == commissioning.sha256(doc):
                return doc
        return None

    def put(self, doc: dict[str, Any]) -> Path:
        """Write a document, on disk when this returns; its path. The same document again changes nothing."""
        folder = self._root / doc["lane"]
        folder.mkdir(parents=True, exist_ok=True)
        paths = sorted(folder.glob("[0-9]*-*.json"))
        name = commissioning.sha256(doc)
        if paths and paths[-1].stem.endswith(name):
            return paths[-1]
        number = int(paths[-1].name[:4]) + 1 if paths else 1
        path = folder / f"{number:04d}-{name}.json"
        _write(path, commissioning.canonical(doc))
        return path

    def put_photo(self, lane: str, photo: Path) -> str:
        """Keep a photograph; its SHA-256. Raises OSError."""
        content = photo.read_bytes()
        name = hashlib.sha256(content).hexdigest()
        folder = self._root / lane
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{name}{photo.suffix.lower()}", content)
        return name


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
