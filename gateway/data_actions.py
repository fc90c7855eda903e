"""`lvzha import` and `lvzha check`: a document into the registers, and whether a ledger is sound."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.adapters.control.client import ControlRefused, NobodyRuns, ask
from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile, StoreRefused
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.registers import SqliteRegisters
from gateway.config import load
from gateway.domain.vehicles import VehicleRefused
from gateway.services.ports import LedgerUnavailable
from gateway.start import REFUSALS, refuse


def import_document(config: Path, document: Path, accepted_by: str = "") -> int:
    try:
        doc = json.loads(document.read_text(encoding="utf-8"))
    except OSError as error:
        return refuse("无法导入 cannot import", f"{document}: {error.strerror}")
    except ValueError as error:
        return refuse("无法导入 cannot import", f"{document}: not a JSON document in UTF-8: {error}")
    try:
        counts = _imported(load(config).site.data_dir, doc, accepted_by)
    except (*REFUSALS, ControlRefused, LedgerUnavailable) as refusal:
        return refuse("无法导入 cannot import", refusal)
    print(f"已导入 imported: {counts['vehicles']} vehicles, {counts['over_limit']} over-limit entries")
    if counts["vehicles"] and not accepted_by.strip():
        print(
            "车辆待审核：导入不等于审核 the vehicles wait for their audit: an import is none (lvzha audit, or --accepted-by NAME)"
        )
    return 0


def _imported(data_dir: Path, doc: Any, accepted_by: str) -> dict[str, int]:
    """Done by the gateway that runs on the directory; where none does, here, in a ledger that may be new."""
    if not isinstance(doc, dict):
        raise VehicleRefused(
            f"register document: {type(doc).__name__}; allowed is an object with vehicles, over_limit, response_level"
        )
    try:
        return ask(data_dir, "import", {"doc": doc, "accepted_by": accepted_by})
    except NobodyRuns:
        with closing(LedgerFile(data_dir)) as file:
            return SqliteRegisters(file).import_document(doc, accepted_by=accepted_by)


def check_data(data_dir: Path, as_json: bool) -> int:
    """0 when every invariant holds, 1 with a sentence for each that does not."""
    try:
        if not (data_dir / "ledger.sqlite3").is_file():
            raise StoreRefused(f"{data_dir}: there is no ledger.sqlite3 here 此目录没有账本")
        file = LedgerFile(data_dir)
    except StoreRefused as refusal:
        return refuse("无法检查 cannot check", refusal)
    try:
        found = findings(file)
        entries = SqliteQueries(file).entry_count()
    finally:
        file.close()
    if as_json:
        print(json.dumps({"entries": entries, "findings": found}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(found) or f"账本完好 the ledger is sound: {entries} entries")
    return 1 if found else 0
