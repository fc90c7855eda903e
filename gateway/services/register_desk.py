"""The registers and audits as the console asks for them: what changes is done in a thread, so that the lanes never wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from gateway.services.audit_desk import AuditDesk
from gateway.services.networking import NetworkingBook
from gateway.services.register_book import RegisterBook
from gateway.services.register_exchange import Imported, export_table, import_table

ERROR_FILES_KEPT = 20


class Sheets(Protocol):
    """Tables of texts from and to files; adapters/sheets/tables.py. Raises SheetRefused."""

    def read_table(self, content: bytes) -> Any: ...

    def write_table(self, lines: Sequence[Sequence[str]], kind: str = "xlsx", *, title: str = "Sheet") -> bytes: ...

    def write_errors(self, table: Any, errors: Mapping[int, Sequence[tuple[int | None, str]]]) -> bytes: ...


class RegisterDesk:
    """error_files: id of a set of changes -> (name, content) of the newest imports, until the gateway stops."""

    def __init__(self, book: RegisterBook, audit: AuditDesk, sheets: Sheets, data_dir: Path) -> None:
        self.book, self.audit, self._sheets, self._data_dir = book, audit, sheets, data_dir
        self.networking = NetworkingBook(book.store)
        self.error_files: dict[str, tuple[str, bytes]] = {}

    async def import_file(self, register: str, content: bytes, name: str, *, by: str) -> tuple[Imported, str]:
        """What was loaded and refused; the id under which error_files has the bad rows, "" if there are none."""
        return await asyncio.to_thread(self._import, register, content, name, by)

    def _import(self, register: str, content: bytes, name: str, by: str) -> tuple[Imported, str]:
        table = self._sheets.read_table(content)
        done = import_table(self.book, register, table.headings, table.rows, by=by, origin=name)
        if not done.errors:
            return done, ""
        change = done.result.change_id
        self.error_files[change] = (f"{register}-errors.{table.kind}", self._sheets.write_errors(table, done.errors))
        while len(self.error_files) > ERROR_FILES_KEPT:
            del self.error_files[next(iter(self.error_files))]
        return done, change

    async def export(self, register: str, kind: str, language: str | None) -> bytes:
        return await asyncio.to_thread(
            lambda: self._sheets.write_table(export_table(self.book, register, language), kind, title=register)
        )

    def document_path(self, document_id: str) -> Path | None:
        found = self.book.store.document(document_id)
        return self._data_dir / found["path"] if found and found["path"] else None
