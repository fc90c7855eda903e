"""What MQTT 3.1.1 and the lane contract ask of any broker, asked of the embedded one and mosquitto.

amqtt 0.12.1 as it comes, given the same table of rights, fails ten of these twenty; mosquitto 2.0.11 fails none.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_bench import BASE, LANES, SITE, BrokerProcess, Client, eventually

from gateway.adapters.broker import pki

EVENT_1, STATE_1, COMMAND_1 = f"{BASE}/g1-b01/event", f"{BASE}/g1-b01/state", f"{BASE}/g1-b01/command"
STATE_2, COMMAND_2 = f"{BASE}/g1-b02/state", f"{BASE}/g1-b02/command"
STATUS_1, GATEWAY = f"{BASE}/g1-b01/status", f"{BASE}/gateway"


@pytest.fixture(scope="module", params=["embedded", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    if request.param == "mosquitto" and not shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin"):
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
    folder = tmp_path_factory.mktemp(request.param)
    keys = pki.ensure_site_keys(folder / "keys", site_code=SITE, lanes=LANES)
    process = BrokerProcess(request.param, keys, folder)
    yield process
    process.end()


@pytest.fixture
def client(broker: BrokerProcess) -> Iterator[Callable[..., Client]]:
    """Makes clients; afterwards closes them and wipes their sessions and retained messages."""
    made: list[Client] = []

    def make(name: str, **options: Any) -> Client:
        made.append(Client(broker, name, **options))
        return made[-1]

    yield make
    for used in made:
        used.close()
    for name, topics in (("gateway", [GATEWAY]), ("g1-b01", [STATE_1, STATUS_1]), ("g1-b02", [STATE_2])):
        wiper = Client(broker, name)
        wiper.connect()
        for topic in topics:
            wiper.publish(topic, b"", retain=True)
        wiper.close()


Make = Callable[..., Client]


def test_a_client_without_a_certificate_is_refused_and_disturbs_nobody(client: Make) -> None:
    lane = client("g1-b01", is_clean=False)
    lane.connect()
    lane.subscribe(COMMAND_1)
    for is_clean in (True, False):
        assert client("", client_id="g1-b01", is_clean=is_clean).attempt()[0] != 0
    gateway = client("gateway")
    gateway.connect()
    gateway.publish(COMMAND_1, b"still there")
    eventually(lambda: lane.payloads() == [b"still there"], "the lane hears its command")
    assert not lane.gone.is_set()


@pytest.mark.requirement("X-39")
def test_a_certificate_of_another_authority_is_refused(client: Make, tmp_path: Path) -> None:
    foreign = pki.ensure_site_keys(tmp_path, site_code=SITE, lanes=LANES)
    assert client("g1-b01", keys=foreign).attempt()[0] != 0
    assert client("gateway", keys=foreign).attempt()[0] != 0


def test_a_lane_comes_back_to_its_session_and_gets_what_waited_without_the_retain_flag(client: Make) -> None:
    lane = client("g1-b01", is_clean=False)
    assert lane.connect() is False
    lane.subscribe(COMMAND_1)
    lane.close()
    gateway = client("gateway")
    gateway.connect()
    gateway.publish(COMMAND_1, b"one")
    gateway.publish(COMMAND_1, b"two")
    again = client("g1-b01", is_clean=False)
    assert again.connect() is True
    eventually(lambda: again.payloads() == [b"one", b"two"], "both queued messages")
    assert [message.retain for message in again.received] == [False, False]


def test_a_message_of_quality_0_does_not_wait_for_anybody(client: Make) -> None:
    lane = client("g1-b01", is_clean=False)
    lane.connect()
    lane.subscribe(f"{BASE}/time", 1)
    lane.subscribe(COMMAND_1)
    lane.close()
    gateway = client("gateway")
    gateway.connect()
    gateway.publish(f"{BASE}/time", b"old", qos=0)
    gateway.publish(COMMAND_1, b"marker")
    again = client("g1-b01", is_clean=False)
    again.connect()
    eventually(lambda: again.payloads(), "the marker")
    assert again.payloads() == [b"marker"]


@pytest.mark.parametrize(("published", "subscribed"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_delivered_quality_is_the_lower_of_both(client: Make, published: int, subscribed: int) -> None:
    lane, gateway = client("g1-b01"), client("gateway")
    lane.connect()
    gateway.connect()
    assert lane.subscribe(COMMAND_1, subscribed) == subscribed
    gateway.publish(COMMAND_1, b"x", qos=published)
    eventually(lambda: lane.received, "the message")
    assert lane.received[0].qos == min(published, subscribed)


@pytest.mark.requirement("X-39")
def test_retained_messages_of_other_lanes_never_leak(client: Make) -> None:
    gateway, second = client("gateway"), client("g1-b02")
    gateway.connect()
    gateway.subscribe(f"{BASE}/+/state")
    second.connect()
    second.publish(STATE_2, b"private", retain=True)
    gateway.publish(GATEWAY, b"for all", retain=True)
    for is_clean in (True, False, False):
        lane = client("g1-b01", is_clean=is_clean)
        lane.connect()
        assert lane.subscribe(GATEWAY) == 1
        lane.subscribe(STATE_2)
        lane.subscribe(COMMAND_2)
        lane.subscribe("#")
        second.publish(STATE_2, b"private too", retain=True)
        gateway.publish(COMMAND_2, b"not yours")
        gateway.publish(GATEWAY, b"end")
        eventually(lambda lane=lane: b"end" in lane.payloads(), "the shared topic")
        assert {message.topic for message in lane.received} == {GATEWAY}
        lane.close()


def test_retained_comes_with_its_flag_on_subscribing_and_live_without(client: Make) -> None:
    lane, gateway = client("g1-b01"), client("gateway")
    lane.connect()
    lane.publish(STATE_1, b"kept", retain=True)
    gateway.connect()
    gateway.subscribe(f"{BASE}/+/state")
    eventually(lambda: gateway.payloads() == [b"kept"], "the retained state")
    lane.publish(STATE_1, b"live", retain=True)
    eventually(lambda: gateway.payloads() == [b"kept", b"live"], "the live state")
    assert [message.retain for message in gateway.received] == [True, False]


def test_an_empty_retained_message_clears_the_topic(client: Make) -> None:
    lane, gateway = client("g1-b01"), client("gateway")
    lane.connect()
    lane.publish(STATE_1, b"kept", retain=True)
    lane.publish(STATE_1, b"", retain=True)
    gateway.connect()
    gateway.subscribe(STATE_1)
    lane.publish(STATE_1, b"live")
    eventually(lambda: gateway.payloads(), "the live message")
    assert gateway.payloads() == [b"live"]


@pytest.mark.parametrize("is_clean", [True, False])
def test_the_second_client_of_one_id_takes_over_and_hears_everything(client: Make, is_clean: bool) -> None:
    first = client("g1-b01", is_clean=is_clean)
    first.connect()
    first.subscribe(COMMAND_1)
    second = client("g1-b01", is_clean=is_clean)
    second.connect()
    second.subscribe(COMMAND_1)
    eventually(first.gone.is_set, "the first one is disconnected")
    gateway = client("gateway")
    gateway.connect()
    gateway.publish(COMMAND_1, b"to the new one")
    eventually(lambda: second.payloads() == [b"to the new one"], "the new connection hears it")
    assert first.payloads() == []
    assert not second.gone.is_set()


def test_what_was_not_acknowledged_comes_again_with_the_duplicate_flag(client: Make) -> None:
    desk = client("gateway", is_clean=False, acknowledges=False)
    desk.connect()
    desk.subscribe(f"{BASE}/+/event")
    lane = client("g1-b01")
    lane.connect()
    for text in (b"1", b"2", b"3"):
        lane.publish(EVENT_1, text)
    eventually(lambda: desk.payloads() == [b"1", b"2", b"3"], "all three, unacknowledged")
    desk.paho.ack(desk.received[0].mid, 1)
    time.sleep(0.2)
    desk.cut()
    again = client("gateway", is_clean=False)
    assert again.connect() is True
    eventually(lambda: again.payloads() == [b"2", b"3"], "the unacknowledged two, in order")
    assert [message.dup for message in again.received] == [True, True]


def test_the_last_will_follows_what_was_said_before_the_cable_was_pulled(client: Make) -> None:
    gateway = client("gateway")
    gateway.connect()
    gateway.subscribe(f"{BASE}/+/status")
    lane = client("g1-b01", will=(STATUS_1, b"offline"))
    lane.connect()
    lane.publish(STATUS_1, b"online", retain=True)
    lane.cut()
    eventually(lambda: gateway.payloads() == [b"online", b"offline"], "online, then the will")
    late = client("gateway")
    late.connect()
    late.subscribe(STATUS_1)
    eventually(lambda: late.payloads() == [b"offline"], "the will was retained")


def test_an_orderly_goodbye_sends_no_will(client: Make) -> None:
    gateway = client("gateway")
    gateway.connect()
    gateway.subscribe(f"{BASE}/+/status")
    lane = client("g1-b01", will=(STATUS_1, b"offline"))
    lane.connect()
    lane.publish(STATUS_1, b"bye", retain=True)
    lane.close()
    time.sleep(0.3)
    assert gateway.payloads() == [b"bye"]


def test_a_client_that_falls_silent_is_noticed(client: Make) -> None:
    gateway = client("gateway")
    gateway.connect()
    gateway.subscribe(f"{BASE}/+/status")
    lane = client("g1-b01", will=(STATUS_1, b"offline"), keep_alive_s=1)
    lane.connect()
    lane.paho.loop_stop()  # the socket stays open, nothing is sent any more
    eventually(lambda: gateway.payloads() == [b"offline"], "the will of the silent client", 12)


def test_a_lane_publishes_only_its_own_rows(client: Make) -> None:
    gateway, lane = client("gateway"), client("g1-b01")
    gateway.connect()
    gateway.subscribe(f"{BASE}/#")
    lane.connect()
    forbidden = [f"{BASE}/g1-b02/event", COMMAND_1, COMMAND_2, GATEWAY, f"{BASE}/time", "lvzha/v1/9/g1-b01/event"]
    for topic in forbidden:
        lane.paho.publish(topic, b"forged", qos=1)
    lane.publish(EVENT_1, b"own")
    eventually(lambda: b"own" in gateway.payloads(), "the lane's own event")
    assert gateway.payloads() == [b"own"]


def test_five_hundred_messages_arrive_once_and_in_order(client: Make) -> None:
    gateway, lane = client("gateway"), client("g1-b01")
    gateway.connect()
    gateway.subscribe(EVENT_1)
    lane.connect()
    for number in range(500):
        lane.paho.publish(EVENT_1, str(number), qos=1)
    eventually(lambda: len(gateway.received) >= 500, "all 500", 20)
    assert gateway.payloads() == [str(number).encode() for number in range(500)]


@pytest.mark.requirement("X-39")
def test_an_oversized_packet_ends_only_its_own_connection(client: Make) -> None:
    gateway, lane, second = client("gateway"), client("g1-b01"), client("g1-b02")
    for each in (gateway, lane, second):
        each.connect()
    gateway.subscribe(f"{BASE}/+/state")
    lane.paho.publish(STATE_1, b"x" * 200_000, qos=1)
    eventually(lane.gone.is_set, "the sender is disconnected")
    second.publish(STATE_2, b"small")
    eventually(lambda: gateway.payloads() == [b"small"], "others go on")
