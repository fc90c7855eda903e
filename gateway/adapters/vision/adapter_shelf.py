"""The adapters that lie in `<data_dir>/adapters`: each folder checked, running, or refused with its reason."""

from __future__ import annotations

from pathlib import Path

from gateway.adapters.vision.adapter_folder import FOLDER, TRUSTED, AdapterRefused, read_folder, trusted_keys
from gateway.adapters.vision.adapter_process import AdapterProcess
from gateway.domain.model_adapters import MANIFEST, SIGNATURE, ManifestRefused

MOST_ADAPTERS = 8
"""Each is a process of some 100 MB."""


class AdapterShelf:
    """services.eye_port.Shelf. `look` from one thread at a time; processes start with their first question."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._seen: dict[str, tuple[int, ...]] = {}
        self.running: dict[str, AdapterProcess] = {}
        self.refused: dict[str, str] = {}

    def look(self) -> None:
        """Take in what is new, drop what is gone or no longer trusted. Never raises for what lies in the folder."""
        root = self._data_dir / FOLDER
        try:
            trusted = trusted_keys(self._data_dir)
        except AdapterRefused as error:
            trusted = {}
            self.refused[TRUSTED] = str(error)
        else:
            self.refused.pop(TRUSTED, None)
        inside = sorted(root.iterdir()) if root.is_dir() else []
        folders = [p for p in inside if p.is_dir() and p.name != TRUSTED and not p.name.startswith(".")]
        names = {p.name for p in folders}
        for name in [n for n in (*self.running, *self.refused) if n not in names and n != TRUSTED]:
            self._drop(name)
        for folder in folders:
            mark = _mark(folder, tuple(sorted(trusted)))
            if self._seen.get(folder.name) != mark:
                self._drop(folder.name)
                self._seen[folder.name] = mark
                self._take(folder, trusted)

    def stop(self) -> None:
        for name in list(self.running):
            self._drop(name)

    def _take(self, folder: Path, trusted: dict[str, bytes]) -> None:
        try:
            found = read_folder(folder, trusted)
            if found.manifest.name != folder.name:
                raise AdapterRefused(
                    f"{folder}: 清单中的名称是 the manifest's name is {found.manifest.name!r}; the folder must be called so"
                )
            if len(self.running) >= MOST_ADAPTERS:
                raise AdapterRefused(f"{folder}: 已有 there are {MOST_ADAPTERS} adapters already; no more are run")
        except (AdapterRefused, ManifestRefused, OSError) as error:
            self.refused[folder.name] = str(error)
            return
        self.running[folder.name] = AdapterProcess(found)

    def _drop(self, name: str) -> None:
        self._seen.pop(name, None)
        self.refused.pop(name, None)
        if adapter := self.running.pop(name, None):
            adapter.stop()


def _mark(folder: Path, trusted: tuple[str, ...]) -> tuple[int, ...]:
    """Changes whenever a file of the folder or the trusted keys do."""
    stats = [p.stat() for p in (folder / MANIFEST, folder / SIGNATURE, *sorted(folder.iterdir())) if p.exists()]
    return (hash(trusted), *(n for s in stats for n in (s.st_mtime_ns, s.st_size, s.st_ino)))
