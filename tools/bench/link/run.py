"""`lvzha bench link`: a real lane on the real interpreter, a real broker over mutual TLS, and a relay between them that fails.

Both brokers in turn: the embedded one and mosquitto (left out by name where it is not installed). The lane's idle time runs
faster, its busy time does not (clock/time.py). At the end of every fault an input changes: its event carries the lane's own
time of healing, and it must come through. Figures: hangs, lost and doubled events, how late the safety loop was outside
handshakes and in them, time from healing to `link.up`, free memory at the beginning and at the end.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
from collections import Counter, deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from rich.console import Console

from firmware.lane import contract
from gateway.adapters.broker.access import Access
from gateway.adapters.broker.mosquitto import write_mosquitto_files
from gateway.adapters.broker.pki import SiteKeys
from tests.firmware import rig
from tools.bench.link.host import HostWatch
from tools.bench.link.relay import KINDS, Relay

HERE = Path(__file__).parent
SPEED = 100  # at most: the lane's own work takes real time
FINE_SHARE = 0.1  # of the faults, with the safety loop at its own period: for the jitter
COARSE_STEP_MS = 25
FAULT_S = (0.3, 15.0)  # seconds of the lane that a fault lasts
RECONNECT_S = 30.0  # p99
HANG_S = 240.0  # of the lane, without the event of a healed link
HEAP = "640k"
say = Console(stderr=True)


class Hand:
    """Speaks for the gateway and acknowledges what has come without a gap. Times are the lane's."""

    def __init__(self, keys: SiteKeys, port: int) -> None:
        self.kinds: dict[tuple[str, int], tuple[str, int]] = {}  # (boot, seq) -> (kind, ms)
        self.ups: list[tuple[str, int]] = []  # (boot, ms): each boot of a lane has a clock of its own
        self.toggles: list[tuple[str, int]] = []
        self.told_again = self.contradictions = 0
        self._whole: dict[str, int] = {}
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="gateway/bench")
        self._client.tls_set(str(keys.ca_crt), str(keys.crt("gateway")), str(keys.key("gateway")), ssl.CERT_REQUIRED)
        self._client.on_message = self._take
        self._client.on_connect = self._subscribe
        self._client.connect("127.0.0.1", port, keepalive=30)
        self._client.loop_start()
        self._is_speaking = True
        self._speaker = threading.Thread(target=self._speak, daemon=True)
        self._speaker.start()

    def _subscribe(self, client: paho.Client, *_: Any) -> None:
        client.subscribe(contract.topic(rig.SITE, rig.LANE, "event"), 1)

    def _speak(self) -> None:
        while self._is_speaking:
            at = contract.ms_to_time(int(time.time() * 1000))
            body = contract.encode("time", {"at": at, "error_ms": 5})
            self._client.publish(contract.topic(rig.SITE, None, "time"), body, 0)
            time.sleep(0.4)

    def _take(self, client: Any, _userdata: Any, message: Any) -> None:
        e = contract.decode_event(message.payload)
        key = (e["boot"], e["seq"])
        if key in self.kinds:
            self.told_again += 1
            self.contradictions += self.kinds[key] != (e["kind"], e["ms"])
        else:
            self.kinds[key] = (e["kind"], e["ms"])
            if e["kind"] == "link.up":
                self.ups.append((e["boot"], e["ms"]))
            elif e["kind"].startswith("cabinet."):
                self.toggles.append((e["boot"], e["ms"]))
        boot, whole = e["boot"], self._whole.get(e["boot"], 0)
        while (boot, whole + 1) in self.kinds:
            whole += 1
        if whole:
            self._whole[boot] = whole
            ack = contract.encode_event_ack({"boot": boot, "seq": whole})
            client.publish(contract.topic(rig.SITE, rig.LANE, "event/ack"), ack, 1)

    def up_after(self, boot: str, ms: int) -> int | None:
        """When this boot's link next came up, or None."""
        return min((up for other, up in self.ups[-8:] if other == boot and up >= ms), default=None)

    def missing(self) -> int:
        """Numbers below the highest one of each boot that never came."""
        last: dict[str, int] = {}
        for boot, seq in self.kinds:
            last[boot] = max(last.get(boot, 0), seq)
        return sum(last.values()) - len(self.kinds)

    def close(self) -> None:
        self._is_speaking = False
        self._speaker.join()
        self._client.disconnect()
        self._client.loop_stop()


class Mosquitto:
    """Debian's broker with the rights that the gateway writes for it."""

    def __init__(self, keys: SiteKeys, port: int, folder: Path) -> None:
        folder.mkdir()
        access = Access(keys, rig.SITE, [rig.LANE])
        user = "root" if os.geteuid() == 0 else os.environ.get("USER", "")
        config = write_mosquitto_files(folder, access, host="127.0.0.1", port=port, run_as=user)
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self._process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
        rig.until(lambda: _answers(port), 10, "mosquitto listens")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _answers(port: int) -> bool:
    import socket

    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def has_mosquitto() -> bool:
    return bool(shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists())


