"""What drivers' phones send before a request is whole, and its photographs: services.driver_port.DriverShelf.

data_dir/drivers: a SQLite file of its own (WAL, synchronous FULL), photographs beside it, a key for the phones' digests.
No evidence: a copy that is lost costs a driver a second try.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gateway.adapters.store.connection import connect
from gateway.adapters.store.files import make_folder, sync_folder, write_synced
from gateway.adapters.store.reading import StoreRefused
from gateway.domain.driver_requests import DRAFT, SentCode, SentPhoto
from gateway.services.ports import LedgerUnavailable

T = TypeVar("T")
FOLDER = "drivers"
NOTES_KEPT_MS = 86_400_000  # the longest time over which anything is counted is a day
_SCHEMA = """
create table if not exists note (what text not null, who text not null, at_ms integer not null) strict;
create index if not exists note_who on note (what, who, at_ms);
create table if not exists code (phone text primary key, salt text not null, digest text not null,
  until_ms integer not null, tries integer not null) strict;
create table if not exists session (token text primary key, phone text not null, until_ms integer not null) strict;
create table if not exists photo (draft text not null, kind text not null, phone text not null, path text not null,
  sha256 text not null, size_bytes integer not null, codes text not null, at_ms integer not null,
  primary key (draft, kind)) strict;
create table if not exists request (request_id text primary key, phone text not null, at_ms integer not null,
  decided_at_ms integer) strict;
