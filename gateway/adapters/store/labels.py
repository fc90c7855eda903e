"""Samples and labels in a SQLite file of their own, their pictures beside it. Implements services.label_port.LabelStore.

WAL and synchronous FULL as the ledger; the command line may open it beside a running gateway.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from gateway.adapters.store.connection import connect
from gateway.adapters.store.files import make_folder, sync_folder, write_synced
from gateway.adapters.store.label_schema import migrations
from gateway.adapters.store.reading import StoreRefused
from gateway.domain.labels import (
    CORRECTED,
    NO_PLATE,
    OPEN,
    PLATE,
    REASONS,
    SECOND,
    UNREADABLE,
    Label,
    Outcome,
    Pictures,
    Points,
    Progress,
    Sample,
    Told,
    outcome_of,
)
from gateway.domain.records import local_day
from gateway.services.ports import LedgerUnavailable

T = TypeVar("T")

FOLDER = "labels"
COLUMNS = ("sample_id", "pass_id", "lane", "taken_at_ms", "reason", "state")
GIVEN = f"answer in ('{PLATE}', '{NO_PLATE}', '{UNREADABLE}') and withdrawn_at_ms is null"
RANK = "case s.reason " + " ".join(f"when '{reason}' then {n}" for n, reason in enumerate(REASONS)) + " end"
KEEP_STRAYS_S = 3600.0  # a picture without a row is this old before it is taken for one that a power cut left


class SqliteLabels:
    """data_dir/labels. Raises StoreRefused when it cannot be opened."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / FOLDER
        path = self.folder / "labels.sqlite3"
        try:
            make_folder(self.folder)
            self._conn = connect(path)
            migrations.apply(Database(self._conn))
            self._conn.isolation_level = None
        except (OSError, sqlite3.DatabaseError) as error:
            raise StoreRefused(f"{path}: {error}. 标注库无法打开 the labels cannot be opened; they are no evidence:"
                               " move the folder away to begin anew") from error  # fmt: skip
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._conn.close()

    # ------------------------------------------------------------ samples

    def add(self, sample: Sample, pictures: Pictures) -> Sample:
        if known := self.of_pass(sample.pass_id):
            return known
        base = f"{local_day(sample.taken_at_ms)}/{sample.sample_id}"
        sample = replace(
            sample, frame=f"{base}-frame.jpg", frame_size=pictures.frame_size, frame_corners=pictures.frame_corners,
            cut=f"{base}-cut.jpg" if pictures.cut else "", cut_size=pictures.cut_size, cut_corners=pictures.cut_corners,
        )  # fmt: skip
        try:
            write_synced(self.folder / sample.frame, pictures.frame, mode=0o600)
            if sample.cut:
                write_synced(self.folder / sample.cut, pictures.cut, mode=0o600)
        except OSError as error:
            raise LedgerUnavailable(f"{self.folder}: {error}") from error
        values = [*(getattr(sample, name) for name in COLUMNS), _plates(sample), _doc(sample)]
        self._write(lambda c: c.execute(f"insert into sample values (?{',?' * (len(COLUMNS) + 1)})", values))
        return sample

    def of_pass(self, pass_id: str) -> Sample | None:
        return self._sample("pass_id = ?", pass_id)

    def one(self, sample_id: str) -> Sample | None:
        return self._sample("sample_id = ?", sample_id)

    def tell(self, sample_id: str, told: Told) -> None:
        def change(conn: sqlite3.Connection) -> None:
            row = conn.execute("select * from sample where sample_id = ?", (sample_id,)).fetchone()
            if row is not None:
                sample = replace(_sample_of(row), told=told, reason=CORRECTED)
                conn.execute("update sample set reason = ?, plates = ?, doc = ? where sample_id = ?",
                             (CORRECTED, _plates(sample), _doc(sample), sample_id))  # fmt: skip

        self._write(change)

    def kept_since(self, at_ms: int) -> int:
        return self._read(
            lambda c: c.execute("select count(*) from sample where taken_at_ms >= ?", (at_ms,)).fetchone()[0]
        )

    def counts(self) -> dict[tuple[str, str], int]:
        """(state, reason) -> samples."""
        rows = self._read(lambda c: c.execute("select state, reason, count(*) from sample group by 1, 2").fetchall())
        return {(row[0], row[1]): row[2] for row in rows}

    def seen_seq(self) -> int | None:
        row = self._read(lambda c: c.execute("select seq from looked").fetchone())
        return row[0] if row else None

    def see(self, seq: int) -> None:
        sql = "insert into looked values (1, ?) on conflict (id) do update set seq = excluded.seq"
        self._write(lambda c: c.execute(sql, (seq,)))

    def picture(self, sample_id: str, kind: str) -> Path | None:
        sample = self.one(sample_id)
        name = (sample.cut if kind == "cut" else sample.frame) if sample else ""
        return self.folder / name if name else None

    # ------------------------------------------------------------ labels

    def queue(self, by: str, *, lane: str = "", reason: str = "", since_ms: int, limit: int) -> list[Sample]:
        where, values = _waiting(by, lane, reason)
        skipped = ("exists (select 1 from label l where l.sample_id = s.sample_id and l.by = ? and l.answer = 'skipped'"
                   " and l.withdrawn_at_ms is null and l.at_ms >= ?)")  # fmt: skip
        rows = self._read(
            lambda c: c.execute(
                f"select s.* from sample s where {where} order by {skipped}, s.state = 'open', {RANK}, s.taken_at_ms desc limit ?",
                (*values, by, since_ms, limit),
            ).fetchall()
        )
        return [_sample_of(row) for row in rows]

    def put(self, label: Label, *, is_second_forced: bool = False) -> Outcome:
        """is_second_forced: the sample must be seen by two, whatever this person thinks."""
        label = replace(label, wants_second=label.wants_second or is_second_forced)

        def change(conn: sqlite3.Connection) -> Outcome:
            values = (label.label_id, label.sample_id, label.by, label.at_ms, label.answer, label.text, label.plate_type,
                      json.dumps(label.corners), int(label.wants_second))  # fmt: skip
            conn.execute("insert into label values (?,?,?,?,?,?,?,?,?,null)", values)
            return _settle(conn, label.sample_id)

        return self._write(change)

    def labels_of(self, sample_id: str) -> list[Label]:
        return self._read(lambda c: _labels(c, sample_id))

    def withdraw_last(self, by: str, *, since_ms: int, now_ms: int) -> str | None:
        def change(conn: sqlite3.Connection) -> str | None:
            row = conn.execute(
                "select label_id, sample_id from label where by = ? and at_ms >= ? and withdrawn_at_ms is null"
                " order by label_id desc limit 1",
                (by, since_ms),
            ).fetchone()
            if row is None:
                return None
            conn.execute("update label set withdrawn_at_ms = ? where label_id = ?", (now_ms, row["label_id"]))
            _settle(conn, row["sample_id"])
            return row["sample_id"]

        return self._write(change)

    def progress(self, by: str, *, lane: str, reason: str, since_ms: int) -> Progress:
        where, values = _waiting(by, lane, reason)
        said = f"select count(distinct sample_id) from label where {GIVEN} and at_ms >= ?"

        def read(conn: sqlite3.Connection) -> Progress:
            left = conn.execute(f"select reason, count(*) from sample s where {where} group by 1", values).fetchall()
            today = conn.execute(said, (since_ms,)).fetchone()[0]
            mine = conn.execute(f"{said} and by = ?", (since_ms, by)).fetchone()[0]
            return Progress(today, mine, dict(tuple(row) for row in left))

        return self._read(read)

    def settled(self) -> Iterator[tuple[Sample, Outcome]]:
        rows = self._read(
            lambda c: c.execute(
                "select * from sample where state = 'settled' order by taken_at_ms, sample_id"
            ).fetchall()
        )
        for row in rows:
            yield _sample_of(row), outcome_of(self.labels_of(row["sample_id"]))

    # ------------------------------------------------------------ away

    def erase(self, pass_ids: Sequence[str], plates: Sequence[str]) -> int:
        rows = self._read(
            lambda c: [
                *(r for p in pass_ids for r in c.execute("select sample_id from sample where pass_id = ?", (p,))),
                *(
                    r
                    for p in plates
                    for r in c.execute("select sample_id from sample where instr(plates, ?) > 0", (f"|{p}|",))
                ),
                *(r for p in plates for r in c.execute("select distinct sample_id from label where text = ?", (p,))),
            ]
        )
        return self._drop(sorted({row[0] for row in rows}))

    def sweep(self, cutoff_ms: int, known: Callable[[Sequence[str]], set[str]]) -> int:
        rows = self._read(lambda c: c.execute("select sample_id, pass_id, taken_at_ms from sample").fetchall())
        still = known([row["pass_id"] for row in rows])
        over = [r["sample_id"] for r in rows if r["taken_at_ms"] < cutoff_ms or r["pass_id"] not in still]
        done = self._drop(over)
        self._drop_strays()
        return done

    def _drop(self, sample_ids: Sequence[str]) -> int:
        paths: list[Path] = []

        def change(conn: sqlite3.Connection) -> None:
            for sample_id in sample_ids:
                row = conn.execute("select * from sample where sample_id = ?", (sample_id,)).fetchone()
                if row is not None:
                    sample = _sample_of(row)
                    paths.extend(self.folder / name for name in (sample.frame, sample.cut) if name)
                    conn.execute("delete from sample where sample_id = ?", (sample_id,))

        if sample_ids:
            self._write(change)
            self._write(
                lambda c: c.execute("pragma wal_checkpoint(truncate)"), is_bare=True
            )  # no copy stays in the log
            _unlink(paths)
        return len(sample_ids)

    def _drop_strays(self) -> None:
        rows = self._read(lambda c: c.execute("select * from sample").fetchall())
        known = {self.folder / name for row in rows for s in [_sample_of(row)] for name in (s.frame, s.cut) if name}
        found = [path for path in self.folder.rglob("*.jpg*") if path not in known]
        if found:
            newest = max(path.stat().st_mtime for path in self.folder.rglob("*") if path.is_file())
            _unlink([path for path in found if newest - path.stat().st_mtime > KEEP_STRAYS_S])

    # ------------------------------------------------------------ the file

    def _sample(self, where: str, value: str) -> Sample | None:
        row = self._read(lambda c: c.execute(f"select * from sample where {where}", (value,)).fetchone())
        return _sample_of(row) if row else None

    def _read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                return action(self._conn)
            except sqlite3.DatabaseError as error:
                raise LedgerUnavailable(f"{self.folder}: {error}") from error

    def _write(self, action: Callable[[sqlite3.Connection], T], *, is_bare: bool = False) -> T:
        with self._lock:
            try:
                if is_bare:
                    return action(self._conn)
                self._conn.execute("begin immediate")
                try:
                    result = action(self._conn)
                    self._conn.execute("commit")
                    return result
                except BaseException:
                    if self._conn.in_transaction:
                        self._conn.execute("rollback")
                    raise
            except sqlite3.DatabaseError as error:
                raise LedgerUnavailable(f"{self.folder}: {error}") from error


