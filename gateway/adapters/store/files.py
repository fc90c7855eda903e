"""Files that are whole and durable under their name, or not there under that name."""

from __future__ import annotations

import os
from pathlib import Path


def write_synced(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Content synced under a working name, renamed, folder synced; the folders are made and synced where missing."""
    make_folder(path.parent)
    partial = path.with_name(path.name + ".part")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """The folder and those above it, each durable in its parent."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
