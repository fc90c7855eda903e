"""Many passes at once, from a generator or an import: the rows that commit() would leave, in few large transactions.

The chain is made by the same code; only what a later change of the same pass would overwrite is not written first.
Durable when `close` returns, not before: never for passes of a running lane.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from ulid import ULID

from gateway.adapters.store.chain import INSERT_ENTRY, Chain
from gateway.adapters.store.ledger import PUT_PASS, put_photos, sets_of
from gateway.adapters.store.personal import MARK, digest_of, seal
from gateway.adapters.store.visits import put_visits
from gateway.domain.passing import to_doc
from gateway.domain.projection import pass_columns, pass_text, sparse
from gateway.domain.records import to_json
from gateway.domain.visits import VisitRow
from gateway.services.ports import Change, PhotoRow

STORE_PASSES = 1000  # rows are kept in Python no longer than that
COMMIT_PASSES = 5000


class BulkLoad:
    """Appends to the ledger behind `conn`, which nobody else may be writing. Use as a context manager.

    commit_passes: passes in one transaction; a process that ends in between has lost those of the last one, whole.
    """

    def __init__(self, conn: sqlite3.Connection, *, salt_seed: str, commit_passes: int = COMMIT_PASSES) -> None:
        self._conn, self._chain, self._salt_seed = conn, Chain(), salt_seed
        self._commit_passes, self._uncommitted = commit_passes, 0
        self._clear()

    def __enter__(self) -> BulkLoad:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.flush()
        elif self._conn.in_transaction:
            self._conn.execute("rollback")

    def _clear(self) -> None:
        self._entries: list[Any] = []
        self._passes: list[Any] = []
        self._aliases: list[Any] = []
        self._outbox: list[Any] = []
        self._personal: list[Any] = []
        self._visits: dict[str, VisitRow] = {}
        self._photos: list[PhotoRow] = []

    def add(self, changes: Sequence[Change], *, is_sent: bool = True) -> None:
        """All changes of one pass, which is closed by the last of them; is_sent: the regulator has taken its record."""
        known: dict[tuple[str, str], str] = {}

        def marks(pass_id: str, field: str, value: str) -> str:
            if (field, value) not in known:
                salt = digest_of("", f"{self._salt_seed} {pass_id} {field}")[:32]
                known[field, value] = digest_of(salt, value)
                self._personal.append((known[field, value], pass_id, field, salt, value))
            return MARK + known[field, value]

        doc: dict[str, Any] = {}
        for change in changes:
            docs = {p.pass_id: sparse(seal(marks, p.pass_id, to_doc(p))) for p in change.passes}
            uploads = [(u, to_json(seal(marks, u.pass_id, u.record))) for u in change.uploads]
            self._entries += self._chain.rows(self._conn, marks, change.entries, docs, sets_of(None, change, uploads))
            self._visits |= {v.visit_id: v for v in change.visits}
            self._photos += change.photos
            doc = next(iter(docs.values()), doc)
        upload, record = uploads[-1]
        columns = pass_columns(doc)
        self._passes.append((doc["pass_id"], *columns.values(), pass_text(doc)))
        self._aliases.append((doc["lane"], doc["lane_pass"], doc["pass_id"]))
        closed_ms = doc["closed_at_ms"]
        self._outbox.append((upload.op, upload.key, upload.pass_id, upload.rev, str(ULID()), record,
                             "accepted" if is_sent else "new", closed_ms, closed_ms, closed_ms if is_sent else None))  # fmt: skip
        if len(self._passes) >= STORE_PASSES:
            self._store()
        if self._uncommitted >= self._commit_passes:
            self.flush()

    def flush(self) -> None:
        """Everything added so far is committed."""
        self._store()
        self._conn.execute("commit")
        self._uncommitted = 0

    def _store(self) -> None:
        conn = self._conn
        if not conn.in_transaction:
            conn.execute("begin immediate")
        conn.executemany(INSERT_ENTRY, self._entries)
        conn.executemany(PUT_PASS, self._passes)
        conn.executemany("insert into pass_alias values (?,?,?)", self._aliases)
        conn.executemany("insert into personal values (?,?,?,?,?)", self._personal)
        put_visits(conn, list(self._visits.values()))
        put_photos(conn, self._photos)
        conn.executemany(
            "insert into outbox (op, key, pass_id, rev, req_id, record, state, created_at_ms, released_at_ms, accepted_at_ms)"
            " values (?,?,?,?,?,?,?,?,?,?)", self._outbox)  # fmt: skip
        self._uncommitted += len(self._passes)
        self._clear()
