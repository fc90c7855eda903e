"""The embedded broker as a program: how it starts, whom it refuses and what it says about it."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from broker_bench import BASE, LANES, ROOT, SITE, BrokerProcess, Client, eventually

from firmware.lane import contract
from gateway.adapters.broker import pki, serve
from gateway.adapters.broker.delivery import MAX_QUEUED, WINDOW, Delivery, Message

EVENT_1, COMMAND_1 = f"{BASE}/g1-b01/event", f"{BASE}/g1-b01/command"
NOT_AUTHORIZED = 135  # what paho makes of the CONNACK code 5
Make = Callable[..., Client]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    folder = tmp_path_factory.mktemp("broker")
    keys = pki.ensure_site_keys(folder / "keys", site_code=SITE, lanes=[*LANES, "g9-b99"])
    process = BrokerProcess("embedded", keys, folder)
    yield process
    process.end()


@pytest.fixture
def client(broker: BrokerProcess) -> Iterator[Make]:
    made: list[Client] = []

    def make(name: str, **options: Any) -> Client:
        made.append(Client(broker, name, **options))
        return made[-1]

    yield make
    for used in made:
        used.close()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.adapters.broker.serve", *arguments],
        capture_output=True, text=True, timeout=20, cwd=ROOT,
    )  # fmt: skip


def test_it_says_when_it_is_ready_and_ends_on_sigterm(tmp_path: Path) -> None:
    keys = pki.ensure_site_keys(tmp_path / "keys", site_code=SITE, lanes=LANES)
    process = BrokerProcess("embedded", keys, tmp_path)
    eventually(lambda: f"broker ready port={process.port}\n" in process.log, "the ready line")
    lane = Client(process, "g1-b01")
    lane.connect()
    assert process.end(signal.SIGTERM) == 0
    eventually(lane.gone.is_set, "the client is told")
    assert "Traceback" not in process.log
    lane.close()


@pytest.mark.parametrize("reads", [True, False])
def test_it_ends_in_time_in_the_middle_of_traffic(tmp_path: Path, reads: bool) -> None:
    process = BrokerProcess("embedded", pki.ensure_site_keys(tmp_path / "keys", site_code=SITE, lanes=LANES), tmp_path)
    gateway, lane = Client(process, "gateway"), Client(process, "g1-b01")
    gateway.connect()
    gateway.subscribe(f"{BASE}/+/event")
    lane.connect()
    if not reads:
        gateway.paho.loop_stop()
    for _ in range(800):
        lane.paho.publish(EVENT_1, b"x" * 500, qos=1)
    assert process.end(signal.SIGTERM) == 0
    assert "Traceback" not in process.log
    for each in (gateway, lane):
        each.cut()


def test_a_port_in_use_is_one_clear_sentence(broker: BrokerProcess) -> None:
    done = run("--port", str(broker.port), "--keys", str(broker.keys.folder), "--site", SITE)
    assert done.returncode == 1
    assert done.stderr == (
        f"broker cannot start: port {broker.port} on 127.0.0.1 is in use by another program; "
        "end it or set [broker] port in the site file\n"
    )


def test_a_damaged_certificate_is_one_clear_sentence(tmp_path: Path) -> None:
    keys = pki.ensure_site_keys(tmp_path, site_code=SITE, lanes=LANES)
    keys.crt("broker").write_text("not a certificate")
    done = run("--port", "0", "--keys", str(tmp_path), "--site", SITE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"broker cannot start: {keys.crt('broker')}: damaged, not a PEM certificate; restore it from a backup\n"
    )


def test_missing_and_unfitting_keys_are_named(tmp_path: Path) -> None:
    keys = pki.ensure_site_keys(tmp_path / "a", site_code=SITE, lanes=LANES)
    other = pki.ensure_site_keys(tmp_path / "b", site_code=SITE, lanes=LANES)
    keys.key("broker").write_bytes(other.key("broker").read_bytes())
    with pytest.raises(serve.BrokerStartError, match=r"broker\.crt and broker\.key are not a usable set"):
        serve.tls_context(keys)
    keys.key("broker").unlink()
    with pytest.raises(serve.BrokerStartError, match=r"broker\.key: missing"):
        serve.tls_context(keys)


@pytest.mark.requirement("X-39")
def test_each_refusal_is_logged_once_with_who_and_why(broker: BrokerProcess, client: Make, tmp_path: Path) -> None:
    foreign = pki.ensure_site_keys(tmp_path / "foreign", site_code=SITE, lanes=LANES)
    for _ in range(3):
        assert client("").attempt()[0] != 0
        assert client("g1-b01", keys=foreign).attempt()[0] != 0
        assert client("g9-b99").attempt()[0] == NOT_AUTHORIZED
        assert client("g1-b01", client_id="g1-b02").attempt()[0] == NOT_AUTHORIZED
        assert client("vision", will=(EVENT_1, b"x")).attempt()[0] == NOT_AUTHORIZED
        with socket.create_connection(("127.0.0.1", broker.port)) as plain:
            plain.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
            assert plain.recv(100) in (b"", b"\x15\x03\x01\x00\x02\x02F", b"\x15\x03\x03\x00\x02\x02F")
    reasons = [
        "no certificate",
        "certificate is not of this site's authority",
        "certificate CN=g9-b99 is not a lane of this site",
        "certificate CN=g1-b01 with client id 'g1-b02'",
        f"CN=vision may not leave a will on '{EVENT_1}'",
        "TLS handshake failed (WRONG_VERSION_NUMBER)",
    ]
    for reason in reasons:
        line = f"broker refused who=127.0.0.1 repeated=0 reason={reason}"
        eventually(lambda line=line: line in broker.log, line)
        assert broker.log.count(line) == 1
    assert "Traceback" not in broker.log


def test_a_certificate_of_another_site_of_the_same_authority_is_refused(
    broker: BrokerProcess, client: Make, tmp_path: Path
) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    stolen = pki.SiteKeys(tmp_path, SITE)
    key = pki._read_key(broker.keys.key("g1-b01"))
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "other"), x509.NameAttribute(NameOID.COMMON_NAME, "g1-b01")]
    )
    authority = x509.load_pem_x509_certificate(broker.keys.ca_crt.read_bytes())
    certificate = pki._builder(name, authority.subject, key.public_key()).sign(
        pki._read_key(broker.keys.key("ca")), hashes.SHA256()
    )
    stolen.crt("g1-b01").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    stolen.key("g1-b01").write_bytes(broker.keys.key("g1-b01").read_bytes())
    assert client("g1-b01", keys=stolen).attempt()[0] == NOT_AUTHORIZED
    eventually(lambda: "belongs to site 'other', this is '5303020007'" in broker.log, "the refusal is logged")


@pytest.mark.requirement("X-39")
def test_a_replaced_certificate_is_out_within_seconds(broker: BrokerProcess, client: Make, tmp_path: Path) -> None:
    stolen = pki.SiteKeys(tmp_path, SITE)
    for path in (stolen.crt("g1-b02"), stolen.key("g1-b02")):
        path.write_bytes((broker.keys.folder / path.name).read_bytes())
    thief = client("g1-b02", keys=stolen)
    thief.connect()
    pki.reissue(broker.keys.folder, site_code=SITE, name="g1-b02")
    replaced_s = time.monotonic()
    eventually(thief.gone.is_set, "the old certificate's connection is ended", 15)
    assert time.monotonic() - replaced_s < 60
    assert client("g1-b02", keys=stolen).attempt()[0] == NOT_AUTHORIZED
    client("g1-b02").connect()


@pytest.mark.requirement("X-39")
def test_vision_may_only_tell_identities(client: Make) -> None:
    gateway, lane, vision = client("gateway"), client("g1-b01"), client("vision")
    for each in (gateway, lane, vision):
        each.connect()
    gateway.subscribe(f"{BASE}/#")
    lane.subscribe(f"{BASE}/g1-b01/identity")
    for name in contract.NAMES:
        if name not in contract.SITE_NAMES:
            vision.publish(contract.topic(SITE, "g1-b01", name), b"seen")
            may_read = name == "state"  # which vehicle is at the arm, and whether the gateway is silent
            assert (vision.subscribe(contract.topic(SITE, "g1-b01", name)) == 128) != may_read
    eventually(lambda: lane.payloads() == [b"seen"], "the identity")
    assert {message.topic for message in gateway.received} == {f"{BASE}/g1-b01/identity"}


def test_nobody_can_leave_a_command_behind(client: Make) -> None:
    gateway = client("gateway")
    gateway.connect()
    gateway.publish(COMMAND_1, b"open", retain=True)
    lane = client("g1-b01")
    lane.connect()
    lane.subscribe(COMMAND_1)
    gateway.publish(COMMAND_1, b"live")
    eventually(lambda: lane.received, "the live command")
    assert [(message.payload, message.retain) for message in lane.received] == [(b"live", False)]


def test_several_clients_of_one_name_may_be_told_apart(client: Make) -> None:
    gateway, helper = client("gateway"), client("gateway", client_id="gateway/diagnose")
    gateway.connect()
    helper.connect()
    time.sleep(0.2)
    assert not gateway.gone.is_set()


def test_idle_and_broken_connections_do_no_harm(broker: BrokerProcess, client: Make) -> None:
    idle = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(30)]
    context = ssl.create_default_context(cafile=broker.keys.ca_crt)
    context.load_cert_chain(broker.keys.crt("g1-b01"), broker.keys.key("g1-b01"))
    rubbish = [b"\x00\x00", b"\x10\xff\xff\xff\x7f", b"\x10\x05\x00\x04MQT", b"\x30\x02\x00\x00", b"\xf0" * 40]
    for data in rubbish:
        with (
            socket.create_connection(("127.0.0.1", broker.port)) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as secured,
        ):
            secured.sendall(data)
    lane = client("g1-b01")
    lane.connect()
    for connection in idle:
        connection.close()
    assert "Traceback" not in broker.log


@pytest.mark.requirement("X-39")
def test_the_boards_interpreter_connects_with_its_own_certificate(broker: BrokerProcess, client: Make) -> None:
    interpreter = Path(sys.executable).with_name("micropython")
    if not interpreter.exists():
        pytest.skip("the MicroPython interpreter has no wheel for this machine")
    gateway = client("gateway")
    gateway.connect()
    gateway.subscribe(EVENT_1)
    publish = (
        b"\x32" + bytes([2 + len(EVENT_1) + 4]) + b"\x00" + bytes([len(EVENT_1)]) + EVENT_1.encode() + b"\x00\x07hi"
    )
    script = f"""
