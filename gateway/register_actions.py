"""What `lvzha register ...` does. 0 = done, 1 = done with something to look at, 2 = refused with a sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.adapters.control.client import ControlRefused
from gateway.adapters.sheets.tables import read_table, write_errors, write_table
from gateway.adapters.store.reading import StoreRefused
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.clock import SystemClock
from gateway.domain.dictionary import registers
from gateway.domain.records import local_text
from gateway.domain.register_rows import RegisterRefused, RowBrief, claims_of, in_force, register_named
from gateway.domain.register_sheet import SheetRefused
from gateway.domain.register_sources import document_kinds, source_label
from gateway.ledger_hands import asked_or, change
from gateway.services.ports import LedgerUnavailable
from gateway.services.register_book import RegisterBook
from gateway.services.register_exchange import export_table, sentence
from gateway.services.register_hands import text_of

REFUSALS = (RegisterRefused, SheetRefused, StoreRefused, LedgerUnavailable, ControlRefused, OSError)


@contextmanager
def reading(data: Path) -> Iterator[RegisterBook]:
    """Beside a running gateway."""
    file = ReadOnlyLedger(data)
    try:
        yield RegisterBook(SqliteRegisterRows(file), SystemClock())
    finally:
        file.close()


def guarded(action: Callable[[], int]) -> int:
    try:
        return action()
    except REFUSALS as refusal:
        print(f"未完成 not done:\n{refusal}", file=sys.stderr)
        return 2


def say(as_json: bool, doc: Any, lines: Sequence[str]) -> None:
    print(json.dumps(doc, ensure_ascii=False, indent=2) if as_json else "\n".join(lines) or "没有 none")


def _brief(brief: RowBrief) -> dict[str, Any]:
    return {"key": brief.key, "values": brief.values, "audit": brief.audit, "conflicts": brief.conflicts,
            "is_removed": brief.is_removed, "changed": local_text(brief.changed_at_ms)}  # fmt: skip


def _line(brief: RowBrief) -> str:
    register = registers()[brief.register]
    named = [brief.values.get(f.name, "") for f in register.fields[:6] if not f.personal and f.type != "photo"]
    marks = [brief.audit, f"{brief.conflicts} 冲突 conflicts" if brief.conflicts else ""]
    return "  ".join([brief.key, *filter(None, named), *filter(None, marks)])


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    for text in texts:
        if "=" not in text:
            raise RegisterRefused(f"{text!r}: 写作 字段=内容 write field=value")
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


# ---------------------------------------------------------------- questions


def list_rows(name: str, text: str, limit: int, cursor: str, removed: bool, data: Path, as_json: bool) -> int:
    def act() -> int:
        with reading(data) as book:
            if not name:
                counts = book.store.counts()
                say(as_json, counts, [f"{n:18}{registers()[n].zh}  {c['rows']}" for n, c in counts.items()])
                return 0
            register_named(name)
            rows, more = book.store.page(name, limit=limit, cursor=cursor, text=text, only="removed" if removed else "")
            say(as_json, {"rows": [_brief(b) for b in rows], "next_cursor": more}, [_line(b) for b in rows])
            return 0

    return guarded(act)


def show(name: str, key: str, data: Path, as_json: bool) -> int:
    def act() -> int:
        with reading(data) as book:
            d = book.detail(name, key)
        known = in_force(d.register, d.row)
        fields = {
            f.name: {
                "value": v.value, "source": v.source, "origin": v.origin, "by": v.by, "at": local_text(v.at_ms),
                "claims": {c.source: {"value": c.value, "origin": c.origin, "by": c.by, "at": local_text(c.at_ms)} for c in claims_of(d.row, f.name)},
                "check": d.row["fields"].get(f.name, {}).get("check"),
            }
            for f in d.register.fields if (v := known.get(f.name))
        }  # fmt: skip
        items = [{"item": i.number, "field": i.fields[0].name, "state": i.state, "verifier": i.verifier, "how": i.how,
                  "checked_at_ms": i.checked_at_ms, "conflicts": list(i.conflicts)} for i in d.items]  # fmt: skip
        doc = {"register": name, "key": key, "audit": d.audit, "fields": fields, "items": items, "missing": d.missing,
               "documents": d.row["documents"], "removed": d.row.get("removed"),
               "findings": [{"field": f.field, "rule": f.rule, "level": f.level, "zh": f.zh, "en": f.en} for f in d.findings]}  # fmt: skip
        lines = [f"{d.register.zh} {key}  {d.audit}"]
        for f in d.register.fields:
            if v := known.get(f.name):
                others = "".join(
                    f"  | {source_label(c.source)}：{c.value}" for c in claims_of(d.row, f.name) if c.value != v.value
                )
                lines.append(
                    f"{f.zh}：{v.value}  ← {source_label(v.source)} {v.origin} {v.by} {local_text(v.at_ms)}{others}"
                )
        lines += [f"第{i.number}项 {i.fields[0].zh}：{i.state} {i.verifier}" for i in d.items]
        lines += [f"! {sentence(d.register, f)}" for f in d.findings]
        lines += [f"缺 missing: {m}" for m in d.missing]
        say(as_json, doc, lines)
        return 0

    return guarded(act)


def history(name: str, key: str, data: Path, as_json: bool) -> int:
    def act() -> int:
        with reading(data) as book:
            if not name:
                sets = book.store.change_sets(limit=200)
                say(as_json, sets, [f"{s['change_id']}  {local_text(s['at_ms'])}  {s['by']}  {s['what']}  {s['origin']}  "
                                    f"{s['last_seq'] - s['first_seq'] + 1} 行 rows{'  撤销 undoes ' + s['undoes'] if s['undoes'] else ''}" for s in sets])  # fmt: skip
                return 0
            entries = book.store.history(name, key)
        said = [f"{e['seq']}  {local_text(e['at_ms'])}  {e['body']['by']}  {e['body']['what']}  "
                + json.dumps({k: v for k, v in e["body"].items() if k not in ("register", "key", "by", "what")}, ensure_ascii=False)
                for e in entries]  # fmt: skip
        say(as_json, entries, said)
        return 0 if entries else 1

    return guarded(act)


def missing(name: str, data: Path, as_json: bool) -> int:
    def act() -> int:
        with reading(data) as book:
            if not name:
                by_carrier = book.missing_by_carrier()
                say(as_json, by_carrier, [f"{c or '（无运输单位 no carrier）'}：{r['register']} {r['key']}  " + "、".join(r["missing"])
                                          for c, rows in by_carrier.items() for r in rows])  # fmt: skip
                return 1 if by_carrier else 0
            rows = book.missing(name)
        say(as_json, [_brief(b) | {"missing": m} for b, m in rows], [f"{b.key}  " + "、".join(m) for b, m in rows])
        return 1 if rows else 0

    return guarded(act)


def stale(name: str, days: int | None, data: Path, as_json: bool) -> int:
    def act() -> int:
        with reading(data) as book:
            rows = book.stale(name, days)
        said = [f"{b.key}  {local_text(max(b.checked_at_ms, b.created_at_ms))}" for b in rows]
        say(as_json, [_brief(b) | {"checked_at_ms": b.checked_at_ms} for b in rows], said)
        return 1 if rows else 0

    return guarded(act)


def expiring(days: int | None, data: Path, as_json: bool) -> int:
    def act() -> int:
        with reading(data) as book:
            rows = book.expiring(days)
        kinds = document_kinds()
        say(as_json, rows, [f"{r['until']}  {r['days_left']} 天 days  {r['register']} {r['key']}  "
                            f"{kinds[r['what']].zh if r['what'] in kinds else r['what']} {r['number']}" for r in rows])  # fmt: skip
        return 1 if rows else 0

    return guarded(act)


def conflicts(name: str, data: Path, as_json: bool) -> int:
    def act() -> int:
        with reading(data) as book:
            rows = book.conflicts(name)
        said = [f"{b.key}  {field}：" + "  |  ".join(f"{source_label(s)} {v}" for s, v in values.items())
                for b, fields in rows for field, values in fields.items()]  # fmt: skip
        say(as_json, [{"key": b.key, "fields": fields} for b, fields in rows], said)
        return 1 if rows else 0

    return guarded(act)


# ---------------------------------------------------------------- changes


def import_file(name: str, file: Path, by: str, errors: Path | None, data: Path, as_json: bool) -> int:
    def act() -> int:
        table = read_table(file.read_bytes())
        done = change(data, "register.import", {"name": name, "headings": table.headings, "rows": table.rows, "by": by, "origin": file.name})  # fmt: skip
        bad = {line: [(column, text) for column, text in found] for line, found in done["errors"]}
        target = errors or file.with_name(f"{file.stem}-错误-errors.{table.kind}")
        if bad:
            target.write_bytes(write_errors(table, bad))
        doc = {"change_id": done["change_id"], "loaded": done["loaded"], "unchanged": done["unchanged"],
               "refused": {line: [text for _, text in found] for line, found in bad.items()},
               "warnings": done["warnings"], "errors_file": str(target) if bad else None}  # fmt: skip
        lines = [
            f"已导入 loaded {done['loaded']}，无变化 unchanged {done['unchanged']}，拒绝 refused {len(bad)}；变更编号 change {done['change_id']}"
        ]
        lines += [f"第{line}行 line {line}: {text}" for line, found in list(bad.items())[:20] for _, text in found]
        lines += [f"错误见 errors are in {target}"] if bad else []
        say(as_json, doc, lines)
        return 1 if bad else 0

    return guarded(act)


def export(name: str, file: Path, language: str, data: Path) -> int:
    def act() -> int:
        if language not in ("zh", "en", "codes") or file.suffix not in (".xlsx", ".csv"):
            raise RegisterRefused(f"{language}, {file.suffix}: allowed: zh, en, codes; .xlsx, .csv")
        with reading(data) as book:
            lines = export_table(book, name, None if language == "codes" else language)
        file.write_bytes(write_table(lines, file.suffix[1:], title=registers()[name].zh))
        print(f"{file}: {len(lines) - 1} 行 rows")
        return 0

    return guarded(act)


def _change(data: Path, act: Callable[[Callable[..., Any]], str]) -> int:
    """act gets a function (command, **arguments) -> answer, done by the running gateway or on the ledger itself."""

    def run() -> int:
        print(act(lambda command, **arguments: change(data, command, arguments)))
        return 0

    return guarded(run)


def set_values(name: str, values: Sequence[str], by: str, partial: bool, data: Path) -> int:
    def act(do: Callable[..., Any]) -> str:
        return "已录入 kept: " + do("register.state", name=name, values=_pairs(values), by=by, partial=partial)

    return _change(data, act)


def decide(name: str, key: str, values: Sequence[str], by: str, why: str, data: Path) -> int:
    def act(do: Callable[..., Any]) -> str:
        do("register.decide", name=name, key=key, values=_pairs(values), by=by, why=why)
        return "已裁定 decided"

    return _change(data, act)


def attach(name: str, keys: Sequence[str], kind: str, by: str, file: Path | None, number: str, valid_from: str,
           valid_to: str, data: Path) -> int:  # fmt: skip
    def act(do: Callable[..., Any]) -> str:
        content, suffix = (file.read_bytes(), file.suffix) if file else (b"", "")
        return "已附 attached: " + do("register.attach", name=name, keys=list(keys), kind=kind, content=text_of(content), suffix=suffix, number=number,
                                     valid_from=valid_from, valid_to=valid_to, by=by, origin=file.name if file else "")  # fmt: skip

    return _change(data, act)


def remove(name: str, key: str, by: str, why: str, data: Path) -> int:
    def act(do: Callable[..., Any]) -> str:
        return asked_or(do("register.remove", name=name, key=key, by=by, why=why), "已停用 out of use")

    return _change(data, act)


def undo(change_id: str, by: str, why: str, data: Path) -> int:
    def act(do: Callable[..., Any]) -> str:
        done = do("register.undo", change=change_id, by=by, why=why)
        if isinstance(done, dict):
            return asked_or(done, "")
        new, kept = done
        return "\n".join([f"已撤销 taken back by {new}", *(f"保留 stays, changed again since: {k}" for k in kept)])

    return _change(data, act)
