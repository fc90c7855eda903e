"""The platform's memory: one SQLite file, committed with synchronous FULL before any answer leaves."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
create table if not exists enterprise (
  code text primary key,
  rev integer not null check (rev > 0),
  content text not null                     -- the enterprise operation's business JSON
) strict;
create table if not exists barrier (
  enterprise_code text not null, barrier_code text not null,
  rev integer not null check (rev > 0), content text not null,
  primary key (enterprise_code, barrier_code)
) strict;
create table if not exists camera (
  enterprise_code text not null, camera_code text not null,
  rev integer not null check (rev > 0), content text not null,
  primary key (enterprise_code, camera_code)
) strict;
create table if not exists visit (
  number integer primary key,               -- the platform's own visit id is P and this number
  enterprise_code text not null, visit_id text not null,
  unique (enterprise_code, visit_id)
) strict;
create table if not exists passage (
  record_no text primary key,
  enterprise_code text not null,
  rev integer not null check (rev > 0),
  content text not null,                    -- the item as received, without photographs
  content_sha256 text not null,             -- of the item without uploadTime and isBackfill, with photographs
  pass_time text not null,                  -- UTC+8, yyyy-MM-dd HH:mm:ss
  is_backfill integer not null check (is_backfill in (0, 1)),
  received_at_ms integer not null,          -- UTC ms; of the first receipt
  changed_at_ms integer not null,           -- UTC ms; of the newest rev
  times_received integer not null check (times_received > 0)
) strict;
create index if not exists passage_by_receipt on passage (received_at_ms);
create table if not exists photo (
  id integer primary key,
  record_no text not null references passage (record_no),
  rev integer not null,
  kind text not null check (kind in ('head', 'body')),
  sha256 text not null,
  width_px integer not null, height_px integer not null,
  jpeg blob not null,
  unique (record_no, rev, kind)
) strict;
create table if not exists request (
  enterprise_code text not null, op text not null, req_id text not null,
  data_sha256 text not null,
  code integer not null, message text not null, answer text,  -- the first answer, given again for 24 h
  received_at_ms integer not null,
  times_received integer not null check (times_received > 0),
  primary key (enterprise_code, op, req_id)
) strict;
create table if not exists refusal (
  id integer primary key,
  received_at_ms integer not null,
  op text not null, subject text not null,  -- record number or request id
  code integer not null, message text not null
) strict;
create table if not exists thing (
  enterprise_code text not null, op text not null, item_key text not null,
  rev integer not null check (rev > 0),
  content text not null,                    -- the item as received, pictures as their length
  content_sha256 text not null,             -- of the item with pictures
  received_at_ms integer not null,
  times_received integer not null check (times_received > 0),
  primary key (enterprise_code, op, item_key)
) strict;
create table if not exists revision (
  id integer primary key,                   -- in the order in which they came
  op text not null, item_key text not null, rev integer not null,
  unique (op, item_key, rev) on conflict ignore
) strict;
create table if not exists notice (
  id integer primary key,
  kind text not null, version integer not null,
  content text not null                     -- one item of a list, as on the wire
) strict;
create table if not exists heartbeat (
  enterprise_code text primary key,
  received_at_ms integer not null,
  times_received integer not null,
  content text not null
) strict;
"""


class Storage:
    """regulator.sqlite3 in a folder. One connection, one lock: every block of `write` is one transaction."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(folder / "regulator.sqlite3", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.execute("pragma foreign_keys = on")
        self._db.executescript(SCHEMA)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is on disk when the block ends, and undone when the block raises."""
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield self._db
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """The rows of one query."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._db.close()
