"""What `lvzha query`, `counters`, `tasks`, `misuse` and `quality` do; imported by the command that needs it."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.adapters.control.client import ControlRefused
from gateway.adapters.store.counters import hour_counts
from gateway.adapters.store.ledger_query import LedgerReader, SqliteLedgerQueries
from gateway.adapters.store.misuse_reads import SqliteMisuseReads
from gateway.adapters.store.reading import StoreRefused
from gateway.adapters.store.tasks import listed
from gateway.domain.ledger_filter import LedgerFilter, QueryRefused, filter_from
from gateway.domain.misuse import PATTERNS
from gateway.domain.records import CHINA, local_text
from gateway.domain.tasks import TaskRefused
from gateway.ledger_hands import change
from gateway.services.counting import SETTLE_MS
from gateway.services.ledger_query import MAX_PAGE, LedgerQuery
from gateway.services.misuse import FiguresRefused, load_figures, replay
from gateway.services.ports import LedgerUnavailable
from gateway.services.quality import average_days, day_quality
from gateway.services.quality_desk import closed_rows

REFUSALS = (StoreRefused, ControlRefused, QueryRefused, TaskRefused, FiguresRefused, LedgerUnavailable)
DAY_MS = 86_400_000


def refusing(what: str, action: Callable[[], int], *more: type[Exception]) -> int:
    """The action's exit code; 2 and a sentence for what it refuses. more: refusals of its own."""
    try:
        return action()
    except (*REFUSALS, *more) as refusal:
        print(f"{what}:\n{refusal}", file=sys.stderr)
        return 2


@contextmanager
def reading(data: Path) -> Iterator[LedgerReader]:
    """A reader of the ledger in this folder. Raises StoreRefused."""
    if not (data / "ledger.sqlite3").is_file():
        raise StoreRefused(f"{data}: there is no ledger.sqlite3 here 此目录没有账本")
    reader = LedgerReader(data)
    try:
        yield reader
    finally:
        reader.close()


