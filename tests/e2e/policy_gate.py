"""The console with the pages of policy, evidence, goods and quality over a real ledger; `python -m tests.e2e.policy_gate PORT` shows it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.adapters.policies.files import over_limit_terms
from gateway.adapters.sheets import tables
from gateway.adapters.store.counters import SqliteCounters
from gateway.adapters.store.heads import LedgerKey, SqliteHeads
from gateway.adapters.store.ledger_query import LedgerReader, SqliteLedgerQueries
from gateway.adapters.store.register_lookups import SqliteLookups
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.tasks import SqliteTasks
from gateway.adapters.web.app import create_app
from gateway.adapters.web.server import ConsoleServer
from gateway.domain.passing import Identity
from gateway.ledger_hands import evidence_desk, policy_desk, quality_desk, two_persons
from gateway.services.audit_desk import AuditDesk
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.desk import SiteDesk
from gateway.services.ledger_desk import LedgerDesk
from gateway.services.ledger_query import LedgerQuery
from gateway.services.office import Office
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.register_desk import RegisterDesk
from tests.e2e.gate import Gate, show_filled
from tests.unit.office_site import VEHICLE, OfficeSite
from tests.unit.policy_bench import at
from tests.unit.test_visits import a_pass

NOW = "2026-11-20 08:00:00"
OLD = "云A44444"  # a diesel truck of stage IV
TRUCKS = (
    (1, "云A12345", "6", "2026-11-18 21:10:00"), (2, OLD, "4", "2026-11-19 05:40:00"), (3, OLD, "4", "2026-11-19 09:12:00"),
    (4, "云A12345", "6", "2026-11-19 10:30:00"), (5, "云A55555", "5", "2026-11-19 11:00:00"),
)  # fmt: skip


class PolicyGate(Gate):
    """A Gate whose desk is a SiteDesk without lanes: every page reads the ledger of `site`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.site: OfficeSite = self.do(lambda: OfficeSite(folder / "office"))
        s = self.site
        s.now_ms = at(NOW)
        self.reader = LedgerReader(s.file.data_dir)
        self.changes = Changes()
        self.key = LedgerKey(s.file.data_dir)
        self.over_limit = OverLimitDesk(s.book.store, s, over_limit_terms())
        self.evidence = evidence_desk(s.file, s.ledger, s.queries, s, tell=self.changes.tell)
        self.policy = policy_desk(s.file, s.book, self.over_limit, s)
        audit = AuditDesk(s.registers, SqliteLookups(s.file), s, reader=None, site=None)  # type: ignore[arg-type]
        self.quality = quality_desk(s.file, s.ledger, self.reader, self.key, SqliteHeads(s.file, self.key), audit, s)
        self.registers = RegisterDesk(s.registers, audit, tables, s.file.data_dir)
        self.two = two_persons(s.file, s.ledger, s, self.evidence, self.policy, s.registers)

    def start(self) -> None:
        s = self.site
        desk = SiteDesk(
            enterprise_code="5301110001", name="云岭水泥（示例）", version="test", lanes={}, queries=s.queries, registers=SqliteRegisters(s.file),
            outbox=s.outbox, frames=self.scenario, clock=s, changes=self.changes, conditions=Conditions(s, self.changes), clock_state=lambda: "trusted",
        )  # fmt: skip
        office = Office(ledger=s.ledger, queries=s.queries, visits=s.visits, late=s.late, paper=s.paper, uses=s.uses, goods=s.goods, clock=s)  # fmt: skip
        ledger = LedgerDesk(LedgerQuery(SqliteLedgerQueries(self.reader)), SqliteTasks(s.file), SqliteCounters(self.reader), s,
                            {"g1-b01": "东门进1道"}, write_rows=tables.write_rows)  # fmt: skip
        app = create_app(desk, self.scenario, title="云岭水泥（示例）", office=office, ledger=ledger, registers=self.registers,
                         policy=self.policy, evidence=self.evidence, quality=self.quality, two=self.two)  # fmt: skip
        self._server = ConsoleServer(app, host="127.0.0.1", port=self._port)
        self.wait_for(self._server.start())
        self._port = self._server.port

    def end(self) -> None:
        super().end()
        self.reader.close()
        self.site.file.close()

    def fill(self) -> None:
        """Five trucks of two days, judged by the policy in force; a case of the over-limit list; the chain's end signed."""
        s = self.site
        for plate, stage in ((OLD, "4"), ("云A55555", "5")):
            SqliteRegisters(s.file).import_document(
                {"vehicles": [VEHICLE | {"plate_no": plate, "emission_stage": stage, "vin": ""}]}, accepted_by="李登记"
            )
        self.wait_for(self._drive())
        self.over_limit.receive([{"exceedId": "E-17", "op": "add", "targetType": "vehicle", "plateNo": OLD, "plateColor": "1", "reason": "遥感监测超标"}])  # fmt: skip
        self.wait_for(SqliteHeads(s.file, self.key).sign(s.now_ms))

    async def _drive(self) -> None:
        s = self.site
        for number, plate, stage, when in TRUCKS:
            s.now_ms = at(when)
            p = a_pass(number, plate, "in", at(when))
            facts = s.book.facts(Identity(plate_no=plate, plate_colour="1"), "in", at(when))
            vehicle = {**vars(facts.vehicle)} if facts.vehicle else {}
            await s.end(replace(p, verdict=s.book.judge(facts), vehicle=vehicle | {"emission_stage": stage}))
        s.now_ms = at(NOW)


if __name__ == "__main__":
    show_filled(PolicyGate, 8813)