class _Lane(rig.LaneBoard):
    step_ms = 5
    host: HostWatch

    def start(self) -> None:
        os.environ |= {"LVZHA_SPEED": str(SPEED), "LVZHA_STEP_MS": str(self.step_ms)}
        super().start()
        self.host.lane_pid = self.process.pid if self.process else None

    def reports(self) -> list[dict[str, Any]]:
        return [
            json.loads(line[6:])
            for line in self.console().splitlines()
            if line.startswith("bench {") and line.endswith("}")
        ]

    def attempts(self, from_ms: int, to_ms: int) -> list[str]:
        """`ms after from_ms, how long, how it ended` of the attempts to connect in between, the last twelve."""
        lines = [line.split(maxsplit=3) for line in self.console().splitlines() if line.startswith("attempt ")]
        return [
            f"+{int(words[1]) - from_ms} ms, {words[2]} ms: {words[3]}"
            for words in lines
            if from_ms <= int(words[1]) + int(words[2]) and int(words[1]) <= to_ms
        ][-12:]


@dataclass
class Tally:
    """What came of the faults at one broker. marks: (real s, lane ms) of the last healings."""

    reconnect_s: list[float] = field(default_factory=list)
    hung: list[str] = field(default_factory=list)
    unhealed: int = 0
    toggled: int = 0
    has_died: bool = False
    last_words: str = ""  # of a lane that died
    host_resets: int = 0  # deaths by the watchdog while this machine stood still: the board is started again
    marks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=6))
    reports: list[dict[str, Any]] = field(default_factory=list)
    slow: list[dict[str, Any]] = field(
        default_factory=list
    )  # what the lane tried while a reconnect took over RECONNECT_S

    @property
    def speed(self) -> float:
        """Seconds of the lane in a real one, lately."""
        if len(self.marks) < 2:
            return 8.0
        (real, ms), (real_now, ms_now) = self.marks[0], self.marks[-1]
        return max(1.0, (ms_now - ms) / 1000 / (real_now - real))


def faults(count: int, broker: str, seed: int, folder: Path) -> dict[str, Any]:
    """Inject `count` faults between a lane and a broker ("embedded" or "mosquitto"); the figures."""
    rig.TRAVEL_S = 0.1
    rng, tally = random.Random(seed), Tally()
    keys, port = rig.make_keys(folder / "keys"), rig.free_port()
    fine = max(1, round(count * FINE_SHARE))
    with ExitStack() as parts:
        server = rig.Broker(keys, port) if broker == "embedded" else Mosquitto(keys, port, folder / "mosquitto")
        parts.callback(server.kill)
        relay, plant, hand, host = Relay(port, seed), rig.Plant(), Hand(keys, port), HostWatch()
        for part in (relay, plant, hand, host):
            parts.callback(part.close)
        for step_ms, share in ((5, fine), (COARSE_STEP_MS, count - fine)):
            if not share:
                continue
            _Lane.step_ms, _Lane.host = step_ms, host
            firmware = Path(f"{HERE / 'clock'}:{rig.ROOT / 'firmware'}")
            lane = _Lane(folder / f"flash{step_ms}", keys, plant, relay.port, heap=HEAP, program=HERE / "controller.py",
                         firmware=firmware)  # fmt: skip
            try:
                ups = len(hand.ups)
                rig.until(lambda ups=ups: len(hand.ups) > ups, 60, "the lane's first connection")
                _inject(share, rng, relay, plant, hand, lane, host, tally)
            finally:
                lane.kill()
                tally.marks.clear()
        return _figures(tally, relay, hand) | {"broker": broker}


def _inject(count: int, rng: random.Random, relay: Relay, plant: rig.Plant, hand: Hand, lane: _Lane, host: HostWatch, tally: Tally) -> None:  # fmt: skip
    for n in range(count):
        kind, began = KINDS[n % len(KINDS)], time.monotonic()
        if n % 5 == 2:
            plant.press("button_raise" if plant.position < 0.5 else "button_lower", 0.1)
        relay.begin(kind)
        time.sleep(rng.uniform(*FAULT_S) / tally.speed)
        relay.heal()
        seen, healed, accepted = len(hand.toggles), time.monotonic(), relay.connections
        plant.set("cabinet", 1 - plant.levels["cabinet"])
        tally.toggled += 1
        try:
            rig.until(lambda seen=seen: len(hand.toggles) > seen, max(10.0, HANG_S / tally.speed), kind)
        except AssertionError:
            status = lane.process.poll() if lane.process else -1
            if status == -9 and host.has_stalled_since(began - 5):
                tally.host_resets += 1
                tally.marks.clear()
                ups = len(hand.ups)
                lane.start()
                rig.until(lambda ups=ups: len(hand.ups) > ups, 120, "the lane after a stall of this machine")
                continue
            tally.hung.append(kind)
            if status is not None:
                tally.has_died, tally.last_words = True, f"status {status}: {lane.console()[-600:]}"
                return
            continue
        boot, healed_ms = hand.toggles[-1]
        tally.marks.append((healed, healed_ms))
        up_ms = _up(hand, boot, healed_ms, relay.connections > accepted)
        if up_ms is not None:
            tally.reconnect_s.append((up_ms - healed_ms) / 1000)
            if tally.reconnect_s[-1] > RECONNECT_S:
                attempts = lane.attempts(healed_ms, up_ms)
                tally.slow.append({"kind": kind, "s": tally.reconnect_s[-1], "attempts": attempts})
        else:
            tally.unhealed += 1  # it had not noticed, or was back before the fault had ended
        if n % 50 == 49:
            say.print(f"{n + 1} faults, {len(tally.hung)} hangs, {len(hand.kinds)} events, speed {tally.speed:.1f}")
    rig.until(lambda: hand.missing() == 0, 60, "everything told")
    had = len(lane.reports())
    rig.until(lambda: len(lane.reports()) > had, 60, "a report of the lane")
    tally.reports.append(lane.reports()[-1])


