"""A day's facts as columns of small numbers: what a combined query over years reads instead of its rows.

Derived from `pass` and the goods of `side_record`, never evidence: `pack` makes a day anew, the triggers of schema m0006 drop it as soon as
one of its rows changes, and a day that is not packed is read from its rows. With a day the hashes are kept of the rows it was
made from and of its columns, so that a check of years reads bytes and derives anew only one day in SAMPLE, and what differs.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from gateway.adapters.store.connection import LedgerFile
from gateway.domain.ledger_facts import FACTS, day_of, day_start_ms, facts_of

AT = "at"  # milliseconds after the day's begin; the other columns are codes of words
SAMPLE = 30  # days: each check derives another thirtieth of them, and the newest ones
_TYPES = {1: "<u1", 2: "<u2", 4: "<u4"}


class Words:
    """word <-> code of one name. New words get codes of their own; `added` are those that the file does not have."""

    def __init__(self, conn: sqlite3.Connection, name: str) -> None:
        self.words: list[str] = [
            row[0] for row in conn.execute("select word from ledger_word where name = ? order by code", (name,))
        ]
        self.added: list[str] = []
        self._codes: dict[str, int] | None = None

    def code(self, word: str) -> int:
        if self._codes is None:
            self._codes = {known: code for code, known in enumerate(self.words)}
        if (code := self._codes.get(word)) is None:
            code = self._codes[word] = len(self.words)
            self.words.append(word)
            self.added.append(word)
        return code


def day_rows(conn: sqlite3.Connection, day: int) -> Iterator[tuple[int, dict[str, str]]]:
    """(arrived_at_ms, facts) of a day's rows in the ledger's order: by arrival, then pass_id."""
    rows = conn.execute(
        "select arrived_at_ms, doc, pass_id from pass where arrived_at_ms >= ? and arrived_at_ms < ? order by arrived_at_ms, pass_id",
        (day_start_ms(day), day_start_ms(day + 1)),
    ).fetchall()
    goods = _goods(conn, [row[2] for row in rows])
    for at_ms, doc, pass_id in rows:
        yield at_ms, facts_of(json.loads(doc), goods.get(pass_id, {}))


def _goods(conn: sqlite3.Connection, pass_ids: list[str]) -> dict[str, dict[str, Any]]:
    """pass_id -> the newest goods record of the pass."""
    return {pass_id: json.loads(doc) for pass_id, doc in conn.execute(
        "select pass_id, doc from side_record where kind = 'goods' and pass_id <> ''"
        " and pass_id in (select value from json_each(?)) order by at_ms, side_id", (json.dumps(pass_ids),))}  # fmt: skip


def columns_of(
    conn: sqlite3.Connection, day: int, words: dict[str, Words], names: Iterable[str]
) -> dict[str, np.ndarray]:
    """The columns of a day made from its rows; uint32, one number a row. words: for each name; may grow."""
    names = list(names)
    rows = list(day_rows(conn, day))
    made = {AT: np.fromiter((at_ms - day_start_ms(day) for at_ms, _ in rows), np.uint32, len(rows))}
    for name in names:
        code = words[name].code
        made[name] = np.fromiter((code(facts[name]) for _, facts in rows), np.uint32, len(rows))
    return made


def rows_hash(conn: sqlite3.Connection, day: int) -> str:
    """Of all that a day's columns are made from, as it is stored; nothing is parsed."""
    found = hashlib.sha256()
    span = (day_start_ms(day), day_start_ms(day + 1))
    for sql in (
        "select pass_id, arrived_at_ms, doc from pass where arrived_at_ms >= ? and arrived_at_ms < ? order by arrived_at_ms, pass_id",
        "select s.pass_id, s.side_id, s.doc from pass p join side_record s on s.pass_id = p.pass_id and s.pass_id <> ''"
        " where s.kind = 'goods' and p.arrived_at_ms >= ? and p.arrived_at_ms < ? order by s.at_ms, s.side_id",
    ):
        for name, beside, doc in conn.execute(sql, span):
            found.update(f"{name} {beside} {doc}\n".encode(errors="surrogateescape"))
    return found.hexdigest()


