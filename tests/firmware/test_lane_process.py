"""A whole lane in real time: the real interpreter and TLS against the embedded broker, with power cuts and outages."""

import json
import socket
import threading
import time

import pytest
import rig
from rig import LANE, SITE, Broker, Gateway, LaneBoard, Plant, free_port, until

from firmware.lane import contract
from gateway.services import offline_entries


class Site:
    """Keys, broker, gateway's hand, plant and lane of one test; everything is ended with it."""

    def __init__(self, folder, **plant):
        self.folder = folder
        self.keys = rig.make_keys(folder / "keys")
        self.port = free_port()
        self.plant = Plant(**plant)
        self.broker = None
        self.gateway = None
        self.lane = None

    def start_broker(self):
        self.broker = Broker(self.keys, self.port)

    def start_gateway(self, **how):
        self.gateway = Gateway(self.keys, self.port, **how)
        return self.gateway

    def start_lane(self, **settings):
        self.lane = LaneBoard(self.folder / "flash", self.keys, self.plant, self.port, **settings)
        return self.lane

    def start(self):
        self.start_broker()
        self.start_gateway()
        self.start_lane()
        self.wait_online()
        return self.gateway

    def wait_online(self, limit_s=20):
        until(lambda: self.gateway.states and self.gateway.clock, limit_s, "lane online")

    def close(self):
        for part in (self.lane, self.gateway, self.plant):
            if part is self.lane and part:
                part.kill()
            elif part:
                part.close()
        if self.broker:
            self.broker.kill()


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    yield site
    if site.lane:
        print(site.lane.console())  # shown when the test fails
    site.close()


def drive_through(plant, pause_s=0.15):
    for role, level in (
        ("loop_under_arm", 1),
        ("beam", 1),
        ("loop_exit", 1),
        ("loop_arrival", 0),
        ("loop_under_arm", 0),
        ("beam", 0),
        ("loop_exit", 0),
    ):
        plant.set(role, level)
        time.sleep(pause_s)


def numbered_without_gaps(events, boot):
    seqs = [e["seq"] for e in events if e["boot"] == boot]
    unique = list(dict.fromkeys(seqs))
    assert unique == sorted(unique), "reordered"
    assert unique == list(range(1, len(unique) + 1)), "lost"
    return unique


def test_one_truck(site):
    gateway = site.start()
    plant = site.plant
    plant.set("loop_arrival", 1)
    on = gateway.event("loop.on")
    assert on["pass"] == f"{on['boot']}-{on['seq']}"
    command = gateway.command("raise", {"pass": on["pass"]})
    assert gateway.result_of(command, "accepted")
    assert gateway.result_of(command, "done")
    assert plant.position == 1.0
    drive_through(plant)
    ended = gateway.event("pass.ended", 12)
    assert ended["pass"] == on["pass"] and ended["data"] == {"end": "completed", "by": "policy"}
    gateway.event("barrier.closed", 12)
    assert plant.position == 0.0 and plant.moves() == ["open", "close"]
    numbered_without_gaps(gateway.events, on["boot"])
    until(lambda: gateway.states[-1]["barrier"] == "closed" and gateway.states[-1]["gateway"] == "heard", 5, "state")
    assert len([r for r in gateway.results if r["id"] == command and r["result"] in contract.TERMINAL]) == 1


def test_local_functions_work_while_the_broker_is_away_from_the_start(site):
    site.start_lane()
    plant = site.plant
    until(lambda: plant.wdt_ms, 10, "lane started")
    time.sleep(1)
    plant.press_until("button_raise", lambda: plant.position == 1.0, 30, "raised by button")
    until(lambda: b"\xcf\xb5\xcd\xb3" in plant.uart, 5, "safe text on the sign")
    plant.press_until("button_lower", lambda: plant.position == 0.0, 30, "lowered by button")
    plant.set("fire", 1)
    until(lambda: plant.outputs["open"], 10, "fire")
    until(lambda: plant.position == 1.0, 5, "fire holds")
    moves = plant.moves()
    site.start_broker()
    gateway = site.start_gateway()
    site.wait_online(30)
    gateway.event("fire.on")
    boot = gateway.event("boot")["boot"]
    numbered_without_gaps(gateway.events, boot)
    assert plant.moves() == moves, "reconnecting moved nothing"


