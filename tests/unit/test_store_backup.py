"""Backup while the ledger is being written, and the rehearsal of a restore."""

import asyncio
import shutil

import pytest

from gateway.adapters.store.backup import MANIFEST, backup, restore
from gateway.adapters.store.check import findings, invariants
from gateway.adapters.store.connection import LedgerFile, StoreRefused
from gateway.adapters.store.heads import LedgerKey, SqliteHeads
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.verify import verify
from tests.ledger_years import commit_all, commit_passages
from tools.bench.traffic_years import passages


@pytest.fixture
def file(tmp_path):
    opened = LedgerFile(tmp_path / "data")
    commit_passages(opened, 6)
    asyncio.run(SqliteHeads(opened, LedgerKey(opened.data_dir)).sign(1_641_000_000_000))
    yield opened
    opened.close()


def go_on(file, first, last):
    asyncio.run(commit_all(SqliteLedger(file), list(passages(1, last))[first:]))


@pytest.mark.parametrize("passphrase", [None, b"four words that nobody guesses"], ids=["plain", "encrypted"])
def test_a_restored_backup_verifies_and_goes_on_where_it_was(file, tmp_path, passphrase):
    done = backup(file.data_dir, tmp_path / "backup", passphrase=passphrase)
    assert (done.photographs, done.copied, done.is_encrypted) == (12, 12, bool(passphrase))
    go_on(file, 6, 8)
    again = backup(file.data_dir, tmp_path / "backup", passphrase=passphrase)
    assert again.copied == 4 and again.newest_seq > done.newest_seq, "only what is new is copied"
    restored = tmp_path / "restored"
    restore(tmp_path / "backup", restored, passphrase=passphrase)
    assert (verify(restored).newest_seq, verify(restored).newest_hash) == (again.newest_seq, again.newest_hash)
    assert (restored / "keys" / "ledger.key").exists() == bool(passphrase), (
        "private keys travel encrypted or not at all"
    )
    reopened = LedgerFile(restored)
    go_on(reopened, 8, 10)
    assert findings(reopened) == []
    reopened.close()


def test_nothing_of_an_encrypted_backup_is_readable_and_a_wrong_passphrase_is_refused(file, tmp_path):
    backup(file.data_dir, tmp_path / "backup", passphrase=b"right")
    content = b"".join(p.read_bytes() for p in (tmp_path / "backup").rglob("*") if p.is_file() and p.name != MANIFEST)
    assert b"SQLite format" not in content and b"PRIVATE KEY" not in content and b"\xff\xd8" + b"\x00" not in content
    with pytest.raises(StoreRefused, match="wrong passphrase"):
        restore(tmp_path / "backup", tmp_path / "restored", passphrase=b"wrong")
    with pytest.raises(StoreRefused, match="passphrase is needed"):
        restore(tmp_path / "backup", tmp_path / "restored2")


def test_a_backup_taken_while_passages_are_committed_is_one_moment_of_the_ledger(file, tmp_path):
    async def both():
        writing = asyncio.create_task(commit_all(SqliteLedger(file), list(passages(1, 30))[6:]))
        done = await asyncio.to_thread(backup, file.data_dir, tmp_path / "backup")
        await writing
        return done

    done = asyncio.run(both())
    restore(tmp_path / "backup", tmp_path / "restored")
    assert invariants(tmp_path / "restored") == [] and verify(tmp_path / "restored").newest_seq == done.newest_seq


def test_a_changed_photograph_or_entry_stops_the_backup_and_the_last_one_stays(file, tmp_path):
    backup(file.data_dir, tmp_path / "backup")
    before = (tmp_path / "backup" / MANIFEST).read_bytes()
    go_on(file, 6, 7)
    photo = max((file.data_dir / "photos").rglob("*.jpg"), key=lambda p: p.stat().st_mtime_ns)
    photo.write_bytes(b"another picture")
    with pytest.raises(StoreRefused, match="was changed"):
        backup(file.data_dir, tmp_path / "backup")
    assert (tmp_path / "backup" / MANIFEST).read_bytes() == before
    restore(tmp_path / "backup", tmp_path / "restored")


def test_an_unfinished_or_edited_backup_and_a_full_directory_are_refused(file, tmp_path):
    backup(file.data_dir, tmp_path / "backup")
    with pytest.raises(StoreRefused, match="not empty"):
        restore(tmp_path / "backup", file.data_dir)
    edited = shutil.copytree(tmp_path / "backup", tmp_path / "edited")
    (ledger,) = edited.glob("ledger-*.sqlite3")
    content = bytearray(ledger.read_bytes())
    content[-100] ^= 1
    ledger.write_bytes(content)
    with pytest.raises(StoreRefused, match="not the one that"):
        restore(edited, tmp_path / "restored")
    (tmp_path / "backup" / MANIFEST).unlink()
    with pytest.raises(StoreRefused, match="no finished backup"):
        restore(tmp_path / "backup", tmp_path / "restored3")
