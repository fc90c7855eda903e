"""The ledger looks at itself: ten rows a night by a seed nobody chooses, all rows of a week, days against the regulator, statements."""

from __future__ import annotations

import asyncio

import pytest

from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.heads import LedgerKey, SqliteHeads, is_signed_by, load_public_key
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.ledger_query import LedgerReader
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.register_lookups import SqliteLookups
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.adapters.store.verify import verify
from gateway.domain.ledger_filter import QueryRefused
from gateway.domain.records import local_text
from gateway.ledger_hands import quality_desk
from gateway.services.audit_desk import AuditDesk
from gateway.services.evidence_desk import day_ms
from gateway.services.ports import NewEntry
from gateway.services.quality_desk import DRAWN, format_errors
from gateway.services.register_book import RegisterBook
from tests.ledger_years import commit_passages
from tools.bench.traffic_years import passages

PASSAGES = list(passages(1, 75, per_day=25))
DAYS = sorted({local_text(p.at_ms)[:10] for p in PASSAGES})
DAY = DAYS[-2]  # the last whole one
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


class Site:
    def __init__(self, folder) -> None:
        self.file = LedgerFile(folder)
        commit_passages(self.file, 75, per_day=25, with_photographs=False)
        self.file.write(lambda c: c.execute("update outbox set state = 'accepted' where pass_id like '%5'"))
        self.now_ms = day_ms(DAY) + DAY_MS + 4 * HOUR_MS
        self.reader, self.key = LedgerReader(folder), LedgerKey(folder)
        self.heads = SqliteHeads(self.file, self.key)
        self.ledger, self.queries = SqliteLedger(self.file), SqliteQueries(self.file)
        audit = AuditDesk(
            RegisterBook(SqliteRegisterRows(self.file), self), SqliteLookups(self.file), self, reader=None, site=None
        )  # type: ignore[arg-type]
        self.desk = quality_desk(self.file, self.ledger, self.reader, self.key, self.heads, audit, self)

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_s(self) -> float:
        return self.now_ms / 1000


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = Site(tmp_path_factory.mktemp("quality"))
    yield made
    made.reader.close()
    made.file.close()


@pytest.mark.requirement("S0-33")
def test_ten_rows_of_a_day_are_drawn_again_by_the_same_seed_and_kept(site):
    asyncio.run(site.heads.sign(site.now_ms))
    first = asyncio.run(site.desk.look_at_night(DAY))
    of_day = {p.pass_id for p in PASSAGES if local_text(p.at_ms)[:10] == DAY}
    drawn = [d["pass_id"] for d in first["drawn"]]
    assert len(set(drawn)) == DRAWN and set(drawn) <= of_day and first["rows"] == len(of_day)
    assert [d["pass_id"] for d in asyncio.run(site.desk.look_at_night(DAY))["drawn"]] == drawn, "the seed says it all"
    one = first["drawn"][0]
    assert "head_photo" in one["lacks"] and not one["is_good"] and one["answer_age_days"] is None
    stored = site.queries.entries_of_kind("quality")
    assert [e["body"]["drawn"] for e in stored] == [first["drawn"]] * 2 and findings(site.file) == []


@pytest.mark.requirement("S0-12")
def test_a_night_and_a_week_are_looked_at_once_each_and_not_before_three(site):
    def kept():
        return [(e["body"]["what"], e["body"]["day"]) for e in site.queries.entries_of_kind("quality")]

    before, now_ms = kept(), site.now_ms
    site.now_ms = now_ms - 2 * HOUR_MS
    asyncio.run(site.desk.tick())
    assert kept() == before, "two in the morning"
    site.now_ms = now_ms
    for _ in range(2):
        asyncio.run(site.desk.tick())
    new = kept()[len(before) :]
    assert [what for what, _ in new] == ["week"], "the night was looked at before"
    week = site.queries.entries_of_kind("quality")[-1]["body"]
    assert week["rows"] == sum(local_text(p.at_ms)[:10] <= week["day"] for p in PASSAGES)


@pytest.mark.requirement("S0-37")
def test_days_show_both_counts_and_those_of_a_response_apart(site):
    store = SqlitePolicies(site.file)
    store.set_level("2", PASSAGES[0].at_ms, "李", "x", NewEntry("response_level", "", "", site.now_ms, {}))
    site.now_ms += 3 * DAY_MS
    found = asyncio.run(site.desk.linked())
    site.now_ms -= 3 * DAY_MS
    by_day = {d["day"]: d for d in found["days"]}
    for day in DAYS:
        mine = [p for p in PASSAGES if local_text(p.at_ms)[:10] == day]
        assert (by_day[day]["passes"], by_day[day]["linked"]) == (len(mine), sum(p.pass_id.endswith("5") for p in mine))
    assert {d["day"] for d in found["days"] if d["is_drawn"]} <= {d["day"] for d in found["days"] if not d["is_heavy"]}


@pytest.mark.requirement("S4-14")
def test_a_months_statement_is_signed_with_the_end_of_the_chain_and_only_when_the_month_is_over(site):
    month, now_ms = DAYS[0][:7], site.now_ms
    with pytest.raises(QueryRefused, match="尚未结束"):
        asyncio.run(site.desk.sign_statement(local_text(now_ms)[:7], by="李"))
    with pytest.raises(QueryRefused, match="姓名"):
        asyncio.run(site.desk.sign_statement(month, by=" "))
    site.now_ms = now_ms + 40 * DAY_MS
    body = asyncio.run(site.desk.sign_statement(month, by="李厂长"))
    site.now_ms = now_ms
    assert body["figures"]["rows"] == sum(local_text(p.at_ms)[:7] == month for p in PASSAGES)
    assert body["figures"]["accepted"] == sum(local_text(p.at_ms)[:7] == month and p.pass_id.endswith("5") for p in PASSAGES)  # fmt: skip
    said = {k: v for k, v in body.items() if k != "signature"}
    public = load_public_key(site.file.data_dir / "keys" / "ledger.pub")
    assert is_signed_by(public, said, body["signature"])
    assert not is_signed_by(public, said | {"by": "别人"}, body["signature"])
    assert body["head"]["hash"] == site.heads.newest()["hash"]
    assert site.desk.statement(month)["body"] == body and verify(site.file.data_dir).found == 0


def test_a_value_that_breaks_its_fields_rule_is_named(site):
    p = site.queries.find_pass(PASSAGES[0].pass_id)
    assert "register_date" not in format_errors(p)
    p.vehicle["register_date"] = "2026-02-30"
    assert "register_date" in format_errors(p)
