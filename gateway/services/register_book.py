"""The registers: who may say what, in one set of changes each; what is missing, stale, expiring, in conflict; undo.

A source never overwrites another: each value stands beside the others (domain/register_rows.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from ulid import ULID

from gateway.domain.dictionary import Field, Register
from gateway.domain.field_rules import check_row
from gateway.domain.field_shapes import ERROR, WARNING, Finding, as_day
from gateway.domain.records import CHINA
from gateway.domain.register_rows import (
    Doc,
    RegisterRefused,
    RowBrief,
    claims_of,
    conflicts_of,
    in_force,
    register_named,
    undo_patch,
)
from gateway.domain.register_sheet import normalised, unwritable
from gateway.domain.register_sources import document_kinds, document_settings, sources
from gateway.domain.verification import Item, items_of, overall
from gateway.services.ports import Clock
from gateway.services.register_port import RegisterStore

DOCUMENT_TYPES = {".jpg": b"\xff\xd8\xff", ".png": b"\x89PNG", ".pdf": b"%PDF", ".html": b"<", ".json": b"{"}
MAX_DOCUMENT_BYTES = 20_000_000


class RowRefused(RegisterRefused):
    """A row breaks rules of its fields; findings names each."""

    def __init__(self, register: Register, findings: Sequence[Finding]) -> None:
        self.findings = [f for f in findings if f.level == ERROR]
        lines = [f"{_zh(register, f.field)}（{f.field}）：{f.zh} {f.en}" for f in self.findings]
        super().__init__(f"{register.zh}:\n" + "\n".join(lines))


@dataclass
class ImportResult:
    """refused: line of the table -> findings; warnings: line -> findings of rows that were loaded."""

    register: str
    change_id: str
    loaded: int = 0
    unchanged: int = 0
    refused: dict[int, list[Finding]] = field(default_factory=dict)
    warnings: dict[int, list[Finding]] = field(default_factory=dict)


@dataclass(frozen=True)
class RowDetail:
    """All that is known of one row. values: in force; items: the eleven; conflicts: field names."""

    register: Register
    key: str
    row: Doc
    items: list[Item]
    audit: str
    findings: list[Finding]
    conflicts: list[str]
    missing: list[str]


class RegisterBook:
    def __init__(self, store: RegisterStore, clock: Clock) -> None:
        self.store, self._clock = store, clock

    # ------------------------------------------------------------ what sources say

    def state(self, register: str, values: Mapping[str, str], *, source: str, by: str, origin: str = "",
              is_partial: bool = False, key: str | None = None) -> str:  # fmt: skip
        """What a source says of one row, made where it is new; its key. Raises RowRefused or RegisterRefused.

        is_partial: required fields may be missing (self-registration, look-up). "" takes the source's word back.
        """
        known = register_named(register)
        _named(by)
        if source not in sources():
            raise RegisterRefused(f"source {source!r}; allowed: {', '.join(sources())}")
        clean = self._clean(known, values)
        findings, found_key = self._judged(known, clean, source, key)
        if is_partial:
            findings = [f for f in findings if f.rule != "required"]
        if any(f.level == ERROR for f in findings):
            raise RowRefused(known, findings)
        change = self._change_set()
        fresh = self._fresh(register, found_key, source, clean)
        body = self._body(
            register, found_key or change, change, "state", by, source=source, origin=origin, values=fresh
        )
        if found_key and not fresh:
            return found_key
        self.store.commit(self._returned(body), self._clock.wall_ms())
        return body["key"]

    def import_rows(
        self, register: str, rows: Sequence[tuple[int, Mapping[str, str]]], *, by: str, origin: str
    ) -> ImportResult:
        """Rows of a table (line, texts by field name): the good ones in one set of changes, each bad one with its findings."""
        known = register_named(register)
        _named(by)
        result = ImportResult(register, self._change_set())
        bodies: list[Doc] = []
        seen: dict[tuple[str, ...], int] = {}
        for line, values in rows:
            try:
                clean = {n: v for n, v in self._clean(known, values).items() if v}
                findings, key = self._judged(known, clean, "import", None)
            except RowRefused as refused:
                result.refused[line] = refused.findings
                continue
            mine = tuple(clean.get(name, "") for name in known.key)
            if mine in seen:
                findings.insert(
                    0,
                    Finding(
                        known.key[0],
                        "twice",
                        ERROR,
                        f"与第{seen[mine]}行重复",
                        f"is the row of line {seen[mine]} again",
                    ),
                )
            seen.setdefault(mine, line)
            if errors := [f for f in findings if f.level == ERROR]:
                result.refused[line] = errors
                continue
            if findings:
                result.warnings[line] = findings
            row_origin = f"{origin}:{line}"
            fresh = self._fresh(register, key, "import", clean)
            if not fresh:
                result.unchanged += 1
                continue
            body = self._body(register, key or str(ULID()), result.change_id, "state", by,
                              source="import", origin=row_origin, values=fresh)  # fmt: skip
            bodies += self._returned(body)
            result.loaded += 1
        self.store.commit(bodies, self._clock.wall_ms())
        return result

    def _clean(self, register: Register, values: Mapping[str, str]) -> dict[str, str]:
        """Known, stored form, no derived fields. Raises RowRefused."""
        fields = {f.name: f for f in register.fields}
        if unknown := sorted(set(values) - fields.keys()):
            raise RowRefused(
                register,
                [Finding(n, "unknown", ERROR, "没有这一字段", f"allowed: {', '.join(fields)}") for n in unknown],
            )
        clean = {n: normalised(fields[n], v) for n, v in values.items() if not fields[n].derived}
        if bad := [f for n, v in clean.items() if (f := unwritable(fields[n], v))]:
            raise RowRefused(register, bad)
        return clean

    def _judged(
        self, register: Register, clean: Mapping[str, str], source: str, key: str | None
    ) -> tuple[list[Finding], str | None]:
        """Findings that this statement brings, and the key of its row if it has one."""
        if key is None:
            if missing := [n for n in register.key if not clean.get(n)]:
                return [Finding(n, "required", ERROR, "必填", "is required") for n in missing], None
            key = self.store.key(register.name, {n: clean[n] for n in register.key})
        row = self.store.row(register.name, key) if key else None
        before = {n: v.value for n, v in in_force(register, row).items()} if row else {}
        if row and (moved := [n for n in register.key if clean.get(n) and before.get(n) and clean[n] != before[n]]):
            return [
                Finding(
                    n, "key", ERROR, "标识字段不能更改，请新建一行", "names the row and never changes; make a new row"
                )
                for n in moved
            ], key
        today = self.today()
        derived = {f.name for f in register.fields if f.derived}
        merged = {n: v for n, v in (before | dict(clean)).items() if v and n not in derived}
        known = {(f.field, f.rule) for f in check_row(register, before, today)} if row else set()
        findings = []
        for found in [*check_row(register, merged, today), *self._references(register, merged)]:
            if (found.field, found.rule) in known and found.field not in clean:
                continue
            if found.level == ERROR and register.field(found.field).type == "photo" and not merged.get(found.field):
                found = Finding(
                    found.field, found.rule, WARNING, found.zh, found.en
                )  # pictures come later, listed as missing
            findings.append(found)
        return findings, key

    def _references(self, register: Register, row: Mapping[str, str]) -> list[Finding]:
        found = []
        for f in register.fields:
            value = row.get(f.name, "")
            if f.refers and value and self.store.brief(f.refers, value) is None:
                other = register_named(f.refers)
                level = ERROR if f.need == "yes" else WARNING
                found.append(
                    Finding(
                        f.name,
                        "refers",
                        level,
                        f"{other.zh}登记中没有“{value}”",
                        f"is not in the register of {other.en}",
                    )
                )
            if f.type == "photo" and value and self.store.document(value) is None:
                found.append(
                    Finding(f.name, "photo", ERROR, "没有这份文件，请先上传", "names no document that is kept")
                )
        return found

    # ------------------------------------------------------------ what persons do

    def decide(self, register: str, key: str, values: Mapping[str, str], *, by: str, why: str) -> None:
        """A person chooses the value of fields whose sources differ. Raises RegisterRefused."""
        known, row = self._existing(register, key)
        _named(by, why)
        clean = self._clean(known, values)
        for name, value in clean.items():
            said = {c.value for c in claims_of(row, name)}
            if value not in said:
                raise RegisterRefused(
                    f"{known.field(name).zh} {name} = {value!r}: 没有来源这样说 no source says so; allowed: {', '.join(sorted(said))}"
                )
        self._commit(register, key, "decide", by, decided=clean, why=why)

    def check(self, register: str, key: str, names: Sequence[str], state: str, *, by: str, why: str = "") -> None:
        """A person verified, accepted or failed the present value of fields. Raises RegisterRefused; a conflict is settled first."""
        known, row = self._existing(register, key)
        _named(by, why if state != "verified" else "-")
        values = {n: v.value for n, v in in_force(known, row).items()}
        for name in names:
            known_field = _field(known, name)
            if name in conflicts_of(row) and state != "failed":
                raise RegisterRefused(
                    f"{known_field.zh} {name}: 来源不一致，请先裁定 its sources differ; decide first (lvzha register decide)"
                )
            if state == "verified" and not values.get(name):
                raise RegisterRefused(f"{known_field.zh} {name}: 没有内容可核对 there is nothing to verify")
        self._commit(
            register, key, "check", by, checks={n: {"state": state, "value": values.get(n, "")} for n in names}, why=why
        )

    def attach(self, register: str, keys: Sequence[str], *, kind: str, content: bytes = b"", suffix: str = "", number: str = "",
               valid_from: str = "", valid_to: str = "", field_name: str = "", by: str, origin: str = "") -> str:  # fmt: skip
        """A document of one or several rows; its id. It fills its photo field where it has one. Raises RegisterRefused."""
        _named(by)
        known = register_named(register)
        if kind not in document_kinds():
            raise RegisterRefused(f"document kind {kind!r}; allowed: {', '.join(document_kinds())}")
        for name, day in (("valid_from", valid_from), ("valid_to", valid_to)):
            if day and as_day(day) is None:
                raise RegisterRefused(f"{name} {day!r}: 日期格式 yyyy-MM-dd a day is written yyyy-MM-dd")
        if document_kinds()[kind].dated and not valid_to:
            raise RegisterRefused(f"{document_kinds()[kind].zh}: 有效期止必填 valid_to is required of {kind}")
        if valid_from and valid_to and valid_to < valid_from:
            raise RegisterRefused(f"valid_to {valid_to}: 早于有效期起 is before valid_from {valid_from}")
        field_name = field_name or document_kinds()[kind].field
        if field_name and field_name not in {f.name for f in known.fields if f.type == "photo"}:
            field_name = ""
        now_ms = self._clock.wall_ms()
        for key in keys:
            self._existing(register, key)
        written = (
            self._written(content, suffix, now_ms)
            if content
            else {"id": str(ULID()), "path": "", "sha256": "", "size_bytes": 0}
        )
        document = {**written, "kind": kind, "number": number, "valid_from": valid_from, "valid_to": valid_to}
        change = self._change_set()
        more: dict[str, Any] = (
            {"source": "typed", "values": {field_name: document["id"]}} if field_name and content else {}
        )
        bodies = [
            self._body(register, key, change, "attach", by, documents=[document], origin=origin, **more) for key in keys
        ]
        self.store.commit(bodies, now_ms)
        return document["id"]

    def _written(self, content: bytes, suffix: str, now_ms: int) -> dict[str, Any]:
        suffix = {".jpeg": ".jpg"}.get(suffix.lower(), suffix.lower())
        if suffix not in DOCUMENT_TYPES or not content.lstrip().startswith(DOCUMENT_TYPES[suffix]):
            raise RegisterRefused(
                f"文件类型 {suffix!r} 或内容不符 type or content not allowed; allowed: {', '.join(DOCUMENT_TYPES)}"
            )
        if len(content) > MAX_DOCUMENT_BYTES:
            raise RegisterRefused(f"文件 {len(content)} 字节，最多 at most {MAX_DOCUMENT_BYTES}")
        return self.store.write_document(content, suffix, now_ms)

    def detach(self, register: str, key: str, document_id: str, *, by: str, why: str) -> None:
        """Take a document from a row; its file stays as evidence of what was there."""
        _, row = self._existing(register, key)
        _named(by, why)
        if document_id not in row["documents"]:
            raise RegisterRefused(f"document {document_id!r}: 这一行没有此文件 allowed: {', '.join(row['documents'])}")
        self._commit(register, key, "detach", by, detached=[document_id], why=why)

    def remove(self, register: str, key: str, *, by: str, why: str) -> None:
        """Take a row out of use; its history stays."""
        _, row = self._existing(register, key)
        _named(by, why)
        if "removed" in row:
            raise RegisterRefused(f"{register} {key}: 已停用 is out of use already")
        self._commit(register, key, "remove", by, why=why)

    def undo(self, change_id: str, *, by: str, why: str) -> tuple[str, list[str]]:
        """Take back a set of changes by a new one; its id, and what was changed again since and stays. Raises RegisterRefused."""
        _named(by, why)
        now_ms, change, bodies, kept = self._clock.wall_ms(), self._change_set(), [], []
        for register, key, before, after in self.store.states_between(change_id):
            now = self.store.row(register, key)
            assert now is not None
            patch, stays = undo_patch(before, after, now, {"by": by, "why": why, "at_ms": now_ms})
            kept += [f"{register} {key} {name}" for name in stays]
            if patch:
                bodies.append(self._body(register, key, change, "undo", by, patch=patch, why=why, undoes=change_id))
        if not bodies:
            raise RegisterRefused(
                f"change {change_id!r}: 之后都已再次更改，没有可撤销的 all of it was changed again since; nothing to take back"
            )
        self.store.commit(bodies, now_ms, undoes=change_id)
        return change, kept

    # ------------------------------------------------------------ questions

    def today(self) -> date:
        return datetime.fromtimestamp(self._clock.wall_ms() / 1000, CHINA).date()

    def detail(self, register: str, key: str) -> RowDetail:
        """Raises RegisterRefused for a row that is not there."""
        known, row = self._existing(register, key)
        items = items_of(known, row, self.today())
        values = {n: v.value for n, v in in_force(known, row).items()}
        derived = {f.name for f in known.fields if f.derived}
        findings = check_row(known, {n: v for n, v in values.items() if n not in derived}, self.today())
        kinds = {d["kind"] for d in row["documents"].values()}
        return RowDetail(
            known, key, row, items, overall(items), findings, conflicts_of(row), _missing(known, values, kinds)
        )

    def missing(self, register: str) -> list[tuple[RowBrief, list[str]]]:
        """Rows in use that lack required fields or documents, with the names of both."""
        known, kinds = register_named(register), self.store.document_kinds(register)
        found = [(b, _missing(known, b.values, kinds.get(b.key, set()))) for b in self.store.all(register)]
        return [(b, names) for b, names in found if names]

    def missing_by_carrier(self) -> dict[str, list[dict[str, Any]]]:
        """carrier -> what its own row and its vehicles lack. Vehicles of carriers without a row are listed too."""
        found: dict[str, list[dict[str, Any]]] = {}
        for register, name in (("carrier", "carrier_name"), ("vehicle", "fleet_name")):
            for brief, names in self.missing(register):
                found.setdefault(brief.values.get(name, ""), []).append(
                    {"register": register, "key": brief.key, "missing": names}
                )
        return found

    def stale(self, register: str, days: int | None = None) -> list[RowBrief]:
        """Rows in use that nobody has verified for more than days."""
        register_named(register)
        days = document_settings()["stale_days"] if days is None else days
        return list(self.store.all(register, only=f"stale:{self._clock.wall_ms() - days * 86_400_000}"))

    def expiring(self, days: int | None = None) -> list[dict[str, Any]]:
        """Documents, agreements and licences that end within days or have ended: register, key, what, until, days_left."""
        days = document_settings()["alarm_days"] if days is None else days
        today = self.today()
        until = (today + timedelta(days=days)).isoformat()
        found = [
            {
                "register": d["register"],
                "key": d["row_key"],
                "what": d["kind"],
                "number": d["number"],
                "until": d["valid_to"],
            }
            for d in self.store.documents_ending(until)
        ]
        for register, name in (("carrier", "agreement_to"), ("driver", "licence_to"), ("driver", "dangerous_goods_to")):
            for b in self.store.all(register):
                day = b.values.get(name, "")
                if day and day <= until:
                    found.append({"register": register, "key": b.key, "what": name, "number": "", "until": day})
        for row in found:
            row["days_left"] = (date.fromisoformat(row["until"]) - today).days
        return sorted(found, key=lambda row: (row["until"], row["register"], row["key"]))

    def conflicts(self, register: str) -> list[tuple[RowBrief, dict[str, dict[str, str]]]]:
        """Rows whose sources differ: field -> source -> value."""
        register_named(register)
        found = []
        for brief in self.store.all(register, only="conflicts"):
            row = self.store.row(register, brief.key)
            assert row is not None
            found.append((brief, {n: {c.source: c.value for c in claims_of(row, n)} for n in conflicts_of(row)}))
        return found

    # ------------------------------------------------------------

    def _existing(self, register: str, key: str) -> tuple[Register, Doc]:
        known = register_named(register)
        row = self.store.row(register, key)
        if row is None:
            raise RegisterRefused(f"{known.zh} {key!r}: 没有这一行 there is no such row")
        return known, row

    def _commit(self, register: str, key: str, what: str, by: str, **more: Any) -> None:
        self.store.commit([self._body(register, key, self._change_set(), what, by, **more)], self._clock.wall_ms())

    def _body(self, register: str, key: str, change: str, what: str, by: str, **more: Any) -> Doc:
        return {"register": register, "key": key, "change_set": change, "what": what, "by": by, **more}

    def _returned(self, body: Doc) -> list[Doc]:
        """The statement, after the return of its row where that was out of use."""
        row = self.store.row(body["register"], body["key"])
        if row is None or "removed" not in row:
            return [body]
        return [
            self._body(body["register"], body["key"], body["change_set"], "return", body["by"], origin=body["origin"]),
            body,
        ]

    def _fresh(self, register: str, key: str | None, source: str, values: Mapping[str, str]) -> dict[str, str]:
        """What this source has not said already; all of it for a row that is new or out of use."""
        row = self.store.row(register, key) if key else None
        if row is None or "removed" in row:
            return {n: v for n, v in values.items() if v}
        claims = {n: row["fields"].get(n, {}).get("claims", {}).get(source, {}).get("value", "") for n in values}
        return {n: v for n, v in values.items() if v != claims[n]}

    def _change_set(self) -> str:
        return str(ULID.from_timestamp(self._clock.wall_ms() / 1000))


def _missing(register: Register, values: Mapping[str, str], kinds: set[str]) -> list[str]:
    needed = [f.name for f in register.fields if f.need == "yes" and not f.derived and not values.get(f.name)]
    if register.name == "vehicle" and not values.get("licence_photo") and not values.get("env_list_photo"):
        needed.append("licence_photo")
    return needed + [
        k.code
        for k in document_kinds().values()
        if register.name in k.needed_of and k.code not in kinds and not (k.field and values.get(k.field))
    ]


def _field(register: Register, name: str) -> Field:
    try:
        return register.field(name)
    except KeyError:
        raise RegisterRefused(
            f"{register.zh}: 没有字段 {name!r} allowed: {', '.join(f.name for f in register.fields)}"
        ) from None


def _zh(register: Register, name: str) -> str:
    return next((f.zh for f in register.fields if f.name == name), name)


def _named(by: str, why: str = "-") -> None:
    if not by.strip() or not why.strip():
        raise RegisterRefused(
            "必须填写姓名和原因 a name and a reason are required"
            if by.strip()
            else "必须填写姓名 by: a name is required"
        )
