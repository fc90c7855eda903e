"""The registers: who may say what, in one set of changes each; undo. Reading: register_questions.py; files: register_documents.py.

A source never overwrites another: each value stands beside the others (domain/register_rows.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ulid import ULID

from gateway.domain.field_shapes import ERROR, Finding
from gateway.domain.register_rows import (
    Doc,
    RegisterRefused,
    claims_of,
    conflicts_of,
    in_force,
    register_named,
    undo_patch,
)
from gateway.domain.register_sources import sources
from gateway.services.register_documents import RegisterDocuments
from gateway.services.register_judging import RowRefused, cleaned, field_of, judged, require_name, unsaid


@dataclass
class ImportResult:
    """refused: line of the table -> findings; warnings: line -> findings of rows that were loaded."""

    register: str
    change_id: str
    loaded: int = 0
    unchanged: int = 0
    refused: dict[int, list[Finding]] = field(default_factory=dict)
    warnings: dict[int, list[Finding]] = field(default_factory=dict)


class RegisterBook(RegisterDocuments):
    """A book that sources and persons write in."""

    def state(self, register: str, values: Mapping[str, str], *, source: str, by: str, origin: str = "",
              is_partial: bool = False, key: str | None = None) -> str:  # fmt: skip
        """What a source says of one row, made where it is new; its key. Raises RowRefused or RegisterRefused.

        is_partial: required fields may be missing (self-registration, look-up). "" takes the source's word back.
        """
        known = register_named(register)
        require_name(by)
        if source not in sources():
            raise RegisterRefused(f"source {source!r}; allowed: {', '.join(sources())}")
        clean = cleaned(known, values)
        findings, found_key = judged(self.store, known, clean, key, self.today())
        if is_partial:
            row = self.store.row(register, found_key) if found_key else None
            known_fields = clean.keys() | (row["fields"].keys() if row else set())
            findings = [f for f in findings if f.rule != "required" and f.field in known_fields]
        if any(f.level == ERROR for f in findings):
            raise RowRefused(known, findings)
        change = self._change_set()
        fresh = unsaid(self.store, register, found_key, source, clean)
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
        require_name(by)
        result = ImportResult(register, self._change_set())
        bodies: list[Doc] = []
        seen: dict[tuple[str, ...], int] = {}
        for line, values in rows:
            try:
                clean = {n: v for n, v in cleaned(known, values).items() if v}
                findings, key = judged(self.store, known, clean, None, self.today())
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
            fresh = unsaid(self.store, register, key, "import", clean)
            if not fresh:
                result.unchanged += 1
                continue
            body = self._body(register, key or str(ULID()), result.change_id, "state", by,
                              source="import", origin=row_origin, values=fresh)  # fmt: skip
            bodies += self._returned(body)
            result.loaded += 1
        self.store.commit(bodies, self._clock.wall_ms())
        return result

    # ------------------------------------------------------------ what persons do

    def decide(self, register: str, key: str, values: Mapping[str, str], *, by: str, why: str) -> None:
        """A person chooses the value of fields whose sources differ. Raises RegisterRefused."""
        known, row = self._existing(register, key)
        require_name(by, why)
        clean = cleaned(known, values)
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
        require_name(by, why if state != "verified" else "-")
        values = {n: v.value for n, v in in_force(known, row).items()}
        for name in names:
            known_field = field_of(known, name)
            if name in conflicts_of(row) and state != "failed":
                raise RegisterRefused(
                    f"{known_field.zh} {name}: 来源不一致，请先裁定 its sources differ; decide first (lvzha register decide)"
                )
            if state == "verified" and not values.get(name):
                raise RegisterRefused(f"{known_field.zh} {name}: 没有内容可核对 there is nothing to verify")
        self._commit(
            register, key, "check", by, checks={n: {"state": state, "value": values.get(n, "")} for n in names}, why=why
        )

    def remove(self, register: str, key: str, *, by: str, why: str) -> None:
        """Take a row out of use; its history stays."""
        _, row = self._existing(register, key)
        require_name(by, why)
        if "removed" in row:
            raise RegisterRefused(f"{register} {key}: 已停用 is out of use already")
        self._commit(register, key, "remove", by, why=why)

    def undoing_removes_rows(self, change_id: str) -> bool:
        """Taking back this set of changes takes rows out of use. Raises RegisterRefused where there is no such set."""
        return any(before is None for _, _, before, _ in self.store.states_between(change_id))

    def undo(self, change_id: str, *, by: str, why: str) -> tuple[str, list[str]]:
        """Take back a set of changes by a new one; its id, and what was changed again since and stays. Raises RegisterRefused."""
        require_name(by, why)
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

    def _returned(self, body: Doc) -> list[Doc]:
        """The statement, after the return of its row where that was out of use."""
        row = self.store.row(body["register"], body["key"])
        if row is None or "removed" not in row:
            return [body]
        return [
            self._body(body["register"], body["key"], body["change_set"], "return", body["by"], origin=body["origin"]),
            body,
        ]
