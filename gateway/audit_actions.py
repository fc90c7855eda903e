"""What `lvzha audit ...` does. 0 = done, 1 = done with something to look at, 2 = refused with a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.adapters.papers.qr import QrReader
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.adapters.store.register_lookups import SqliteLookups
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.clock import SystemClock
from gateway.config import ConfigRefused, load
from gateway.domain.papers import lookup_terms
from gateway.domain.records import local_text
from gateway.domain.register_rows import RegisterRefused
from gateway.domain.register_sources import source_label
from gateway.domain.verification import Item
from gateway.ledger_hands import change
from gateway.register_actions import guarded, say
from gateway.services.audit_desk import AuditDesk, Task
from gateway.services.register_book import RegisterBook
from gateway.services.register_hands import text_of


@contextmanager
def reading_desk(data: Path) -> Iterator[AuditDesk]:
    """For questions only; what changes something goes by ledger_hands.change."""
    file = ReadOnlyLedger(data)
    try:
        clock = SystemClock()
        yield AuditDesk(RegisterBook(SqliteRegisterRows(file), clock), SqliteLookups(file), clock, reader=QrReader())
    finally:
        file.close()


def item_doc(item: Item) -> dict[str, Any]:
    v = item.value
    return {
        "item": item.number, "field": item.field.name, "zh": item.field.zh, "en": item.field.en, "state": item.state,
        "value": v.value if v else "", "source": v.source if v else "", "origin": v.origin if v else "",
        "at": local_text(v.at_ms) if v else "", "verifier": item.verifier, "how": item.how,
        "checked_at": local_text(item.checked_at_ms) if item.checked_at_ms else "", "conflicts": list(item.conflicts),
        "findings": [{"rule": f.rule, "level": f.level, "zh": f.zh, "en": f.en} for f in item.findings],
    }  # fmt: skip


def _task_doc(task: Task) -> dict[str, Any]:
    return {"key": task.key, "plate_no": task.plate_no, "audit": task.audit, "items": [item_doc(i) for i in task.items],
            "way": task.way, "lookup": task.lookup}  # fmt: skip


def queue(audit: str, limit: int, cursor: str, data: Path, as_json: bool) -> int:
    def act() -> int:
        with reading_desk(data) as desk:
            tasks, more = desk.queue(limit=limit, cursor=cursor, audit=audit)
        lines = [
            f"{t.key}  {t.audit}  " + "、".join(f"{i.number} {i.field.zh} {i.state}" for i in t.items) for t in tasks
        ]
        say(
            as_json,
            {"tasks": [_task_doc(t) for t in tasks], "next_cursor": more},
            lines + ([f"… --cursor {more}"] if more else []),
        )
        return 1 if tasks else 0

    return guarded(act)


def show(key: str, data: Path, as_json: bool) -> int:
    def act() -> int:
        with reading_desk(data) as desk:
            d, age, asked = desk.book.detail("vehicle", key), desk.age_of_answer(key), desk.lookups.of_row(key)
        items = [item_doc(i) for i in d.items]
        lines = [f"{key}  {d.audit}"]
        lines += [f"{i['item']:2} {i['zh']}：{i['value'] or '—'}  {i['state']}  ← {source_label(i['source'])} {i['origin']} {i['at']}  {i['verifier']} {i['checked_at']}"
                  + "".join(f"\n     ! {f['zh']} {f['en']}" for f in i["findings"]) for i in items]  # fmt: skip
        lines.append(
            f"官方查询 look-up: {age['at']}，{age['days']} 天前 days ago"
            if age
            else "官方查询 look-up: 尚未核验 not yet verified"
        )
        say(as_json, {"key": key, "audit": d.audit, "items": items, "lookup_age": age, "lookups": asked}, lines)
        return 0 if d.audit == "verified" else 1

    return guarded(act)


def accept(key: str, by: str, why: str, items: Sequence[int], data: Path) -> int:
    def act() -> int:
        done = change(data, "audit.accept", {"key": key, "by": by, "why": why, "items": list(items)})
        print(f"已认可 accepted; 现为 now {done['audit']}")
        return 0

    return guarded(act)


def reject(key: str, by: str, why: str, items: Sequence[int], data: Path) -> int:
    def act() -> int:
        change(data, "audit.reject", {"key": key, "by": by, "why": why, "items": list(items)})
        print("已标为不通过 rejected")
        return 0

    return guarded(act)


def scan(key: str, picture: Path, by: str, data: Path, as_json: bool) -> int:
    def act() -> int:
        wanted = {"key": key, "picture": text_of(picture.read_bytes()), "suffix": picture.suffix, "by": by}
        doc = change(data, "audit.scan", wanted)
        say(
            as_json,
            doc,
            [
                f"已读 read: {doc['raw']}",
                *(f"{n} = {v}" for n, v in doc["values"].items()),
                f"{doc['audit']} {'、'.join(doc['conflicts'])}",
            ],
        )
        return 1 if doc["conflicts"] else 0

    return guarded(act)


def lookup(key: str, way: str, by: str, now: bool, config: Path, data: Path | None, as_json: bool) -> int:
    def act() -> int:
        try:
            settings = load(config) if data is None or (now and config.is_file()) else None
        except ConfigRefused as refused:
            raise RegisterRefused(str(refused)) from None
        folder = data or (settings.site.data_dir if settings else Path("data"))
        if not key and not now:
            with reading_desk(folder) as desk:
                rows = desk.lookups.waiting()
            ways = lookup_terms().ways
            say(
                as_json,
                rows,
                [
                    f"{r['row_key']}  {ways[r['way']].zh}  {r['state']}  {local_text(r['asked_at_ms'])}  {r['note']}"
                    for r in rows
                ],
            )
            return 0
        done = change(folder, "audit.lookup", {"key": key, "way": way, "by": by, "now": now}, settings)
        row = done["lookup"]
        say(as_json, done, [f"{row.get('state', '')} {row.get('note', '')}  已答 answered {done['answered']}"])
        return 0

    return guarded(act)
