"""Documents of register rows: licences, lists, agreements, photographs; attached as files, never thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ulid import ULID

from gateway.domain.field_shapes import as_day
from gateway.domain.register_rows import Doc, RegisterRefused, register_named
from gateway.domain.register_sources import document_kinds
from gateway.services.register_judging import require_name
from gateway.services.register_questions import RegisterQuestions

DOCUMENT_TYPES = {".jpg": b"\xff\xd8\xff", ".png": b"\x89PNG", ".pdf": b"%PDF", ".html": b"<", ".json": b"{"}
MAX_DOCUMENT_BYTES = 20_000_000


class RegisterDocuments(RegisterQuestions):
    """A book whose rows have documents; every change is one set that its store commits."""

    def attach(self, register: str, keys: Sequence[str], *, kind: str, content: bytes = b"", suffix: str = "", number: str = "",
               valid_from: str = "", valid_to: str = "", field_name: str = "", by: str, origin: str = "", source: str = "typed") -> str:  # fmt: skip
        """A document of one or several rows; its id. It fills its photo field where it has one. Raises RegisterRefused."""
        require_name(by)
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
            {"source": source, "values": {field_name: document["id"]}} if field_name and content else {}
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
        require_name(by, why)
        if document_id not in row["documents"]:
            raise RegisterRefused(f"document {document_id!r}: 这一行没有此文件 allowed: {', '.join(row['documents'])}")
        self._commit(register, key, "detach", by, detached=[document_id], why=why)

    # ------------------------------------------------------------

    def _commit(self, register: str, key: str, what: str, by: str, **more: Any) -> None:
        self.store.commit([self._body(register, key, self._change_set(), what, by, **more)], self._clock.wall_ms())

    def _body(self, register: str, key: str, change: str, what: str, by: str, **more: Any) -> Doc:
        return {"register": register, "key": key, "change_set": change, "what": what, "by": by, **more}

    def _change_set(self) -> str:
        return str(ULID.from_timestamp(self._clock.wall_ms() / 1000))