@pytest.mark.requirement("X-01", "X-05")
def test_broker_restarts_move_nothing_and_lose_nothing(site):
    gateway = site.start()
    boot = gateway.boot
    for round_ in range(2):
        site.broker.kill()
        site.plant.set("cabinet", 1)
        time.sleep(0.4)
        site.plant.set("cabinet", 0)
        time.sleep(0.4)
        site.broker.start()
        until(
            lambda r=round_: [e["kind"] for e in gateway.events].count("cabinet.closed") > r, 30, "events after restart"
        )
    numbered_without_gaps(gateway.events, boot)
    assert site.plant.moves() == []
    assert site.lane.process.poll() is None


@pytest.mark.requirement("X-01", "X-04", "S0-57")
def test_power_cut_in_motion_moves_nothing_after_and_tells_so(site):
    gateway = site.start()
    plant = site.plant
    first = gateway.boot
    gateway.is_acking = False
    plant.set("loop_arrival", 1)
    on = gateway.event("loop.on")
    gateway.command("raise", {"pass": on["pass"]})
    until(lambda: 0.2 < plant.position < 0.9, 5, "half way")
    plant.cut_power()
    until(lambda: site.lane.process.poll() is not None, 5, "board dead")
    site.lane.kill()
    at = plant.position
    moves = plant.moves()
    gateway.is_acking = True
    gateway.clock = None
    site.lane.start()
    boot = until(
        lambda: next((e for e in gateway.events if e["kind"] == "boot" and e["boot"] != first), None), 20, "second boot"
    )
    assert boot["data"]["unclean"] == "moving" and boot["data"]["last_boot"] == first
    again = gateway.event("loop.on", boot=boot["boot"])
    assert again["data"] == {"loop": "arrival", "since": "boot"}
    numbered_without_gaps(gateway.events, first)
    assert boot["data"]["last_seq"] == max(e["seq"] for e in gateway.events if e["boot"] == first)
    seen = [e["boot"] for e in gateway.events]
    assert seen.index(boot["boot"]) > max(i for i, b in enumerate(seen) if b == first), "older boot first"
    time.sleep(2)
    assert plant.position == at and plant.moves() == moves, "no movement after the reset"
    until(lambda: gateway.states[-1]["barrier"] == "unknown", 5, "state unknown")
    until(lambda: gateway.clock is not None and gateway.boot == boot["boot"], 10, "clock of the new boot")
    command = gateway.command("raise", {"pass": again["pass"]})
    assert gateway.result_of(command, "done")
    assert plant.position == 1.0


@pytest.mark.requirement("X-01")
def test_orders_that_are_not_meant_now_move_nothing(site):
    gateway = site.start()
    plant = site.plant
    plant.set("loop_arrival", 1)
    on = gateway.event("loop.on")
    late = gateway.command("raise", {"pass": on["pass"]}, not_after_ms=max(0, gateway.lane_ms() - 500))
    assert gateway.result_of(late)["reason"] == "deadline.passed"
    other = gateway.command("raise", {"pass": on["boot"] + "-999"})
    assert gateway.result_of(other)["reason"] == "pass.other"
    boot = gateway.command("raise", {"pass": on["pass"]}, boot="ffff0000")
    assert gateway.result_of(boot)["reason"] == "boot.other"
    gateway.publish("command", b'{"v":1,"id":"01JD9Z5T3M2K8Q4W7R6X999999","op":"toggle"}')
    assert gateway.result_of("01JD9Z5T3M2K8Q4W7R6X999999")["reason"] == "malformed"
    for junk in (b"", b"{", b"\xff" * 700, b"[" * 900):
        gateway.publish("command", junk)
        gateway.publish("config", junk)
        gateway.publish("event/ack", junk)
    stop = gateway.command("stop")
    assert gateway.result_of(stop, "done"), "the lane still listens"
    again = gateway.command("stop", id=stop)
    until(
        lambda: [r["reason"] for r in gateway.results if r["id"] == again] == [None, None, "id.repeated"], 5, "repeat"
    )
    assert plant.moves() == []


