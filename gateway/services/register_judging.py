"""What a source says of a row, brought to its stored form and judged by the rules of its register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from gateway.domain.dictionary import Field, Register
from gateway.domain.field_rules import check_row
from gateway.domain.field_shapes import ERROR, WARNING, Finding
from gateway.domain.register_rows import RegisterRefused, in_force, register_named
from gateway.domain.register_sheet import normalised, unwritable
from gateway.services.register_port import RegisterStore


class RowRefused(RegisterRefused):
    """A row breaks rules of its fields; findings names each."""

    def __init__(self, register: Register, findings: Sequence[Finding]) -> None:
        self.findings = [f for f in findings if f.level == ERROR]
        lines = [f"{_zh(register, f.field)}（{f.field}）：{f.zh} {f.en}" for f in self.findings]
        super().__init__(f"{register.zh}:\n" + "\n".join(lines))


def cleaned(register: Register, values: Mapping[str, str]) -> dict[str, str]:
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


def judged(
    store: RegisterStore, register: Register, clean: Mapping[str, str], key: str | None, today: date
) -> tuple[list[Finding], str | None]:
    """Findings that this statement brings, and the key of its row if it has one."""
    if key is None:
        if missing := [n for n in register.key if not clean.get(n)]:
            return [Finding(n, "required", ERROR, "必填", "is required") for n in missing], None
        key = store.key(register.name, {n: clean[n] for n in register.key})
    row = store.row(register.name, key) if key else None
    before = {n: v.value for n, v in in_force(register, row).items()} if row else {}
    if row and (moved := [n for n in register.key if clean.get(n) and before.get(n) and clean[n] != before[n]]):
        return [
            Finding(n, "key", ERROR, "标识字段不能更改，请新建一行", "names the row and never changes; make a new row")
            for n in moved
        ], key
    derived = {f.name for f in register.fields if f.derived}
    merged = {n: v for n, v in (before | dict(clean)).items() if v and n not in derived}
    known = {(f.field, f.rule) for f in check_row(register, before, today)} if row else set()
    findings = []
    for found in [*check_row(register, merged, today), *_references(store, register, merged)]:
        if (found.field, found.rule) in known and found.field not in clean:
            continue
        if found.level == ERROR and register.field(found.field).type == "photo" and not merged.get(found.field):
            found = Finding(
                found.field, found.rule, WARNING, found.zh, found.en
            )  # pictures come later, listed as missing
        findings.append(found)
    return findings, key


def _references(store: RegisterStore, register: Register, row: Mapping[str, str]) -> list[Finding]:
    found = []
    for f in register.fields:
        value = row.get(f.name, "")
        if f.refers and value and store.brief(f.refers, value) is None:
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
        if f.type == "photo" and value and store.document(value) is None:
            found.append(Finding(f.name, "photo", ERROR, "没有这份文件，请先上传", "names no document that is kept"))
    return found


def unsaid(
    store: RegisterStore, register: str, key: str | None, source: str, values: Mapping[str, str]
) -> dict[str, str]:
    """What this source has not said already; all of it for a row that is new or out of use."""
    row = store.row(register, key) if key else None
    if row is None or "removed" in row:
        return {n: v for n, v in values.items() if v}
    claims = {n: row["fields"].get(n, {}).get("claims", {}).get(source, {}).get("value", "") for n in values}
    return {n: v for n, v in values.items() if v != claims[n]}


def field_of(register: Register, name: str) -> Field:
    try:
        return register.field(name)
    except KeyError:
        raise RegisterRefused(
            f"{register.zh}: 没有字段 {name!r} allowed: {', '.join(f.name for f in register.fields)}"
        ) from None


def _zh(register: Register, name: str) -> str:
    return next((f.zh for f in register.fields if f.name == name), name)


def require_name(by: str, why: str = "-") -> None:
    if not by.strip() or not why.strip():
        raise RegisterRefused(
            "必须填写姓名和原因 a name and a reason are required"
            if by.strip()
            else "必须填写姓名 by: a name is required"
        )
