"""Passages that the regulator's platform found in breach (alarmVehicle): each is a task with its record, told until closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.domain.records import CHINA
from gateway.domain.tasks import NewTask
from gateway.services.conditions import Conditions
from gateway.services.ports import Clock, UploadQueue
from gateway.services.task_port import Tasks

KIND = "platform"
CODE = "platform.finding"


class FindingRefused(ValueError):
    """An item of the list is not understood; the message names it and the field."""


class PlatformFindings:
    def __init__(self, tasks: Tasks, queue: UploadQueue, conditions: Conditions, clock: Clock) -> None:
        self._tasks, self._queue, self._conditions, self._clock = tasks, queue, conditions, clock

    def receive(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Open a task each; one that is known stays as it is. Raises FindingRefused before anything is taken."""
        for task in [self._task(item) for item in items]:
            self._tasks.open(task, self._clock.wall_ms())
        self.tell()

    def tell(self) -> None:
        """The condition, as long as a task is open: guard and officer see it on every page."""
        waiting = self._tasks.list(kind=KIND, limit=100)
        if waiting:
            self._conditions.raise_(CODE, "alarm", f"监管平台认定 {len(waiting)} 次违规通行，待处理：{waiting[0].what_zh}",
                                    f"the regulator found {len(waiting)} passages in breach: {waiting[0].what_en}")  # fmt: skip
        else:
            self._conditions.clear(CODE)

    def _task(self, item: Mapping[str, Any]) -> NewTask:
        name, plate, reason = (str(item.get(key) or "") for key in ("alarmId", "plateNo", "violationReason"))
        if not name or not plate:
            raise FindingRefused(f"alarmVehicle item {dict(item)!r}: alarmId and plateNo are required")
        try:
            at = datetime.strptime(str(item.get("passTime")), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        except ValueError:
            raise FindingRefused(
                f"alarmVehicle {name}: passTime {item.get('passTime')!r}; allowed: yyyy-MM-dd HH:mm:ss"
            ) from None
        record_no = str(item.get("recordNo") or "")
        doc = {"alarm_id": name, "plate_no": plate, "record_no": record_no, "pass_id": self._queue.subject_of(record_no),
               "needs_reply": bool(item.get("needReply"))}  # fmt: skip
        return NewTask(KIND, name, "", int(at.timestamp() * 1000), f"{plate} {item['passTime']} {reason or '违反管控策略'}",
                       f"{plate} at {item['passTime']}: {reason or 'against the control policy'}", doc)  # fmt: skip
