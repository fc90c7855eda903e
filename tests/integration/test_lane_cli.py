"""A technician with a laptop: `lvzha lane` against a real broker, gateway and lane, some of it over 64 kbit/s."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import typer.main
from technician_bench import LANE, NAME, SITE, TechnicianSite
from typer.testing import CliRunner
from ulid import ULID

from firmware.lane import contract
from gateway.adapters.technician import jobs
from gateway.adapters.technician.access import load
from gateway.adapters.technician.client import Client, Unreachable
from gateway.adapters.technician.commands import app
from gateway.adapters.technician.jobs import Desk
from gateway.adapters.technician.watch import NAMES, WatchApp
from gateway.domain import technicians
from gateway.domain.technicians import Order

SLOW, FAST = 64_000, 4_000_000  # bits per second


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TechnicianSite]:
    folder = tmp_path_factory.mktemp("technician")
    site = TechnicianSite(folder, bits_per_s=FAST)
    try:
        site.wait_ready()
        yield site
    finally:
        print(site.board.console()[-3000:], (folder / "gateway.log").read_text("utf-8")[-3000:])
        site.close()


@pytest.fixture
def slow(site: TechnicianSite) -> Iterator[None]:
    """The laptop's line carries 64 kbit/s each way."""
    site.line.bits_per_s = SLOW
    yield
    site.line.bits_per_s = FAST


@pytest.fixture
def lane(site: TechnicianSite) -> Callable[..., tuple[int, dict[str, Any]]]:
    return site.lane


@pytest.fixture
def desk(site: TechnicianSite) -> Iterator[Desk]:
    with Client(load(site.access), [LANE]) as client:
        yield Desk(client)


def rest(site: TechnicianSite) -> None:
    """Nothing on the lane, arm down, automatic."""
    for role in ("loop_arrival", "loop_under_arm", "loop_exit", "beam", "edge", "radar"):
        site.plant.set(role, 0)
    for _ in range(40):
        if site.plant.position == 0.0:
            return
        site.lane("lower", LANE, "--why", "test over")
    raise AssertionError("the arm does not come down")


# ---- every command ----


@pytest.mark.requirement("X-32")
def test_there_are_twenty_five_commands_and_each_prints_json_or_draws():
    group = typer.main.get_command(app)
    names = [name for name in group.commands if name != "config"]
    names += [f"config {name}" for name in group.commands["config"].commands]
    assert len(names) >= 25, names
    for name, command in group.commands.items():
        if name not in ("config", "watch", "update"):
            assert "--json" in [o for p in command.params for o in p.opts], name


@pytest.mark.requirement("X-32")
def test_looking_works_over_64_kbit_per_second(site, lane, slow):
    status, doc = lane("list")
    assert status == 0 and doc["lanes"][0]["lane"] == LANE and doc["lanes"][0]["online"] and doc["gateway_online"]
    status, doc = lane("show", LANE)
    assert status == 0 and doc["state"]["barrier"] == "closed" and doc["versions"]["board"] == "sim"
    assert doc["settings"]["lane"] == LANE and doc["health"]["task link"].startswith("beat")
    status, doc = lane("io", LANE)
    assert set(doc["inputs"]) <= set(contract.ROLES) and doc["inputs"]["beam"].startswith("off ok")
    assert doc["outputs"]["siren"].startswith("off lane")
    assert lane("log", LANE)[1]["lines"] and lane("log", LANE, "--crash")[1]["lines"] == []
    assert lane("ask", LANE, "journal")[1]["answer"]["lost"] == 0


