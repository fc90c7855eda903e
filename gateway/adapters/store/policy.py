"""Packs, activations, levels, exceptions, blacklist and over-limit cases on SQLite: services.policy_store.PolicyStore.

Each change is one transaction together with the entry that says who did it and why.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.domain import over_limit
from gateway.domain.exceptions import PassException
from gateway.domain.over_limit import OverLimitCase
from gateway.domain.records import to_json
from gateway.services.ports import LedgerUnavailable, NewEntry

PAGE_ROWS = 5000
SLACK_MS = 86_400_000
_EXCEPTION = "exception_id, plate_no, plate_colour, reason_kind, reason, approver, from_ms, until_ms"


class SqlitePolicies:
    """file: one that can only be read will do for everything that changes nothing."""

    def __init__(self, file: LedgerFile | ReadOnlyLedger) -> None:
        self._file = file

    # ------------------------------------------------------------ packs

    def save_pack(self, policy_id: str, version: int, doc: dict[str, Any], origin: str, at_ms: int) -> None:
        """Keep a pack; the same policy and version never changes its content. Raises ValueError if it would."""

        def put(conn: sqlite3.Connection) -> None:
            known = conn.execute(
                "select doc from policy_pack where policy_id = ? and version = ?", (policy_id, version)
            ).fetchone()
            if known and known["doc"] != to_json(doc):
                raise ValueError(f"policy {policy_id} version {version} is known with other content; raise its version")
            conn.execute("insert or ignore into policy_pack values (?,?,?,?,?)",
                         (policy_id, version, to_json(doc), origin, at_ms))  # fmt: skip

        self._writable().write(put)

    def packs(self) -> list[dict[str, Any]]:
        """policy_id, version, doc, origin, received_at_ms of every pack ever kept."""
        rows = self._rows("select * from policy_pack order by policy_id, version")
        return [dict(r) | {"doc": json.loads(r["doc"])} for r in rows]

    def activate(self, policy_id: str, version: int, is_active: bool, by: str, entry: NewEntry, from_ms: int | None = None) -> None:  # fmt: skip
        self._with_entry(
            entry, "insert into policy_activation (policy_id, version, is_active, at_ms, by) values (?,?,?,?,?)",
            policy_id, version, int(is_active), entry.at_ms if from_ms is None else from_ms, by,
        )  # fmt: skip

    def activations(self) -> list[dict[str, Any]]:
        """In the order in which they were decided; at_ms: from when each holds (services/policy_book.py decisions)."""
        return [dict(r) for r in self._rows("select * from policy_activation order by id")]

    def mark_confirmed(self, policy_id: str, version: int, at_ms: int) -> None:
        self._write("update policy_activation set confirmed_at_ms = ? where policy_id = ? and version = ? and is_active = 1",
                    at_ms, policy_id, version)  # fmt: skip

    def hold(self, policy_id: str, version: int, doc: dict[str, Any], problem: str, entry: NewEntry) -> None:
        self._with_entry(entry, "insert or replace into policy_held values (?,?,?,?,?)",
                         policy_id, version, to_json(doc), problem, entry.at_ms)  # fmt: skip

    def held(self) -> list[dict[str, Any]]:
        rows = self._rows("select * from policy_held order by received_at_ms")
        return [dict(r) | {"doc": json.loads(r["doc"])} for r in rows]

    def release(self, policy_id: str, version: int) -> None:
        self._write("delete from policy_held where policy_id = ? and version = ?", policy_id, version)

    # ------------------------------------------------------------ response level, site

    def set_level(self, level: str, from_ms: int, by: str, reason: str, entry: NewEntry) -> None:
        self._with_entry(entry, "insert into response_level (level, from_ms, by, reason) values (?,?,?,?)",
                         level, from_ms, by, reason)  # fmt: skip

    def levels(self) -> list[dict[str, Any]]:
        """Every change by the moment from which it holds; later ones of one moment replace earlier ones."""
        return [dict(r) for r in self._rows("select * from response_level order by from_ms, id")]

    def site(self) -> dict[str, str]:
        rows = self._rows("select name, value from setting where name like 'site.%'")
        return {r["name"].removeprefix("site."): r["value"] for r in rows}

    def set_site(self, name: str, value: str, entry: NewEntry) -> None:
        self._with_entry(entry, "insert or replace into setting values (?,?)", f"site.{name}", value)

    # ------------------------------------------------------------ exceptions and blacklist

    def add_exception(self, granted: PassException, entry: NewEntry) -> None:
        self._with_entry(entry, f"insert into pass_exception ({_EXCEPTION}) values (?,?,?,?,?,?,?,?)",
                         *vars(granted).values())  # fmt: skip

    def revoke_exception(self, exception_id: str, by: str, entry: NewEntry) -> None:
        self._with_entry(
            entry, "update pass_exception set revoked_at_ms = ?, revoked_by = ? where exception_id = ? and revoked_at_ms is null",
            entry.at_ms, by, exception_id,
        )  # fmt: skip

    def exception_for(self, plate_no: str, plate_colour: str, at_ms: int) -> PassException | None:
        """The one in force that lasts longest."""
        rows = self._rows(
            f"select {_EXCEPTION} from pass_exception where plate_no = ? and plate_colour = ? and from_ms <= ? and until_ms > ?"
            " and (revoked_at_ms is null or revoked_at_ms > ?) order by until_ms desc, exception_id limit 1",
            plate_no, plate_colour, at_ms, at_ms, at_ms,
        )  # fmt: skip
        return PassException(**dict(rows[0])) if rows else None

    def exceptions(self, since_ms: int, until_ms: int) -> list[dict[str, Any]]:
        """All that were in force at some time of [since_ms, until_ms), with who revoked them."""
        rows = self._rows("select * from pass_exception where from_ms < ? and coalesce(revoked_at_ms, until_ms) > ? order by from_ms",
                          until_ms, since_ms)  # fmt: skip
        return [dict(r) for r in rows]

    def put_blacklist(self, plate_no: str, plate_colour: str, reason: str, by: str, from_ms: int, until_ms: int | None,
                      entry: NewEntry) -> None:  # fmt: skip
        self._with_entry(entry, "insert or replace into blacklist values (?,?,?,?,?,?)",
                         plate_no, plate_colour, reason, by, from_ms, until_ms)  # fmt: skip

    def drop_blacklist(self, plate_no: str, plate_colour: str, entry: NewEntry) -> None:
        self._with_entry(entry, "delete from blacklist where plate_no = ? and plate_colour = ?", plate_no, plate_colour)

    def blacklist_reason(self, plate_no: str, plate_colour: str, at_ms: int) -> str | None:
        rows = self._rows(
            "select reason from blacklist where plate_no = ? and plate_colour = ? and from_ms <= ?"
            " and (until_ms is null or until_ms > ?)",
            plate_no, plate_colour, at_ms, at_ms,
        )  # fmt: skip
        return rows[0]["reason"] if rows else None

    def blacklist(self) -> list[dict[str, Any]]:
        return [dict(r) for r in self._rows("select * from blacklist order by from_ms desc")]

    # ------------------------------------------------------------ over-limit cases

    def put_cases(self, cases: Sequence[OverLimitCase], entry: NewEntry) -> None:
        """The cases and, for vehicles, the list that the gate stops by: one transaction."""

        def put(conn: sqlite3.Connection) -> None:
            for case in cases:
                conn.execute("insert or replace into over_limit_case values (?,?,?,?,?)",
                             (case.exceed_id, case.target, case.state, case.due_at_ms, to_json(over_limit.to_doc(case))))  # fmt: skip
                if case.state == "lifted":
                    conn.execute("delete from over_limit where exceed_id = ?", (case.exceed_id,))
                elif case.target == "vehicle":
                    conn.execute("insert or replace into over_limit values (?,?,?,?,?)",
                                 (case.exceed_id, case.plate_no, case.plate_colour, case.reason, case.effective_from_ms))  # fmt: skip
            file.chain.append(conn, [entry], {}, {})

        file = self._writable()
        file.write(put)

    def case(self, exceed_id: str) -> OverLimitCase | None:
        rows = self._rows("select doc from over_limit_case where exceed_id = ?", exceed_id)
        return over_limit.from_doc(json.loads(rows[0]["doc"])) if rows else None

    def cases(self) -> list[OverLimitCase]:
        rows = self._rows("select doc from over_limit_case order by due_at_ms, exceed_id")
        return [over_limit.from_doc(json.loads(r["doc"])) for r in rows]

    # ------------------------------------------------------------ what was judged

    def judged(self, since_ms: int, until_ms: int) -> Iterator[dict[str, Any]]:
        """Every verdict entry of the time, oldest first: at_ms, pass_id, lane, verdict with its inputs, crossed, decided_by.

        Read in pages, by the entries' numbers: a clock that was set back by more than SLACK_MS may hide some.
        """
        seq, last = self._first_verdict(since_ms - SLACK_MS), until_ms + SLACK_MS
        while True:
            rows = self._rows(
                "select e.seq, e.at_ms, e.pass_id, e.lane, json_extract(e.body, '$.verdict') as verdict,"
                " coalesce(p.decided_by, '') as decided_by,"
                " coalesce(p.end_kind in ('completed', 'tailgate', 'forced'), 0) as crossed from entry e"
                " left join pass p on p.pass_id = e.pass_id where e.seq >= ? and e.kind = 'verdict' order by e.seq limit ?",
                seq, PAGE_ROWS,
            )  # fmt: skip
            for row in rows:
                if since_ms <= row["at_ms"] < until_ms:
                    yield dict(row) | {"verdict": json.loads(row["verdict"]), "crossed": bool(row["crossed"])}
            if len(rows) < PAGE_ROWS or rows[-1]["at_ms"] > last:
                return
            seq = rows[-1]["seq"] + 1

    def _first_verdict(self, at_ms: int) -> int:
        """Number from which on verdict entries are not older than at_ms; by halving, entries being in order of time."""
        low, high = self._rows("select coalesce(min(seq), 1), coalesce(max(seq), 0) + 1 from entry")[0]
        while low < high:
            middle = (low + high) // 2
            found = self._rows(
                "select at_ms from entry where seq >= ? and kind = 'verdict' order by seq limit 1", middle
            )
            if found and found[0]["at_ms"] < at_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def passed_since(self, since_ms: int, plate_no: str, plate_colour: str, carrier: str) -> dict[str, int]:
        """Entries into the plant since then that crossed: of this vehicle, its carrier, and all."""
        row = self._rows(
            "select count(*) as site, coalesce(sum(plate_no = ? and plate_colour = ?), 0) as vehicle,"
            " coalesce(sum(json_extract(doc, '$.vehicle.fleet_name') = ?), 0) as carrier"
            " from pass where arrived_at_ms >= ? and direction = 'in' and end_kind in ('completed', 'tailgate', 'forced')",
            plate_no, plate_colour, carrier, since_ms,
        )[0]  # fmt: skip
        return {"vehicle": row["vehicle"], "carrier": row["carrier"], "site": row["site"]}

    # ------------------------------------------------------------

    def _with_entry(self, entry: NewEntry, sql: str, *values: Any) -> None:
        def put(conn: sqlite3.Connection) -> None:
            conn.execute(sql, values)
            file.chain.append(conn, [entry], {}, {})

        file = self._writable()
        file.write(put)

    def _write(self, sql: str, *values: Any) -> None:
        self._writable().write(lambda conn: conn.execute(sql, values))

    def _writable(self) -> LedgerFile:
        if not isinstance(self._file, LedgerFile):
            raise LedgerUnavailable(f"{self._file.data_dir}: opened for reading only")
        return self._file

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._file.read(lambda conn: conn.execute(sql, values).fetchall())
