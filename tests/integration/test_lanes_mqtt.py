"""The gateway's link to its lanes, through a real broker process that dies, freezes and comes back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from broker_bench import BASE, LANES, ROOT, SITE, BrokerProcess, Client, eventually

from firmware.lane import contract
from gateway.adapters.broker import pki
from gateway.adapters.lanes_mqtt import client as lanes_client
from gateway.adapters.lanes_mqtt import session as lanes_session
from gateway.adapters.lanes_mqtt.client import MqttLanes

BOOT = "0001a91c"
EVENT_1, STATE_1, COMMAND_1 = f"{BASE}/g1-b01/event", f"{BASE}/g1-b01/state", f"{BASE}/g1-b01/command"


class SystemClock:
    """Wall and elapsed time of this machine; `fails` makes the next reading of the wall raise."""

    fails = False

    def wall_ms(self) -> int:
        if self.fails:
            self.fails = False
            raise OverflowError("clock hardware")
        return int(time.time() * 1000)

    def mono_s(self) -> float:
        return time.monotonic()


class Desk:
    """Takes messages from MqttLanes and keeps them; marks events durable unless told not to."""

    def __init__(self, lanes: MqttLanes) -> None:
        self.lanes, self.got, self.links, self.keeps = lanes, [], [], True
        self.task: asyncio.Task[None] | None = None

    def run(self) -> None:
        self.task = asyncio.create_task(self._take())

    async def _take(self) -> None:
        async for message, done in self.lanes.messages():
            self.got.append(message)
            if self.keeps:
                done()

    def seqs(self) -> list[int]:
        return [message.payload["seq"] for message in self.got if message.topic == "event"]


async def soon(condition: Callable[[], Any], what: str, within_s: float = 8.0) -> Any:
    return await asyncio.to_thread(eventually, condition, what, within_s)


def event(seq: int) -> bytes:
    return contract.encode(
        "event",
        {"boot": BOOT, "seq": seq, "ms": seq * 10, "at": None, "sync": False, "kind": "loop.on",
         "pass": f"{BOOT}-{seq}", "data": {"loop": "arrival"}},
    )  # fmt: skip


def telemetry(ms: int) -> bytes:
    message = {name: 0 for name in ("free_bytes", "loop_p50_us", "loop_max_us", "journal", "cycles")}
    link = {name: 0 for name in ("connects", "sent", "resent", "dropped", "refused", "malformed")}
    return contract.encode(
        "telemetry",
        {**message, "boot": BOOT, "ms": ms, "at": None, "temperature_dc": None, "supply_mv": None, "link": link},
    )


def raise_command(not_after_ms: int, ulid_end: str = "A") -> dict[str, Any]:
    return {
        "id": "01JD9Z5T3M2K8Q4W7R6X0Y1AB" + ulid_end, "op": "raise", "args": {"pass": f"{BOOT}-1"}, "boot": BOOT,
        "not_after_ms": not_after_ms, "at": None, "by": "policy", "why": "allowed",
    }  # fmt: skip


@pytest.fixture(scope="module")
def module_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    folder = tmp_path_factory.mktemp("lanes")
    keys = pki.ensure_site_keys(folder / "keys", site_code=SITE, lanes=[*LANES, "g9-b99"])
    process = BrokerProcess("embedded", keys, folder, [*LANES, "g9-b99"])
    yield process
    process.end(signal.SIGKILL)


@pytest.fixture
def broker(module_broker: BrokerProcess) -> BrokerProcess:
    """A running broker that remembers nothing, whatever the test before did to it."""
    if not module_broker.is_running():
        module_broker.start()
    for name, topics in (
        ("gateway", [f"{BASE}/gateway", f"{BASE}/g1-b01/config"]),
        ("g1-b01", [STATE_1]),
        ("g1-b02", []),
    ):
        wiper = Client(module_broker, name)
        wiper.connect()
        for topic in topics:
            wiper.publish(topic, b"", retain=True)
        wiper.close()
    return module_broker


@pytest.fixture
async def make_desk(broker: BrokerProcess) -> AsyncIterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(**options: Any) -> Desk:
        keys = broker.keys
        links: list[tuple[bool, str]] = []
        lanes = MqttLanes(
            host="127.0.0.1", port=broker.port, ca_crt=keys.ca_crt, crt=keys.crt("gateway"), key=keys.key("gateway"),
            site=SITE, lanes=LANES, on_link=lambda is_up, reason: links.append((is_up, reason)),
            **{"clock": SystemClock(), "deciding_is_alive": lambda: True, **options},
        )  # fmt: skip
        made.append(Desk(lanes))
        made[-1].links = links
        lanes.start(asyncio.get_running_loop())
        made[-1].run()
        return made[-1]

    yield make
    for desk in made:
        await asyncio.to_thread(desk.lanes.stop)
        if desk.task is not None:
            desk.task.cancel()


@pytest.fixture
def lane(broker: BrokerProcess) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(name: str = "g1-b01", **options: Any) -> Client:
        made.append(Client(broker, name, **options))
        made[-1].connect()
        return made[-1]

    yield make
    for each in made:
        each.close()


Make = Callable[..., Any]


def says_online(client: Client) -> list[tuple[bool, bool]]:
    """(online, retained) of every `gateway` message that a lane received."""
    return [
        (contract.decode("gateway", message.payload)["online"], message.retain)
        for message in list(client.received)
        if message.topic == f"{BASE}/gateway"
    ]


async def test_a_broker_that_is_away_at_the_start_is_normal(broker: BrokerProcess, make_desk: Make, lane: Make) -> None:
    broker.end(signal.SIGKILL)
    desk = make_desk()
    await soon(lambda: desk.lanes.stats()["ends"] >= 2, "two failed attempts")
    assert not desk.lanes.stats()["is_up"]
    broker.start()
    await soon(lambda: desk.lanes.stats()["is_up"], "link up")
    sender = lane()
    await asyncio.to_thread(sender.publish, EVENT_1, event(1))
    await soon(lambda: desk.seqs() == [1], "the event")
    assert desk.links[0][0] is False and desk.links[-1] == (True, "")


async def test_after_a_broker_was_killed_everything_is_said_and_heard_again(
    broker: BrokerProcess, make_desk: Make, lane: Make
) -> None:
    desk = make_desk()
    await soon(lambda: desk.lanes.stats()["is_up"], "link up")
    desk.lanes.publish_config("g1-b01", {"version": 7, "settings": {"debounce_ms": 30}})
    desk.lanes.acknowledge("g1-b01", BOOT, 41)
    for number in (signal.SIGKILL, signal.SIGTERM):
        connects = desk.lanes.stats()["connects"]
        await asyncio.to_thread(broker.end, number)
        await asyncio.to_thread(broker.start)
        board = await asyncio.to_thread(lane)
        for name in ("gateway", "time"):
            await asyncio.to_thread(board.subscribe, f"{BASE}/{name}")
        for name in ("config", "event/ack"):
            await asyncio.to_thread(board.subscribe, f"{BASE}/g1-b01/{name}")
        await soon(lambda before=connects: desk.lanes.stats()["connects"] > before, "link up again")
        await soon(lambda board=board: says_online(board) and says_online(board)[-1][0], "online again")
        config = await soon(
            lambda board=board: [m for m in list(board.received) if m.topic.endswith("/config")], "config again"
        )
        assert contract.decode("config", config[0].payload)["settings"] == {"debounce_ms": 30}
        await asyncio.to_thread(board.publish, EVENT_1, event(int(number)))
        await soon(lambda number=number: int(number) in desk.seqs(), "resubscribed")


async def test_a_gateway_that_dies_is_told_to_the_lanes_by_its_will_and_one_that_stops_says_so(
    broker: BrokerProcess, make_desk: Make, lane: Make
) -> None:
    board = await asyncio.to_thread(lane)
    await asyncio.to_thread(board.subscribe, f"{BASE}/gateway")
    other = await asyncio.to_thread(start_gateway_process, broker)
    await soon(lambda: says_online(board) == [(True, False)], "online")
    other.kill()
    await soon(lambda: says_online(board)[-1] == (False, False), "the will")
    desk = make_desk()
    await soon(lambda: says_online(board)[-1][0], "online again")
    await asyncio.to_thread(desk.lanes.stop)
    await soon(lambda: not says_online(board)[-1][0], "offline, said by itself")
    late = await asyncio.to_thread(lane, "g1-b02")
    await asyncio.to_thread(late.subscribe, f"{BASE}/gateway")
    await soon(lambda: says_online(late) == [(False, True)], "offline is what is kept")


def start_gateway_process(broker: BrokerProcess) -> subprocess.Popen[str]:
    """A gateway that receives events and never makes them durable."""
    script = f"""