@pytest.mark.requirement("X-32", "S0-64")
def test_outputs_that_cannot_hurt_are_driven_and_motors_are_not(site, lane):
    before = len(site.plant.history)
    status, doc = lane("io", LANE, "--drive", "siren", "--seconds", "1")
    assert (status, doc["result"]) == (0, "done")
    assert [(r, v) for _, r, v in site.plant.history[before:]] == [("siren", 1), ("siren", 0)]
    for output in ("open", "close"):
        status, doc = lane("io", LANE, "--drive", output)
        assert (status, doc["result"], doc["reason"]) == (1, "refused", "output.motor") and "siren" in doc["answer"][
            "allowed"
        ]
    assert site.plant.moves() == []
    status, doc = lane("test", LANE)
    assert status == 0 and doc["answer"]["beam"] == "passed"


@pytest.mark.requirement("X-32")
def test_one_job_has_one_terminal_answer_and_few_statuses(site, slow):
    told: list[dict[str, Any]] = []

    with Client(load(site.access), [LANE]) as client:
        desk = Desk(client, lambda heard: told.append(heard.payload) if heard.name == "diagnostics/reply" else None)
        outcome = desk.ask(LANE, "drive", {"output": "alarm_light", "seconds": 3, "by": NAME}, takes_s=4)
        desk.listen(1.0)
    mine = [reply["result"] for reply in told if reply["id"] == outcome.job]
    assert mine == ["accepted", "done"], "one status, one end, in three seconds"