def columns_hash(codes: dict[str, bytes]) -> str:
    found = hashlib.sha256()
    for name in sorted(codes):
        found.update(name.encode() + len(codes[name]).to_bytes(8, "big") + codes[name])
    return found.hexdigest()


def _words_hash(words: list[str]) -> str:
    return hashlib.sha256(json.dumps(words, ensure_ascii=False).encode()).hexdigest()


def packed(column: np.ndarray) -> bytes:
    most = int(column.max(initial=0))
    size = 1 if most < 1 << 8 else 2 if most < 1 << 16 else 4
    return bytes([size]) + column.astype(_TYPES[size]).tobytes()


def unpacked(codes: bytes) -> np.ndarray:
    """Raises ValueError for bytes that are no column."""
    if not codes or codes[0] not in _TYPES:
        raise ValueError("ledger_column: not a column")
    return np.frombuffer(codes, _TYPES[codes[0]], offset=1)


def ready_days(conn: sqlite3.Connection) -> dict[int, int]:
    """day -> number of its rows."""
    return {row[0]: row[1] for row in conn.execute("select day, rows from ledger_day where is_ready = 1 and rows > 0")}


def days_with_rows(conn: sqlite3.Connection, ready: dict[int, int]) -> list[int]:
    """Every day that has a row, oldest first. ready: days known to have some; each other one is one index step."""
    days, day = [], -(2**31)
    while True:
        while day in ready:
            days.append(day)
            day += 1
        at_ms = conn.execute("select min(arrived_at_ms) from pass where arrived_at_ms >= ?", (day_start_ms(day),)).fetchone()[0]  # fmt: skip
        if at_ms is None:
            return days
        if (day := day_of(at_ms)) not in ready:
            days.append(day)
            day += 1


def begin(conn: sqlite3.Connection, day: int) -> None:
    """In a transaction: from now on any change of the day's rows is noticed by `finish`."""
    conn.execute("insert or replace into ledger_day values (?, 0, 0)", (day,))


def finish(conn: sqlite3.Connection, day: int, words: dict[str, Words], made: dict[str, np.ndarray], rows: str) -> bool:
    """In a transaction: store the columns; False if a row of the day changed meanwhile. rows: rows_hash of what they were made from."""
    if conn.execute("select 1 from ledger_day where day = ? and is_ready = 0", (day,)).fetchone() is None:
        return False
    for name, known in words.items():
        first = len(known.words) - len(known.added)
        conn.executemany(
            "insert into ledger_word values (?,?,?)", [(name, first + i, w) for i, w in enumerate(known.added)]
        )
        if known.added or first == 0:
            _put(conn, f"packed.words.{name}", [len(known.words), _words_hash(known.words)])
        known.added = []
    codes = {name: packed(made[name]) for name in (AT, *FACTS)}
    conn.executemany("insert or replace into ledger_column values (?,?,?)", [(n, day, c) for n, c in codes.items()])
    _put(conn, f"packed.day.{day}", [rows, columns_hash(codes)])
    conn.execute("update ledger_day set rows = ?, is_ready = 1 where day = ?", (len(made[AT]), day))
    return True


def pack_all(conn: sqlite3.Connection, progress: Callable[[str], None] = lambda text: None) -> int:
    """Pack every day that is not; conn is the only writer (a bulk load, a build). Returns the number of days."""
    words = {name: Words(conn, name) for name in FACTS}
    ready = ready_days(conn)
    todo = [day for day in days_with_rows(conn, ready) if day not in ready]
    for done, day in enumerate(todo):
        if done % SAMPLE == 0:
            progress(f"已汇总 packed {done} of {len(todo)} days")
            conn.execute("commit" if conn.in_transaction else "select 1")
            conn.execute("begin immediate")
        begin(conn, day)
        finish(conn, day, words, columns_of(conn, day, words, FACTS), rows_hash(conn, day))
    if conn.in_transaction:
        conn.execute("commit")
    return len(todo)


