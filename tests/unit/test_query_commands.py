"""`lvzha query`, `counters`, `tasks`, `misuse` and `quality` on a small real ledger."""

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from gateway import upload_actions
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.tasks import SqliteTasks
from gateway.adapters.uplink.profile import BUILT_IN, MESSAGES
from gateway.domain.records import local_text
from gateway.domain.tasks import NewTask
from gateway.query_commands import app
from gateway.services.quality import average_days
from tests.ledger_years import commit_passages
from tools.bench.traffic_years import passages

PASSAGES = list(passages(1, 60, per_day=30))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    file = LedgerFile(folder)
    commit_passages(file, 60, per_day=30, with_photographs=False)
    file.write(lambda c: c.execute("update outbox set state = 'accepted' where pass_id like '%5'"))
    SqliteTasks(file).open(NewTask("counters", "g1-b01/x", "g1-b01", 1, "差一", "one off", {}), 2)
    file.close()
    return folder


def run(data, *argv: str):
    return CliRunner().invoke(app, [*argv, "--data", str(data)])


@pytest.mark.requirement("S0-88")
def test_rows_totals_groups_and_files_of_a_question_agree(data):
    known = [p for p in PASSAGES if p.vehicle["emission_stage"] == "6"]
    page = json.loads(run(data, "query", "stage=6", "--limit", "5", "--json").stdout)
    assert page["total"] == len(known) and len(page["rows"]) == 5
    rows = list(csv.DictReader(io.StringIO(run(data, "query", "stage=6", "--csv").stdout)))
    assert {r["pass_id"] for r in rows} == {p.pass_id for p in known}
    groups = json.loads(run(data, "query", "stage=6", "--by", "lane,day", "--json").stdout)
    assert groups["total"] == len(known) == sum(g["rows"] for g in groups["groups"])
    text = run(data, "query", "plate=*" + known[0].vehicle["plate_no"][-4:]).stdout
    assert known[0].vehicle["plate_no"] in text and "合计 total" in text


def test_a_bad_question_or_folder_is_refused_with_a_sentence(data, tmp_path):
    assert run(data, "query", "stage").exit_code == 2 and run(tmp_path, "query").exit_code == 2
    assert run(data, "tasks", "list", "--state", "lost").exit_code == 2


@pytest.mark.requirement("S0-82", "S0-12")
def test_a_days_quality_is_the_recount_of_its_rows_and_names_the_worst(data):
    day = local_text(PASSAGES[0].at_ms)[:10]
    of_day = [p for p in PASSAGES if local_text(p.at_ms)[:10] == day]
    found = json.loads(run(data, "quality", day, "--json").stdout)
    sent = [p for p in of_day if p.pass_id.endswith("5")]
    assert found["rows"] == len(of_day)
    assert found["transmission_percent"] == round(100 * len(sent) / len(of_day), 2)
    assert set(found["not_transmitted"]) == {p.pass_id for p in of_day} - {p.pass_id for p in sent}
    assert found["lacks"]["head_photo"]["rows"] == len(of_day) and found["completeness_percent"] == 0.0
    scores = [row["score"] for row in found["worst"]]
    assert len(scores) == 20 and scores == sorted(scores) and scores[0] <= found["score"]


def test_days_of_a_response_and_normal_days_have_means_of_their_own():
    counts = {("2026-11-01",): 10, ("2026-11-02",): 20, ("2026-11-03",): 4}
    found = average_days(counts, frozenset({"2026-11-03"}))
    assert found == {
        "normal": {"days": 2, "passes": 30, "per_day": 15.0},
        "heavy": {"days": 1, "passes": 4, "per_day": 4.0},
    }


@pytest.mark.requirement("X-22")
def test_counters_that_differ_are_told_by_the_exit_status(data):
    day = local_text(PASSAGES[0].at_ms)[:10]
    done = run(data, "counters", "--from", day, "--until", day, "--json")
    hours = json.loads(done.stdout)
    assert done.exit_code == 1 and sum(h["passes"] for h in hours) == len(
        [p for p in PASSAGES if local_text(p.at_ms)[:10] == day]
    )
    assert all("photographs" in h["differences"] for h in hours)


@pytest.mark.requirement("S0-90")
def test_misuse_in_a_ledger_is_listed(data):
    day = local_text(PASSAGES[0].at_ms)[:10]
    found = json.loads(run(data, "misuse", "--from", day, "--until", day, "--json").stdout)
    assert found["patterns"] == 18 and {m["pattern"] for m in found["found"]} == {"photo_missing"}


def test_a_task_is_closed_by_a_person_with_a_reason_once(data):
    (task,) = json.loads(run(data, "tasks", "list", "--json").stdout)
    assert run(data, "tasks", "close", task["task_id"], "--by", "王五", "--why", " ").exit_code == 2
    assert run(data, "tasks", "close", task["task_id"], "--by", "王五", "--why", "核对").exit_code == 0
    assert run(data, "tasks", "close", task["task_id"], "--by", "王五", "--why", "核对").exit_code == 2
    assert json.loads(run(data, "tasks", "list", "--state", "closed", "--json").stdout)[0]["reason"] == "核对"


def test_uploads_are_told_message_by_message_and_one_that_the_platform_lacks_is_called_so(data, monkeypatch, tmp_path):
    found = json.loads(run(data, "uploads", "--days", "3650", "--json").stdout)
    by = {row["message"]: row for row in found["messages"]}
    assert all(row["is_supported"] for row in by.values()) and set(by) == set(MESSAGES)
    passages_told = by["inOutRecord"]
    assert passages_told["accepted"] and passages_told["accepted"] + passages_told["pending"] == len(PASSAGES)
    text = (
        (BUILT_IN / "yunnan-v1.toml")
        .read_text("utf-8")
        .replace('"dailyReport", ', "")
        .replace("without = []", 'without = ["dailyReport"]')
    )
    (tmp_path / "other.toml").write_text(text, "utf-8")
    monkeypatch.setattr(upload_actions, "BUILT_IN", tmp_path)
    lines = run(data, "uploads", "--profile", "other").stdout.splitlines()
    assert [line.split()[0] for line in lines if "平台不支持 not supported" in line] == ["dailyReport"]
    refused = run(data, "uploads", "--profile", "nowhere")
    assert refused.exit_code == 2 and "No such file" in refused.output