class LossyClient(Client):
    """A line that loses replies: the first so many that are named."""

    loses: Callable[[dict[str, Any]], bool]

    def _on_message(self, client: Any, data: Any, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("diagnostics/reply") and self.loses(json.loads(message.payload)):
            return
        super()._on_message(client, data, message)


@pytest.mark.requirement("X-32")
def test_lost_parts_are_asked_for_again_and_nothing_is_done_twice(site, slow, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE_S", 0.8)
    lost: list[tuple[int, str]] = []

    def loses(reply: dict[str, Any]) -> bool:
        what = (reply["part"], reply["result"])
        if reply["result"] == "done" and what not in lost and reply["part"] != 0:
            lost.append(what)
            return True
        return False

    with LossyClient(load(site.access), [LANE]) as client:
        client.loses = loses
        outcome = Desk(client).ask(LANE, "settings")
        assert outcome.is_done and outcome.parts > 1 and len(lost) == outcome.parts - 1
        assert outcome.answer["lane"] == LANE and outcome.asked == 1 + len(lost)
        before = len(site.plant.history)
        gone: list[str] = []

        def loses_the_end(reply: dict[str, Any]) -> bool:
            if not gone and reply["result"] == "done":
                gone.append(reply["id"])
                return True
            return False

        client.loses = loses_the_end
        outcome = Desk(client).ask(LANE, "drive", {"output": "siren", "seconds": 1, "by": NAME}, takes_s=1)
        assert outcome.is_done and gone == [outcome.job]
        assert [r for _, r, v in site.plant.history[before:] if v] == ["siren"]
        client.loses = lambda reply: reply["part"] == 1
        outcome = Desk(client).ask(LANE, "settings")
        assert (outcome.result, outcome.reason) == ("timeout", "parts_lost") and "[1]" in outcome.text_en


# ---- orders ----


@pytest.mark.requirement("X-32")
def test_a_raise_is_in_the_ledger_before_it_moves_with_who_when_why_and_from_where(site, lane):
    status, doc = lane("raise", LANE, "--why", "loop broken")
    assert (status, doc["result"]) == (0, "done") and site.plant.position == 1.0
    entry = site.entries()[-1]
    assert entry["kind"] == "manual_raise" and entry["lane"] == LANE
    body = entry["body"]
    assert (body["by"], body["why"], body["job"]) == (NAME, "loop broken", doc["job"])
    assert body["from"].startswith("lvzha lane@") and abs(entry["at_ms"] / 1000 - time.time()) < 60
    site.plant.set("beam", 1)
    status, doc = lane("lower", LANE, "--why", "try")
    assert (status, doc["result"], doc["reason"]) == (1, "refused", "not_clear") and site.plant.position == 1.0
    rest(site)


def test_the_same_order_twice_is_done_once(site, desk):
    hello = desk._exchange(Order(str(ULID()), LANE, technicians.HELLO), lambda text: None)
    assert [row["lane"] for row in hello.data["lanes"]] == [LANE]
    order = Order(str(ULID()), LANE, "alarm", {"pattern": "test", "seconds": 1}, "twice", "test", hello.now_ms + 5000)
    before = len(site.entries())
    for _ in range(2):
        answer = desk._exchange(order, lambda text: None, wait_s=5)
        assert (answer.job, answer.result) == (order.job, "done")
    assert len(site.entries()) == before + 1
    late = Order(str(ULID()), LANE, "raise", {}, "late", "test", hello.now_ms - 1)
    assert desk._exchange(late, lambda text: None).reason == "stale"
    far = Order(str(ULID()), LANE, "raise", {}, "far", "test", hello.now_ms + 3_600_000)
    assert desk._exchange(far, lambda text: None).reason == "stale"
    for op, args, why, reason in (
        ("raise", {}, " ", "why.missing"),
        ("toggle", {}, "x", "unknown_op"),
        ("alarm", {"pattern": "disco", "seconds": 1}, "x", "malformed"),
    ):
        refused = desk._exchange(
            Order(str(ULID()), LANE, op, args, why, "test", hello.now_ms + 5000), lambda text: None
        )
        assert (refused.result, refused.reason) == ("refused", reason)
    assert (
        desk._exchange(Order(str(ULID()), "g9-b99", "stop", {}, "x", "t", hello.now_ms + 5000), lambda t: None).reason
        == "unknown_lane"
    )
    assert len(site.entries()) == before + 1 and site.plant.position == 0.0


@pytest.mark.requirement("X-39")
def test_nobody_orders_in_another_s_name_and_no_command_goes_past_the_gateway(site):
    before = len(site.entries())
    with Client(load(site.access), [LANE]) as client:
        order = technicians.encode(Order(str(ULID()), LANE, "raise", {}, "mine", "x", int(time.time() * 1000) + 5000))
        command = {
            "id": str(ULID()),
            "op": "raise",
            "args": {},
            "boot": "0" * 8,
            "not_after_ms": 1,
            "at": None,
            "by": NAME,
            "why": "x",
        }
        for topic, raw in (
            (technicians.order_topic(SITE, "technician-wu"), order),
            (contract.topic(SITE, LANE, "command"), contract.encode("command", command)),
            (
                contract.topic(SITE, LANE, "config"),
                contract.encode("config", {"version": 99, "settings": {"clear_ms": 1500}}),
            ),
        ):
            client._paho.publish(topic, raw, 1).wait_for_publish(5)
        desk = Desk(client)
        results: list[Any] = []
        desk._on_heard = lambda heard: results.append(heard.name) if heard.name == "command/result" else None
        assert desk.ask(LANE, "versions").answer["config"] < 99
        assert results == []
    assert len(site.entries()) == before and site.plant.moves().count("open") == 1, "only the raise of the test before"


def test_reboot_waits_for_the_pass_and_modes_are_orders_too(site, lane):
    site.plant.set("loop_arrival", 1)
    time.sleep(0.5)
    status, doc = lane("reboot", LANE, "--why", "tidy")
    assert (status, doc["reason"]) == (1, "occupied")
    site.plant.set("loop_arrival", 0)
    status, doc = lane("set-mode", LANE, "maintenance", "--why", "service")
    assert status == 0
    status, doc = lane("raise", LANE, "--why", "from afar")
    assert (status, doc["reason"]) == (1, "mode.maintenance")
    status, doc = lane("io", LANE, "--drive", "beam_test", "--seconds", "1")
    assert doc["reason"] in ("", "occupied")
    for words in (
        ("set-mode", LANE, "automatic", "--why", "done"),
        ("stop", LANE),
        ("sign", LANE, "测试"),
        ("alarm", LANE, "off"),
    ):
        assert lane(*words)[0] == 0, words
    assert lane("clear-fault", LANE, "travel_timeout", "--why", "x")[1]["reason"] == "no_fault"
    assert lane("arrival", LANE, "--why", "x")[1]["reason"] in ("loop.healthy", "occupied")


# ---- settings ----


@pytest.mark.requirement("X-32")
def test_settings_are_versions_refused_by_name_and_go_back(site, lane, desk, tmp_path):
    file = tmp_path / "before.json"
    file.write_text(json.dumps(lane("config", "get", LANE)[1]), "utf-8")
    status, doc = lane("config", "set", LANE, "clear_ms=2000", "trip_ms=30", "--why", "trailers")
    assert (status, doc["answer"]) == (0, {"version": 1})
    flash = json.loads((site.board.folder / "config.json").read_text("utf-8"))
    assert (flash["clear_ms"], flash["trip_ms"], flash["config_version"]) == (2000, 30, 1)
    differences = lane("config", "diff", LANE, str(file))[1]["differences"]
    assert set(differences) == {"clear_ms", "trip_ms", "config_version"}
    for words, where in (
        (("clear_ms=20",), "clear_ms"),
        (("colour=red",), "colour"),
        (("broker_port=1",), "broker_port"),
    ):
        status, doc = lane("config", "set", LANE, *words, "--why", "x")
        assert status == 1 and doc["answer"]["where"] == where
        assert lane("config", "validate", LANE, *words)[1]["answer"]["where"] == where
    outcome = desk.order(LANE, "config_set", {"settings": {"clear_ms": 3}}, why="past the check", origin="test")
    assert (outcome.result, outcome.reason, outcome.answer["where"]) == ("refused", "config", "clear_ms")
    assert lane("config", "set", LANE, "clear_ms=2500", "--why", "more")[0] == 0
    versions = lane("config", "history", LANE)[1]["answer"]["versions"]
    assert [(v["version"], v["state"]) for v in versions] == [(1, "applied"), (2, "refused"), (3, "applied")]
    assert lane("config", "rollback", LANE, "7", "--why", "x")[1]["reason"] == "no_version"
    assert lane("config", "rollback", LANE, "1", "--why", "back")[0] == 0
    assert lane("config", "get", LANE)[1]["answer"]["clear_ms"] == 2000
    assert lane("config", "rollback", LANE, "0", "--why", "as it was")[0] == 0
    now = lane("config", "get", LANE)[1]["answer"]
    before = json.loads(file.read_text("utf-8"))["answer"]
    assert {k: v for k, v in now.items() if v != before[k]} == {"config_version": 5}


# ---- the live view ----


@pytest.mark.requirement("X-32")
async def test_the_live_view_shows_the_lane_tests_it_and_changes_its_mode(site):
    with Client(load(site.access), ["+"], NAMES) as client:
        view = WatchApp(client)
        async with view.run_test(size=(80, 24), notifications=True) as pilot:

            async def until(condition: Callable[[], object], what: str) -> None:
                for _ in range(200):
                    if condition():
                        return
                    await pilot.pause(0.05)
                raise AssertionError(f"the view never showed: {what}\n{screen()}")

            def screen() -> str:
                """The words of the whole screen."""
                return "\n".join("".join(s.text for s in strip) for strip in view.screen._compositor.render_strips())

            await until(
                lambda: "在线 online" in screen() and "已关 closed" in screen(), "an online lane with its arm down"
            )
            assert max(map(len, screen().split("\n"))) <= 80
            await asyncio.to_thread(site.plant.set, "beam", 1)
            await until(lambda: view.book.page(LANE).state["inputs"]["beam"]["on"], "the beam")
            await until(lambda: "beam.on" in screen(), "the event")
            site.plant.set("beam", 0)
            await pilot.press("i")
            await until(lambda: "terminal" in screen() and "loop_arrival" in screen(), "the table of inputs")
            await pilot.press("escape")
            await until(lambda: view._tap is None, "rest")
            await pilot.press("t")
            await until(lambda: "红外对射通过" in screen().replace(" ", ""), "the self-test's result")
            await pilot.press("l")
            await until(lambda: "link up" in screen(), "the log")
            await pilot.press("escape", "m")
            await pilot.pause(0.2)
            await pilot.press("down", "enter")
            await pilot.press(*"check", "enter")
            await until(lambda: "手动 manual" in screen(), "manual mode")
            assert site.entries()[-1]["body"]["op"] == "set_mode" and site.entries()[-1]["body"]["why"] == "check"
            await pilot.resize_terminal(120, 40)
            await until(lambda: "sim 0." in screen(), "more on a larger screen")


def test_every_message_of_a_lane_can_be_followed_and_what_cannot_be_heard_is_named(site):
    done = site.lvzha("lane", "messages", LANE, "--seconds", "2", "--access", str(site.access), "--json")
    heard = [json.loads(line) for line in done.stdout.splitlines()]
    told = {(line["name"], line["retained"]) for line in heard}
    assert {("status", True), ("state", True), ("gateway", True)} <= told, "what is retained comes at once"
    done = site.lvzha("lane", "messages", LANE, "identity", "--seconds", "1", "--access", str(site.access))
    assert done.exit_code == 2 and "identity" in done.output, "plates are the gateway's alone"


# ---- when parts are away ----


def test_the_plain_commands_answer(lane):
    for words in (("faults", LANE), ("versions", LANE), ("health", LANE), ("config", "get", LANE), ("stop", LANE)):
        status, doc = lane(*words)
        assert (status, doc["result"]) == (0, "done"), (words, doc)


def test_questions_need_no_gateway_and_orders_say_that_it_is_away(site, lane, desk, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE_S", 0.5)
    late = desk._exchange(Order(str(ULID()), LANE, technicians.HELLO), lambda text: None).now_ms + 300
    moves, before = site.plant.moves(), len(site.entries())
    site.gateway.send_signal(signal.SIGSTOP)
    try:
        assert lane("faults", LANE)[0] == 0 and lane("test", LANE)[0] == 0
        status, doc = lane("raise", LANE, "--why", "nobody there")
        assert (status, doc["result"], doc["reason"]) == (1, "timeout", "no_gateway") and "现场按钮" in doc["text_zh"]
        stuck = Order(str(ULID()), LANE, "raise", {}, "stuck on its way", "test", late)
        desk._client.order(stuck)
    finally:
        site.gateway.send_signal(signal.SIGCONT)
    answer = desk._exchange(stuck, lambda text: None)
    assert (answer.result, answer.reason) == ("refused", "stale")
    time.sleep(0.5)
    assert site.plant.moves() == moves and len(site.entries()) == before, "what came late was not done"


def test_an_order_to_a_lane_that_is_off_is_refused_and_questions_time_out(site, lane, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE_S", 0.5)
    site.board.kill()
    status, doc = lane("faults", LANE)
    assert (status, doc["result"], doc["reason"]) == (1, "timeout", "no_lane")


def test_a_technician_without_access_is_told_so(site, tmp_path: Path):
    done = CliRunner().invoke(app, ["list", "--access", str(tmp_path)])
    assert done.exit_code == 2 and "access.toml" in done.output
    issued = site.lvzha("pki", "technician", "wu", "--out", str(tmp_path), "--config", str(site.folder / "site.toml"))
    assert issued.exit_code == 0, issued.output
    with Client(load(tmp_path / "technician-wu"), [LANE]):
        pass
    assert site.lvzha("pki", "revoke", "wu", "--config", str(site.folder / "site.toml")).exit_code == 0
    with pytest.raises(Unreachable) as refused, Client(load(tmp_path / "technician-wu"), [LANE]):
        pass
    assert "证书可能已被收回" in str(refused.value)


def test_the_ledger_is_sound_after_all_this(site):
    site.stop_gateway()
    done = site.lvzha("check", "--data", str(site.folder / "data"), "--json")
    assert done.exit_code == 0, done.output
