"""What the registers hold: a row with its findings; what is missing, stale, expiring, in conflict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from gateway.domain.dictionary import Register
from gateway.domain.field_rules import check_row
from gateway.domain.field_shapes import Finding
from gateway.domain.records import CHINA
from gateway.domain.register_rows import (
    Doc,
    RegisterRefused,
    RowBrief,
    claims_of,
    conflicts_of,
    in_force,
    register_named,
)
from gateway.domain.register_sources import document_kinds, document_settings
from gateway.domain.verification import Item, items_of, overall
from gateway.services.ports import Clock
from gateway.services.register_port import RegisterStore


@dataclass(frozen=True)
class RowDetail:
    """All that is known of one row. values: in force; items: the eleven; conflicts: field names."""

    register: Register
    key: str
    row: Doc
    items: list[Item]
    audit: str
    findings: list[Finding]
    conflicts: list[str]
    missing: list[str]


class RegisterQuestions:
    """A book that can be read."""

    def __init__(self, store: RegisterStore, clock: Clock) -> None:
        self.store, self._clock = store, clock

    def today(self) -> date:
        return datetime.fromtimestamp(self._clock.wall_ms() / 1000, CHINA).date()

    def detail(self, register: str, key: str) -> RowDetail:
        """Raises RegisterRefused for a row that is not there."""
        known, row = self._existing(register, key)
        items = items_of(known, row, self.today())
        values = {n: v.value for n, v in in_force(known, row).items()}
        derived = {f.name for f in known.fields if f.derived}
        findings = check_row(known, {n: v for n, v in values.items() if n not in derived}, self.today())
        kinds = {d["kind"] for d in row["documents"].values()}
        return RowDetail(
            known, key, row, items, overall(items), findings, conflicts_of(row), _missing(known, values, kinds)
        )

    def missing(self, register: str) -> list[tuple[RowBrief, list[str]]]:
        """Rows in use that lack required fields or documents, with the names of both."""
        known, kinds = register_named(register), self.store.document_kinds(register)
        found = [(b, _missing(known, b.values, kinds.get(b.key, set()))) for b in self.store.all(register)]
        return [(b, names) for b, names in found if names]

    def missing_by_carrier(self) -> dict[str, list[dict[str, Any]]]:
        """carrier -> what its own row and its vehicles lack. Vehicles of carriers without a row are listed too."""
        found: dict[str, list[dict[str, Any]]] = {}
        for register, name in (("carrier", "carrier_name"), ("vehicle", "fleet_name")):
            for brief, names in self.missing(register):
                found.setdefault(brief.values.get(name, ""), []).append(
                    {"register": register, "key": brief.key, "missing": names}
                )
        return found

    def stale(self, register: str, days: int | None = None) -> list[RowBrief]:
        """Rows in use that nobody has verified for more than days."""
        register_named(register)
        days = document_settings()["stale_days"] if days is None else days
        return list(self.store.all(register, only=f"stale:{self._clock.wall_ms() - days * 86_400_000}"))

    def expiring(self, days: int | None = None) -> list[dict[str, Any]]:
        """Documents, agreements and licences that end within days or have ended: register, key, what, until, days_left."""
        days = document_settings()["alarm_days"] if days is None else days
        today = self.today()
        until = (today + timedelta(days=days)).isoformat()
        found = [
            {
                "register": d["register"],
                "key": d["row_key"],
                "what": d["kind"],
                "number": d["number"],
                "until": d["valid_to"],
            }
            for d in self.store.documents_ending(until)
        ]
        for register, name in (("carrier", "agreement_to"), ("driver", "licence_to"), ("driver", "dangerous_goods_to")):
            for b in self.store.all(register):
                day = b.values.get(name, "")
                if day and day <= until:
                    found.append({"register": register, "key": b.key, "what": name, "number": "", "until": day})
        for row in found:
            row["days_left"] = (date.fromisoformat(row["until"]) - today).days
        return sorted(found, key=lambda row: (row["until"], row["register"], row["key"]))

    def conflicts(self, register: str) -> list[tuple[RowBrief, dict[str, dict[str, str]]]]:
        """Rows whose sources differ: field -> source -> value."""
        register_named(register)
        found = []
        for brief in self.store.all(register, only="conflicts"):
            row = self.store.row(register, brief.key)
            assert row is not None
            found.append((brief, {n: {c.source: c.value for c in claims_of(row, n)} for n in conflicts_of(row)}))
        return found

    # ------------------------------------------------------------

    def _existing(self, register: str, key: str) -> tuple[Register, Doc]:
        known = register_named(register)
        row = self.store.row(register, key)
        if row is None:
            raise RegisterRefused(f"{known.zh} {key!r}: 没有这一行 there is no such row")
        return known, row


def _missing(register: Register, values: Mapping[str, str], kinds: set[str]) -> list[str]:
    needed = [f.name for f in register.fields if f.need == "yes" and not f.derived and not values.get(f.name)]
    if register.name == "vehicle" and not values.get("licence_photo") and not values.get("env_list_photo"):
        needed.append("licence_photo")
    return needed + [
        k.code
        for k in document_kinds().values()
        if register.name in k.needed_of and k.code not in kinds and not (k.field and values.get(k.field))
    ]