import asyncio, time
from pathlib import Path
from gateway.adapters.lanes_mqtt.client import MqttLanes
class Clock:
    wall_ms = staticmethod(lambda: int(time.time() * 1000))
    mono_s = staticmethod(time.monotonic)
async def main():
    keys = Path({str(broker.keys.folder)!r})
    lanes = MqttLanes(host="127.0.0.1", port={broker.port}, ca_crt=keys / "ca.crt", crt=keys / "gateway.crt",
        key=keys / "gateway.key", site={SITE!r}, lanes={LANES!r}, clock=Clock(), deciding_is_alive=lambda: True,
        on_link=lambda is_up, reason: print("up" if is_up else "down", flush=True))
    lanes.start(asyncio.get_running_loop())
    async for message, done in lanes.messages():
        print(message.topic, message.payload.get("seq"), flush=True)
asyncio.run(main())
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


async def test_an_event_that_was_not_durable_when_the_gateway_crashed_comes_again(
    broker: BrokerProcess, make_desk: Make, lane: Make
) -> None:
    crashing = await asyncio.to_thread(start_gateway_process, broker)
    board = await asyncio.to_thread(lane)
    for seq in (1, 2, 3):
        await asyncio.to_thread(board.publish, EVENT_1, event(seq))
    assert crashing.stdout is not None
    for seq in (1, 2, 3):
        assert await asyncio.to_thread(crashing.stdout.readline) == f"event {seq}\n"
    crashing.kill()
    desk = make_desk()
    await soon(lambda: desk.seqs() == [1, 2, 3], "all three again, in order")
    await asyncio.to_thread(desk.lanes.stop)
    third = make_desk()
    await soon(lambda: third.lanes.stats()["is_up"], "link up")
    await asyncio.to_thread(board.publish, EVENT_1, event(4))
    await soon(lambda: third.seqs(), "the next event")
    assert third.seqs() == [4]


