"""Rows of all registers on SQLite: services.register_port.RegisterStore.

One commit is one set of changes: its entries, the rows folded from them and its line in register_change, in one synced
transaction. Personal values come back readable; in entries and rows they stand as marks.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from ulid import ULID

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.files import write_synced
from gateway.adapters.store.personal import unseal
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.adapters.store.register_fold import keep, row_of
from gateway.domain.dictionary import registers
from gateway.domain.records import local_day
from gateway.domain.register_rows import (
    Doc,
    RegisterRefused,
    RowBrief,
    applied,
    is_key_personal,
    key_of,
    ledger_of,
)
from gateway.services.ports import LedgerUnavailable, NewEntry

_BRIEF = "register, row_key, vals, is_removed, audit, conflicts, changed_at_ms, checked_at_ms, created_at_ms"
_CERTIFICATES = ("select kind, max(valid_to) as valid_to from register_document where register = ? and row_key = ?"
                 " and valid_to <> '' group by kind")  # fmt: skip


class SqliteRegisterRows:
    """file: one that can only be read will do for everything that changes nothing."""

    def __init__(self, file: LedgerFile | ReadOnlyLedger) -> None:
        self._file = file

    # ------------------------------------------------------------ reads

    def brief(self, register: str, key: str) -> RowBrief | None:
        """What is in force, or None."""

        def ask(conn: sqlite3.Connection) -> RowBrief | None:
            found = conn.execute(
                f"select {_BRIEF} from register_row where register = ? and row_key = ?", (register, key)
            ).fetchone()
            return _brief(conn, found) if found else None

        return self._file.read(ask)

    def row(self, register: str, key: str) -> Doc | None:
        """The whole row (domain/register_rows.py), or None."""

        def ask(conn: sqlite3.Connection) -> Doc | None:
            found = conn.execute(
                "select doc from register_row where register = ? and row_key = ?", (register, key)
            ).fetchone()
            return json.loads(unseal(conn, found["doc"])) if found else None

        return self._file.read(ask)

    def key(self, register: str, values: dict[str, str]) -> str | None:
        """The key of the row with these key fields; None if there is none yet and its key has to be made."""
        known = registers()[register]
        if not is_key_personal(known):
            return key_of(known, values)
        key_of(known, values)  # raises for a missing one
        name = known.key[0]
        found = self._file.read(
            lambda c: c.execute(
                "select pass_id from personal where value = ? and field = ? and pass_id like ? order by pass_id limit 1",
                (values[name], name, f"{register}/%"),
            ).fetchone()
        )
        return found[0].partition("/")[2] if found else None

    def page(self, register: str, *, limit: int, cursor: str = "", text: str = "", audit: str = "",
             only: str = "") -> tuple[list[RowBrief], str]:  # fmt: skip
        """Rows by key and the cursor of the next page ("" = no more). only: conflicts | removed | stale:<ms> | "" (in use).

        text: part of any value that is not personal.
        """
        where: list[str] = ["register = ?", "row_key > ?"]
        values: list[Any] = [register, cursor]
        where.append("is_removed = 1" if only == "removed" else "is_removed = 0")
        if text:
            where.append("search like ? escape '\\'")
            values.append(f"%{_like(text)}%")
        if audit:
            where.append("audit = ?")
            values.append(audit)
        if only == "conflicts":
            where.append("conflicts > 0")
        if only.startswith("stale:"):
            where.append("max(checked_at_ms, created_at_ms) < ?")
            values.append(int(only.partition(":")[2]))

        def ask(conn: sqlite3.Connection) -> tuple[list[RowBrief], str]:
            rows = conn.execute(
                f"select {_BRIEF} from register_row where {' and '.join(where)} order by row_key limit ?",
                (*values, limit + 1),
            ).fetchall()
            more = rows[limit - 1]["row_key"] if len(rows) > limit else ""
            return [_brief(conn, row) for row in rows[:limit]], more

        return self._file.read(ask)

    def all(self, register: str, *, only: str = "", audit: str = "") -> Iterator[RowBrief]:
        cursor = ""
        while True:
            rows, cursor = self.page(register, limit=500, cursor=cursor, only=only, audit=audit)
            yield from rows
            if not cursor:
                return

    def counts(self) -> dict[str, dict[str, int]]:
        """register -> rows, conflicts, and rows by audit state; rows in use only."""
        rows = self._rows(
            "select register, audit, count(*) as n, sum(conflicts > 0) as c from register_row where is_removed = 0 group by 1, 2"
        )
        found: dict[str, dict[str, int]] = {name: {"rows": 0, "conflicts": 0} for name in registers()}
        for row in rows:
            of = found[row["register"]]
            of["rows"] += row["n"]
            of["conflicts"] += row["c"]
            if row["audit"]:
                of[row["audit"]] = row["n"]
        return found

    def history(self, register: str, key: str) -> list[dict[str, Any]]:
        """Every entry of a row, oldest first: seq, at_ms, hash and the body, personal values readable."""

        def ask(conn: sqlite3.Connection) -> list[dict[str, Any]]:
            rows = conn.execute(
                "select seq, at_ms, body, hash from entry where pass_id = ? and kind = 'register' order by seq",
                (f"{register}/{key}",),
            )
            return [dict(r) | {"body": json.loads(unseal(conn, r["body"]))} for r in rows.fetchall()]

        return self._file.read(ask)

    def change_sets(self, *, limit: int = 50) -> list[dict[str, Any]]:
        """The newest sets of changes, newest first."""
        return [dict(r) for r in self._rows("select * from register_change order by change_id desc limit ?", limit)]

    def documents_ending(self, until_day: str) -> list[dict[str, Any]]:
        """Documents of rows in use that end on or before a day, the newest of its kind and row only, earliest end first."""
        return [dict(r) for r in self._rows(
            "select d.* from register_document d join register_row r using (register, row_key) where r.is_removed = 0"
            " and d.valid_to <> '' and d.valid_to <= ? and not exists (select 1 from register_document n where"
            " n.register = d.register and n.row_key = d.row_key and n.kind = d.kind and n.valid_to > d.valid_to)"
            " order by d.valid_to, d.register, d.row_key", until_day,
        )]  # fmt: skip

    def document(self, document_id: str) -> dict[str, Any] | None:
        rows = self._rows("select * from register_document where document_id = ? limit 1", document_id)
        return dict(rows[0]) if rows else None

    def document_kinds(self, register: str) -> dict[str, set[str]]:
        """row key -> kinds of documents it has."""
        found: dict[str, set[str]] = {}
        for row in self._rows("select row_key, kind from register_document where register = ?", register):
            found.setdefault(row["row_key"], set()).add(row["kind"])
        return found

    def states_between(self, change_id: str) -> list[tuple[str, str, Doc | None, Doc]]:
        """(register, key, row before, row after) of every row that a set of changes touched; marks unsealed."""

        def ask(conn: sqlite3.Connection) -> list[tuple[str, str, Doc | None, Doc]]:
            found = conn.execute("select * from register_change where change_id = ?", (change_id,)).fetchone()
            if found is None:
                raise RegisterRefused(f"change {change_id!r}: 没有这次变更 there is no such set of changes")
            first, last = found["first_seq"], found["last_seq"]
            subjects = [r[0] for r in conn.execute(
                "select distinct pass_id from entry where seq between ? and ? and kind = 'register'", (first, last))]  # fmt: skip
            result = []
            for subject in subjects:
                before: Doc | None = None
                after: Doc | None = None
                for seq, at_ms, body in conn.execute(
                    "select seq, at_ms, body from entry where pass_id = ? and kind = 'register' and seq <= ? order by seq",
                    (subject, last),
                ):
                    after = applied(after, json.loads(unseal(conn, body)), at_ms)
                    if seq < first:
                        before = after
                register, _, key = subject.partition("/")
                assert after is not None
                result.append((register, key, before, after))
            return result

        return self._file.read(ask)

    # ------------------------------------------------------------ writes

    def commit(self, bodies: Sequence[Doc], at_ms: int, *, undoes: str = "") -> list[int]:
        """One set of changes, durable when this returns; the numbers of its entries. All bodies carry one change_set."""
        file = self._writable()
        return file.write(lambda conn: self.put(conn, bodies, at_ms, undoes=undoes))

    def put(self, conn: sqlite3.Connection, bodies: Sequence[Doc], at_ms: int, *, undoes: str = "") -> list[int]:
        """commit() inside a transaction of the writer. Bodies that would change nothing make no entry."""
        file = self._writable()
        bodies = [b for b in bodies if _changes_anything(_readable(conn, b), b)]
        if not bodies:
            return []
        entries = [
            NewEntry("register", "", f"{b['register']}/{b['key']}", at_ms, b, ledger_of(b["register"])) for b in bodies
        ]
        seqs = keep(conn, file.chain, entries)
        first = bodies[0]
        conn.execute(
            "insert into register_change values (?,?,?,?,?,?,?,?)",
            (
                first["change_set"],
                at_ms,
                first["by"],
                first["what"],
                first.get("origin", ""),
                undoes,
                seqs[0],
                seqs[-1],
            ),
        )
        return seqs

    def write_document(self, content: bytes, suffix: str, at_ms: int) -> dict[str, Any]:
        """id, path, sha256 and size of a file that is now written and synced; its row comes with the next commit."""
        document_id = str(ULID.from_timestamp(at_ms / 1000))
        path = f"documents/{local_day(at_ms)}/{document_id}{suffix}"
        try:
            write_synced(self._file.data_dir / path, content)
        except OSError as error:
            raise LedgerUnavailable(f"{self._file.data_dir / path}: {error}") from error
        return {
            "id": document_id,
            "path": path,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_bytes": len(content),
        }

    def _writable(self) -> LedgerFile:
        if not isinstance(self._file, LedgerFile):
            raise LedgerUnavailable(f"{self._file.data_dir}: opened for reading only")
        return self._file

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._file.read(lambda conn: conn.execute(sql, values).fetchall())


def _brief(conn: sqlite3.Connection, row: sqlite3.Row) -> RowBrief:
    ends = {r["kind"]: r["valid_to"] for r in conn.execute(_CERTIFICATES, (row["register"], row["row_key"]))}
    return RowBrief(
        row["register"], row["row_key"], json.loads(unseal(conn, row["vals"])), bool(row["is_removed"]), row["audit"],
        row["conflicts"], row["created_at_ms"], row["changed_at_ms"], row["checked_at_ms"], ends,
    )  # fmt: skip


def _readable(conn: sqlite3.Connection, body: Doc) -> Doc | None:
    row = row_of(conn, body["register"], body["key"])
    return json.loads(unseal(conn, json.dumps(row, ensure_ascii=False))) if row else None


def _changes_anything(row: Doc | None, body: Doc) -> bool:
    """False for a source that says again what it said before, and nothing else."""
    if row is None or body["what"] not in ("state", "attach") or row.get("removed"):
        return True
    claims = {n: row["fields"].get(n, {}).get("claims", {}).get(body.get("source", ""), {}).get("value", "")
              for n in body.get("values", {})}  # fmt: skip
    checks = {n: row["fields"].get(n, {}).get("check", {}) for n in body.get("checks", {})}
    return (
        claims != body.get("values", {})
        or any(checks[n].get(k) != c[k] for n, c in body.get("checks", {}).items() for k in ("state", "value"))
        or any(d["id"] not in row["documents"] for d in body.get("documents", []))
    )


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
