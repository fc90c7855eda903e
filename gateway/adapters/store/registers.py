"""Master data the policy looks at: vehicles, the over-limit list, the response level; import from a JSON document.

Vehicles are rows of the register (register_rows.py); everything else of the registers is there too.
"""

from __future__ import annotations

import sqlite3
import time
from datetime import datetime
from typing import Any

from ulid import ULID

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.domain.records import CHINA
from gateway.domain.register_legacy import entry_of_vehicle, vehicle_of
from gateway.domain.two_person import STRICTNESS
from gateway.domain.vehicles import PLATE_COLOURS, Vehicle, VehicleRefused, vehicle_from
from gateway.services.ports import LedgerUnavailable

RESPONSE_LEVELS = ("0", "1", "2", "3")


class SqliteRegisters:
    """services.ports.Registers."""

    def __init__(self, file: LedgerFile | ReadOnlyLedger) -> None:
        self._file = file
        self._rows = SqliteRegisterRows(file)

    def vehicle(self, plate_no: str, plate_colour: str) -> Vehicle | None:
        """The vehicle as its sources and the persons who checked them say; audited only when every item is."""
        found = self._rows.brief("vehicle", f"{plate_no}/{plate_colour}")
        if found is None or found.is_removed:
            return None
        return vehicle_of(found.values, is_audited=found.audit == "verified", certificates=found.certificates)

    def over_limit_reason(self, plate_no: str, plate_colour: str, at_ms: int) -> str | None:
        row = self._one(
            "select reason from over_limit where plate_no = ? and plate_colour = ? and effective_from_ms <= ?",
            plate_no, plate_colour, at_ms,
        )  # fmt: skip
        return row["reason"] if row else None

    def response_level(self) -> str:
        """The level that holds now: of the latest change whose time has come."""
        row = self._one("select level from response_level where from_ms <= ? order by from_ms desc, id desc limit 1",
                        int(time.time() * 1000))  # fmt: skip
        if row is None:  # a ledger that was imported before levels had times
            row = self._one("select value as level from setting where name = 'response_level'")
        return row["level"] if row else "0"

    def _one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        return self._file.read(lambda conn: conn.execute(sql, values).fetchone())

    def import_document(self, doc: dict[str, Any], *, accepted_by: str = "") -> dict[str, int]:
        """Take {"vehicles": [...], "over_limit": [...], "response_level": "2"} whole or not at all.

        accepted_by: who accepts the vehicles with is_audited as they stand; without, they wait for their audit.

        over_limit rows: exceed_id, plate_no, plate_colour, reason, effective_from ("yyyy-MM-dd HH:mm:ss", Asia/Shanghai).
        Raises VehicleRefused naming the row, the field and what is allowed.
        """
        allowed = {"vehicles", "over_limit", "response_level"}
        if extra := sorted(set(doc) - allowed):
            raise VehicleRefused(f"register document: key {extra[0]!r}; allowed are {', '.join(sorted(allowed))}")
        vehicles = [vehicle_from(row) for row in doc.get("vehicles", [])]
        listed = [_over_limit(row) for row in doc.get("over_limit", [])]
        level = doc.get("response_level")
        if level is not None and level not in RESPONSE_LEVELS:
            raise VehicleRefused(f"response_level {level!r}: allowed are {', '.join(RESPONSE_LEVELS)}")
        if level is not None and STRICTNESS[level] < STRICTNESS[now := self.response_level()]:
            raise VehicleRefused(
                f"response_level {level!r}: 低于现在的 {now}，须双人确认 is below {now}, which takes two persons: lvzha policy level"
            )
        now_ms = int(time.time() * 1000)

        change_set = str(ULID.from_timestamp(now_ms / 1000))
        bodies = [
            entry_of_vehicle(
                vars(v), by="import", origin="registers.json", change_set=change_set, accepted_by=accepted_by.strip()
            )
            for v in vehicles
        ]

        def put(conn: sqlite3.Connection) -> None:
            self._rows.put(conn, bodies, now_ms)
            conn.executemany("insert or replace into over_limit values (?,?,?,?,?)", listed)
            if level is not None:
                conn.execute(
                    "insert into response_level (level, from_ms, by, reason) values (?,?,'import','')", (level, now_ms)
                )

        if not isinstance(self._file, LedgerFile):
            raise LedgerUnavailable(f"{self._file.data_dir}: opened for reading only")
        self._file.write(put)
        return {"vehicles": len(vehicles), "over_limit": len(listed)}


def _over_limit(row: dict[str, Any]) -> tuple[str, str, str, str, int]:
    for name in ("exceed_id", "plate_no", "plate_colour", "reason", "effective_from"):
        if not isinstance(row.get(name), str) or not row[name]:
            raise VehicleRefused(
                f"over_limit {row.get('plate_no', '?')}: field {name!r} must be a text, got {row.get(name)!r}"
            )
    if row["plate_colour"] not in PLATE_COLOURS:
        raise VehicleRefused(
            f"over_limit {row['plate_no']}: plate_colour {row['plate_colour']!r}; allowed are {', '.join(PLATE_COLOURS)}"
        )
    try:
        start = datetime.strptime(row["effective_from"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        raise VehicleRefused(
            f"over_limit {row['plate_no']}: effective_from {row['effective_from']!r}; allowed is yyyy-MM-dd HH:mm:ss"
        ) from None
    return row["exceed_id"], row["plate_no"], row["plate_colour"], row["reason"], int(start.timestamp() * 1000)