def _up(hand: Hand, boot: str, ms: int, is_new: bool) -> int | None:
    """When the link came up after the healing. Its event is numbered behind the healing's, so it is told a moment later; is_new:
    there was a new connection, so it must come. None: the lane was still connected, or was back before the fault had ended."""
    end = time.monotonic() + (10.0 if is_new else 0.1)
    while (up := hand.up_after(boot, ms)) is None and time.monotonic() < end:
        time.sleep(0.01)
    return up


def _figures(tally: Tally, relay: Relay, hand: Hand) -> dict[str, Any]:
    toggles = sum(1 for kind, _ in hand.kinds.values() if kind.startswith("cabinet."))
    reconnects, reports = sorted(tally.reconnect_s), tally.reports
    fine, last = reports[0], reports[-1]

    def total(key: str) -> int:
        return sum(report[key] for report in reports)

    return {
        "faults": sum(relay.injected.values()),
        "faults_by_kind": dict(relay.injected),
        "hangs": len(tally.hung),
        "hung_after": dict(Counter(tally.hung)),
        "lane_died": tally.has_died,
        "last_words": tally.last_words,
        "resets_by_a_stalled_host": tally.host_resets,
        "reconnects": len(reconnects),
        "stayed_connected": tally.unhealed,
        "reconnect_s": {"p50": _at(reconnects, 0.5), "p99": _at(reconnects, 0.99), "max": _at(reconnects, 1.0)},
        "slow_reconnects": tally.slow,
        "control_loop_jitter_ms": _three(fine["usual"]),
        "control_loop_busy_ms": _three(fine["busy"]),
        "handshake_stall_ms": _three(fine["shaking"]),
        "loop_steps": fine["usual"]["steps"],
        "steps_in_motion": total("steps_in_motion"),
        "handshakes_in_motion": total("handshakes_in_motion"),
        "events": len(hand.kinds),
        "events_lost": hand.missing() + max(0, tally.toggled - len(tally.hung) - tally.host_resets - toggles),
        "events_doubled": max(0, toggles - tally.toggled),
        "events_contradicting": hand.contradictions,
        "told_again": hand.told_again,
        "resent_by_mqtt": total("resent"),
        "connects": total("connects"),
        "heap_free_first_quarter": last["free_first_quarter"],
        "heap_free_last_quarter": last["free_last_quarter"],
        "heap_free_min": min(report["free_min"] for report in reports),
        "lane_hours": round(total("lane_ms") / 3_600_000, 2),
    }


def _three(figures: dict[str, Any]) -> dict[str, float]:
    return {name: figures[f"{name}_ms"] for name in ("p50", "p999", "max")}


def _at(values: list[float], share: float) -> float | None:
    return values[min(len(values) - 1, int(len(values) * share))] if values else None


def troubles(figures: dict[str, Any]) -> list[str]:
    """What of X-05 and X-04 was not kept, in words; times, which depend on what else this machine does, are not looked at."""
    wrong = {
        "hangs": figures["hangs"] != 0,
        "lane died": figures["lane_died"],
        "events lost": figures["events_lost"] != 0,
        "events doubled": figures["events_doubled"] != 0 or figures["events_contradicting"] != 0,
        "handshakes in motion": figures["handshakes_in_motion"] != 0,
        "heap shrinks": figures["heap_free_last_quarter"] < 0.9 * figures["heap_free_first_quarter"],
    }
    return [name for name, is_so in wrong.items() if is_so]


@pytest.mark.requirement("X-05")
def measure(count: int, seed: int, as_json: bool) -> int:
    """Half of the faults at each broker; 0 if nothing hung, was lost or doubled, and the reconnect time keeps X-05."""
    brokers = ["embedded", "mosquitto"] if has_mosquitto() else ["embedded"]
    results = []
    for broker in brokers:
        with tempfile.TemporaryDirectory(prefix="lvzha-link-") as folder:
            results.append(faults(count // len(brokers), broker, seed, Path(folder)))
    report = {"speed": SPEED, "skipped": [] if len(brokers) == 2 else ["mosquitto: not installed"], "runs": results}
    if as_json:
        print(json.dumps(report, indent=1))
    else:
        for run in results:
            say.print(run)
    return 0 if not any(troubles(run) or (run["reconnect_s"]["p99"] or 0) > RECONNECT_S for run in results) else 1
