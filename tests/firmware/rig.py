"""A lane on the bench in real time: a small plant, a broker with TLS, the real interpreter, and a gateway's hand.

Used by the link tests. Everything listens on 127.0.0.1 on free ports.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho

from firmware.boards.sim_pins import INPUTS, OUTPUTS
from firmware.lane import contract
from gateway.adapters.broker.pki import SiteKeys, ensure_site_keys

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SITE = "5303020007"
LANE = "g1-b01"
TRAVEL_S = 0.6


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(condition: Callable[[], object], limit_s: float = 10.0, what: str = "condition") -> object:
    """The first true value of `condition`; AssertionError naming `what` when it does not come in time."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {limit_s} s: {what}")


class Plant:
    """The other end of the simulated board: an arm that travels in TRAVEL_S, a beam that follows its test line."""

    def __init__(self, position: float = 0.0) -> None:
        self.position = position
        self.levels = dict.fromkeys(INPUTS, 0)
        self.outputs = dict.fromkeys(OUTPUTS, 0)
        self.history: list[tuple[float, str, int]] = []
        self.uart = bytearray()
        self.wdt_ms = 0
        self._lock = threading.Lock()
        self._conn: socket.socket | None = None
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._is_open = True
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._accept, self._travel)]
        for t in self._threads:
            t.start()

    def set(self, role: str, level: int) -> None:
        with self._lock:
            if self.levels[role] != level:
                self.levels[role] = level
                self._send(f"in {INPUTS[role]} {level}\n")

    def press(self, role: str, seconds: float = 0.15) -> None:
        self.set(role, 1)
        time.sleep(seconds)
        self.set(role, 0)

    def press_until(self, role: str, done: Callable[[], object], limit_s: float, what: str) -> None:
        """Presses a button as a person does: again when nothing came of it. A starved interpreter may never see one press."""
        end = time.monotonic() + limit_s
        while True:
            self.press(role)
            try:
                until(done, min(3.0, max(0.1, end - time.monotonic())), what)
                return
            except AssertionError:
                if time.monotonic() >= end:
                    raise

    def moves(self) -> list[str]:
        """Every time a motor output went on."""
        return [role for _, role, level in self.history if role in ("open", "close") and level]

    def close(self) -> None:
        self._is_open = False
        self._server.close()
        self.cut_power()

    def cut_power(self) -> None:
        """Takes the board's supply: the interpreter dies at once."""
        with self._lock:
            if self._conn:
                try:
                    self._conn.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the board is dead already
                self._conn.close()
                self._conn = None

    def tell(self, line: str) -> None:
        """A line to the board's twin: `fault WORD`, `heal WORD`, `adc PIN VALUE`; see tools/simulator/interpreter/sim_hardware.py."""
        with self._lock:
            self._send(line + "\n")

    def _send(self, text: str) -> None:
        if self._conn:
            try:
                self._conn.sendall(text.encode())
            except OSError:
                pass

    def _accept(self) -> None:
        while self._is_open:
            try:
                conn, _ = self._server.accept()
            except OSError:
                return
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._conn = conn
                self._limits()
                for role, level in self.levels.items():
                    self._send(f"in {INPUTS[role]} {level}\n")
            names = {pin: role for role, pin in OUTPUTS.items()}
            with conn.makefile("r", encoding="ascii") as lines:
                try:
                    for line in lines:
                        word, *rest = line.split()
                        if word == "out":
                            self._out(names[int(rest[0])], int(rest[1]))
                        elif word == "uart":
                            self.uart += bytes.fromhex(rest[1])
                        elif word == "wdt":
                            self.wdt_ms = int(rest[0])
                except (OSError, ValueError):
                    pass
            with self._lock:
                for role in self.outputs:
                    self.outputs[role] = 0

    def _out(self, role: str, level: int) -> None:
        self.outputs[role] = level
        self.history.append((time.monotonic(), role, level))
        if role.endswith("_test"):
            self.set({"loop_test": "loop_under_arm"}.get(role, role.removesuffix("_test")), level)

    def _limits(self) -> None:
        for role, level in (("limit_open", self.position >= 1.0), ("limit_closed", self.position <= 0.0)):
            if self.levels[role] != level:
                self.levels[role] = int(level)
                self._send(f"in {INPUTS[role]} {int(level)}\n")

    def _travel(self) -> None:
        last = time.monotonic()
        while self._is_open:
            time.sleep(0.01)
            now = time.monotonic()
            way = (self.outputs["open"] - self.outputs["close"]) * (now - last) / TRAVEL_S
            last = now
            with self._lock:
                self.position = min(1.0, max(0.0, self.position + way))
                self._limits()