def test_gateway_that_acknowledges_late_gets_everything_again(site):
    site.start_broker()
    gateway = site.start_gateway(is_acking=False)
    site.start_lane()
    site.wait_online()
    for _ in range(3):
        site.plant.press("cabinet", 0.2)
        time.sleep(0.2)
    gateway.event("cabinet.closed")
    until(lambda: len({e["seq"] for e in gateway.events if e["kind"] == "cabinet.closed"}) == 3, 5, "three")
    until(lambda: [e["seq"] for e in gateway.events].count(1) > 1, 25, "told again although the broker has them")
    site.broker.kill()
    site.broker.start()
    before = len(gateway.events)
    until(lambda: [e["seq"] for e in gateway.events[before:]].count(1) == 1, 30, "told again from the first event")
    gateway.ack(gateway.boot, max(e["seq"] for e in gateway.events))
    time.sleep(7)  # it puts the acknowledgement on flash every five seconds
    first, told = gateway.boot, len(gateway.events)
    site.lane.kill()
    site.lane.start()
    until(lambda: any(e["boot"] != first for e in gateway.events[told:]), 20, "the next boot")
    acked = [e["seq"] for e in gateway.events[told:] if e["boot"] == first and e["kind"].startswith("cabinet")]
    assert acked == [], "what was acknowledged before the power cut is not told again"


