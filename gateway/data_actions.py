"""`lvzha import` and `lvzha check`: a document into the registers, and whether a ledger is sound."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile, StoreRefused
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.registers import SqliteRegisters
from gateway.config import load
from gateway.start import REFUSALS, refuse


def import_document(config: Path, document: Path, accepted_by: str = "") -> int:
    try:
        settings = load(config)
        doc = json.loads(document.read_text(encoding="utf-8"))
        file = LedgerFile(settings.site.data_dir)
        try:
            counts = SqliteRegisters(file).import_document(doc, accepted_by=accepted_by)
        finally:
            file.close()
    except OSError as error:
        return refuse("无法导入 cannot import", f"{document}: {error.strerror}")
    except ValueError as error:
        if isinstance(error, REFUSALS):
            return refuse("无法导入 cannot import", error)
        return refuse("无法导入 cannot import", f"{document}: not a JSON document in UTF-8: {error}")
    except REFUSALS as refusal:
        return refuse("无法导入 cannot import", refusal)
    print(f"已导入 imported: {counts['vehicles']} vehicles, {counts['over_limit']} over-limit entries")
    if counts["vehicles"] and not accepted_by.strip():
        print(
            "车辆待审核：导入不等于审核 the vehicles wait for their audit: an import is none (lvzha audit, or --accepted-by NAME)"
        )
    return 0


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
