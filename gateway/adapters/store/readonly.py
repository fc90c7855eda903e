"""Reads of a ledger beside a running gateway: what LedgerFile.read does, and nothing that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gateway.adapters.store.reading import open_readonly

T = TypeVar("T")


class ReadOnlyLedger:
    """Raises StoreRefused where there is no ledger of this version."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._conn = open_readonly(data_dir)
        self._conn.row_factory = sqlite3.Row

    def read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        return action(self._conn)

    def close(self) -> None:
        self._conn.close()
