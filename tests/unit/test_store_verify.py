"""`lvzha verify` on real files: whatever is edited, removed, reordered or cut short is found and named."""

import asyncio
import json
import re
import shutil
import sqlite3

import pytest

from gateway.adapters.store import reading
from gateway.adapters.store.check import invariants
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.heads import HEADS_FILE, LedgerKey, SqliteHeads
from gateway.adapters.store.verify import verify
from tests.ledger_years import a_ledger, commit_passages


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A ledger with a signed head at its end."""
    folder = tmp_path_factory.mktemp("sound")
    file = LedgerFile(folder)
    heads = SqliteHeads(file, LedgerKey(folder))
    commit_passages(file, 14)
    asyncio.run(heads.sign(1_641_000_000_000))
    file.close()
    return folder


@pytest.fixture
def ledger(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "data")
    return tmp_path / "data"


def attack(folder, *statements):
    """Somebody with the file and a database tool, who takes the guards away first."""
    conn = sqlite3.connect(folder / "ledger.sqlite3")
    for (name,) in conn.execute("select name from sqlite_master where type = 'trigger'").fetchall():
        conn.execute(f"drop trigger {name}")
    for statement in statements:
        cursor = conn.execute(statement)
        assert cursor.rowcount != 0, statement
    conn.commit()
    conn.close()


def kinds(folder, **more) -> dict[str, str]:
    return {f.kind: f.where for f in verify(folder, **more).findings}


def test_a_sound_ledger_has_no_findings(ledger):
    report = verify(ledger)
    assert (report.found, report.passes, report.photographs, report.heads) == (0, 14, 28, 1)
    assert invariants(ledger) == []


def test_entries_cannot_be_edited_or_deleted_or_numbered_with_a_gap_by_sql(ledger):
    conn = sqlite3.connect(ledger / "ledger.sqlite3")
    for statement, why in (
        ("update entry set body = '{}' where seq = 3", "never edited"),
        ("delete from entry where seq = 3", "only under a tombstone"),
        ("insert into entry select 999, at_ms, kind, ledger, lane, pass_id, body, prev_hash, hash || '' from entry where seq = 1", "without gaps"),
        ("insert or replace into entry select 3, at_ms, kind, ledger, lane, pass_id, '{}', prev_hash, hash from entry where seq = 3", "without gaps"),
    ):  # fmt: skip
        with pytest.raises(sqlite3.IntegrityError, match=why):
            conn.execute(statement)
    conn.close()


def _values():
    """(table, column) of every stored value that is evidence."""
    columns = {
        "entry": "at_ms kind ledger lane pass_id body prev_hash hash",
        "pass": "lane direction lane_pass state arrived_at_ms closed_at_ms plate_no plate_colour verdict decided_by end_kind record_no doc",
        "visit": "visit_id plate_no plate_colour in_pass time_in_ms state",
        "photo": "photo_id path sha256 size_bytes",
        "personal": "salt value",
        "outbox": "key record",
        "plate_read": "camera frame_at_ms text plate_type confidence model doc",
        "lane_event": "kind ms at_ms at_error_ms data received_at_ms",
        "command": "op boot not_after_ms issued_at_ms by why",
        "head": "hash at_ms key_id signature",
    }
    return [(table, column) for table, names in columns.items() for column in names.split()]


@pytest.mark.requirement("S3-02")
@pytest.mark.parametrize(("table", "column"), _values(), ids=lambda v: v)
def test_any_changed_value_of_a_stored_row_is_found(ledger, table, column):
    conn = sqlite3.connect(ledger / "ledger.sqlite3")
    conn.execute("pragma foreign_keys = off")
    rowid = (
        "rowid"
        if table not in ("lane_event", "personal")
        else "(lane, boot, seq)"
        if table == "lane_event"
        else "digest"
    )
    where = f"where {rowid} = (select {rowid.strip('()')} from {table} where {column} is not null limit 1)"
    value = conn.execute(f"select {column} from {table} {where}").fetchone()[0]
    conn.close()
    if isinstance(value, str):
        at = len(value) // 2
        other = {"in": "out", "closed": "waiting", "inside": "unpaired", "complete": "inside"}.get(
            value, value[:at] + ("1" if value[at] != "1" else "2") + value[at + 1 :]
        )
        changed = "'" + other.replace("'", "''") + "'"
    else:
        changed = str(value + 1)
    attack(ledger, f"update {table} set {column} = {changed} {where}")
    assert verify(ledger).found > 0, f"{table}.{column}: {value!r} -> {changed}"


@pytest.mark.requirement("S3-02")
def test_a_missing_entry_a_reordered_one_and_an_inserted_one_are_named(ledger):
    attack(ledger, "delete from entry where seq = 8")
    assert kinds(ledger)["entry_missing"] == "8"
    attack(ledger, "update entry set seq = 8 where seq = 9", "update entry set seq = 9 where seq = 10")
    assert kinds(ledger)["entry_changed"] in ("8", "9")


@pytest.mark.requirement("S3-02")
def test_a_tail_cut_and_chained_anew_contradicts_the_signed_head_and_those_who_keep_it(ledger, tmp_path):
    handed = tmp_path / "lane-heads.jsonl"
    shutil.copy(ledger / HEADS_FILE, handed)
    newest = json.loads(handed.read_text())["seq"]
    attack(ledger, f"delete from entry where seq > {newest - 3}")
    assert kinds(ledger)["tail_cut"] == f"{newest - 2}-{newest}"
    attack(ledger, "delete from head")
    (ledger / HEADS_FILE).unlink()
    assert "tail_cut" not in kinds(ledger), "nobody but the lane knows any more"
    assert kinds(ledger, handed_heads=[handed])["tail_cut"] == f"{newest - 2}-{newest}"


@pytest.mark.requirement("S3-02")
def test_what_a_lane_tells_of_its_heads_shows_a_cut_too(ledger, tmp_path):
    head = json.loads((ledger / HEADS_FILE).read_text())
    told = tmp_path / "lane.txt"
    told.write_text(f"kept 1\nhead 0  {head['seq']}:{head['hash']}\n")
    assert kinds(ledger, handed_heads=[told]).keys() == {"head_unreadable"}, "the line without a head is named"
    told.write_text(f"head 0  {head['seq']}:{head['hash']}\n")
    assert kinds(ledger, handed_heads=[told]) == {}
    attack(ledger, f"delete from entry where seq > {head['seq'] - 2}", "delete from head")
    (ledger / HEADS_FILE).unlink()
    assert kinds(ledger, handed_heads=[told])["tail_cut"] == f"{head['seq'] - 1}-{head['seq']}"


@pytest.mark.requirement("S3-02")
def test_a_chain_written_anew_with_right_hashes_is_not_the_one_that_was_signed(ledger):
    from gateway.domain.records import canonical, entry_hash

    conn = sqlite3.connect(ledger / "ledger.sqlite3")
    rows = conn.execute(
        "select seq, at_ms, kind, ledger, lane, pass_id, body, prev_hash from entry order by seq"
    ).fetchall()
    attack(ledger)
    prev = rows[0][7]
    for row in rows:
        body = row[6].replace('"ALLOW"', '"DENY"')
        digest = entry_hash(prev, canonical(*row[:6], body))
        conn.execute("update entry set body = ?, prev_hash = ?, hash = ? where seq = ?", (body, prev, digest, row[0]))
        prev = digest
    conn.commit()
    conn.close()
    assert {"chain_rewritten", "row_differs"} <= kinds(ledger).keys()


def test_a_head_signed_by_another_key_is_refused(ledger, tmp_path):
    LedgerKey(tmp_path / "other")
    assert "head_unsigned" in kinds(ledger, public_key=tmp_path / "other" / "keys" / "ledger.pub")


@pytest.mark.requirement("S3-02")
def test_a_flipped_byte_anywhere_in_a_photograph_is_found(ledger):
    photo = sorted((ledger / "photos").rglob("*.jpg"))[3]
    sound = photo.read_bytes()
    for at in (0, 1, len(sound) // 2, len(sound) - 1):
        photo.write_bytes(sound[:at] + bytes([sound[at] ^ 0x10]) + sound[at + 1 :])
        assert kinds(ledger) == {"photo_changed": photo.stem}
    photo.unlink()
    assert kinds(ledger) == {"photo_missing": photo.stem}


def test_a_row_without_entries_and_entries_without_their_row_are_found(ledger):
    conn = sqlite3.connect(ledger / "ledger.sqlite3")
    pass_id = conn.execute("select pass_id from pass limit 1").fetchone()[0]
    conn.close()
    attack(ledger, f"update pass set pass_id = 'ffffffff-1' where pass_id = '{pass_id}'")
    found = kinds(ledger)
    assert (found["row_alone"], found["row_missing"]) == ("ffffffff-1", pass_id)


def test_a_guard_that_was_taken_away_is_missed_by_check(ledger):
    conn = sqlite3.connect(ledger / "ledger.sqlite3")
    conn.execute("drop trigger entry_never_edited")
    conn.commit()
    conn.close()
    assert any("entry_never_edited is missing" in f for f in invariants(ledger))


@pytest.mark.requirement("S3-02")
def test_an_inspector_verifies_a_copy_that_cannot_be_written_with_the_public_key_only(ledger, tmp_path):
    key = shutil.move(ledger / "keys" / "ledger.pub", tmp_path / "ledger.pub")
    shutil.rmtree(ledger / "keys")
    before = {p: p.stat().st_mtime_ns for p in ledger.rglob("*")}
    with pytest.raises(reading.StoreRefused, match="public key"):
        verify(ledger)
    assert verify(ledger, public_key=key).found == 0
    assert {p: p.stat().st_mtime_ns for p in ledger.rglob("*")} == before, "nothing was written"


def test_large_ledgers_are_verified_in_processes_with_the_same_findings(ledger, monkeypatch):
    from gateway.adapters.store import verify as module

    attack(ledger, "update entry set body = replace(body, 'ALLOW', 'DENY') where kind = 'verdict'")
    alone = verify(ledger)
    monkeypatch.setattr(module, "INLINE_UP_TO", 0)
    told = []
    shared = verify(ledger, processes=2, progress=told.append)
    assert sorted(map(str, shared.findings)) == sorted(map(str, alone.findings)) and shared.found > 10
    assert "100 %" in told[-1]


def test_a_damaged_page_is_a_finding_not_a_crash(ledger):
    path = ledger / "ledger.sqlite3"
    conn = sqlite3.connect(path)
    conn.execute("pragma wal_checkpoint(truncate)")
    root = conn.execute("select rootpage from sqlite_master where name = 'entry'").fetchone()[0]
    size = conn.execute("pragma page_size").fetchone()[0]
    conn.close()
    content = bytearray(path.read_bytes())
    content[(root - 1) * size : root * size] = b"\xff" * size
    path.write_bytes(content)
    assert "damaged" in kinds(ledger)
    assert any("damaged" in f or "malformed" in f for f in invariants(ledger))


def test_the_bulk_path_leaves_what_commits_leave(tmp_path):
    from gateway.adapters.store.bulk import BulkLoad
    from tools.bench.traffic_years import changes_of, passages

    a_ledger(tmp_path / "commits", 40, with_photographs=False)
    file = LedgerFile(tmp_path / "bulk")
    with BulkLoad(file._writer, salt_seed="1") as load:
        for passage in passages(1, 40):
            load.add(changes_of(passage))
    file.close()
    assert invariants(tmp_path / "bulk") == []
    assert len(_bare(tmp_path / "bulk")) == len(_bare(tmp_path / "commits")) > 120
    assert _bare(tmp_path / "bulk") == _bare(tmp_path / "commits")


def _bare(folder) -> list:
    """Entries and rows without salted digests and without the digests of lane events, which only the commits have."""
    conn = sqlite3.connect(folder / "ledger.sqlite3")
    rows = [
        *conn.execute("select seq, at_ms, kind, lane, pass_id, json_remove(body, '$.sets.raw', '$.sets.uploads') from entry order by seq"),
        *conn.execute("select * from pass order by pass_id"),
        *conn.execute("select * from visit order by visit_id"),
        *conn.execute("select op, key, pass_id, rev, record from outbox order by id"),
    ]  # fmt: skip
    conn.close()
    return [re.sub(r"personal:[0-9a-f]{64}", "personal", repr(row)) for row in rows]


@pytest.mark.requirement("S3-02")
def test_a_flipped_byte_in_the_file_is_found_wherever_it_lies_in_a_stored_value(ledger):
    path = ledger / "ledger.sqlite3"
    conn = sqlite3.connect(path)
    conn.execute("pragma wal_checkpoint(truncate)")
    conn.execute("pragma journal_mode = delete")
    bodies = [row[0].encode() for row in conn.execute("select body from entry where length(body) < 900")]
    docs = [row[0].encode() for row in conn.execute("select doc from pass where length(doc) < 900")]
    conn.close()
    sound = path.read_bytes()
    checked = 0
    for number, value in enumerate([*bodies[::5], *docs[::7]]):
        start = sound.find(value)
        if start < 0:
            continue  # on an overflow page
        at = start + (37 * number) % len(value)
        path.write_bytes(sound[:at] + bytes([sound[at] ^ (1 << number % 8)]) + sound[at + 1 :])
        assert verify(ledger).found, f"byte {at}"
        checked += 1
    assert checked >= 5
