"""Commands while a gateway holds the ledger: done by it through its socket, refused with the same words, never beside it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.adapters.control.client import ControlRefused, NobodyRuns, ask
from gateway.adapters.control.line import NAME, connected
from gateway.adapters.control.server import ControlServer
from gateway.adapters.papers.qr import QrReader
from gateway.adapters.policies.files import DEFAULT_PACK, load_pack, over_limit_terms
from gateway.adapters.store.check import findings
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.register_lookups import SqliteLookups
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.store.tasks import SqliteTasks
from gateway.clock import SystemClock
from gateway.domain.passing import Identity
from gateway.domain.policy import ALLOW, HOLD
from gateway.domain.tasks import NewTask
from gateway.ledger_hands import by_hand, evidence_desk, policy_desk, two_persons
from gateway.services.audit_desk import AuditDesk
from gateway.services.goods_desk import GoodsDesk
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.policy_book import PolicyBook
from gateway.services.register_book import RegisterBook
from tests.ledger_years import commit_passages
from tools.bench.traffic_years import passages

PASS = next(iter(passages(1, 1))).pass_id
SITE = """
[site]
enterprise_code = "5301110001"
name = "试验厂"
data_dir = "{data}"
[broker]
[web]
[sntp]
[uplink]
base_url = "http://127.0.0.1:9/"
app_id = "a"
private_key = "k"
platform_key = "p"
[[cameras]]
code = "C1"
name = "东门"
url = "rtsp://127.0.0.1/1"
[[lanes]]
id = "g1-b01"
name = "东门进1道"
entrance_code = "1"
barrier_code = "01"
direction = "in"
head_camera = "C1"
body_camera = "C1"
"""


class Running:
    """The parts of a running gateway that persons change the ledger with, in a thread and under its lock."""

    def __init__(self, data: Path) -> None:
        self.data, self.told = data, []
        self.file = LedgerFile(data)
        commit_passages(self.file, 4, with_photographs=False)
        clock, store = SystemClock(), SqlitePolicies(self.file)
        self.book = PolicyBook(store, SqliteRegisters(self.file), clock, enterprise_code="5301110001", site_packs=[load_pack(DEFAULT_PACK)])  # fmt: skip
        self.queries = SqliteQueries(self.file)
        ledger, self.registers = SqliteLedger(self.file), RegisterBook(SqliteRegisterRows(self.file), clock)
        evidence = evidence_desk(self.file, ledger, self.queries, clock, tell=self.told.append)
        policy = policy_desk(self.file, self.book, OverLimitDesk(store, clock, over_limit_terms()), clock)
        audit = AuditDesk(self.registers, SqliteLookups(self.file), clock, reader=QrReader())
        self.goods = GoodsDesk(ledger=ledger, sides=SqliteSides(self.file), queries=self.queries, clock=clock)
        self.tasks = SqliteTasks(self.file)
        two = two_persons(self.file, ledger, clock, evidence, policy, self.registers)
        hands = by_hand(
            evidence, policy, self.registers, audit, self.goods, self.tasks, clock, two, SqliteRegisters(self.file)
        )
        self.server = ControlServer(data, hands.do)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.wait_for(self.server.start())

    def wait_for(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def stop(self) -> None:
        self.wait_for(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.file.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    deep = tmp_path_factory.mktemp("site") / (
        "a folder whose name is far longer than a socket's name may be " * 3
    ).replace(" ", "-")
    (deep / "data").mkdir(parents=True)
    (deep / "site.toml").write_text(SITE.format(data="data"), "utf-8")
    gateway = Running(deep / "data")
    yield gateway
    gateway.stop()


def lvzha(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.requirement("S4-18")
def test_a_correction_is_made_by_the_running_gateway_and_refused_with_the_same_words(running):
    with pytest.raises(Exception, match="another gateway"):
        LedgerFile(running.data)
    wanted = ("correct", PASS, "--by", "李四", "--why", "单位写错", "--data", running.data)
    done = lvzha(*wanted, "--set", "fleet_name=第九车队")
    assert done.exit_code == 0, done.stderr
    assert running.queries.find_pass(PASS).vehicle["fleet_name"] == "第九车队" and running.told == [f"pass:{PASS}"]
    refused = lvzha(*wanted, "--set", "plate_no=1")
    assert refused.exit_code == 2 and "plate_no '1': 不是有效号牌 has the form of no plate" in refused.stderr
    rows = json.loads(lvzha("corrections", "--data", running.data, "--json").stdout)
    assert [r["body"]["by"] for r in rows] == ["李四"]
    assert findings(running.file) == []


@pytest.mark.requirement("S0-17")
def test_two_persons_delete_early_and_a_hold_stops_it_while_the_gateway_runs(running):
    running.file.write(lambda c: c.execute("update outbox set state = 'accepted'"))
    data = ("--data", running.data)
    asked = lvzha("deletion", "request", PASS, "--by", "张三", "--why", "误录", *data)
    number = asked.stdout.split()[-1]
    same = lvzha("deletion", "decide", number, "--approve", "--by", " 张三", "--why", "同意", *data)
    assert same.exit_code == 2 and "申请人不能确认自己的申请" in same.stderr
    assert lvzha("hold", "place", "--pass", PASS, "--by", "王五", "--why", "立案", *data).exit_code == 0
    held = lvzha("deletion", "decide", number, "--approve", "--by", "李四", "--why", "同意", *data)
    assert held.exit_code == 2 and "处于保留状态" in held.stderr
    hold = json.loads(lvzha("hold", "list", *data).stdout)[0]["hold_id"]
    assert lvzha("hold", "lift", hold, "--by", "王五", "--why", "结案", *data).exit_code == 0
    assert lvzha("deletion", "decide", number, "--approve", "--by", "李四", "--why", "同意", *data).exit_code == 0
    (request,) = json.loads(lvzha("deletion", "list", *data).stdout)
    assert (request["state"], request["requested_by"], request["decided_by"]) == ("approved", "张三", "李四")


def test_personal_values_are_erased_and_rows_rebuilt_while_the_gateway_runs(running):
    p = running.queries.find_pass(PASS)
    done = lvzha("erase", "--value", p.vehicle["driver_phone"], "--by", "李四", "--why", "本人申请", "--data", running.data)  # fmt: skip
    assert done.exit_code == 0 and running.queries.find_pass(PASS).vehicle["driver_phone"] == ""
    running.file.write(lambda c: c.execute("update pass set plate_no = 'X' where pass_id = ?", (PASS,)))
    assert "1 passes" in lvzha("rebuild", "--data", running.data).stdout
    assert findings(running.file) == []


@pytest.mark.requirement("S4-13")
def test_a_pack_and_a_level_take_effect_in_the_running_gateway_at_once(running):
    config = ("--config", running.data.parent / "site.toml")
    tanker = {"plate_no": "云A98765", "plate_colour": "1", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "6", "use_nature": "R"}  # fmt: skip
    SqliteRegisters(running.file).import_document({"vehicles": [tanker]}, accepted_by="李四")

    def judged():
        return running.book.judge(
            running.book.facts(Identity(plate_no="云A98765", plate_colour="1"), "in", SystemClock().wall_ms())
        )

    assert judged().verdict == ALLOW
    done = lvzha("policy", "activate", "certificates", "--by", "王经理", *config)
    assert done.exit_code == 0, done.stderr
    assert (judged().verdict, judged().rule_id) == (HOLD, "hazmat-permit"), "the guard is asked from the next truck on"
    assert lvzha("policy", "level", "2", "--by", "王经理", "--reason", "市通知", *config).exit_code == 0
    assert running.book.response_level() == "2"
    planned = lvzha("policy", "activate", "emergency", "--by", "王经理", "--from", "2999-01-01 00:00", *config)
    assert planned.exit_code == 0 and "emergency" not in [p.policy_id for p in running.book.policy().packs]
    listed = lvzha("policy", "list", *config).stdout
    assert "计划 planned: emergency@1 2999-01-01" in listed and "active: certificates@1" in listed
    asked = lvzha("policy", "withdraw", "certificates", "--by", "王经理", "--why", "试运行结束", *config)
    assert asked.exit_code == 0 and "certificates" in {p.policy_id for p in running.book.policy().packs}
    number = asked.stdout.split()[-1]
    own = lvzha("confirm", "give", number, "--by", "王 经理", *config)
    assert own.exit_code == 2 and "申请人不能确认自己的申请" in own.stderr
    done = lvzha("confirm", "give", number, "--by", "李厂长", *config)
    assert done.exit_code == 0 and "已执行" in done.stdout, done.stderr
    assert judged().verdict == ALLOW
    refused = lvzha("policy", "level", "7", "--by", "王经理", "--reason", "x", *config)
    assert refused.exit_code == 2 and "响应等级 response_level '7'" in refused.stderr


def test_registers_goods_and_tasks_are_changed_through_the_running_gateway(running, tmp_path):
    data = ("--data", running.data)
    kept = ("register", "set", "carrier", "carrier_name=甲运输", "contact=王")
    done = lvzha(*kept, "contact_phone=13800000001", "--by", "李四", *data)
    assert done.exit_code == 0, done.stderr
    (row,) = running.registers.store.all("carrier")
    assert row.values["carrier_name"] == "甲运输"
    refused = lvzha(*kept, "contact_phone=138", "--by", "李四", *data)
    assert refused.exit_code == 2 and "contact_phone" in refused.stderr
    agreement = tmp_path / "agreement.pdf"
    agreement.write_bytes(b"%PDF-1.4 an agreement")
    done = lvzha("register", "attach", "carrier", row.key, "--kind", "agreement", "--file", agreement, "--valid-to", "2030-01-01", "--by", "李四", *data)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    kept_file = running.registers.store.document(done.stdout.split()[-1])
    assert (running.data / kept_file["path"]).read_bytes() == agreement.read_bytes()
    table = tmp_path / "goods.json"
    good = {"plate_no": "云A12345", "plate_colour": "1", "direction": "in", "at": "2026-11-20 07:00:00", "goods_name": "焦煤", "quantity_t": 30}  # fmt: skip
    table.write_text(json.dumps([good, good | {"quantity_t": 999}]), "utf-8")
    done = lvzha("ledger", "goods", table, "--source", "erp", "--by", "李四", "--json", *data)
    found = json.loads(done.stdout[done.stdout.index("{") :])  # the gateway's log is in the same process here
    assert done.exit_code == 1 and found["loaded"] == 1 and found["refused"][0]["line"] == 2
    task = running.tasks.open(NewTask("counters", "g1-b01/y", "g1-b01", 1, "差一", "one off", {}), 2)
    assert lvzha("tasks", "close", task.task_id, "--by", "王五", "--why", "核对录像", *data).exit_code == 0
    assert running.tasks.list() == [] and findings(running.file) == []


def test_a_document_is_imported_by_the_running_gateway_and_a_look_up_is_queued_by_it(running, tmp_path):
    config = ("--config", running.data.parent / "site.toml")
    vehicle = {"plate_no": "云A24680", "plate_colour": "1", "vehicle_type": "Q11", "fuel_type": "B", "emission_stage": "5", "use_nature": "F"}  # fmt: skip
    document = tmp_path / "registers.json"
    document.write_text(json.dumps({"vehicles": [vehicle], "response_level": "1"}), "utf-8")
    done = lvzha("import", document, *config)
    assert done.exit_code == 0, done.stderr
    assert "1 vehicles" in done.stdout and running.book.response_level() == "1", "known to the gate at once"
    document.write_text(json.dumps({"vehicles": [vehicle | {"fuel_type": "?"}]}), "utf-8")
    refused = lvzha("import", document, *config)
    assert refused.exit_code == 2 and "fuel_type" in refused.stderr
    document.write_text("[]", "utf-8")
    refused = lvzha("import", document, *config)
    assert refused.exit_code == 2 and "allowed is an object" in refused.stderr
    asked = lvzha("audit", "lookup", "云A24680/1", "--by", "李四", "--json", "--data", running.data)
    assert asked.exit_code == 0, asked.stderr
    row = json.loads(asked.stdout[asked.stdout.index("{") :])["lookup"]
    assert (row["state"], row["by"]) == ("person", "李四"), "without a connector a person asks"
    waiting = json.loads(lvzha("audit", "lookup", "--json", "--data", running.data).stdout)
    assert [r["row_key"] for r in waiting] == ["云A24680/1"]
    refused = lvzha("audit", "lookup", "云A00000/1", "--by", "李四", "--data", running.data)
    assert refused.exit_code == 2 and "云A00000/1" in refused.stderr
    assert findings(running.file) == []


def test_what_is_no_command_is_refused_and_nothing_else_is_served(running):
    with pytest.raises(ControlRefused, match="没有这个命令"):
        ask(running.data, "drop", {})
    with pytest.raises(ControlRefused, match="参数不对"):
        ask(running.data, "correct", {"pass": PASS})
    with connected(running.data, 5) as line, line.makefile("rb") as answers:
        line.sendall(b"hello\n")
        assert "不是一行命令" in json.loads(answers.readline())["refused"]
    assert (running.data / NAME).stat().st_mode & 0o777 == 0o600


def test_where_nobody_listens_the_command_opens_the_ledger_itself(tmp_path):
    file = LedgerFile(tmp_path)
    commit_passages(file, 1, with_photographs=False)
    file.close()
    left = socket.socket(socket.AF_UNIX)  # of a gateway that was killed
    left.bind(str(tmp_path / NAME))
    left.close()
    with pytest.raises(NobodyRuns):
        ask(tmp_path, "rebuild", {})
    done = lvzha("correct", PASS, "--set", "fleet_name=甲", "--by", "李四", "--why", "单位写错", "--data", tmp_path)
    assert done.exit_code == 0, done.stderr
