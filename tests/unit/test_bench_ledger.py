"""`lvzha bench ledger` goes on with a build that was cut off, and what it builds is a ledger that checks clean."""

import sqlite3
from pathlib import Path

import pytest

from gateway.adapters.store.check import invariants
from tools.bench import ledger_build
from tools.bench.ledger_build import ensure_built


def rows_of(folder: Path) -> list[tuple[object, ...]]:
    conn = sqlite3.connect(folder / "ledger.sqlite3")
    try:
        return conn.execute("select seq, hash from entry").fetchall() + conn.execute(
            "select pass_id, doc, record from pass join outbox using (pass_id) order by 1").fetchall()  # fmt: skip
    finally:
        conn.close()


def test_a_build_that_was_cut_off_is_gone_on_with_and_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    class Cut(Exception):
        pass

    made = ledger_build.changes_of

    def cut_at_370(passage):
        if passage.number == 370:
            raise Cut
        return made(passage)

    monkeypatch.setattr(ledger_build, "changes_of", cut_at_370)
    with pytest.raises(Cut):
        ensure_built(tmp_path / "cut", 500, 1, commit_passes=100)
    first_again = []
    monkeypatch.setattr(ledger_build, "changes_of", lambda p: first_again.append(p.number) or made(p))
    spent = ensure_built(tmp_path / "cut", 500, 1, commit_passes=100)
    assert first_again[0] == 300, "what was committed is not made again"
    assert spent["build_cpu_s"] > 0
    ensure_built(tmp_path / "whole", 500, 1)
    assert rows_of(tmp_path / "cut") == rows_of(tmp_path / "whole")
    assert invariants(tmp_path / "cut") == []


def test_a_built_ledger_is_used_again_and_a_strange_folder_is_left_alone(tmp_path, monkeypatch):
    spent = ensure_built(tmp_path / "ledger", 200, 1)
    monkeypatch.setattr(ledger_build, "_build", None)
    assert ensure_built(tmp_path / "ledger", 200, 1) == spent
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(SystemExit, match="was not made by this benchmark"):
        ensure_built(tmp_path / "mine", 200, 1)
    assert (tmp_path / "mine" / "letter.txt").exists()
