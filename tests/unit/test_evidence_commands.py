"""The evidence on the command line: what is printed, what is refused with a sentence, and with which exit status."""

import json

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.queries import SqliteQueries
from tests.ledger_years import a_ledger
from tools.bench.traffic_years import passages


def lvzha(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return a_ledger(tmp_path_factory.mktemp("data"), 5)


PASS = next(iter(passages(1, 1))).pass_id


@pytest.mark.requirement("S3-02")
def test_verify_prints_what_it_looked_at_and_what_it_found(data, tmp_path):
    done = lvzha("verify", "--data", data, "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 0 and (report["passes"], report["photographs"], report["found"]) == (5, 10, 0)
    assert "sound" in lvzha("verify", "--data", data).stdout
    photo = next(data.rglob("*.jpg"))
    content = photo.read_bytes()
    photo.write_bytes(content[:-1] + b"x")
    done = lvzha("verify", "--data", data, "--json")
    photo.write_bytes(content)
    assert done.exit_code == 1 and json.loads(done.stdout)["findings"][0]["kind"] == "photo_changed"
    refused = lvzha("verify", "--data", tmp_path)
    assert refused.exit_code == 2 and "no ledger.sqlite3 here" in refused.stderr


@pytest.mark.requirement("S4-18")
def test_a_correction_is_made_listed_and_refused_by_name(data):
    done = lvzha("correct", PASS, "--set", "fleet_name=第九车队", "--by", "李四", "--why", "单位写错", "--data", data)
    assert done.exit_code == 0, done.stderr
    rows = json.loads(lvzha("corrections", "--data", data, "--json").stdout)
    assert [(r["pass_id"], r["body"]["by"], r["body"]["new"]) for r in rows] == [
        (PASS, "李四", {"fleet_name": "第九车队"})
    ]
    assert "单位写错" in lvzha("corrections", "--data", data).stdout
    refused = lvzha("correct", PASS, "--set", "plate_no=1", "--by", "李四", "--why", "x", "--data", data)
    assert refused.exit_code == 2 and "plate_no '1'" in refused.stderr
    refused = lvzha("corrections", "--since", "2022", "--data", data)
    assert refused.exit_code == 2 and "yyyy-MM-dd" in refused.stderr


def test_holds_and_requests_of_deletion_are_placed_listed_and_refused(data):
    assert lvzha("hold", "place", "--pass", PASS, "--by", "王五", "--why", "立案", "--data", data).exit_code == 0
    (held,) = json.loads(lvzha("hold", "list", "--data", data).stdout)
    refused = lvzha("deletion", "request", PASS, "--by", "张三", "--why", "误录", "--data", data)
    assert refused.exit_code == 2 and "under a hold" in refused.stderr
    assert lvzha("hold", "lift", held["hold_id"], "--by", "王五", "--why", "结案", "--data", data).exit_code == 0
    refused = lvzha("deletion", "request", PASS, "--by", "张三", "--why", "误录", "--data", data)
    assert refused.exit_code == 2 and "has not taken it yet" in refused.stderr
    assert json.loads(lvzha("deletion", "list", "--data", data).stdout) == []


@pytest.mark.requirement("X-43")
def test_a_phone_number_is_erased_everywhere(data):
    file = LedgerFile(data)
    phone = SqliteQueries(file).find_pass(PASS).vehicle["driver_phone"]
    file.close()
    assert lvzha("erase", "--value", phone, "--by", "李四", "--why", "本人申请", "--data", data).exit_code == 0
    file = LedgerFile(data)
    assert SqliteQueries(file).find_pass(PASS).vehicle["driver_phone"] == ""
    file.close()
    assert lvzha("verify", "--data", data).exit_code == 0


def test_a_backup_is_restored_and_verifies(data, tmp_path):
    word = tmp_path / "passphrase"
    word.write_text("four words nobody guesses\n")
    done = lvzha("backup", tmp_path / "backup", "--data", data, "--passphrase-file", word, "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["photographs"] == 10
    assert lvzha("restore", tmp_path / "backup", "--data", tmp_path / "new", "--passphrase-file", word).exit_code == 0
    assert lvzha("verify", "--data", tmp_path / "new").exit_code == 0
    assert lvzha("check", "--data", tmp_path / "new").exit_code == 0
    refused = lvzha("restore", tmp_path / "backup", "--data", tmp_path / "new", "--passphrase-file", word)
    assert refused.exit_code == 2 and "not empty" in refused.stderr


def test_rows_that_were_edited_are_made_anew(data):
    import sqlite3

    conn = sqlite3.connect(data / "ledger.sqlite3")
    conn.execute("update pass set plate_no = 'X' where pass_id = ?", (PASS,))
    conn.commit()
    conn.close()
    assert lvzha("verify", "--data", data).exit_code == 1
    assert "1 passes" in lvzha("rebuild", "--data", data).stdout
    assert lvzha("verify", "--data", data).exit_code == 0