class Packer:
    """Packs the days behind a running gateway, one at a call; only its two short transactions hold up the writer.

    source: a connection of its own to read by, the file's where there is none.
    """

    def __init__(self, file: LedgerFile, source: Any = None) -> None:
        self._file, self._source = file, source or file

    def days_waiting(self, before_day: int) -> list[int]:
        """Days before before_day that have rows and are not packed, newest first."""

        def find(conn: sqlite3.Connection) -> list[int]:
            ready = ready_days(conn)
            return [day for day in reversed(days_with_rows(conn, ready)) if day < before_day and day not in ready]

        return self._source.read(find)

    def pack(self, day: int) -> bool:
        """False if a row changed meanwhile: call again. Raises LedgerUnavailable."""
        self._file.write(lambda conn: begin(conn, day))

        def make(conn: sqlite3.Connection) -> tuple[dict[str, Words], dict[str, np.ndarray], str]:
            words = {name: Words(conn, name) for name in FACTS}
            return words, columns_of(conn, day, words, FACTS), rows_hash(conn, day)

        words, made, rows = self._source.read(make)
        return self._file.write(lambda conn: finish(conn, day, words, made, rows))


def wrong_days(conn: sqlite3.Connection, *, is_whole: bool = False) -> list[int]:
    """Packed days that are not what their rows say; for `lvzha check`. [] for a copy from before there were any.

    A day whose rows and columns have the hashes that it was packed with is as it was; one in SAMPLE is derived anew all the
    same, another one each day. is_whole: every day is.
    """
    if not conn.execute("select 1 from sqlite_master where name = 'ledger_day'").fetchone():
        return []
    words = {name: Words(conn, name) for name in FACTS}
    days = ready_days(conn)
    newest = max(days, default=0)
    is_whole = is_whole or not all(_words_stand(conn, name, words[name].words) for name in FACTS)
    return [
        day for day, rows in sorted(days.items())
        if not (not is_whole and (newest - day) % SAMPLE > 1 and _stands(conn, day, rows)) and not _is_as_said(conn, day, rows, words)
    ]  # fmt: skip


def _stands(conn: sqlite3.Connection, day: int, rows: int) -> bool:
    """Rows and columns of the day have the hashes that it was packed with."""
    known = _get(conn, f"packed.day.{day}")
    if known is None:
        return False
    codes = {row[0]: row[1] for row in conn.execute("select name, codes from ledger_column where day = ?", (day,))}
    is_full = set(codes) == {AT, *FACTS} and codes[AT] and len(codes[AT]) == 1 + rows * codes[AT][0]
    return bool(is_full) and known == [rows_hash(conn, day), columns_hash(codes)]


def _words_stand(conn: sqlite3.Connection, name: str, words: list[str]) -> bool:
    known = _get(conn, f"packed.words.{name}")
    return known is not None and known == [len(words), _words_hash(words)]


def _put(conn: sqlite3.Connection, name: str, value: list[Any]) -> None:
    conn.execute("insert or replace into setting values (?,?)", (name, json.dumps(value)))


def _get(conn: sqlite3.Connection, name: str) -> list[Any] | None:
    row = conn.execute("select value from setting where name = ?", (name,)).fetchone()
    return json.loads(row[0]) if row else None


def _is_as_said(conn: sqlite3.Connection, day: int, rows: int, words: dict[str, Words]) -> bool:
    try:
        made = columns_of(conn, day, words, FACTS)
    except (ValueError, TypeError, KeyError, AttributeError):  # a damaged row, which verify names
        return False
    one = "select codes from ledger_column where name = ? and day = ?"
    stored = {name: conn.execute(one, (name, day)).fetchone() for name in made}
    return rows == len(made[AT]) and all((row := stored[n]) and row[0] == packed(c) for n, c in made.items())


def forget(conn: sqlite3.Connection) -> None:
    """In a transaction: nothing is packed any more."""
    for table in ("ledger_day", "ledger_column", "ledger_word"):
        conn.execute(f"delete from {table}")
    conn.execute("delete from setting where name like 'packed.%'")
