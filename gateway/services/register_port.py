"""What the register services need kept, as a Protocol; adapters/store/register_rows.py is it on SQLite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from gateway.domain.register_rows import Doc, RowBrief


class RegisterStore(Protocol):
    """Rows are shaped as domain/register_rows.py says. Keys: RegisterStore.key()."""

    def brief(self, register: str, key: str) -> RowBrief | None:
        """What is in force; removed rows too."""
        ...

    def row(self, register: str, key: str) -> Doc | None: ...

    def key(self, register: str, values: dict[str, str]) -> str | None:
        """The key of these key fields; None where a new one must be minted. Raises RegisterRefused for a missing field."""
        ...

    def page(self, register: str, *, limit: int, cursor: str = "", text: str = "", audit: str = "",
             only: str = "") -> tuple[list[RowBrief], str]: ...  # fmt: skip

    def all(self, register: str, *, only: str = "", audit: str = "") -> Iterator[RowBrief]: ...

    def counts(self) -> dict[str, dict[str, int]]: ...

    def history(self, register: str, key: str) -> list[dict[str, Any]]: ...

    def change_sets(self, *, limit: int = 50) -> list[dict[str, Any]]: ...

    def documents_ending(self, until_day: str) -> list[dict[str, Any]]: ...

    def document(self, document_id: str) -> dict[str, Any] | None: ...

    def document_kinds(self, register: str) -> dict[str, set[str]]: ...

    def states_between(self, change_id: str) -> list[tuple[str, str, Doc | None, Doc]]: ...

    def commit(self, bodies: Sequence[Doc], at_ms: int, *, undoes: str = "") -> list[int]:
        """One set of changes, durable when this returns; [] if nothing changed. Raises LedgerUnavailable."""
        ...

    def write_document(self, content: bytes, suffix: str, at_ms: int) -> dict[str, Any]: ...
