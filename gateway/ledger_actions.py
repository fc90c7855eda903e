"""What `lvzha ledger ...` does, on a data directory."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.adapters.control.client import ControlRefused
from gateway.adapters.sheets.tables import read_table, write_table
from gateway.adapters.store.ledger_rows import SqliteLedgerFacts
from gateway.adapters.store.reading import StoreRefused
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.store.visits import SqliteVisits
from gateway.clock import SystemClock
from gateway.domain.dictionary import ledgers
from gateway.domain.gate_rules import HOUR_MS, gate_rules
from gateway.domain.goods import Goods, GoodsRefused
from gateway.domain.records import CHINA, local_text
from gateway.domain.register_sheet import SheetRefused
from gateway.domain.visits import VisitRow
from gateway.ledger_hands import change
from gateway.services.goods_desk import GoodsBook
from gateway.services.ledger_rows import LedgerRows, table_of
from gateway.services.paper_form import PaperNumbers
from gateway.services.ports import LedgerUnavailable
from gateway.services.use_records import moment_ms

SHOWN = 10_000
SOURCES = ("scale", "erp", "reservation")
TIMES = {"at": "at_ms", "weigh_time": "weigh_ms"}  # columns with wall times -> fields of domain/goods.py


class Refused(ValueError):
    """An argument is not acceptable; Chinese and English."""


def export(
    ledger: str, first: str, last: str, xlsx: Path | None, csv: Path | None, language: str, data: Path, as_json: bool
) -> int:
    def run(file: ReadOnlyLedger) -> int:
        if ledger not in ledgers():
            raise Refused(f"台账 ledger {ledger!r}: 允许 allowed are {', '.join(ledgers())}")
        if language not in ("zh", "en", "codes"):
            raise Refused(f"language {language!r}: 允许 allowed are zh, en, codes")
        from_ms, to_ms = _span(first, last) if ledger == "in_out" else (0, 0)
        rows = _rows(file)
        found = (
            list(rows.in_out(from_ms, to_ms)) if ledger == "in_out" else [values for values, _ in rows.register(ledger)]
        )
        lines = table_of(ledgers()[ledger], found, None if language == "codes" else language)
        for path, kind in ((xlsx, "xlsx"), (csv, "csv")):
            if path:
                path.write_bytes(write_table(lines, kind, title=ledgers()[ledger].zh))
                print(f"{path}: {len(found)} 行 rows", file=sys.stderr)
        if as_json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
        elif not xlsx and not csv:
            sys.stdout.write(write_table(lines, "csv").decode("utf-8-sig"))
        return 0

    return _reading(data, run)


def inside(data: Path, as_json: bool) -> int:
    def run(file: ReadOnlyLedger) -> int:
        visits, now_ms, rules = SqliteVisits(file), SystemClock().wall_ms(), gate_rules()
        overdue = {v.visit_id for v in visits.inside(now_ms - rules.overdue_ms, SHOWN)}
        found: dict[str, list[dict[str, Any]]] = {
            "inside": [_visit(v, now_ms) | {"overdue": v.visit_id in overdue} for v in visits.inside(now_ms, SHOWN)],
            "exit_without_entry": [_visit(v, now_ms) for v in visits.unpaired(now_ms - rules.list_ms, SHOWN)],
            "entry_without_exit": [_visit(v, now_ms) for v in visits.exit_missed(now_ms - rules.list_ms, SHOWN)],
        }
        if as_json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
            return 0
        words = {
            "inside": "在厂 inside",
            "exit_without_entry": "有出无进 exit without entry",
            "entry_without_exit": "有进无出 entry without exit",
        }
        for name, rows in found.items():
            print(f"{words[name]}: {len(rows)}")
            for row in rows:
                late = "  超时 too long" if row.get("overdue") else ""
                print(f"  {row['plate_no'] or '未识别':10} {row['at']}  {row['hours']:.1f} h{late}")
        return 0

    return _reading(data, run)


def goods(path: Path, source: str, by: str, data: Path, as_json: bool) -> int:
    def run() -> int:
        if source not in SOURCES:
            raise Refused(f"source {source!r}: 允许 allowed are {', '.join(SOURCES)}")
        rows, refused = [], []
        for line, values in _goods_rows(path):
            try:
                rows.append([line, _with_times(values) | {"source": source, "by": by}])
            except GoodsRefused as error:
                refused.append({"line": line, "error": str(error)})
        done = change(data, "goods.load", {"rows": rows})
        loaded, refused = done["loaded"], sorted([*refused, *done["refused"]], key=lambda row: row["line"])
        if as_json:
            print(json.dumps({"loaded": loaded, "refused": refused}, ensure_ascii=False, indent=2))
        else:
            print(f"已导入 loaded: {loaded}")
            for row in refused:
                print(f"第{row['line']}行 line {row['line']}: {row['error']}", file=sys.stderr)
        return 1 if refused else 0

    return _refusing(run)


def reconcile(day: str, data: Path, as_json: bool) -> int:
    def run(file: ReadOnlyLedger) -> int:
        span = _span(day, day)
        balance = GoodsBook(SqliteSides(file)).reconcile(*span, SqliteVisits(file).passes_between(*span))
        if as_json:
            print(json.dumps(vars(balance), ensure_ascii=False, indent=2))
        else:
            for name, word in (
                ("weighed_t", "地磅 scale"),
                ("ledger_t", "台账 ledger"),
                ("document_t", "单据 documents"),
            ):
                sums = getattr(balance, name)
                print(f"{word:16} 进 in {sums['in']:10.3f} t   出 out {sums['out']:10.3f} t")
            for found in balance.open:
                print(f"未解释 open: {json.dumps(found, ensure_ascii=False)}")
        return 1 if balance.open else 0

    return _reading(data, run)


def paper(data: Path, as_json: bool) -> int:
    def run(file: ReadOnlyLedger) -> int:
        found = PaperNumbers(SqliteSides(file)).reconciled()
        if as_json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
        else:
            print(
                f"发放 issued {found['issued']}  录入 entered {found['used']}  作废 void {found['void']}  未用 not used {found['open']}"
            )
            print("\n".join(f"缺号 missing {number}" for number in found["missing"]) or "无缺号 none is missing")
        return 1 if found["missing"] else 0

    return _reading(data, run)


# ------------------------------------------------------------ parts


def _rows(file: ReadOnlyLedger) -> LedgerRows:
    return LedgerRows(
        SqliteLedgerFacts(file), GoodsBook(SqliteSides(file)), SqliteRegisterRows(file), SqliteSides(file)
    )


def _span(first: str, last: str) -> tuple[int, int]:
    """[midnight of the first day, midnight after the last)"""
    days = []
    for name, text in (("--from", first), ("--to", last)):
        try:
            days.append(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=CHINA))
        except ValueError:
            raise Refused(f"{name} {text!r}: 日期格式 yyyy-MM-dd a day is written yyyy-MM-dd") from None
    if days[1] < days[0]:
        raise Refused(f"--to {last}: 早于起始日 is before --from {first}")
    return int(days[0].timestamp() * 1000), int((days[1] + timedelta(days=1)).timestamp() * 1000)


def _visit(v: VisitRow, now_ms: int) -> dict[str, Any]:
    since = v.time_in_ms if v.time_in_ms is not None else v.time_out_ms or now_ms
    return {"visit_id": v.visit_id, "plate_no": v.plate_no, "plate_colour": v.plate_colour, "at": local_text(since),
            "hours": round((now_ms - since) / HOUR_MS, 2)}  # fmt: skip


def _goods_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, values): fields of domain/goods.py, times as at and weigh_time. Raises Refused, SheetRefused."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    if path.suffix.lower() == ".json":
        try:
            rows = json.loads(content)
        except ValueError as error:
            raise Refused(f"{path}: 不是 JSON 文件 not a JSON document: {error}") from None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Refused(f"{path}: 应为对象的数组 allowed is a list of objects")
        yield from enumerate(rows, start=1)
        return
    table = read_table(content)
    allowed = {*Goods.__dataclass_fields__, *TIMES}
    if unknown := [h for h in table.headings if h and h not in allowed]:
        raise Refused(f"{path}: 没有这一列 no column {unknown[0]!r}; 允许 allowed are {', '.join(sorted(allowed))}")
    for line, texts in table.rows:
        yield line, {name: text for name, text in zip(table.headings, texts, strict=True) if name and text}


def _with_times(values: dict[str, Any]) -> dict[str, Any]:
    found = dict(values)
    for name, field in TIMES.items():
        if name in found:
            try:
                found[field] = moment_ms(str(found.pop(name)))
            except ValueError:
                raise GoodsRefused(f"{name} {values[name]!r}: 时间格式 a time is written yyyy-MM-dd HH:mm:ss") from None
    return found


@contextmanager
def _closing(file: Any) -> Iterator[Any]:
    try:
        yield file
    finally:
        file.close()


def _reading(data: Path, run: Any) -> int:
    def use() -> int:
        with _closing(ReadOnlyLedger(data)) as file:
            return run(file)

    return _refusing(use)


def _refusing(use: Any) -> int:
    try:
        return use()
    except (Refused, StoreRefused, ControlRefused, SheetRefused, GoodsRefused, LedgerUnavailable, OSError) as refused:
        print(f"无法执行 cannot do this:\n{refused}", file=sys.stderr)
        return 2