async def test_events_not_made_durable_never_stop_the_other_messages(make_desk: Make, lane: Make) -> None:
    desk = make_desk()
    desk.keeps = False
    await soon(lambda: desk.lanes.stats()["is_up"], "link up")
    board = await asyncio.to_thread(lane)
    for seq in range(1, 16):
        board.paho.publish(EVENT_1, event(seq), qos=1)
    await asyncio.to_thread(board.publish, f"{BASE}/g1-b01/telemetry", telemetry(5000), qos=0)
    await soon(lambda: any(m.topic == "telemetry" for m in desk.got), "telemetry")
    assert desk.seqs() == list(range(1, 16))


async def test_messages_that_break_the_contract_are_counted_and_never_in_the_way(
    broker: BrokerProcess, make_desk: Make, lane: Make
) -> None:
    desk = make_desk()
    await soon(lambda: desk.lanes.stats()["is_up"], "link up")
    board, stranger = await asyncio.to_thread(lane), await asyncio.to_thread(lane, "g9-b99")
    wrong_version = json.dumps({**json.loads(event(2)), "v": 9}).encode()
    bad = [b"", b"\xff\xfe", b"[1]", b"{", b"x" * 1500, wrong_version, event(3).replace(b"loop.on", b"loop.up")]
    for data in bad:
        await asyncio.to_thread(board.publish, EVENT_1, data)
    await asyncio.to_thread(stranger.publish, f"{BASE}/g9-b99/event", event(5))
    await asyncio.to_thread(board.publish, EVENT_1, event(6))
    await soon(lambda: desk.seqs() == [6], "the good one")
    stats = desk.lanes.stats()
    assert stats["refused"] == len(bad) + 1
    expected = {"malformed": 4, "oversized": 1, "version": 1, "unknown_kind": 1, "topic": 1}
    assert stats["refused_reasons"] == expected
    assert stats["refusals"][-1]["topic"] == f"{BASE}/g9-b99/event"
    assert "a lane of the configuration" in stats["refusals"][-1]["detail"]
    assert (stats["ends"], stats["is_up"]) == (0, True)
    await asyncio.to_thread(desk.lanes.stop)  # and they were acknowledged: none of them comes again
    again = make_desk()
    await soon(lambda: again.lanes.stats()["is_up"], "link up")
    await asyncio.to_thread(board.publish, EVENT_1, event(7))
    await soon(lambda: again.seqs() == [7], "the next")
    assert again.lanes.stats()["refused"] == 0


