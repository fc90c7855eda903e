"""A lane on the bench whose flash was written by the installer's tool: loader, slot a, keys; restarted when it dies, as by its supply."""

from __future__ import annotations

import threading
from pathlib import Path

from rig import ROOT, Broker, Gateway, LaneBoard, Plant, free_port, make_keys

from gateway.adapters.broker.pki import ensure_site_keys
from gateway.adapters.technician.access import Access
from tools.flash import image

TECHNICIAN = "technician-li"  # he may send a signed update; see gateway/adapters/broker/access.py


class SlottedBoard(LaneBoard):
    """Runs only what lies in its folder. `starts` counts the starts; power_cut() is the supply going away."""

    def __init__(
        self, folder: Path, keys, plant: Plant, port: int, public: bytes, first: image.Image, **settings
    ) -> None:
        folder.mkdir(exist_ok=True)
        for name in image.LOADER_FILES:
            (folder / name).write_bytes((ROOT / "firmware" / name).read_bytes())
        put_slot(folder, "a", first)
        (folder / "slot").write_text("a")
        (folder / "update.pub").write_bytes(public)
        self.starts = 0
        self._is_wanted = True
        super().__init__(folder, keys, plant, port, program=folder / "main.py", firmware=folder / "nothing", **settings)
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def start(self) -> None:
        self.starts += 1
        super().start()

    def _keep(self) -> None:
        while self._is_wanted and self.process is not None:
            self.process.wait()
            if self._is_wanted:
                self.start()

    def power_cut(self) -> None:
        assert self.process is not None
        self.process.kill()

    def kill(self) -> None:
        self._is_wanted = False
        super().kill()

    def slot(self) -> str:
        return (self.folder / "slot").read_text()


def put_slot(folder: Path, slot: str, content: image.Image) -> None:
    for path, data in content.files:
        (folder / slot / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / slot / path).write_bytes(data)
    (folder / slot / "manifest").write_bytes(content.manifest)


def with_file(base: image.Image, version: str, path: str, source: str) -> image.Image:
    """An image of another version in which one file is something else."""
    changed = {path: image._compile(path.replace(".mpy", ".py"), source)}
    changed["lane/version.mpy"] = image._compile("lane/version.py", f'FIRMWARE = "{version}"\n')
    files = tuple((name, changed.get(name, data)) for name, data in base.files)
    return image.Image(image.manifest_of(version, base.head["boards"][0], files), files)


class Site:
    """Broker, gateway, plant and one slotted board."""

    def __init__(self, folder: Path, public: bytes, first: image.Image, **settings) -> None:
        self.keys = make_keys(folder / "keys")
        self.port = free_port()
        self.broker = Broker(self.keys, self.port)
        self.gateway = Gateway(self.keys, self.port)
        self.plant = Plant()
        self.board = SlottedBoard(folder / "flash", self.keys, self.plant, self.port, public, first, **settings)
        ensure_site_keys(self.keys.folder, site_code=self.keys.site_code, lanes=[], roles=[TECHNICIAN])
        self.access = Access(
            TECHNICIAN, self.keys.site_code, "127.0.0.1", self.port, "gateway.local", self.keys.ca_crt,
            self.keys.crt(TECHNICIAN), self.keys.key(TECHNICIAN),
        )  # fmt: skip

    def close(self) -> None:
        self.board.kill()
        self.gateway.close()
        self.plant.close()
        self.broker.kill()