class Broker:
    def __init__(self, keys: SiteKeys, port: int, lanes: tuple[str, ...] = (LANE,)) -> None:
        self.port = port
        self._code = (
            "from pathlib import Path; from gateway.adapters.broker.pki import SiteKeys; "
            "from gateway.adapters.broker.serve import run_broker; "
            f"run_broker('127.0.0.1', {port}, SiteKeys(Path({str(keys.folder)!r}), {SITE!r}), {SITE!r}, {lanes!r})"
        )
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "ready" in line, f"broker said {line!r}"

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


class Gateway:
    """Speaks for the gateway: time, acknowledgements when asked for, commands; keeps what the lane says."""

    def __init__(self, keys: SiteKeys, port: int, is_acking: bool = True, lane: str = LANE) -> None:
        self._lane = lane
        self.is_acking = is_acking
        self.events: list[dict] = []
        self.results: list[dict] = []
        self.states: list[dict] = []
        self.statuses: list[dict] = []
        self.telemetry: list[dict] = []
        self.replies: list[dict] = []
        self.raw: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.clock: tuple[float, int] | None = None
        self._n = 0
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id="gateway/test-" + lane, clean_session=True
        )
        self._client.tls_set(
            str(keys.ca_crt), str(keys.folder / "gateway.crt"), str(keys.folder / "gateway.key"), ssl.CERT_REQUIRED
        )
        self._client.on_message = self._on_message
        self._client.on_connect = self._on_connect
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port, keepalive=10)
        self._client.loop_start()
        until(self._client.is_connected, what="gateway connected")
        self._is_speaking = True
        self._speaker = threading.Thread(target=self._speak, daemon=True)
        self._speaker.start()

    def _on_connect(self, client, _userdata, _flags, _code, _properties) -> None:
        for name in contract.LANE_WRITES:
            client.subscribe(contract.topic(SITE, self._lane, name), 1)

    def _speak(self) -> None:
        while self._is_speaking:
            self.say_time()
            time.sleep(1.0)

    def say_time(self) -> None:
        at = contract.ms_to_time(int(time.time() * 1000))
        self._client.publish(contract.topic(SITE, None, "time"), contract.encode("time", {"at": at, "error_ms": 5}), 0)

    def speak_again(self) -> None:
        self._is_speaking = True
        self._speaker = threading.Thread(target=self._speak, daemon=True)
        self._speaker.start()

    def stop_speaking(self) -> None:
        self._is_speaking = False
        self._speaker.join()

    def close(self) -> None:
        self.stop_speaking()
        self._client.loop_stop()
        self._client.disconnect()

    def _on_message(self, _client, _userdata, message) -> None:
        name = contract.parse_topic(message.topic)[2]
        body = contract.decode(name, message.payload)
        if name == "event":
            self.events.append(body)
            if self.is_acking:
                self._ack_whole(body["boot"])
        elif name == "command/result":
            self.results.append(body)
            self._see(body)
        elif name == "state":
            self.states.append(body)
            if not message.retain:
                self._see(body)
        elif name == "status":
            self.statuses.append(body)
        elif name in ("diagnostics/reply", "update/status"):
            self.replies.append(body)
        elif name == "telemetry":
            self.telemetry.append(body)
            self._see(body)

    def _see(self, body: dict) -> None:
        self.clock = (time.monotonic(), body["ms"])
        self.boot = body["boot"]

    def lane_ms(self) -> int:
        assert self.clock is not None
        return self.clock[1] + int((time.monotonic() - self.clock[0]) * 1000)

    def ack(self, boot: str, seq: int) -> None:
        # Called from the client's own thread, so it must not wait for the broker.
        payload = contract.encode_event_ack({"boot": boot, "seq": seq})
        self._client.publish(contract.topic(SITE, self._lane, "event/ack"), payload, 1)

    def _ack_whole(self, boot: str) -> None:
        """Acknowledges up to the first event of this boot that is missing, as a gateway must."""
        have = {e["seq"] for e in self.events if e["boot"] == boot}
        last = next(n for n in range(1, len(have) + 2) if n not in have) - 1
        if last:
            self.ack(boot, last)

    def publish(self, name: str, payload: bytes, retain: bool = False) -> None:
        self._client.publish(contract.topic(SITE, self._lane, name), payload, 1, retain).wait_for_publish(5)

    def new_id(self) -> str:
        self._n += 1
        return f"01JD9Z5T3M2K8Q4W7R6X{self._n:06d}"

    def command(self, op: str, args: dict | None = None, retain: bool = False, **other) -> str:
        """Sends a command; returns its id. other: any field of the message, e.g. boot, not_after_ms, by, why, id."""
        message = {
            "id": self.new_id(),
            "op": op,
            "args": args or {},
            "boot": self.boot,
            "not_after_ms": self.lane_ms() + 2500,
            "at": None,
            "by": "policy",
            "why": "test",
        } | other
        self.publish("command", contract.encode_command(message), retain)
        return message["id"]

    def result_of(self, command: str, *wanted: str, limit_s: float = 8.0) -> dict:
        def found():
            return [r for r in self.results if r["id"] == command and (not wanted or r["result"] in wanted)]

        return until(found, limit_s, f"result {wanted} of {command}")[0]

    def event(self, kind: str, limit_s: float = 8.0, after: int = 0, boot: str | None = None) -> dict:
        def found():
            return [e for e in self.events[after:] if e["kind"] == kind and (boot is None or e["boot"] == boot)]

        try:
            return until(found, limit_s, f"event {kind}")[0]
        except AssertionError as late:
            raise AssertionError(f"{late}; have {[e['kind'] for e in self.events[after:]]}") from None