async def test_an_unexpected_fault_ends_one_connection_and_not_the_link(make_desk: Make, lane: Make) -> None:
    clock = SystemClock()
    desk = make_desk(clock=clock)
    await soon(lambda: desk.lanes.stats()["is_up"], "link up")
    board = await asyncio.to_thread(lane)
    clock.fails = True
    await asyncio.to_thread(board.publish, EVENT_1, event(1))
    await soon(lambda: desk.seqs() == [1], "the event, after a reconnect")
    assert desk.lanes.stats()["unexpected"] == 1
    assert (False, "unexpected OverflowError: clock hardware") in desk.links


async def test_a_command_whose_moment_passed_while_the_broker_was_away_is_never_sent(
    broker: BrokerProcess, make_desk: Make, lane: Make
) -> None:
    desk = make_desk()
    await soon(lambda: desk.lanes.stats()["is_up"], "link up")
    board = await asyncio.to_thread(lane)
    await asyncio.to_thread(board.publish, f"{BASE}/g1-b01/telemetry", telemetry(100_000), qos=0)
    await soon(lambda: desk.lanes.lane_clock("g1-b01").lane_ms_at(time.monotonic()), "the lane's clock")
    broker.end(signal.SIGKILL)
    await soon(lambda: not desk.lanes.stats()["is_up"], "link down")
    now_ms = desk.lanes.lane_clock("g1-b01").lane_ms_at(time.monotonic())
    desk.lanes.send_command("g1-b01", raise_command(now_ms + 200, "A"))
    await asyncio.sleep(0.3)
    broker.start()
    board = await asyncio.to_thread(lane)
    await asyncio.to_thread(board.subscribe, COMMAND_1)
    await soon(lambda: desk.lanes.stats()["stale"] == 1, "the stale command was dropped")
    now_ms = desk.lanes.lane_clock("g1-b01").lane_ms_at(time.monotonic())
    desk.lanes.send_command("g1-b01", raise_command(now_ms + 3000, "B"))
    await soon(lambda: board.received, "the fresh command")
    assert [contract.decode("command", m.payload)["id"][-1] for m in board.received] == ["B"]


async def test_a_command_in_flight_when_the_broker_froze_is_not_repeated_after_its_moment(
    monkeypatch: pytest.MonkeyPatch, broker: BrokerProcess, make_desk: Make, lane: Make
) -> None:
    monkeypatch.setattr(lanes_session, "KEEP_ALIVE_S", 1)
    desk = make_desk()
    await soon(lambda: desk.lanes.stats()["is_up"], "link up")
    assert broker.process is not None
    broker.process.send_signal(signal.SIGSTOP)
    desk.lanes.send_command("g1-b01", raise_command(3000))
    frozen_s = time.monotonic()
    await soon(lambda: not desk.lanes.stats()["is_up"], "the half-open connection is noticed")
    await asyncio.sleep(max(0.0, 3.2 - (time.monotonic() - frozen_s)))
    broker.end(signal.SIGKILL)
    broker.start()
    board = await asyncio.to_thread(lane)
    await asyncio.to_thread(board.subscribe, COMMAND_1)
    await soon(lambda: desk.lanes.stats()["is_up"], "link up again")
    await asyncio.sleep(0.3)
    assert board.received == []
    assert desk.lanes.stats()["stale"] == 1


async def test_a_command_is_never_retained_and_a_bad_one_is_refused_at_once(make_desk: Make, lane: Make) -> None:
    desk = make_desk()
    await soon(lambda: desk.lanes.stats()["is_up"], "link up")
    board = await asyncio.to_thread(lane)
    await asyncio.to_thread(board.subscribe, COMMAND_1)
    desk.lanes.send_command("g1-b01", raise_command(3000))
    await soon(lambda: board.received, "the command")
    assert (board.received[0].retain, board.received[0].qos) == (False, 1)
    later = await asyncio.to_thread(lane)
    await asyncio.to_thread(later.subscribe, COMMAND_1)
    await asyncio.sleep(0.2)
    assert later.received == []
    with pytest.raises(contract.ContractError, match="unknown_op"):
        desk.lanes.send_command("g1-b01", {**raise_command(3000), "op": "toggle"})
    with pytest.raises(KeyError):
        desk.lanes.send_command("g9-b99", raise_command(3000))


