"""Joins what the regulator is told besides passages: master data, alarms, day reports, counts compared by hour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.outbox import SqliteOutbox
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.reconciling import SqliteTold
from gateway.adapters.uplink.client import HttpRegulator, MasterData
from gateway.config import ConfigRefused, Settings
from gateway.services.alarm_reports import AlarmReports
from gateway.services.conditions import Conditions
from gateway.services.day_reports import DayReports
from gateway.services.desk_port import Condition
from gateway.services.master_uploads import CameraView, MasterUploads
from gateway.services.ports import Clock
from gateway.services.reconcile import Reconciler, ReportSettings
from gateway.services.register_port import RegisterStore
from gateway.services.task_port import Tasks


class PlatformReports:
    """parts: what services/platform_uploads.py runs beside its own, in this order. quality: figures of a day's rows.

    on_condition: called from a thread.
    """

    def __init__(self, settings: Settings, file: LedgerFile, regulator: HttpRegulator, outbox: SqliteOutbox, *, registers: RegisterStore,
                 queries: SqliteQueries, tasks: Tasks, conditions: Conditions, clock: Clock,
                 quality: Callable[[str], dict[str, Any]], is_up: Callable[[], bool],
                 on_condition: Callable[[str, Condition | None], None]) -> None:  # fmt: skip
        told, when = SqliteTold(file), regulator.profile.schedule.of(ReportSettings)
        self.master = MasterUploads(outbox, regulator, registers, clock, enterprise_code=settings.site.enterprise_code,
                                    view=camera_view(settings), on_condition=on_condition)  # fmt: skip
        self.alarms = AlarmReports(outbox, told, regulator, clock, barrier_of={lane.id: lane.barrier_code for lane in settings.lanes},
                                   pass_of=queries.find_pass, photo_of=lambda photo_id: _below(file, queries.photo_file(photo_id)),
                                   conditions=conditions.list)  # fmt: skip
        self.days = DayReports(outbox, told, regulator, clock, quality=quality, settings=when)
        self.reconciler = Reconciler(told, outbox, regulator, tasks, clock, is_up=is_up, settings=when)
        self.parts: tuple[Callable[[], None], ...] = (
            self.master.tick,
            self.alarms.tick,
            self.reconciler.tick,
            self.days.tick,
        )


def _below(file: LedgerFile, path: Path | None) -> str:
    return str(path.relative_to(file.data_dir)) if path else ""


def camera_view(settings: Settings) -> CameraView:
    given = settings.uplink
    return CameraView(
        given.camera_user is not None, given.camera_host or "", given.camera_port if given.camera_host else 0
    )


def camera_account(settings: Settings) -> Callable[[str], Mapping[str, str]]:
    """Operation -> the view-only login that belongs to it; read from its file, so that it stands in no row and no log.

    Raises ConfigRefused where the file cannot be read.
    """
    given = settings.uplink
    if given.camera_user is None or given.camera_password is None:
        return lambda op: {}
    try:
        password = given.camera_password.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigRefused(f"uplink.camera_password {given.camera_password}: {error.strerror}") from None
    account = {"username": given.camera_user, "password": password}
    return lambda op: account if op == "cameraInfo" else {}


def master_data(outbox: SqliteOutbox) -> MasterData | None:
    """What the platform was told last, for a platform that does not know it any more; None before there was anything."""
    enterprise = outbox.newest_records("enterprise")
    if not enterprise:
        return None
    return MasterData(enterprise[0], outbox.newest_records("barrier"), outbox.newest_records("camera"))  # type: ignore[arg-type]