def _print(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def _range(from_: str, until: str, default_ms: int) -> tuple[int, int]:
    of = filter_from({"from": from_, "until": until})
    until_ms = of.until_ms or time.time_ns() // 1_000_000
    return of.from_ms if of.from_ms is not None else until_ms - default_ms, until_ms


def query(data: Path, where: list[str], from_: str, until: str, by: str, limit: int, cursor: str, way: str,
          as_csv: bool, as_json: bool) -> int:  # fmt: skip
    def ask() -> int:
        given: dict[str, str | None] = {"from": from_, "until": until}
        for condition in where:
            name, equals, value = condition.partition("=")
            if not equals:
                raise QueryRefused(f"{condition!r}: 允许 allowed is name=value")
            given[name] = value
        of = filter_from(given)
        with reading(data) as reader:
            asked = LedgerQuery(SqliteLedgerQueries(reader))
            if by:
                _print_counts(asked, of, tuple(by.split(",")), as_csv, as_json)
            elif as_csv:
                _print_csv(asked, of)
            else:
                page = asked.page(of, limit=limit, cursor=cursor or None, way=way)
                _print(asdict(page)) if as_json else _print_page(page.rows, page.total, page.older)
        return 0

    return refusing("无法查询 cannot query", ask)


def _print_counts(asked: LedgerQuery, of: LedgerFilter, by: tuple[str, ...], as_csv: bool, as_json: bool) -> None:
    groups = sorted(asked.counts(of, by).items())
    if as_json:
        _print({"by": by, "total": sum(n for _, n in groups), "groups": [{"words": k, "rows": n} for k, n in groups]})
        return
    table = csv.writer(sys.stdout, delimiter="," if as_csv else "\t")
    table.writerow([*by, "rows"])
    table.writerows([*words, n] for words, n in groups)
    if not as_csv:
        print(f"合计 total {sum(n for _, n in groups)}")


def rows_of(asked: LedgerQuery, of: LedgerFilter) -> Iterator[dict[str, Any]]:
    """Every row of a filter, newest first."""
    cursor = None
    while True:
        page = asked.page(of, limit=MAX_PAGE, cursor=cursor)
        yield from page.rows
        if (cursor := page.older) is None:
            return


def _print_csv(asked: LedgerQuery, of: LedgerFilter) -> None:
    table = None
    for row in rows_of(asked, of):
        row = {"time": local_text(row["arrived_at_ms"]), **row}
        if table is None:
            table = csv.DictWriter(sys.stdout, list(row))
            table.writeheader()
        table.writerow(row)


def _print_page(rows: tuple[dict[str, Any], ...], total: int, older: str | None) -> None:
    for r in rows:
        print(f"{local_text(r['arrived_at_ms'])}  {r['lane']:8} {r['plate'] or '未识别':10} {r['stage']:2} {r['fuel']:2}"
              f" {r['control_result']} {r['verdict']:5} {r['end']:10} {r['violation']}  {r['pass_id']}")  # fmt: skip
    print(f"合计 total {total}" + (f"  下一页 next page: --cursor {older}" if older else ""))


def counters(data: Path, from_: str, until: str, as_json: bool) -> int:
    def count() -> int:
        from_ms, until_ms = _range(from_, until, DAY_MS)
        settled_ms = time.time_ns() // 1_000_000 - SETTLE_MS
        with reading(data) as reader:
            hours = reader.read(lambda conn: hour_counts(conn, from_ms, until_ms, settled_ms))
        differing = [h for h in hours if h.differences()]
        if as_json:
            _print(
                [
                    {"lane": h.lane, "hour": local_text(h.hour_ms), **h.figures(), "differences": h.differences()}
                    for h in hours
                ]
            )
            return 1 if differing else 0
        print("车道 lane   小时 hour           地感 loops 通行 passes 照片 photos 上传 uploads")
        for h in hours:
            mark = "  ≠ " + ", ".join(f"{n} {d:+d}" for n, d in h.differences().items()) if h.differences() else ""
            print(
                f"{h.lane:10} {local_text(h.hour_ms)[:16]}  {h.loops:10} {h.passes:11} {h.photographs:11} {h.uploads:12}{mark}"
            )
        return 1 if differing else 0

    return refusing("无法计数 cannot count", count)


def misuse(data: Path, from_: str, until: str, as_json: bool) -> int:
    def look() -> int:
        from_ms, until_ms = _range(from_, until, 7 * DAY_MS)
        with reading(data) as reader:
            found = list(replay(SqliteMisuseReads(reader, data), load_figures(), from_ms, until_ms))
        if as_json:
            _print({"from": local_text(from_ms), "until": local_text(until_ms), "patterns": len(PATTERNS),
                    "found": [{**vars(m), "at": local_text(m.at_ms)} for m in found]})  # fmt: skip
        else:
            for m in found:
                print(f"{local_text(m.at_ms)}  {'/'.join(PATTERNS[m.pattern])}: {m.zh} {m.en}")
            print(f"共 {len(found)} 项 irregular uses found")
        return 0

    return refusing("无法查找 cannot look", look)


def quality(data: Path, day: str, as_json: bool) -> int:
    def judge() -> int:
        wanted = day or datetime.fromtimestamp(time.time() - 86_400, CHINA).strftime("%Y-%m-%d")
        of = filter_from({"from": wanted, "until": wanted})
        with reading(data) as reader:
            queries = SqliteLedgerQueries(reader)
            rows = list(closed_rows(queries, of))
            result = {"ledger": "in_out", "day": wanted, **day_quality(rows)}
            if of.until_ms:
                by_day = queries.counts(LedgerFilter(of.until_ms - 31 * DAY_MS, of.until_ms), ("day",))
                heavy = {key[0] for key in queries.counts(
                    LedgerFilter(of.until_ms - 31 * DAY_MS, of.until_ms, {"level": ("1", "2", "3")}), ("day",))}  # fmt: skip
                result["average_day_of_31"] = average_days(by_day, frozenset(heavy))
        if as_json:
            _print(result)
            return 0
        print(f"{wanted}  评分 score {result['score']}  行 rows {result['rows']}  传输率 transmission {result['transmission_percent']} %"
              f"  完整率 completeness {result['completeness_percent']} %  识别率 recognition {result['recognition_percent']} %")  # fmt: skip
        for lane, n in result["lanes"].items():
            print(f"{lane}  首次识别率 first read {n['first_percent']} %  最终识别率 final read {n['final_percent']} %"
                  f"  差 gap {n['gap_percent']}  车次 passes {n['passes']}")  # fmt: skip
        for row in result["worst"]:
            print(
                f"{row['score']:4}  {local_text(row['arrived_at_ms'])}  {row['pass_id']}  缺 lacks {', '.join(row['lacks'])}"
            )
        return 0

    return refusing("无法评分 cannot judge", judge)


def tasks_list(data: Path, state: str, kind: str, as_json: bool) -> int:
    def show() -> int:
        with reading(data) as reader:
            found = reader.read(lambda conn: listed(conn, state=state, kind=kind, limit=1000))
        if as_json:
            _print([asdict(t) for t in found])
            return 0
        for t in found:
            end = f"  {t.by}: {t.reason}" if t.state == "closed" else ""
            print(f"{t.task_id}  {local_text(t.opened_at_ms)}  {t.what_zh} {t.what_en}{end}")
        print(f"共 {len(found)} 项 tasks")
        return 0

    return refusing("无法列出 cannot list", show)


def tasks_close(data: Path, task_id: str, by: str, why: str) -> int:
    def close() -> int:
        done = change(data, "task.close", {"task_id": task_id, "by": by, "reason": why})
        print(f"{done}: 已关闭 closed")
        return 0

    return refusing("未关闭 not closed", close)
