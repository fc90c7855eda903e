"""The environmental codes that the register knows."""

from __future__ import annotations

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.readonly import ReadOnlyLedger


def registered_codes(file: LedgerFile | ReadOnlyLedger) -> list[str]:
    """Codes of machines and in-plant vehicles in use, in order."""
    sql = "select row_key from register_row where register in ('machine', 'in_plant_vehicle') and is_removed = 0 order by 1"
    return file.read(lambda conn: [row[0] for row in conn.execute(sql)])
