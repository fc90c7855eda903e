"""One file, one writer thread, short reads.

Writes run in the writer thread inside BEGIN IMMEDIATE ... COMMIT with synchronous FULL: when `write` returns, the
change survives a pulled plug. Reads use one connection of their own behind a lock (WAL: they never wait for a write).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from gateway.adapters.store.chain import Chain
from gateway.adapters.store.reading import StoreRefused
from gateway.adapters.store.schema import migrations
from gateway.services.ports import LedgerUnavailable

T = TypeVar("T")
PAGE_BYTES = 8192  # an entry takes 0.4 to 2 KiB: pages of 4096 stay a third empty (8.9 against 6.9 KB a row)


class LedgerFile:
    """data_dir/ledger.sqlite3, opened, migrated and locked to this process.

    Raises StoreRefused if the directory cannot be written, another gateway holds it, or the file is damaged.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.path = data_dir / "ledger.sqlite3"
        _ensure_writable(data_dir)
        self._lock_file = _lock(data_dir / "gateway.lock")
        try:
            self._writer = connect(self.path)
            migrations.apply(Database(self._writer))
            # sqlite-utils makes this index after the table, in a transaction of its own: a power cut may fall between
            self._writer.execute("create unique index if not exists idx__sqlite_migrations_migration_set_name"
                                 " on _sqlite_migrations (migration_set, name)")  # fmt: skip
            self._writer.isolation_level = None  # transactions are ours from here
            self._reader = connect(self.path)
            self._reader.execute("pragma query_only = on")
        except sqlite3.DatabaseError as error:
            raise StoreRefused(
                f"{self.path}: {error}. 账本无法打开 The ledger cannot be opened; restore the last backup beside it, do not delete it"
            ) from error
        self.chain = Chain()
        self._read_lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger-writer")

    def write(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Run action in one transaction in the writer thread; durable when this returns. Raises LedgerUnavailable."""
        return self._thread.submit(self._transact, action).result()

    async def awrite(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """write() without holding up the event loop."""
        return await asyncio.wrap_future(self._thread.submit(self._transact, action))

    def read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        with self._read_lock:
            return action(self._reader)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._reader.close()
        self._writer.close()
        os.close(self._lock_file)

    def _transact(self, action: Callable[[sqlite3.Connection], T]) -> T:
        conn = self._writer
        try:
            conn.execute("begin immediate")
            try:
                result = action(conn)
                conn.execute("commit")
                return result
            except BaseException:
                self.chain.forget()
                if conn.in_transaction:
                    conn.execute("rollback")
                raise
        except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as error:
            raise LedgerUnavailable(f"{self.path}: {error}") from error


def connect(path: Path) -> sqlite3.Connection:
    """WAL, synchronous FULL, rows by name; any thread may use it, one at a time."""
    conn = sqlite3.connect(path, check_same_thread=False, timeout=10)
    conn.row_factory = sqlite3.Row
    conn.execute(f"pragma page_size = {PAGE_BYTES}")  # of a new file; an older one keeps its own
    conn.execute("pragma journal_mode = wal")
    conn.execute("pragma synchronous = full")
    conn.execute("pragma foreign_keys = on")
    conn.execute("pragma secure_delete = on")  # an erased personal value leaves no copy in a free page
    return conn


def _ensure_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"1")
        probe.unlink()
    except OSError as error:
        raise StoreRefused(
            f"data_dir {folder}: {error.strerror or error}. 数据目录不可写 The data directory must be writable by this user; "
            "check its owner, free space and mount"
        ) from error


def _lock(path: Path) -> int:
    import fcntl

    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise StoreRefused(
            f"{path}: another gateway already uses this data directory 数据目录已被另一个网关占用; stop it first"
        ) from None
    return handle
