"""A real broker process over TLS and paho clients to question it; used by the broker and lanes_mqtt tests."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from gateway.adapters.broker import pki
from gateway.adapters.broker.access import Access
from gateway.adapters.broker.mosquitto import write_mosquitto_files

ROOT = Path(pki.__file__).parents[3]
SITE = "5303020007"
LANES = ["g1-b01", "g1-b02"]
BASE = f"lvzha/v1/{SITE}"
WAIT_S = 8.0


def eventually(condition: Callable[[], Any], what: str, within_s: float = WAIT_S) -> Any:
    """The first true value of condition; a failure says what was waited for."""
    until = time.monotonic() + within_s
    while True:
        if value := condition():
            return value
        assert time.monotonic() < until, f"after {within_s} s still not: {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class BrokerProcess:
    """The embedded broker or mosquitto on a fixed port, so that it can die and come back."""

    def __init__(self, kind: str, keys: pki.SiteKeys, folder: Path, lanes: list[str] = LANES) -> None:
        self.kind, self.keys, self.lanes, self.port = kind, keys, lanes, free_port()
        self._log_path = folder / f"{kind}-{self.port}.log"
        self._command = [sys.executable, "-m", "gateway.adapters.broker.serve", "--port", str(self.port)]
        self._command += ["--keys", str(keys.folder), "--site", SITE, *(f"--lane={lane}" for lane in lanes)]
        if kind == "mosquitto":
            path = write_mosquitto_files(
                folder, Access(keys, SITE, lanes), host="127.0.0.1", port=self.port, run_as="root"
            )
            self._command = [shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") or "mosquitto"]
            self._command += ["-c", str(path)]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def log(self) -> str:
        return self._log_path.read_text()

    def start(self) -> None:
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)}
            )
        eventually(self._is_listening, f"{self.kind} listening", 20)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _is_listening(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(10)


class Client:
    """A paho client that keeps what it receives. With acknowledges=False it takes messages and never says so."""

    def __init__(
        self,
        broker: BrokerProcess,
        name: str,
        *,
        client_id: str | None = None,
        keys: pki.SiteKeys | None = None,
        is_clean: bool = True,
        acknowledges: bool = True,
        will: tuple[str, bytes] | None = None,
        keep_alive_s: int = 30,
    ) -> None:
        self.broker, self.name = broker, name
        self.received: list[mqtt.MQTTMessage] = []
        self.answers: queue.Queue[tuple[int, bool]] = queue.Queue()
        self.granted: queue.Queue[list[int]] = queue.Queue()
        self.gone = threading.Event()
        self._keep_alive_s = keep_alive_s
        self.paho = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id if client_id is not None else name,
            clean_session=is_clean,
            manual_ack=not acknowledges,
            reconnect_on_failure=False,
        )
        context = ssl.create_default_context(cafile=broker.keys.ca_crt)
        if name:
            own = keys or broker.keys
            context.load_cert_chain(own.crt(name), own.key(name))
        self.paho.tls_set_context(context)
        if will:
            self.paho.will_set(will[0], will[1], qos=1, retain=True)
        self.paho.on_connect = lambda _c, _u, flags, code, _p: self.answers.put((code.value, flags.session_present))
        self.paho.on_message = lambda _c, _u, message: self.received.append(message)
        self.paho.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.put([code.value for code in codes])
        self.paho.on_disconnect = lambda *_: self.gone.set()

    def connect(self) -> bool:
        """Whether an earlier session was present. Fails the test if the broker refuses."""
        code, is_present = self.attempt()
        assert code == 0, f"{self.name} was refused with {code}"
        return is_present

    def attempt(self) -> tuple[int, bool]:
        """(return code, session present); code -1 when the broker ended the connection without an answer."""
        self.gone.clear()
        try:
            self.paho.connect("localhost", self.broker.port, self._keep_alive_s)
        except (OSError, ssl.SSLError):
            return -1, False
        self.paho.loop_start()
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            try:
                return self.answers.get(timeout=0.05)
            except queue.Empty:
                if self.gone.is_set() and self.answers.empty():
                    return -1, False
        raise AssertionError(f"{self.name}: neither connected nor refused within {WAIT_S} s")

    def subscribe(self, topic_filter: str, qos: int = 1) -> int:
        """The granted QoS; 128 means refused."""
        self.paho.subscribe(topic_filter, qos)
        return self.granted.get(timeout=WAIT_S)[0]

    def publish(self, topic: str, data: bytes, *, qos: int = 1, retain: bool = False) -> None:
        info = self.paho.publish(topic, data, qos=qos, retain=retain)
        info.wait_for_publish(WAIT_S)
        assert info.is_published()

    def payloads(self) -> list[bytes]:
        return [bytes(message.payload) for message in list(self.received)]

    def cut(self) -> None:
        """End the TCP connection without a DISCONNECT, as a pulled cable would."""
        self.paho.loop_stop()
        stream = self.paho.socket()
        if stream is not None:
            stream.close()

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()
