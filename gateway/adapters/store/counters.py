"""Four counters per lane and hour, each from rows of its own: loops, passes, photographs, acknowledged uploads."""

from __future__ import annotations

import sqlite3
from typing import Any

from gateway.adapters.store.schema.m0006_counters import WATCHED
from gateway.domain.counting import HOUR_MS, HourCount
from gateway.domain.records import local_text

# an arrival edge that began a pass; one that a restarted lane found under a known vehicle began none
_LOOPS = f"""select e.lane, e.at_ms / {HOUR_MS} as hour, count(*) from lane_event e
 where {WATCHED} and e.kind = 'loop.on' and e.at_ms >= ? and e.at_ms < ?
 and json_extract(e.data, '$.loop') = 'arrival' and e.lane_pass = e.boot || '-' || e.seq
 and not (coalesce(json_extract(e.data, '$.since'), '') = 'boot' and exists (select 1 from pass_alias a
  where a.lane = e.lane and a.lane_pass = e.lane_pass and a.pass_id <> a.lane_pass)) group by 1, 2"""
_PASSES = f"""select p.lane, p.arrived_at_ms / {HOUR_MS}, count(*),
 coalesce(sum((select json_extract(o.body, '$.kind') from entry o where o.pass_id = p.pass_id and o.kind = 'opened' limit 1) <> 'loop.on'), 0),
 coalesce(sum(p.verdict <> '' and coalesce(json_extract(p.doc, '$.source'), 'auto') = 'auto' and p.arrived_at_ms < ?), 0),
 coalesce(sum(p.verdict <> '' and coalesce(json_extract(p.doc, '$.source'), 'auto') = 'auto' and p.arrived_at_ms < ? and exists (select 1 from photo f where f.pass_id = p.pass_id and f.kind = 'head')
  and exists (select 1 from photo f where f.pass_id = p.pass_id and f.kind = 'body')), 0),
 coalesce(sum(p.closed_at_ms < ? and p.state = 'closed'), 0),
 coalesce(sum(p.closed_at_ms < ? and p.state = 'closed' and exists (select 1 from outbox u where u.pass_id = p.pass_id and u.state = 'accepted')), 0)
 from pass p where p.arrived_at_ms >= ? and p.arrived_at_ms < ? group by 1, 2"""


def hour_counts(conn: sqlite3.Connection, from_ms: int, until_ms: int, settled_ms: int) -> list[HourCount]:
    """Per lane and begun hour of [from_ms, until_ms): what arrived, and of that what must be whole before settled_ms."""
    end_ms = min(until_ms, settled_ms)
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for lane, hour, loops in conn.execute(_LOOPS, (from_ms, end_ms)):
        found.setdefault((lane, hour), {})["loops"] = loops
    for lane, hour, passes, others, judged, pictured, due, acked in conn.execute(
        _PASSES, (settled_ms, settled_ms, settled_ms, settled_ms, from_ms, end_ms)
    ):
        found.setdefault((lane, hour), {}).update(
            passes=passes, others=others, judged=judged, photographs=pictured, due=due, uploads=acked
        )
    return [HourCount(lane, hour * HOUR_MS, **values) for (lane, hour), values in sorted(found.items())]


class SqliteCounters:
    """services.counting.Counters over LedgerFile or ReadOnlyLedger."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def hours(self, from_ms: int, until_ms: int, settled_ms: int) -> list[HourCount]:
        return self._file.read(lambda conn: hour_counts(conn, from_ms, until_ms, settled_ms))

    def linked_days(self, from_ms: int, until_ms: int) -> list[tuple[str, int, int]]:
        """services.quality_desk.LinkedDays."""
        return self._file.read(lambda conn: linked_days(conn, from_ms, until_ms))


def linked_days(conn: sqlite3.Connection, from_ms: int, until_ms: int) -> list[tuple[str, int, int]]:
    """(day of Asia/Shanghai, closed passages that arrived then, how many of them the regulator took)"""
    rows = conn.execute(
        "select (p.arrived_at_ms + 28800000) / 86400000 as day, count(*), coalesce(sum(exists (select 1 from outbox u"
        " where u.pass_id = p.pass_id and u.state = 'accepted')), 0) from pass p"
        " where p.arrived_at_ms >= ? and p.arrived_at_ms < ? and p.state = 'closed' group by 1 order by 1", (from_ms, until_ms),
    )  # fmt: skip
    return [(local_text(day * 86_400_000)[:10], passes, linked) for day, passes, linked in (tuple(r) for r in rows)]