def test_a_mute_server_does_not_hold_up_the_lane(site):
    """TCP accepts and says nothing: the lane gives up in time, and its buttons work meanwhile."""
    server = socket.create_server(("127.0.0.1", site.port))
    accepted = []

    def accept():
        while True:
            try:
                accepted.append(server.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    site.start_lane()
    until(lambda: accepted, 15, "lane tries")
    site.plant.press_until("button_raise", lambda: site.plant.position == 1.0, 30, "raised")
    until(lambda: len(accepted) > 1, 40, "tries again")
    assert site.lane.process.poll() is None
    for conn in accepted:
        conn.close()
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    site.plant.press("button_lower")
    site.start_broker()
    site.start_gateway()
    site.wait_online(40)


def test_settings_are_applied_whole_or_refused_by_name(site):
    gateway = site.start()

    def send(version, **settings):
        gateway.publish("config", contract.encode("config", {"version": version, "settings": settings}), True)

    send(3, clear_ms=2000, travel_limit_ms=6000)
    assert gateway.event("config.applied")["data"] == {"version": 3}
    send(4, clear_ms=2500, travel_limit_ms=1)
    refused = gateway.event("config.refused")["data"]
    assert (refused["version"], refused["where"]) == (4, "travel_limit_ms") and "500 to 7500" in refused["allowed"]
    kept = json.loads((site.lane.folder / "config.json").read_text("utf-8"))
    assert kept["clear_ms"] == 2000 and kept["config_version"] == 3
    before = len(gateway.events)
    send(5, broker_host="127.0.0.2")
    assert gateway.event("config.refused", after=before)["data"]["where"] == "broker_host"


def test_every_question_of_a_technician_is_answered(site):
    gateway = site.start()
    for question in contract.QUESTIONS:
        ask = {"id": gateway.new_id(), "question": question, "args": {}}
        gateway.publish("diagnostics/request", contract.encode("diagnostics/request", ask))
        reply = until(lambda a=ask: next((r for r in gateway.replies if r["id"] == a["id"]), None), 20, question)
        assert reply["reason"] == ("arguments" if question in ("self_test", "drive") else None), reply
        assert reply["answer"] or question in ("faults", "check_settings")
    update = {"id": gateway.new_id(), "step": "abort"}
    gateway.publish("update", contract.encode("update", update))
    status = until(lambda: next((r for r in gateway.replies if r["id"] == update["id"]), None), 20, "update")
    assert (status["state"], status["reason"]) == ("refused", "unknown"), "there is no update of that name"


def test_bad_settings_are_refused_naming_key_value_and_allowed(site):
    site.start_broker()
    lane = site.start_lane(travel_limit_ms=99)
    assert lane.process.wait(10) == 2
    assert "key=travel_limit_ms" in lane.console() and "500 to 7500 (is 99)" in lane.console()
    assert site.plant.moves() == []
    lane = site.start_lane(colour="red")
    assert lane.process.wait(10) == 2
    assert "key=colour" in lane.console()


def test_orderly_reboot_is_a_clean_one(site):
    gateway = site.start()
    first = gateway.boot
    command = gateway.command("reboot", by="person:x")
    assert gateway.result_of(command, "done")
    until(lambda: site.lane.process.poll() is not None, 10, "board restarts")
    site.lane.kill()
    site.lane.start()
    boot = until(
        lambda: next((e for e in gateway.events if e["kind"] == "boot" and e["boot"] != first), None), 20, "boot"
    )
    assert boot["data"]["unclean"] is None and boot["data"]["cause"] == "soft"
    until(lambda: gateway.statuses[-1]["online"] and gateway.statuses[-1]["boot"] != first, 10, "status")


def test_last_will_says_offline(site):
    gateway = site.start()
    site.lane.kill()
    until(lambda: not gateway.statuses[-1]["online"], 20, "offline")


def test_silent_gateway_holds_and_shows_safe_text(site):
    gateway = site.start()
    until(lambda: gateway.states[-1]["gateway"] == "heard", 10, "heard")
    gateway.stop_speaking()
    gateway._client.publish(
        contract.topic(SITE, None, "gateway"), contract.encode("gateway", {"online": False, "at": None}), 1, True
    )
    until(lambda: gateway.states[-1]["gateway"] == "silent", 10, "silent")
    until(lambda: gateway.states[-1]["sign"] == "safe_text", 5, "safe text")
    site.plant.set("loop_arrival", 1)
    time.sleep(7)  # nobody names the vehicle in time
    assert site.plant.moves() == []
    assert "offline.decision" not in [e["kind"] for e in gateway.events], "nobody would make it durable"
    gateway.speak_again()
    decided = gateway.event("offline.decision", 15)["data"]
    assert decided == {"decision": "hold", "rule": "class", "class": "unknown", "age_min": 0, "list": 0}
    assert site.plant.moves() == []


def fall_silent(gateway):
    gateway.stop_speaking()
    gateway._client.publish(
        contract.topic(SITE, None, "gateway"), contract.encode("gateway", {"online": False, "at": None}), 1, True
    )
    until(lambda: gateway.states[-1]["gateway"] == "silent", 10, "silent")


def name_vehicle(gateway, plate):
    seen = {"plate": plate, "source": "camera", "confidence": 960, "at": None}
    gateway.publish("identity", contract.encode("identity", seen))


@pytest.mark.requirement("X-02", "X-03", "S0-73")
def test_with_the_gateway_silent_the_list_decides(site):
    """Listed: raised for and named in the journal. Refused: held and told so. Then the next list, by difference."""
    gateway = site.start()
    entries = {contract.identity_hash(True, "云D88888"): 1, contract.identity_hash(True, "云C56789"): 0}
    for message in offline_entries.messages(4, entries, base=None):
        gateway.publish("offline-list", contract.encode("offline-list", message))
    assert gateway.event("list.applied")["data"] == {"version": 4, "count": 2}
    until(lambda: gateway.statuses[-1]["list"] == 4, 5, "the list's version in status")
    fall_silent(gateway)
    site.plant.set("loop_arrival", 1)
    time.sleep(0.3)
    name_vehicle(gateway, "云C56789")
    time.sleep(1.5)
    assert site.plant.moves() == [], "refused"
    site.plant.set("loop_arrival", 0)
    until(lambda: gateway.states[-1]["passes"]["at_arm"] is None, 20, "it has left")
    site.plant.set("loop_arrival", 1)
    until(lambda: gateway.states[-1]["passes"]["at_arm"], 8, "the next one")
    time.sleep(0.5)
    name_vehicle(gateway, "云d·88888")
    until(lambda: site.plant.position == 1.0, 8, "raised for the listed one")
    drive_through(site.plant)
    until(lambda: site.plant.position == 0.0, 12, "closed behind it")
    gateway.speak_again()
    until(lambda: len([e for e in gateway.events if e["kind"] == "offline.decision"]) == 2, 15, "both decisions")
    refused, raised = [e["data"] for e in gateway.events if e["kind"] == "offline.decision"]
    assert (refused["decision"], refused["class"], refused["plate"], refused["list"]) == (
        "refuse",
        "refused",
        "云C56789",
        4,
    )
    assert (raised["decision"], raised["class"], raised["plate"], raised["rule"]) == (
        "raise",
        "heavy",
        "云D88888",
        "list",
    )
    until(lambda: len([e for e in gateway.events if e["kind"] == "pass.ended"]) == 2, 15, "both have ended")
    assert [e["data"]["by"] for e in gateway.events if e["kind"] == "pass.ended"] == ["lane", "lane"]
    assert [e["data"]["cause"] for e in gateway.events if e["kind"] == "barrier.opening"] == ["offline"]
    for message in offline_entries.messages(5, dict(list(entries.items())[1:]), base=(4, entries)):
        gateway.publish("offline-list", contract.encode("offline-list", message))
    until(lambda: gateway.statuses[-1]["list"] == 5, 8, "the difference")


def test_lane_of_the_test_is_a_lane_of_the_contract():
    assert contract.split_lane_id(LANE) == ("1", "01")
