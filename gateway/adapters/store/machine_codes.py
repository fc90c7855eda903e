"""The environmental codes that the registers know, and what they say of a machine: services.zone_port.MachineRegister."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.domain.dictionary import code_table
from gateway.domain.machine_codes import bare
from gateway.domain.zones import Machine

_IN_PLANT = "register in ('machine', 'in_plant_vehicle')"
_BARE = "replace(upper({}), '-', '')"


def registered_codes(file: LedgerFile | ReadOnlyLedger) -> list[str]:
    """Codes of machines and in-plant vehicles in use, in order."""
    sql = f"select row_key from register_row where {_IN_PLANT} and is_removed = 0 order by 1"
    return file.read(lambda conn: [row[0] for row in conn.execute(sql)])


class SqliteMachines:
    def __init__(self, file: LedgerFile | ReadOnlyLedger) -> None:
        self._file = file

    def codes(self) -> list[str]:
        return registered_codes(self._file)

    def find(self, text: str, now_ms: int) -> Machine | None:
        """The row in use before one that is not."""
        locator = _BARE.format("coalesce(json_extract(vals, '$.locator_code'), '')")
        sql = (f"select register, row_key, vals, is_removed from register_row where {_IN_PLANT}"
               f" and ({_BARE.format('row_key')} = ?1 or {locator} = ?1) order by is_removed, register limit 1")  # fmt: skip

        def ask(conn: sqlite3.Connection) -> Machine | None:
            row = conn.execute(sql, (bare(text),)).fetchone() if bare(text) else None
            return _machine(row, _over_limit(conn, row["row_key"], now_ms)) if row else None

        return self._file.read(ask)

    def by_stage(self) -> list[tuple[str, int]]:
        """Machines in use; an empty stage is unknown."""
        sql = ("select coalesce(nullif(json_extract(vals, '$.emission_stage'), ''), 'X'), count(*) from register_row"
               " where register = 'machine' and is_removed = 0 group by 1")  # fmt: skip
        found = self._file.read(lambda conn: {row[0]: row[1] for row in conn.execute(sql)})
        return [(stage, found[stage]) for stage in code_table("machine_stage").values if stage in found]


def _machine(row: Any, over_limit: str) -> Machine:
    vals = json.loads(row["vals"])
    name = vals.get("machine_model") or vals.get("vehicle_model") or ""
    return Machine(row["register"], row["row_key"], name, vals.get("emission_stage", ""), vals.get("fuel_type", ""),
                   vals.get("valid_to", ""), bool(row["is_removed"]), over_limit)  # fmt: skip


def _over_limit(conn: sqlite3.Connection, key: str, now_ms: int) -> str:
    """The reason of the regulator's entry for this machine that holds and was not lifted, "" if there is none."""
    for (doc,) in conn.execute("select doc from over_limit_case where target = 'machine' and state <> 'lifted'"):
        case = json.loads(doc)
        if bare(case["env_reg_code"]) == bare(key) and case.get("effective_from_ms", 0) <= now_ms:
            return case["reason"]
    return ""
