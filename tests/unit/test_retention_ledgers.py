"""In-plant vehicles, machines, side records and papers go at the end of their terms, and nothing that is unsent, held or in use."""

from pathlib import Path

import pytest

from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.heads import LedgerKey
from gateway.adapters.store.holds import SqliteHolds
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.outbox import SqliteOutbox
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.store.sweep import SqliteSweep, load_terms
from gateway.services.goods_desk import GoodsDesk
from gateway.services.register_book import RegisterBook
from gateway.services.use_records import UseDesk

START_MS = 1_640_966_400_000  # 2022-01-01T00:00 Asia/Shanghai
DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
NEVER_MS = 2**60
JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


class Plant:
    """A machine with a year of work, taken out of use after it; a second one in use; goods of a vehicle."""

    def __init__(self, folder: Path) -> None:
        self.now_ms = START_MS
        self.file = LedgerFile(folder)
        self.sides, self.outbox = SqliteSides(self.file), SqliteOutbox(self.file)
        rows, ledger = SqliteRegisterRows(self.file), SqliteLedger(self.file)
        self.book = RegisterBook(rows, self)
        self.uses = UseDesk(ledger=ledger, sides=self.sides, registers=rows, clock=self)
        self.goods = GoodsDesk(ledger=ledger, sides=self.sides, queries=SqliteQueries(self.file), clock=self)
        self.holds = SqliteHolds(self.file)
        self.sweeper = SqliteSweep(self.file, LedgerKey(folder), load_terms())

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_s(self) -> float:
        return self.now_ms / 1000

    def one(self, sql: str, *values: object):
        return self.file.read(lambda c: c.execute(sql, values).fetchone())[0]

    async def sweep(self, at_ms: int) -> dict[str, int]:
        self.now_ms = at_ms
        return await self.sweeper.sweep(at_ms, NEVER_MS)

    def machines(self) -> set[str]:
        return {r[0] for r in self.file.read(lambda c: c.execute("select row_key from register_row").fetchall())}

    async def lived(self) -> None:
        for code in ("4-YD000001", "4-YD000002"):
            self.book.state(
                "machine",
                {"env_reg_code": code, "owner": "厂", "fuel_type": "C", "emission_stage": "D", "pin": "EXLW500"},
                source="typed",
                by="李",
                is_partial=True,
            )
            self.book.attach(
                "machine", [code], kind="photo", content=JPEG, suffix=".jpg", field_name="machine_photo", by="李"
            )
        for month in range(1, 13):
            self.now_ms = START_MS + month * 30 * DAY_MS
            await self.uses.record("machine", "4-YD000001", use="work", at_ms=self.now_ms - 1000, by="李机手", hours=1)
        self.book.remove("machine", "4-YD000001", by="李", why="报废")
        await self.goods.record({"source": "scale", "plate_no": "云A12345", "plate_colour": "1", "direction": "out", "by": "地磅",
                                 "goods_name": "焦炭", "net_t": 30, "at_ms": self.now_ms})  # fmt: skip


@pytest.fixture
def plant(tmp_path):
    built = Plant(tmp_path)
    yield built
    built.file.close()


@pytest.mark.requirement("S4-30", "S4-32", "S4-28")
async def test_machine_out_of_use_and_its_use_records_go_after_five_years_one_in_use_stays(plant):
    await plant.lived()
    counts = await plant.sweep(START_MS + 5 * YEAR_MS + 20 * DAY_MS)
    assert (counts["side_records"], counts["machine"]) == (0, 0)
    counts = await plant.sweep(START_MS + 5 * YEAR_MS + 100 * DAY_MS)
    assert (counts["side_records"], counts["machine"]) == (3, 0), "month by month; the row waits for the last"
    counts = await plant.sweep(START_MS + 6 * YEAR_MS + 10 * DAY_MS)
    assert (counts["side_records"], counts["machine"]) == (10, 1) and plant.machines() == {"4-YD000002"}
    assert plant.one("select count(*) from entry where pass_id like '%YD000001'") == 0
    assert counts["documents"] == 1 and len(list((plant.file.data_dir / "documents").rglob("*.jpg"))) == 1, (
        "its papers with it"
    )
    assert sum((await plant.sweep(START_MS + 6 * YEAR_MS + 12 * DAY_MS)).values()) == 0 and findings(plant.file) == []


@pytest.mark.requirement("S0-17")
async def test_nothing_that_the_regulator_has_not_taken_or_that_is_held_is_deleted(plant):
    await plant.lived()
    last = START_MS + 6 * YEAR_MS + 10 * DAY_MS
    plant.outbox.put("nonRoadMachinery", "nonRoadMachinery/4-YD000001", "machine/4-YD000001", {"in_use": "0"}, START_MS)
    side = plant.one("select side_id from side_record where kind = 'use' order by at_ms limit 1")
    plant.outbox.put("nonRoadRecord", "R1", f"use/{side}", {"use": "work"}, START_MS)
    hold = await plant.holds.place_hold(
        by="核查员", why="核查", now_ms=START_MS, from_ms=START_MS + 80 * DAY_MS, until_ms=START_MS + 100 * DAY_MS
    )
    counts = await plant.sweep(last)
    assert (counts["side_records"], counts["machine"], counts["documents"]) == (11, 0, 0), "one is unsent, one is held"
    for row in plant.outbox.due(NEVER_MS, 10):
        plant.outbox.accept(row.id, {"code": 200}, last)
    assert (await plant.sweep(last + DAY_MS))["machine"] == 0, "held"
    await plant.holds.lift_hold(hold, by="核查员", why="完", now_ms=last)
    counts = await plant.sweep(last + 2 * DAY_MS)
    assert (counts["side_records"], counts["machine"]) == (1, 1) and findings(plant.file) == []
    assert plant.one("select count(*) from outbox") == 0


async def test_paper_taken_from_its_row_is_kept_for_its_term_and_one_that_a_row_names_for_ever(plant):
    await plant.lived()
    plant.now_ms = START_MS + 2 * YEAR_MS
    ((document_id, _),) = plant.file.read(
        lambda c: c.execute("select document_id, path from register_document where row_key = '4-YD000002'").fetchall())  # fmt: skip
    plant.book.detach("machine", "4-YD000002", document_id, by="李", why="更换")
    files = lambda: {p.stem for p in (plant.file.data_dir / "documents").rglob("*.jpg")}  # noqa: E731
    await plant.sweep(START_MS + 7 * YEAR_MS - DAY_MS)
    assert document_id in files()
    await plant.sweep(START_MS + 7 * YEAR_MS + 5 * DAY_MS)
    assert document_id not in files() and findings(plant.file) == []
