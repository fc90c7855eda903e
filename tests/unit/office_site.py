"""A site's office on a real ledger file: registers, policy, goods, paper form, typed passages, ledger rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.adapters.policies.files import DEFAULT_PACK, load_pack
from gateway.adapters.sheets.tables import read_table, write_table
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.ledger_rows import SqliteLedgerFacts
from gateway.adapters.store.outbox import SqliteOutbox
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.store.visits import SqliteVisits
from gateway.domain.dictionary import registers
from gateway.services import judging
from gateway.services.goods_desk import GoodsDesk
from gateway.services.late_entry import LateEntries, LateEntry
from gateway.services.ledger_rows import LedgerRows
from gateway.services.pairing import settle
from gateway.services.paper_form import PaperForm
from gateway.services.policy_book import PolicyBook
from gateway.services.ports import Change, NewEntry, NewUpload
from gateway.services.register_book import RegisterBook
from gateway.services.use_records import UseDesk, uses_of_pass
from tests.unit.policy_bench import at
from tools.bench.traffic_years import place

JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
VEHICLE = {
    "plate_no": "云A12345", "plate_colour": "1", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "6", "network_status": "1",
    "use_nature": "F", "vin": "LFWSRXSJ5M1E12346", "register_date": "2022-03-04", "vehicle_model": "解放牌CA4250", "engine_model": "CA6DM3",
    "engine_maker": "一汽解放", "engine_no": "E7788990", "fleet_name": "滇东物流", "driver_name": "王师傅", "driver_phone": "13900001111",
    "is_audited": True,
}  # fmt: skip


class OfficeSite:
    def __init__(self, folder: Path) -> None:
        self.now_ms = at("2026-11-20 08:00:00")
        self.file = LedgerFile(folder)
        self.ledger, self.queries, self.sides = (
            SqliteLedger(self.file),
            SqliteQueries(self.file),
            SqliteSides(self.file),
        )
        self.visits, self.outbox = SqliteVisits(self.file), SqliteOutbox(self.file)
        self.register_rows = SqliteRegisterRows(self.file)
        self.registers = RegisterBook(self.register_rows, self)
        SqliteRegisters(self.file).import_document({"vehicles": [VEHICLE], "response_level": "0"}, accepted_by="李登记")
        self.book = PolicyBook(SqlitePolicies(self.file), SqliteRegisters(self.file), self, enterprise_code="5301110001",
                               site_packs=[load_pack(DEFAULT_PACK)])  # fmt: skip
        self.paper = PaperForm(ledger=self.ledger, sides=self.sides, clock=self)
        self.goods = GoodsDesk(ledger=self.ledger, sides=self.sides, queries=self.queries, clock=self)
        self.uses = UseDesk(ledger=self.ledger, sides=self.sides, registers=self.register_rows, clock=self)
        places = {lane: place(lane) for lane in ("g1-b01", "g1-b02")}
        self.late = LateEntries(
            places, ledger=self.ledger, book=self.book, paper=self.paper, clock=self, wake_relay=lambda: None
        )
        self.rows = LedgerRows(SqliteLedgerFacts(self.file), self.goods, self.register_rows, self.sides)
        self.jpeg = JPEG

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_s(self) -> float:
        return self.now_ms / 1000

    async def enter(self, lane="g1-b01", when="2026-11-20 07:00:00", **more):
        typed = {"plate_no": "云A12345", "plate_colour": "1", "by": "张门卫", "why": "停电"} | more
        return await self.late.enter(LateEntry(lane=lane, at_ms=at(when), **typed))

    async def end(self, p):
        """A pass that sensors saw ends as the lane desk ends it, with two photographs."""
        photos = [
            await self.ledger.write_photo(p.pass_id, kind, "C", self.jpeg, p.arrived_at_ms) for kind in ("head", "body")
        ]
        ids = {f.kind: f.photo_id for f in photos}
        p = replace(p, head_photo=ids["head"], body_photo=ids["body"])
        change = Change(photos=photos, entries=[NewEntry("opened", p.lane, p.pass_id, p.arrived_at_ms, {"direction": p.direction}),
                                                judging.verdict_entry(p, photos, p.arrived_at_ms)])  # fmt: skip
        async with self.ledger.turn:
            p = settle(p, self.ledger, change, p.closed_at_ms)
            change.sides += uses_of_pass(p, self.ledger)
            change.entries.append(judging.closing_entry(p, p.closed_at_ms))
            record = judging.record_of(
                p, place(p.lane), {f.kind: f.path for f in photos}, self.goods.goods_for(p).goods
            )
            change.uploads.append(NewUpload("inOutRecord", p.record_no, p.pass_id, record, False))
            change.passes.append(p)
            await self.ledger.commit(change)
        return p

    def send_all(self) -> None:
        """The regulator takes everything; the second try succeeds."""
        for row in self.outbox.due(self.now_ms, 100):
            for _ in range(2):
                self.outbox.begin_attempt(row.id, self.now_ms, True)
            self.outbox.accept(row.id, {"platform_visit_id": "P88120031"}, self.now_ms)

    def register(self, name: str, values: dict[str, str], photos: tuple[str, ...]) -> str:
        """A row through the register's book, a document for every photo field."""
        key = self.registers.state(name, values, source="typed", by="李登记", is_partial=True)
        for field in photos:
            self.registers.attach(name, [key], kind="photo", content=JPEG, suffix=".jpg", field_name=field, by="李登记")
        assert not [f.name for f in registers()[name].fields if f.type == "photo" and f.name not in photos]
        return key


def round_trip(lines, kind):
    """Through a file and back."""
    found = read_table(write_table(lines, kind))
    return found.headings, [texts for _, texts in found.rows]
