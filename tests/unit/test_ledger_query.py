"""Combined queries on real ledgers: every answer is what a look at every row gives, packed or not, on every page."""

import asyncio
import random
from dataclasses import replace

import pytest

from gateway.adapters.store import ledger_pack
from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.ledger_pack import Packer, pack_all, ready_days, wrong_days
from gateway.adapters.store.ledger_query import LedgerReader, SqliteLedgerQueries
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.rebuild import rebuild
from gateway.domain.ledger_facts import FACTS, day_of, day_start_ms
from gateway.domain.ledger_filter import QueryRefused, filter_from
from gateway.domain.records import local_text
from gateway.services.evidence import Correction, correct
from gateway.services.ledger_query import LedgerQuery
from tests.ledger_years import commit_all
from tests.unit.test_evidence import AtNoon
from tools.bench.traffic_years import passages

COUNT, PER_DAY = 240, 60


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Four days, all packed but the last; one row of a packed day was changed since."""
    opened = LedgerFile(tmp_path_factory.mktemp("query"))
    asyncio.run(commit_all(SqliteLedger(opened), list(passages(3, COUNT, per_day=PER_DAY)), with_photographs=False))
    pack_all(opened._writer)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def query(file):
    reader = LedgerReader(file.data_dir)
    yield LedgerQuery(SqliteLedgerQueries(reader))
    reader.close()


@pytest.fixture(scope="module")
def rows(file):
    """(arrived_at_ms, pass_id, words) of every pass, newest first, read without the packed columns."""
    found, cursor = [], None
    while True:
        some, cursor = SqliteQueries(file).passes(limit=100, cursor=cursor, lane=None, plate=None, verdict=None)
        found += some
        if cursor is None:
            break
    return sorted(((p.arrived_at_ms, p.pass_id, words_of(p)) for p in found), reverse=True)


def words_of(p) -> dict[str, str]:
    """By hand, from the pass as the console shows it."""
    identity, vehicle = p.identity, p.vehicle
    codes = [p.verdict.reason_code] if p.verdict.reason_code else []
    if not vehicle and "V04" not in codes:
        codes.append("V04")
    return {"lane": p.lane, "direction": p.direction, "plate": identity.plate_no, "plate_colour": identity.plate_colour,
            "vin": vehicle.get("vin", ""), "machine": "", "vehicle_type": vehicle.get("vehicle_type", ""),
            "stage": vehicle.get("emission_stage", "X"), "fuel": vehicle.get("fuel_type", ""), "control_result": p.control_result,
            "verdict": p.shown_verdict, "end": p.end, "decided_by": p.decided_by, "goods": "", "carrier": vehicle.get("fleet_name", ""),
            "source": "manual" if identity.is_manual else "auto", "violation": " ".join(codes), "level": "0"}  # fmt: skip


def taken(words: dict[str, str], given: dict[str, str]) -> bool:
    for name, text in given.items():
        if name in ("from", "until"):
            continue
        value = words[name]
        if text.startswith("*") and text.endswith("*"):
            ok = text.strip("*") in value
        elif text.startswith("*"):
            ok = value.endswith(text[1:])
        elif text.endswith("*"):
            ok = value.startswith(text[:-1])
        elif name == "violation":
            ok = text in value.split()
        else:
            ok = value in text.split(",")
        if not ok:
            return False
    return True


def a_question(rng: random.Random, rows) -> dict[str, str]:
    """Some names, with the words of a random row, sometimes a part of them, sometimes of two rows."""
    one, other = rng.choice(rows), rng.choice(rows)
    given = {}
    for name in rng.sample(sorted(FACTS), rng.choice((0, 1, 1, 2, 2, 3, 4))):
        word = one[2][name]
        if not word or (name == "violation" and " " in word):
            continue
        if name in ("plate", "vin", "carrier") and rng.random() < 0.7:
            k = rng.randint(1, len(word))
            start = rng.randint(0, len(word) - k)
            word = rng.choice((word[:k] + "*", "*" + word[-k:], "*" + word[start : start + k] + "*"))
        elif name not in ("violation",) and other[2][name] and rng.random() < 0.3:
            word = f"{word},{other[2][name]}"
        given[name] = word
    if rng.random() < 0.6:
        lo, hi = sorted((one[0], other[0] + 1000))
        given |= {"from": local_text(lo), "until": local_text(hi + 1000)}
    return given


def expected(rows, given):
    of = filter_from(given)
    return [r for r in rows if (of.from_ms is None or r[0] >= of.from_ms) and (of.until_ms is None or r[0] < of.until_ms)
            and taken(r[2], given)]  # fmt: skip


@pytest.mark.requirement("S0-88", "S0-89")
def test_totals_groups_and_pages_of_a_thousand_random_questions_are_the_sum_of_the_rows(query, rows):
    rng = random.Random(5)
    some = 0
    for number in range(1000):
        given = a_question(rng, rows)
        want = expected(rows, given)
        some += bool(want)
        of = filter_from(given)
        page = query.page(of, limit=20)
        assert page.total == len(want), given
        assert [r["pass_id"] for r in page.rows] == [r[1] for r in want[:20]], given
        by = tuple(
            rng.sample(
                ("stage", "fuel", "lane", "day", "hour", "month", "control_result", "violation"), rng.choice((1, 2, 3))
            )
        )
        groups = query.counts(of, by)
        assert sum(groups.values()) == len(want) and all(groups.values()), (given, by)
        if number % 10 == 0 and "stage" in by:
            for key, n in groups.items():
                assert n == len([r for r in want if r[2]["stage"] == key[by.index("stage")]]) or len(by) > 1
    assert some > 800, "the questions must find something"


def test_pages_go_through_all_rows_once_and_back_again(query, rows):
    of, seen, cursor, older = filter_from({"stage": "6,5"}), [], None, []
    while True:
        page = query.page(of, limit=7, cursor=cursor)
        older.append([r["pass_id"] for r in page.rows])
        seen += older[-1]
        if page.older is None:
            break
        cursor = page.older
    assert seen == [r[1] for r in expected(rows, {"stage": "6,5"})]
    for wanted in reversed(older[:-1]):
        page = query.page(of, limit=7, cursor=page.newer, way="newer")
        assert [r["pass_id"] for r in page.rows] == wanted
    assert page.newer is None


def test_rows_with_the_same_time_are_paged_without_loss(tmp_path):
    file = LedgerFile(tmp_path)
    same = [replace(p, at_ms=1_700_000_000_000) for p in passages(2, 9) if not p.entered][:6]
    asyncio.run(commit_all(SqliteLedger(file), same, with_photographs=False))
    reader = LedgerReader(tmp_path)
    query, seen, cursor = LedgerQuery(SqliteLedgerQueries(reader)), [], None
    while len(seen) < 20:
        page = query.page(filter_from({}), limit=2, cursor=cursor)
        seen += [r["pass_id"] for r in page.rows]
        if (cursor := page.older) is None:
            break
    assert seen == sorted((p.pass_id for p in same), reverse=True)
    reader.close()
    file.close()


def test_a_changed_row_is_found_by_its_new_words_at_once_and_its_day_is_packed_again(tmp_path):
    file = LedgerFile(tmp_path)
    known = asyncio.run(commit_all(SqliteLedger(file), list(passages(4, 60, per_day=20)), with_photographs=False))
    pack_all(file._writer)
    days = len(file.read(ready_days))
    reader = LedgerReader(tmp_path)
    query = LedgerQuery(SqliteLedgerQueries(reader))
    of = known[3]
    correction = Correction(of.pass_id, {"plate_no": "云A99999"}, "李四", "看错")
    asyncio.run(correct(correction, ledger=SqliteLedger(file), queries=SqliteQueries(file), clock=AtNoon()))
    assert len(file.read(ready_days)) == days - 1, "the changed day counts no more"
    assert [r["pass_id"] for r in query.page(filter_from({"plate": "云A99999"})).rows] == [of.pass_id]
    packer = Packer(file)
    assert packer.days_waiting(day_of(of.at_ms)) == [] and packer.days_waiting(day_of(of.at_ms) + 1) == [
        day_of(of.at_ms)
    ]
    assert packer.pack(day_of(of.at_ms))
    assert len(file.read(ready_days)) == days and file.read(wrong_days) == []
    assert query.page(filter_from({"plate": "云A99999"})).total == 1 and findings(file) == []
    reader.close()
    file.close()


def test_check_of_many_days_derives_few_anew_and_still_finds_a_changed_column_row_or_word(tmp_path, monkeypatch):
    file = LedgerFile(tmp_path)
    known = list(passages(4, 120, per_day=2))
    asyncio.run(commit_all(SqliteLedger(file), known, with_photographs=False))
    pack_all(file._writer)
    days = sorted(file.read(ready_days))
    derived = []
    whole = ledger_pack.columns_of
    monkeypatch.setattr(
        ledger_pack, "columns_of", lambda conn, day, *more: derived.append(day) or whole(conn, day, *more)
    )
    assert file.read(wrong_days) == [] and len(derived) * 10 < len(days), "bytes are read, few days are parsed"
    assert file.read(lambda c: wrong_days(c, is_whole=True)) == [] and set(days) <= set(derived)
    quiet = next(d for d in days if (days[-1] - d) % ledger_pack.SAMPLE > 1)
    for change, back in (
        ("update ledger_column set codes = cast(codes || x'01' as blob) where name = 'plate' and day = ?", "update ledger_column set codes = substr(codes, 1, length(codes) - 1) where name = 'plate' and day = ?"),
        ("update ledger_day set rows = rows + 1 where day = ?", "update ledger_day set rows = rows - 1 where day = ?"),
    ):  # fmt: skip
        file.write(lambda c, change=change: c.execute(change, (quiet,)))
        assert file.read(wrong_days) == [quiet]
        file.write(lambda c, back=back: c.execute(back, (quiet,)))
        assert file.read(wrong_days) == []
    file.write(lambda c: c.execute("drop trigger pass_changed"))
    file.write(lambda c: c.execute("update pass set doc = replace(doc, 'g1-b', 'g7-b') where arrived_at_ms >= ? and arrived_at_ms < ?",
                                   (day_start_ms(quiet), day_start_ms(quiet + 1))))  # fmt: skip
    assert file.read(wrong_days) == [quiet]
    file.close()


def test_a_packed_day_that_says_something_else_than_its_rows_is_found(tmp_path):
    file = LedgerFile(tmp_path)
    asyncio.run(commit_all(SqliteLedger(file), list(passages(4, 12)), with_photographs=False))
    pack_all(file._writer)
    assert file.read(wrong_days) == []
    file.write(lambda c: c.execute("update ledger_word set word = 'g9-b99' where name = 'lane' and code = 0"))
    assert len(file.read(wrong_days)) == 1
    assert any("packed" in f for f in findings(file))
    asyncio.run(rebuild(file, 1))
    assert findings(file) == []
    file.close()


@pytest.mark.parametrize(("given", "named"), [
    ({"from": "2026-13-01"}, "from"), ({"until": "soon"}, "until"), ({"from": "2026-02-02", "until": "2026-02-01"}, "until"),
    ({"stage": "5*"}, "stage"), ({"plate": "*"}, "plate"), ({"weight": "3"}, "weight"),
])  # fmt: skip
def test_a_question_that_cannot_be_asked_names_the_field(given, named):
    with pytest.raises(QueryRefused, match=f"^{named}"):
        filter_from(given)


def test_a_strange_cursor_group_or_limit_is_refused(query):
    of = filter_from({})
    for bad in ({"cursor": "x"}, {"limit": 0}, {"way": "up"}):
        with pytest.raises(QueryRefused):
            query.page(of, **bad)
    with pytest.raises(QueryRefused, match="by 'plate'"):
        query.counts(of, ("plate",))
