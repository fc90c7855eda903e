"""A ledger opened for reading only, as an inspector does, and what a check can find."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

NEEDED = ("m0001_first_tables", "m0002_evidence")  # what verifying reads; later tables may be missing in an older copy


class StoreRefused(RuntimeError):
    """The data directory or the database cannot be used; the message says which, why and what to do."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it must be. kind: a fixed word; where: the entry, row or file; text: Chinese, English."""

    kind: str
    where: str
    text: str

    def __str__(self) -> str:
        return self.text


def open_readonly(data_dir: Path, *, any_bytes: bool = True) -> sqlite3.Connection:
    """data_dir/ledger.sqlite3 as it lies, also while a gateway writes it; nothing is written.

    any_bytes: text that is not UTF-8 any more is read with its bytes kept, at a price; else it is an OperationalError.
    Raises StoreRefused.
    """
    path = data_dir / "ledger.sqlite3"
    if not path.is_file():
        raise StoreRefused(f"{data_dir}: there is no ledger.sqlite3 here 此目录没有账本")
    # without a WAL no gateway has it open: then nothing is created beside it, and a read-only folder will do
    how = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
    try:
        conn = sqlite3.connect(f"file:{quote(str(path.resolve()))}?{how}", uri=True, timeout=10)
        if any_bytes:
            conn.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        applied = {row[0] for row in conn.execute("select name from _sqlite_migrations where migration_set = 'ledger'")}
    except sqlite3.DatabaseError as error:
        raise StoreRefused(f"{path}: {error}. 账本无法打开 The ledger cannot be opened") from error
    if missing := [name for name in NEEDED if name not in applied]:
        conn.close()
        raise StoreRefused(
            f"{path}: written by an older version (without {missing[0]}) 由旧版本写入; start this version's gateway once, "
            "or verify with the version that wrote it"
        )
    return conn