create index if not exists request_phone on request (phone, at_ms);
"""
_BETWEEN = "\x1f"  # between the texts of codes


class SqliteDriverShelf:
    """Raises StoreRefused when it cannot be opened."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / FOLDER
        path = self.folder / "drivers.sqlite3"
        try:
            make_folder(self.folder)
            self._key = _key(self.folder / "phones.key")
            self._conn = connect(path)
            self._conn.executescript(_SCHEMA)
            self._conn.isolation_level = None
        except (OSError, sqlite3.DatabaseError) as error:
            raise StoreRefused(f"{path}: {error}. 司机登记库无法打开 the drivers' shelf cannot be opened; it is no evidence:"
                               " move the folder away to begin anew") from error  # fmt: skip
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._conn.close()

    def phone_digest(self, phone: str) -> str:
        return hmac.new(self._key, phone.encode(), hashlib.sha256).hexdigest()

    # ------------------------------------------------------------ counting

    def count(self, what: str, who: str, since_ms: int) -> int:
        return self._ask("select count(*) from note where what = ? and who = ? and at_ms > ?", what, who, since_ms)[0][0]  # fmt: skip

    def note(self, what: str, who: str, at_ms: int) -> None:
        self._do(lambda c: c.execute("insert into note values (?,?,?)", (what, who, at_ms)))

    # ------------------------------------------------------------ codes and sessions

    def put_code(self, phone: str, code: SentCode) -> None:
        values = (phone, code.salt, code.digest, code.until_ms, code.tries)
        self._do(lambda c: c.execute("insert or replace into code values (?,?,?,?,?)", values))

    def code(self, phone: str) -> SentCode | None:
        rows = self._ask("select salt, digest, until_ms, tries from code where phone = ?", phone)
        return SentCode(*rows[0]) if rows else None

    def missed(self, phone: str) -> None:
        self._do(lambda c: c.execute("update code set tries = tries + 1 where phone = ?", (phone,)))

    def spend(self, phone: str, token_digest: str, until_ms: int) -> None:
        def both(conn: sqlite3.Connection) -> None:
            conn.execute("delete from code where phone = ?", (phone,))
            conn.execute("insert into session values (?,?,?)", (token_digest, phone, until_ms))

        self._do(both)

    def phone_of(self, token_digest: str, now_ms: int) -> str | None:
        rows = self._ask("select phone from session where token = ? and until_ms > ?", token_digest, now_ms)
        return rows[0][0] if rows else None

    # ------------------------------------------------------------ photographs and requests

    def put_photo(self, phone: str, draft: str, kind: str, jpeg: bytes, codes: Sequence[str], at_ms: int) -> SentPhoto:
        if not DRAFT.fullmatch(draft):
            raise ValueError(f"draft {draft[:40]!r}")
        if any(row[0] != phone for row in self._ask("select phone from photo where draft = ?", draft)):
            raise ValueError("this draft is another phone's")
        digest = hashlib.sha256(jpeg).hexdigest()
        path = f"{FOLDER}/photos/{draft}-{kind}.jpg"
        try:
            write_synced(self.folder.parent / path, jpeg, mode=0o600)
        except OSError as error:
            raise LedgerUnavailable(f"{path}: {error}") from error
        kept = tuple(c.replace(_BETWEEN, " ") for c in codes)
        row = (draft, kind, phone, path, digest, len(jpeg), _BETWEEN.join(kept), at_ms)
        self._do(lambda c: c.execute("insert or replace into photo values (?,?,?,?,?,?,?,?)", row))
        return SentPhoto(draft, kind, path, digest, len(jpeg), kept)

    def photos(self, phone: str, draft: str) -> list[SentPhoto]:
        rows = self._ask("select draft, kind, path, sha256, size_bytes, codes from photo where phone = ? and draft = ? order by kind",
                         phone, draft)  # fmt: skip
        return [SentPhoto(r[0], r[1], r[2], r[3], r[4], tuple(filter(None, r[5].split(_BETWEEN)))) for r in rows]

    def read_photo(self, path: str) -> bytes | None:
        try:
            return (self.folder / "photos" / Path(path).name).read_bytes()
        except OSError:
            return None

    def link(self, phone: str, request_id: str, at_ms: int) -> None:
        self._do(lambda c: c.execute("insert or ignore into request values (?,?,?,null)", (request_id, phone, at_ms)))

    def requests_of(self, phone: str) -> list[str]:
        return [r[0] for r in self._ask("select request_id from request where phone = ? order by at_ms desc", phone)]

    def decided(self, request_id: str, at_ms: int) -> None:
        self._do(lambda c: c.execute("update request set decided_at_ms = ? where request_id = ?", (at_ms, request_id)))

    # ------------------------------------------------------------ forgetting

    def sweep(self, *, undecided_before_ms: int, decided_before_ms: int, now_ms: int) -> int:
        over = [r[0] for r in self._ask(
            "select path from photo p where (p.at_ms < ? and not exists (select 1 from request r where r.request_id = p.draft))"
            " or exists (select 1 from request r where r.request_id = p.draft and r.decided_at_ms < ?)",
            undecided_before_ms, decided_before_ms,
        )]  # fmt: skip

        def rest(conn: sqlite3.Connection) -> None:
            conn.execute("delete from note where at_ms < ?", (now_ms - NOTES_KEPT_MS,))
            conn.execute("delete from code where until_ms < ?", (now_ms,))
            conn.execute("delete from session where until_ms < ?", (now_ms,))

        self._do(rest)
        return self._delete(over)

    def forget(self, request_ids: Sequence[str]) -> int:
        marks = ",".join("?" * len(request_ids))
        return self._delete([r[0] for r in self._ask(f"select path from photo where draft in ({marks})", *request_ids)])

    def _delete(self, paths: Sequence[str]) -> int:
        """Rows last: a cut between leaves a row whose file is gone, which the next sweep finds again."""
        if not paths:
            return 0
        for path in paths:
            (self.folder.parent / path).unlink(missing_ok=True)
        sync_folder(self.folder / "photos")
        self._do(lambda c: c.executemany("delete from photo where path = ?", [(path,) for path in paths]))
        return len(paths)

    # ------------------------------------------------------------

    def _ask(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:
            return [tuple(row) for row in self._conn.execute(sql, values)]

    def _do(self, action: Callable[[sqlite3.Connection], Any]) -> None:
        with self._lock:
            try:
                self._conn.execute("begin immediate")
                action(self._conn)
                self._conn.execute("commit")
            except (sqlite3.Error, OSError) as error:
                if self._conn.in_transaction:
                    self._conn.execute("rollback")
                raise LedgerUnavailable(f"{self.folder}: {error}") from error


def _key(path: Path) -> bytes:
    if not path.is_file():
        write_synced(path, os.urandom(32), mode=0o600)
    return path.read_bytes()
