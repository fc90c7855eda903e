"""Tasks on SQLite: services.task_port.Tasks. A misuse and a closing by a person are entries of the chain too."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from ulid import ULID

from gateway.adapters.store.connection import LedgerFile
from gateway.domain.records import to_json
from gateway.domain.tasks import BY_ITSELF, NewTask, Task, TaskRefused
from gateway.services.ports import NewEntry

STATES = ("open", "closed", "all")
ENTERED = {"misuse": "misuse", "platform": "platform_finding"}  # kind of task -> kind of the entry that it opens with
_COLUMNS = (
    "task_id, kind, subject, pattern, lane, at_ms, opened_at_ms, what_zh, what_en, doc, state, by, reason, closed_at_ms"
)


class SqliteTasks:
    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def open(self, task: NewTask, now_ms: int) -> Task | None:
        def action(conn: sqlite3.Connection) -> Task | None:
            doc = to_json(task.doc)
            if conn.execute("select 1 from task where kind = ? and subject = ?", (task.kind, task.subject)).fetchone():
                conn.execute(
                    "update task set what_zh = ?, what_en = ?, doc = ? where kind = ? and subject = ? and state = 'open' and doc <> ?",
                    (task.what_zh, task.what_en, doc, task.kind, task.subject, doc),
                )
                return None
            task_id = str(ULID())
            conn.execute(
                f"insert into task ({_COLUMNS}) values (?,?,?,?,?,?,?,?,?,?,'open','','',null)",
                (task_id, task.kind, task.subject, task.pattern, task.lane, task.at_ms, now_ms, task.what_zh, task.what_en, doc),
            )  # fmt: skip
            if task.kind in ENTERED:
                body = {"pattern": task.pattern, "subject": task.subject, "at_ms": task.at_ms, "zh": task.what_zh,
                        "en": task.what_en, "rows": task.doc}  # fmt: skip
                self._file.chain.append(conn, [NewEntry(ENTERED[task.kind], task.lane, "", now_ms, body)], {}, {})
            return _one(conn, "task_id = ?", task_id)

        if self._is_known_as_is(task):
            return None
        return self._file.write(action)

    def _is_known_as_is(self, task: NewTask) -> bool:
        sql = "select 1 from task where kind = ? and subject = ? and (state = 'closed' or doc = ?)"
        return self._file.read(lambda c: c.execute(sql, (task.kind, task.subject, to_json(task.doc))).fetchone()) is not None  # fmt: skip

    def over(self, kind: str, subject: str, reason: str, now_ms: int) -> bool:
        def action(conn: sqlite3.Connection) -> bool:
            done = conn.execute(
                "update task set state = 'closed', by = ?, reason = ?, closed_at_ms = ? where kind = ? and subject = ? and state = 'open'",
                (BY_ITSELF, reason, now_ms, kind, subject),
            )
            return done.rowcount > 0

        sql = "select 1 from task where kind = ? and subject = ? and state = 'open'"
        if self._file.read(lambda c: c.execute(sql, (kind, subject)).fetchone()) is None:
            return False
        return self._file.write(action)

    def close(self, task_id: str, *, by: str, reason: str, now_ms: int) -> Task:
        if not by.strip() or not reason.strip():
            raise TaskRefused("必须填写姓名和原因 a name and a reason are required")

        def action(conn: sqlite3.Connection) -> Task:
            known = _one(conn, "task_id = ?", task_id)
            if known is None:
                raise TaskRefused(f"{task_id}: 没有这个任务 there is no such task")
            if known.state != "open":
                raise TaskRefused(f"{task_id}: 已由 {known.by} 关闭 is closed already")
            conn.execute("update task set state = 'closed', by = ?, reason = ?, closed_at_ms = ? where task_id = ?",
                         (by.strip(), reason.strip(), now_ms, task_id))  # fmt: skip
            body = {
                "task_id": task_id,
                "kind": known.kind,
                "subject": known.subject,
                "by": by.strip(),
                "reason": reason.strip(),
            }
            self._file.chain.append(conn, [NewEntry("task", known.lane, "", now_ms, body)], {}, {})
            done = _one(conn, "task_id = ?", task_id)
            assert done
            return done

        return self._file.write(action)

    def list(self, *, state: str = "open", kind: str = "", limit: int = 200) -> list[Task]:
        return self._file.read(lambda conn: listed(conn, state=state, kind=kind, limit=limit))

    def open_count(self) -> dict[str, int]:
        return self._file.read(lambda c: {row[0]: row[1] for row in c.execute(
            "select kind, count(*) from task where state = 'open' group by kind")})  # fmt: skip


def listed(conn: sqlite3.Connection, *, state: str, kind: str, limit: int) -> list[Task]:
    """Newest first."""
    if state not in STATES:
        raise TaskRefused(f"state {state!r}: 允许 allowed {', '.join(STATES)}")
    rows = conn.execute(
        f"select {_COLUMNS} from task where (? = 'all' or state = ?) and (? = '' or kind = ?) order by opened_at_ms desc, task_id desc limit ?",
        (state, state, kind, kind, limit),
    )
    return [_task(row) for row in rows]


def _one(conn: sqlite3.Connection, where: str, *values: Any) -> Task | None:
    row = conn.execute(f"select {_COLUMNS} from task where {where}", values).fetchone()
    return _task(row) if row else None


def _task(row: Any) -> Task:
    values = dict(zip(_COLUMNS.split(", "), tuple(row), strict=True))
    return Task(**values | {"doc": json.loads(values["doc"])})