class LaneBoard:
    """The real interpreter on the simulated board, in a flash folder of its own."""

    def __init__(
        self,
        folder: Path,
        keys: SiteKeys,
        plant: Plant,
        broker_port: int,
        lane: str = LANE,
        *,
        hardware: str | None = None,  # board that the hardware is; the one of the settings
        faults: str = "",
        environment: dict[str, str] | None = None,
        heap: str = "1M",  # the sources are compiled in it; what the boards really have: test_boards_crossing.py
        program: Path = ROOT / "firmware/main.py",
        firmware: Path = ROOT / "firmware",
        **settings,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for source, name in (
            (keys.ca_der, "ca.der"),
            (keys.crt_der(lane), "lane.crt.der"),
            (keys.key_der(lane), "lane.key.der"),
        ):
            shutil.copyfile(source, folder / name)
        config = {
            "site": SITE,
            "lane": lane,
            "board": "sim",
            "broker_host": "127.0.0.1",
            "broker_port": broker_port,
            "sntp_host": "127.0.0.1",
            "sntp_port": 9,
            "keepalive_s": 5,
            "lane_class": "III",
            "means": ["drive_force", "beam"],
            "force_test": time.strftime("%Y-%m-%d"),
            "commissioned": "00" * 32,
        } | settings
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
        self._own = {"LVZHA_BOARD": hardware or config["board"], "LVZHA_FAULTS": faults, **(environment or {})}
        self._heap, self._program, self._firmware = heap, program, firmware
        self._plant = plant
        self._lane = lane
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        env = dict(
            os.environ,
            LVZHA_PLANT=f"127.0.0.1:{self._plant.port}",
            LVZHA_LANE=self._lane,
            MICROPYPATH=f"{ROOT / 'tools/simulator/interpreter'}:{self._firmware}:.frozen",
            **self._own,
        )
        with open(self.folder / "console.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(BIN / "micropython"), "-X", f"heapsize={self._heap}", str(self._program)],
                cwd=self.folder,
                env=env,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def console(self) -> str:
        return (self.folder / "console.log").read_text("utf-8", "replace")


def make_keys(folder: Path) -> SiteKeys:
    return ensure_site_keys(folder, site_code=SITE, lanes=[LANE])