import asyncio, ssl
read = lambda name: open(name, "rb").read()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations(cadata=read("ca.der"))
context.load_cert_chain(read("g1-b01.crt.der"), read("g1-b01.key.der"))
async def main():
    r, w = await asyncio.open_connection("127.0.0.1", {broker.port}, ssl=context, server_hostname="gateway.local")
    w.write(b"\\x10\\x12\\x00\\x04MQTT\\x04\\x02\\x00\\x0f\\x00\\x06g1-b01")
    await w.drain()
    print(await r.readexactly(4))
    w.write({publish!r})
    await w.drain()
    print(await r.readexactly(4))
asyncio.run(main())
"""
    done = subprocess.run(
        [interpreter, "-c", script], cwd=broker.keys.folder, capture_output=True, text=True, timeout=20
    )
    assert done.stdout == "b' \\x02\\x00\\x00'\nb'@\\x02\\x00\\x07'\n", done.stdout + done.stderr
    eventually(lambda: gateway.payloads() == [b"hi"], "the event of the board")


# ---------------------------------------------------------------- deliveries, without a socket


async def test_a_client_that_never_acknowledges_holds_a_window_and_a_bounded_queue() -> None:
    delivery, sent = Delivery(), []

    async def send(packet: Any) -> None:
        sent.append(packet)

    sender = asyncio.create_task(delivery.run(send))
    accepted = [delivery.put(Message("t", b"x", 1, False)) for _ in range(MAX_QUEUED + 50)]
    await asyncio.sleep(0)
    assert (sum(accepted), delivery.dropped) == (MAX_QUEUED, 50)
    await asyncio.sleep(0)
    assert len(sent) == WINDOW
    delivery.acknowledge(sent[0].packet_id)
    delivery.acknowledge(9999)
    await asyncio.sleep(0.01)
    assert len(sent) == WINDOW + 1
    sender.cancel()


async def test_a_new_connection_repeats_what_was_in_flight_and_drops_old_quality_0() -> None:
    delivery, sent = Delivery(), []

    async def send(packet: Any) -> None:
        sent.append(packet)

    delivery.put(Message("a", b"1", 1, False))
    first = asyncio.create_task(delivery.run(send))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    delivery.put(Message("b", b"2", 0, False))
    delivery.put(Message("c", b"3", 1, False))
    delivery.forget_transient()
    second = asyncio.create_task(delivery.run(send))
    await asyncio.sleep(0.01)
    assert [(p.topic_name, p.packet_id, p.dup_flag) for p in sent] == [("a", 1, False), ("a", 1, True), ("c", 2, False)]
    second.cancel()
