"""What a technician may do at a broker: the embedded one and mosquitto with the files written for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from broker_bench import LANES, SITE, BrokerProcess, Client, eventually

from firmware.lane import contract
from gateway.adapters.broker import pki
from gateway.domain import technicians

LI, WU = "technician-li", "technician-wu"
LANE = LANES[0]


@pytest.fixture(params=["embedded", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BrokerProcess]:
    if request.param == "mosquitto" and not shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin"):
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
    keys = pki.ensure_site_keys(tmp_path / "keys", site_code=SITE, lanes=LANES, roles=("gateway", "vision", LI, WU))
    process = BrokerProcess(request.param, keys, tmp_path)
    yield process
    process.end()


@pytest.mark.requirement("X-32", "X-39")
def test_a_technician_asks_lanes_and_orders_in_his_own_name_only(broker: BrokerProcess):
    names = ("gateway", LI, WU, LANE, LANES[1])
    clients = {name: Client(broker, name) for name in names}
    for client in clients.values():
        client.connect()
    gateway, li, wu, lane, other = clients.values()
    order, answer = technicians.order_topic(SITE, LI), technicians.answer_topic(SITE, LI)
    request, reply = (contract.topic(SITE, LANE, f"diagnostics/{what}") for what in ("request", "reply"))
    command = contract.topic(SITE, LANE, "command")
    gateway.subscribe(technicians.order_topic(SITE, "+"), 0)
    for topic in (request, command):
        lane.subscribe(topic)
    for topic in (answer, reply, order):
        li.subscribe(topic)
        wu.subscribe(topic)
    li.publish(request, b"ask")
    li.publish(order, b"mine")
    for forbidden in (wu, lane, other):
        forbidden.publish(order, b"forged")
    for topic in (command, contract.topic(SITE, LANE, "config"), contract.topic(SITE, None, "gateway"), answer):
        li.publish(topic, b"not yours")
    lane.publish(reply, b"told")
    gateway.publish(answer, b"done")
    li.publish(order, b"last")
    eventually(lambda: gateway.payloads()[-1:] == [b"last"], "the gateway hears the technician")
    assert gateway.payloads() == [b"mine", b"last"]
    eventually(lambda: set(li.payloads()) == {b"told", b"done"}, "both answers")
    eventually(lambda: wu.payloads() == [b"told"], "a lane's reply is for every technician, an answer is not")
    assert lane.payloads() == [b"ask"]
    for client in clients.values():
        client.close()


def test_an_order_does_not_wait_for_a_gateway_that_is_away(broker: BrokerProcess):
    gateway, li = Client(broker, "gateway", is_clean=False), Client(broker, LI)
    gateway.connect()
    gateway.subscribe(technicians.order_topic(SITE, "+"), 0)
    gateway.close()
    li.connect()
    li.publish(technicians.order_topic(SITE, LI), b"raise", qos=0)
    li.publish(technicians.order_topic(SITE, LI), b"raise", qos=1)
    again = Client(broker, "gateway", is_clean=False)
    assert again.connect() is True
    again.subscribe(technicians.order_topic(SITE, "+"), 0)
    li.publish(technicians.order_topic(SITE, LI), b"now")
    eventually(lambda: again.payloads(), "the order of now")
    assert again.payloads() == [b"now"]
    li.close()
    again.close()
