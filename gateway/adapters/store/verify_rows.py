"""Projections: passes, visits, uploads, readings and personal values are what the entries say, no more and no less."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from gateway.adapters.store.chain import raw_digest, sha256_text
from gateway.adapters.store.personal import digest_of, marks_in
from gateway.adapters.store.reading import Finding, open_readonly
from gateway.domain.passing import CLOSED
from gateway.domain.projection import SETS, Doc, differing, merged, pass_columns, sparse

_COLUMNS = ("lane", "direction", "lane_pass", "state", "arrived_at_ms", "closed_at_ms", "plate_no", "plate_colour",
            "verdict", "decided_by", "end_kind", "record_no")  # fmt: skip


def passes_part(data_dir: Path, lo: int, hi: int, *, any_bytes: bool = False) -> tuple[list[Finding], int]:
    """Pass rows lo <= rowid < hi and all that hangs on them."""
    conn = open_readonly(data_dir, any_bytes=any_bytes)
    try:
        rare = "kind not in ('opened', 'verdict', 'answer', 'closed')"
        erased = {d for (body,) in conn.execute(f"select body from entry where kind = 'erased' and {rare}")
                  for d in json.loads(body).get("digests", [])}  # fmt: skip
        over = {name: before_ms for name, before_ms in conn.execute(
            "select json_extract(body, '$.class'), max(json_extract(body, '$.before_ms')) from entry where kind = 'deleted'"
            f" and {rare} and json_extract(body, '$.before_ms') is not null group by 1")}  # fmt: skip
        found: list[Finding] = []
        passes = conn.execute(
            f"select rowid, pass_id, doc, {', '.join(_COLUMNS)} from pass where rowid >= ? and rowid < ? order by rowid",
            (lo, hi),
        )
        entries = groupby(conn.execute(
            "select p.rowid, e.seq, e.kind, e.lane, e.at_ms, e.body from pass p join entry e on e.pass_id = p.pass_id"
            " where p.rowid >= ? and p.rowid < ? order by p.rowid, e.seq", (lo, hi)), key=lambda row: row[0])  # fmt: skip
        rowid, of_pass = next(entries, (None, iter(())))
        for values in passes:
            mine: list[Any] = []
            if values[0] == rowid:
                mine = list(of_pass)
                rowid, of_pass = next(entries, (None, iter(())))
            row: Doc = dict(zip(("rowid", "pass_id", "doc", *_COLUMNS), values, strict=True))
            try:
                found += _pass(conn, row, mine, erased, over)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                found.append(_differs(row["pass_id"], f"{type(error).__name__}: {error}"))
        return found, 0
    finally:
        conn.close()


def _differs(pass_id: str, what: str) -> Finding:
    return Finding(
        "row_differs",
        pass_id,
        f"通行 {pass_id} 与条目不符 the row of pass {pass_id} is not what its entries say: {what}",
    )


def _pass(
    conn: sqlite3.Connection, row: Doc, entries: list[Any], erased: set[str], over: dict[str, int]
) -> Iterator[Finding]:
    pass_id = row["pass_id"]
    if not entries:
        yield Finding("row_alone", pass_id, f"通行 {pass_id} 没有条目 the row of pass {pass_id} has no entry")
        return
    doc: Doc = {}
    has_sets, photos, uploads = False, {}, {}
    marks = set(marks_in(row["doc"]))
    for _, seq, kind, lane, at_ms, text in entries:
        body = json.loads(text)
        doc = merged(doc, kind, lane, pass_id, at_ms, body)
        sets = body.get(SETS, {})
        has_sets |= "pass" in sets
        photos |= body.get("photos", {}) if kind == "verdict" else {}
        uploads |= sets.get("uploads", {})
        marks |= set(marks_in(text))
        if kind == CLOSED and (raw := sets.get("raw")):
            now = raw_digest(conn, pass_id, seq, raw.get("upto", {}))
            for name in ("lane_events", "readings", "commands"):
                if raw.get(name) != now.get(name) and not at_ms < over.get(name, 0):
                    yield Finding(
                        "raw_changed", pass_id, f"通行 {pass_id} 的 {name} 被改动 {name} of pass {pass_id} were changed"
                    )
    stored = json.loads(row["doc"])
    if names := differing(sparse(doc), stored, has_sets=has_sets):
        yield _differs(pass_id, ", ".join(names))
    if names := [c for c, value in pass_columns(stored).items() if row[c] != value]:
        yield _differs(pass_id, ", ".join(names))
    for kind, sha256 in photos.items():
        photo_id = f"{pass_id}-{kind}"
        known = conn.execute("select sha256 from photo where photo_id = ?", (photo_id,)).fetchone()
        if known is None or known[0] != sha256:
            yield Finding("photo_differs", photo_id, f"照片 {photo_id} 的哈希与判定条目不符 photograph {photo_id} is not the one of the verdict entry")  # fmt: skip
    for key, sha256 in uploads.items():
        known = conn.execute("select record from outbox where key = ?", (key,)).fetchone()
        if known is None or sha256_text(known[0]) != sha256:
            yield Finding(
                "record_differs", key, f"上传记录 {key} 与条目不符 upload record {key} is not what its entry says"
            )
        else:
            marks |= set(marks_in(known[0]))
    for digest in marks:
        known = conn.execute("select salt, value from personal where digest = ?", (digest,)).fetchone()
        if known is None and digest not in erased:
            yield Finding(
                "personal_missing",
                pass_id,
                f"通行 {pass_id} 的个人信息缺失 a personal value of pass {pass_id} is missing",
            )
        elif known is not None and digest_of(*known) != digest:
            yield Finding(
                "personal_changed",
                pass_id,
                f"通行 {pass_id} 的个人信息被改动 a personal value of pass {pass_id} was changed",
            )


def strangers_part(data_dir: Path, *, any_bytes: bool = False) -> tuple[list[Finding], int]:
    """Entries that opened a pass whose row is gone."""
    conn = open_readonly(data_dir, any_bytes=any_bytes)
    try:
        return [
            Finding("row_missing", pass_id, f"通行 {pass_id} 有条目但没有行 pass {pass_id} has entries but no row")
            for (pass_id,) in conn.execute(
                "select pass_id from entry e where kind = 'opened' and not exists (select 1 from pass p where p.pass_id = e.pass_id)"
            )
        ], 0
    finally:
        conn.close()


def visits_part(data_dir: Path, *, any_bytes: bool = False) -> tuple[list[Finding], int]:
    """Every visit row is the last that an entry says of it."""
    conn = open_readonly(data_dir, any_bytes=any_bytes)
    try:
        names = [row[1] for row in conn.execute("pragma table_info(visit)")]
        said = ", ".join(f"json_extract(v.value, '$.{name}') as {name}" for name in names)
        conn.execute(f"create temp table said ({', '.join(names)}, primary key (visit_id)) without rowid")
        conn.execute(
            f"insert or replace into said select {said} from entry e, json_each(e.body, '$.{SETS}.visits') v"
            f" where instr(e.body, '\"visits\":') > 0 and json_valid(e.body) order by e.seq"
        )
        found = []
        for row in conn.execute("select * from visit except select * from said"):
            visit = dict(zip(names, row, strict=True))
            is_old = conn.execute("select 1 from said where visit_id = ?", (visit["visit_id"],)).fetchone() is None
            if not (is_old and _stated_before_visits_were(conn, visit)):
                found.append(Finding("visit_differs", visit["visit_id"], f"进出记录 {visit['visit_id']} 与条目不符"
                                     f" visit {visit['visit_id']} is not what its entries say"))  # fmt: skip
        for (visit_id,) in conn.execute(
            "select visit_id from said s where not exists (select 1 from visit v where v.visit_id = s.visit_id)"
            " and exists (select 1 from pass p where p.pass_id in (s.in_pass, s.out_pass))"
        ):
            found.append(Finding("visit_missing", visit_id, f"进出记录 {visit_id} 缺失 visit {visit_id} is missing"))
        return found, 0
    finally:
        conn.close()


def _stated_before_visits_were(conn: sqlite3.Connection, visit: Doc) -> bool:
    """The closing entry of a pass of this visit was written before entries carried visits (schema m0001)."""
    row = conn.execute(
        "select body from entry where pass_id in (?, ?) and kind = 'closed' order by seq desc limit 1",
        (visit["in_pass"], visit["out_pass"]),
    ).fetchone()
    return row is not None and SETS not in json.loads(row[0])