async def test_time_is_told_only_while_the_deciding_process_lives(
    monkeypatch: pytest.MonkeyPatch, make_desk: Make, lane: Make
) -> None:
    monkeypatch.setattr(contract, "TIME_EVERY_S", 0.2)
    alive = [True]
    desk = make_desk(deciding_is_alive=lambda: alive[0])
    board = await asyncio.to_thread(lane)
    await asyncio.to_thread(board.subscribe, f"{BASE}/time")
    await soon(lambda: len(board.received) >= 3, "time, again and again")
    at_ms = contract.time_to_ms(contract.decode("time", board.received[-1].payload)["at"])
    assert abs(at_ms - time.time() * 1000) < 2000
    assert {message.qos for message in board.received} == {0}
    alive[0] = False
    await soon(lambda: desk.lanes.stats()["time_withheld"] >= 1, "time withheld")
    board.received.clear()
    await asyncio.sleep(0.7)
    assert board.received == []
    alive[0] = True
    await soon(lambda: board.received, "time again")


async def test_two_gateways_with_one_name_survive_each_other(make_desk: Make, lane: Make) -> None:
    first = make_desk()
    await soon(lambda: first.lanes.stats()["is_up"], "first up")
    second = make_desk()
    await soon(lambda: first.lanes.stats()["ends"] >= 1 and second.lanes.stats()["connects"], "taken over")
    await asyncio.to_thread(second.lanes.stop)
    await soon(lambda: first.lanes.stats()["is_up"], "the first one is back", 15)
    board = await asyncio.to_thread(lane)
    await asyncio.to_thread(board.publish, EVENT_1, event(9))
    await soon(lambda: 9 in first.seqs() + second.seqs(), "the event")


async def test_a_desk_that_takes_nothing_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, make_desk: Make, lane: Make
) -> None:
    monkeypatch.setattr(lanes_client, "MAX_WAITING", 5)
    monkeypatch.setattr(lanes_session, "BACK_OFF_S", (0.1, 0.5))
    desk = make_desk()
    assert desk.task is not None
    desk.task.cancel()
    await soon(lambda: desk.lanes.stats()["is_up"], "link up")
    board = await asyncio.to_thread(lane)
    for seq in range(1, 13):
        await asyncio.to_thread(board.publish, EVENT_1, event(seq))
    await soon(lambda: desk.lanes.stats()["overrun"] >= 1, "overrun noticed")
    desk.run()
    await soon(lambda: set(desk.seqs()) == set(range(1, 13)), "every event, some of them twice", 15)


async def test_the_lanes_clock_is_learnt_from_live_messages_only(make_desk: Make, lane: Make) -> None:
    board = await asyncio.to_thread(lane)
    state = {
        "boot": BOOT, "seq": 0, "ms": 5, "at": None, "sync": False, "barrier": "closed", "mode": "automatic",
        "passes": {"at_arm": None, "waiting": None}, "inputs": {}, "faults": [], "alarm": "off", "sign": "off",
        "gateway": "heard",
    }  # fmt: skip
    await asyncio.to_thread(board.publish, STATE_1, contract.encode("state", state), retain=True)
    desk = make_desk()
    await soon(lambda: [m.is_retained for m in desk.got] == [True], "the retained state")
    clock = desk.lanes.lane_clock("g1-b01")
    assert clock.lane_ms_at(time.monotonic()) is None
    await asyncio.to_thread(board.publish, STATE_1, contract.encode("state", {**state, "ms": 70_000}), retain=True)
    await soon(lambda: len(desk.got) == 2, "the live state")
    lane_ms = clock.lane_ms_at(time.monotonic())
    assert lane_ms is not None and 70_000 <= lane_ms < 72_000
    at_ms, error_ms = clock.wall_of(BOOT, 70_000) or (0, 0)
    assert abs(at_ms - time.time() * 1000) < 2000 + error_ms
