"""Master data that the regulator must know: the enterprise, its barriers and cameras, and road vehicles that are verified.

The registers' entries are followed by their numbers; what a change touches is told anew, well within a minute. The
enterprise is told at each start and once a day too (its counts of entrances, barriers, vehicles and machines are taken from
the registers). Cameras go out with the address and the view-only account that the settings name for the regulator: neither a
camera's own address nor its password is in a row where another address is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from gateway.domain.dictionary import registers as dictionary
from gateway.domain.records import local_text
from gateway.domain.register_rows import RowBrief, stated
from gateway.domain.verification import VERIFIED
from gateway.services.desk_port import Condition
from gateway.services.ports import Clock, Regulator, UploadQueue
from gateway.services.register_port import RegisterStore

ENTRIES_AT_ONCE: Final = 500
OPS: Final = {"enterprise": "enterprise", "barrier": "barrierInfo", "camera": "cameraInfo", "vehicle": "vehicleInfo"}
COUNTED: Final = {"entrance": "entrance_count", "barrier": "barrier_count", "vehicle": "vehicle_count",
                  "in_plant_vehicle": "in_plant_vehicle_count", "machine": "nonroad_count"}  # fmt: skip
"""Registers whose number of rows in use the enterprise states."""
RENAMED: Final = {"barrier_principal": "principal", "barrier_principal_phone": "principal_phone"}
PHOTOS: Final = ("licence_photo", "env_list_photo")
NO_ACCOUNT: Final = "uplink.camera_account"


@dataclass(frozen=True)
class CameraView:
    """How the regulator sees the cameras. has_account: a view-only account is set. host, port: of the proxy; "" and 0: each camera's own."""

    has_account: bool = False
    host: str = ""
    port: int = 0

    def of(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Address and paths as the regulator is told them."""
        port = self.port or int(values.get("port") or 0)
        told: dict[str, Any] = {"ip": self.host or values.get("ip", ""), "port": port}
        for name in ("live_url", "playback_url"):
            told[name] = self._path(values.get(name, ""), port)
        return told

    def _path(self, url: str, port: int) -> str:
        """Without a login; with the proxy's address where there is one."""
        parts = urlsplit(url)
        if not parts.netloc:
            return url
        own = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{self.host}:{port}" if self.host else own))


class MasterUploads:
    """tick: in a thread, every few seconds. on_condition: told when cameras cannot be told for want of an account, and when they can."""

    def __init__(self, queue: UploadQueue, regulator: Regulator, registers: RegisterStore, clock: Clock, *, enterprise_code: str,
                 view: CameraView | None = None,
                 on_condition: Callable[[str, Condition | None], None] = lambda code, condition: None) -> None:  # fmt: skip
        self._queue, self._registers, self._clock = queue, registers, clock
        self._code, self._view, self._on_condition = enterprise_code, view or CameraView(), on_condition
        self._is_wanting = False
        self._able = {register for register, op in OPS.items() if regulator.can(op)}
        self._started = local_text(clock.wall_ms())
        self._stated_day = ""

    def tick(self) -> None:
        """Make what is missing. Blocking."""
        while self._follow():
            pass
        if self._stated_day != self._today():
            self._enterprise()
            self._stated_day = self._today()
        self._tell_account()

    def _tell_account(self) -> None:
        wanting = (
            "camera" in self._able and not self._view.has_account and any(True for _ in self._registers.all("camera"))
        )
        if wanting != self._is_wanting:
            self._is_wanting = wanting
            told = Condition(NO_ACCOUNT, "warning", self._clock.wall_ms(), "未设置监管查看账号（uplink.camera_user），摄像头信息未上报",
                             "no view-only account (uplink.camera_user): cameras are not told to the regulator")  # fmt: skip
            self._on_condition(NO_ACCOUNT, told if wanting else None)

    def _follow(self) -> bool:
        """The next entries; True if there may be more."""
        seq = self._queue.mark("master")
        entries = self._queue.entries_after(("register",), seq, ENTRIES_AT_ONCE)
        if not entries:
            return False
        touched = list(dict.fromkeys((body["register"], body["key"]) for _, _, body in entries))
        if any(register == "enterprise" or register in COUNTED for register, _ in touched):
            self._enterprise()
        for register in ("barrier", "camera", "vehicle"):  # parents before what names them
            for key in [key for name, key in touched if name == register and register in self._able]:
                if brief := self._registers.brief(register, key):
                    self._tell(brief)
        self._queue.set_mark("master", entries[-1][0])
        return len(entries) == ENTRIES_AT_ONCE

    def _enterprise(self) -> None:
        brief = self._registers.brief("enterprise", self._code) if "enterprise" in self._able else None
        if brief is None or brief.is_removed:
            return
        counts = self._registers.counts()
        record: dict[str, Any] = dict(brief.values)
        record |= {name: counts[register]["rows"] for register, name in COUNTED.items()}
        self._put("enterprise", self._code, record | {"stated": f"{self._today()} {self._started}"})

    def _tell(self, brief: RowBrief) -> None:
        is_known = self._queue.state(f"{OPS[brief.register]}/{brief.key}") != ""
        if brief.register == "vehicle":
            if is_known or (brief.audit == VERIFIED and not brief.is_removed):
                self._put("vehicle", brief.key, self._vehicle(brief))
        elif is_known or not brief.is_removed:
            record: dict[str, Any] = {RENAMED.get(n, n): v for n, v in brief.values.items()}
            if brief.register == "camera":
                if not self._view.has_account:
                    return
                record |= self._view.of(brief.values)
            self._put(brief.register, brief.key, record | ({"op": "delete"} if brief.is_removed else {}))

    def _vehicle(self, brief: RowBrief) -> dict[str, Any]:
        """What is in force, nothing personal; the networking with the source that says so and when."""
        personal = {f.name for f in dictionary()["vehicle"].fields if f.personal}
        record: dict[str, Any] = {
            n: v for n, v in brief.values.items() if v and n not in personal and not n.endswith("_photo")
        }
        for name in PHOTOS:
            if document_id := brief.values.get(name, ""):
                record[name] = (self._registers.document(document_id) or {}).get("path", "")
        row = self._registers.row("vehicle", brief.key)
        if row and (said := stated(row, "network_status")) and said.value:
            record |= {"network_source": said.source, "network_at_ms": said.at_ms}
        return record | {"in_use": "0" if brief.is_removed else "1"}

    def _put(self, register: str, key: str, record: dict[str, Any]) -> None:
        self._queue.put(OPS[register], f"{OPS[register]}/{key}", f"{register}/{key}", record, self._clock.wall_ms())

    def _today(self) -> str:
        return local_text(self._clock.wall_ms())[:10]