def _waiting(by: str, lane: str, reason: str) -> tuple[str, list[Any]]:
    """What this person can still say something about."""
    where = (f"(s.state = '{OPEN}' or (s.state = '{SECOND}' and not exists (select 1 from label l where"
             f" l.sample_id = s.sample_id and l.by = ? and {GIVEN})))")  # fmt: skip
    values: list[Any] = [by]
    for column, value in (("lane", lane), ("reason", reason)):
        if value:
            where += f" and s.{column} = ?"
            values.append(value)
    return where, values


def _settle(conn: sqlite3.Connection, sample_id: str) -> Outcome:
    outcome = outcome_of(_labels(conn, sample_id))
    conn.execute("update sample set state = ? where sample_id = ?", (outcome.state, sample_id))
    return outcome


def _labels(conn: sqlite3.Connection, sample_id: str) -> list[Label]:
    rows = conn.execute(
        "select * from label where sample_id = ? and withdrawn_at_ms is null order by label_id", (sample_id,)
    )
    return [
        Label(r["label_id"], r["sample_id"], r["by"], r["at_ms"], r["answer"], r["text"], r["plate_type"],
              _points(json.loads(r["corners"])), bool(r["wants_second"]))
        for r in rows
    ]  # fmt: skip


def _doc(sample: Sample) -> str:
    return json.dumps({k: v for k, v in asdict(sample).items() if k not in COLUMNS}, ensure_ascii=False)


def _plates(sample: Sample) -> str:
    texts = {sample.text, sample.voted, *sample.candidates, sample.told.text if sample.told else ""}
    return "|" + "".join(f"{text}|" for text in sorted(texts) if text)


def _points(value: Any) -> Points:
    return tuple((float(x), float(y)) for x, y in value)


def _sample_of(row: sqlite3.Row) -> Sample:
    doc = json.loads(row["doc"])
    for name in ("frame_corners", "cut_corners"):
        doc[name] = _points(doc[name])
    for name in ("frame_size", "cut_size", "char_confidences", "candidates"):
        doc[name] = tuple(doc[name])
    doc["alternatives"] = tuple(tuple((str(c), float(p)) for c, p in cell) for cell in doc["alternatives"])
    doc["told"] = Told(**doc["told"]) if doc["told"] else None
    return Sample(**{name: row[name] for name in COLUMNS}, **doc)


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in paths}:
        if folder.is_dir():
            sync_folder(folder)
