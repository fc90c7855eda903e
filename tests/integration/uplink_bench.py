"""A regulator process, a real outbox and a relay's surroundings for the uplink tests."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests
from PIL import Image, ImageDraw
from ulid import ULID

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.outbox import SqliteOutbox
from gateway.adapters.uplink.client import HttpRegulator, MasterData
from gateway.adapters.uplink.profile import BUILT_IN, Profile, load_profile
from gateway.adapters.uplink.signing import load_private_key, load_public_key
from gateway.services.desk_port import Condition
from gateway.services.relay import Relay, RelaySettings
from tools.regulator.rsa2 import make_keys

ENTERPRISE = "5303020007"
VIEW_ACCOUNT = {"username": "viewer", "password": "view-only"}
REPO = Path(__file__).parents[2]


class ShiftedClock:
    """Real time, plus what a test says the wall clock is wrong by."""

    def __init__(self) -> None:
        self.offset_ms = 0

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_ms

    def mono_s(self) -> float:
        return time.monotonic()


def enterprise_record() -> dict[str, Any]:
    return {
        "rev": 3, "enterprise_name": "云南示例焦化有限公司", "uscc": "91530300MA6EXAMP18", "industry_type": "02",
        "performance_grade": "B", "division_code": "530302", "address": "曲靖市麒麟区示例路1号",
        "longitude": "103.805000", "latitude": "25.495000", "legal_person": "王示例", "principal": "王示例",
        "principal_phone": "13800000001", "contact": "李示例", "contact_phone": "13800000002",
        "operator_unit": "示例运维有限公司", "operator_head": "赵示例", "operator_phone": "13800000003",
        "entrance_count": 1, "barrier_count": 2, "vehicle_count": 318, "in_plant_vehicle_count": 12, "nonroad_count": 9,
    }  # fmt: skip


def barrier_records() -> list[dict[str, Any]]:
    return [
        {
            "rev": 1, "entrance_code": "1", "barrier_code": code, "barrier_name": name, "barrier_address": "东门",
            "direction": direction, "longitude": "103.805120", "latitude": "25.495310", "principal": "李示例",
            "principal_phone": "13800000002", "operator_unit": "示例运维有限公司", "operator_contact": "赵示例",
            "operator_phone": "13800000003",
        }
        for code, name, direction in (("01", "东门进1道", "1"), ("02", "东门出1道", "2"))
    ]  # fmt: skip


def camera_records() -> list[dict[str, Any]]:
    return [
        {
            "rev": 1, "camera_code": "C01-H", "camera_name": "东门进1道车头", "entrance_code": "1", "barrier_code": "01",
            "direction": "1", "ip": "10.20.1.11", "port": 554, "username": "viewer", "password": "view-only",
            "live_url": "rtsp://10.20.1.11:554/live/0", "playback_url": "rtsp://10.20.1.11:554/playback/0",
            "gb28181_id": "53030200001320000001", "vendor": "示例", "model": "EX-200", "resolution": "1920x1080",
        }
    ]  # fmt: skip


def master_data() -> MasterData:
    return MasterData(enterprise_record(), barrier_records(), camera_records())  # type: ignore[arg-type]


def passage(number: int, **changes: Any) -> dict[str, Any]:
    """A complete entry of a loaded truck; number makes the record number and the plate."""
    now_ms = time.time_ns() // 1_000_000
    return {
        "record_no": f"{ENTERPRISE}101{time.strftime('%Y%m%d', time.gmtime(now_ms / 1000 + 8 * 3600))}{number:012d}",
        "rev": 1, "visit_id": f"V20261122-{number:06d}", "passage_state": "1", "entrance_code": "1",
        "barrier_code": "01", "camera_code": "C01-H", "pass_time_ms": now_ms, "closed_at_ms": now_ms,
        "plate_no": f"云DA{number % 10000:04d}", "plate_colour": "1", "vehicle_type": "Q11", "vin": "LZZ5ELSD0NA000123",
        "register_date": "2022-05-18", "vehicle_model": "EX4250-示例", "engine_model": "EXD13",
        "engine_maker": "示例发动机厂", "engine_no": "EX22050018", "fuel_type": "B", "emission_stage": "6",
        "network_status": "1", "use_nature": "F", "fleet_name": "曲靖示例运输有限公司", "driver_name": "孙示例",
        "driver_phone": "13800000010", "goods_name": "炼焦煤", "quantity": "31.46", "control_result": "0",
        "violates_policy": False, "violation_reason": "", "barrier_action": "2", "policy_id": "YN-2026-0112",
        "policy_version": 4, "response_level": "2", "head_photo": "photos/head.jpg", "body_photo": "photos/body.jpg",
        "record_source": "auto", **changes,
    }  # fmt: skip


def write_photos(data_dir: Path, *, head_px: tuple[int, int] = (1280, 720)) -> None:
    """photos/head.jpg and photos/body.jpg under data_dir: plain pictures that decode."""
    folder = data_dir / "photos"
    folder.mkdir(parents=True, exist_ok=True)
    for name, colour in (("head", (70, 90, 110)), ("body", (110, 90, 70))):
        image = Image.new("RGB", head_px, colour)
        ImageDraw.Draw(image).rectangle((480, 400, 800, 500), fill=(245, 197, 24))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=70)
        (folder / f"{name}.jpg").write_bytes(buffer.getvalue())


def fast_profile(**changes: Any) -> Profile:
    """The built-in profile with waits that fit into a test."""
    profile = load_profile(BUILT_IN / "yunnan-v1.toml")
    rules = dataclasses.replace(profile.token_rules, min_interval_s=0.2, backoff_first_s=0.2, backoff_last_s=1)
    return dataclasses.replace(profile, token_rules=rules, read_timeout_s=3, photo_read_timeout_s=3, **changes)


FAST = RelaySettings(
    heartbeat_s=0.5,
    retry_waits_s=(0.2, 0.3, 0.5),
    slow_wait_s=0.4,
    backfill_rows_per_s=1000,
    backfill_duty=1.0,
    missed_after_s=1.0,
    check_s=0.3,
)


class RegulatorProcess:
    """The reference regulator in its own process, on a free port that it keeps over restarts."""

    def __init__(self, folder: Path, *, keys: Path | None = None, with_seed: bool = True) -> None:
        self.folder, self.port = folder, 0
        self.keys = keys or folder / "keys"
        make_keys(self.keys)
        seed: dict[str, Any] = {"enterprise": {"enterpriseCode": ENTERPRISE}}
        if with_seed:
            seed = wire_seed()
        (folder / "seed.json").write_text(json.dumps(seed, ensure_ascii=False), encoding="utf-8")
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [
            sys.executable, "-m", "tools.regulator", "--data", str(self.folder / "regulator"), "--port", str(self.port),
            "--enterprise-key", str(self.keys / "enterprise.pub"), "--platform-key", str(self.keys / "platform.key"),
            "--seed", str(self.folder / "seed.json"),
        ]  # fmt: skip
        self._process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()  # comes when the port is bound; ends when the process does
        assert "ready" in line, f"regulator did not start: {line!r}"
        self.port = int(line.rsplit(":", 1)[1].strip().strip("/"))

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fault(self, kind: str, **order: Any) -> None:
        requests.post(f"{self.url}/faults", json={"kind": kind, **order}, timeout=5).raise_for_status()

    def clear_faults(self) -> None:
        requests.delete(f"{self.url}/faults", timeout=5).raise_for_status()

    def status(self) -> dict[str, Any]:
        return requests.get(f"{self.url}/status", timeout=5).json()

    def passages(self) -> dict[str, dict[str, Any]]:
        rows = requests.get(f"{self.url}/passages?limit=100000", timeout=5).json()
        return {row["record_no"]: row for row in rows}


def wire_seed() -> dict[str, Any]:
    """Enterprise, barriers and cameras in wire words, as the profile writes them."""
    from gateway.adapters.uplink.mapping import PhotoFolder, encode

    profile = load_profile(BUILT_IN / "yunnan-v1.toml")
    photos = PhotoFolder(REPO, max_bytes=1)
    return {
        "enterprise": {
            "enterpriseCode": ENTERPRISE,
            **encode(profile.ops["enterprise"], enterprise_record(), photos),
        },
        "barriers": [encode(profile.ops["barrierInfo"], record, photos) for record in barrier_records()],
        "cameras": [encode(profile.ops["cameraInfo"], record, photos) for record in camera_records()],
    }


_BASES = itertools.count(10_000, 10_000)  # so that the records of two gateways never share a number


class Gateway:
    """The gateway's side: ledger file, outbox, client, relay; conditions as they stand."""

    def __init__(self, folder: Path, regulator: RegulatorProcess, *, profile: Profile | None = None,
                 settings: RelaySettings = FAST, master: MasterData | None = None) -> None:  # fmt: skip
        self._base = next(_BASES)
        self.data_dir = folder / "data"
        write_photos(self.data_dir)
        self.clock = ShiftedClock()
        self.file = LedgerFile(self.data_dir)
        self.outbox = SqliteOutbox(self.file)
        private_key = load_private_key(regulator.keys / "enterprise.key")
        self.client = HttpRegulator(
            profile or fast_profile(),
            base_url=regulator.url,
            enterprise_code=ENTERPRISE,
            app_id="yn-gate-0007",
            private_key=private_key,
            platform_key=load_public_key(regulator.keys / "platform.pub", own=private_key),
            data_dir=self.data_dir,
            clock=self.clock,
            master=lambda: master,
            secrets_of=lambda op: VIEW_ACCOUNT if op == "cameraInfo" else {},
        )
        self.conditions: dict[str, Condition] = {}
        self.seen: set[str] = set()
        self.relay = Relay(
            self.outbox,
            self.client,
            self.clock,
            status_provider=self.status,
            on_condition=self._on_condition,
            settings=settings,
        )

    def passage(self, number: int, **changes: Any) -> dict[str, Any]:
        """A record whose number no other gateway of this test run uses."""
        return passage(self._base + number, **changes)

    def status(self) -> dict[str, Any]:
        counts = self.outbox.counts(0)
        return {
            "status": 1, "soft_version": "0.1.0", "uptime_s": 86400, "buffered_count": counts["pending"],
            "today_generated": counts["generated"], "today_accepted": counts["accepted"],
            "barriers": [{"barrier_code": "01", "online": True}, {"barrier_code": "02", "online": True}],
            "cameras": [{"camera_code": "C01-H", "online": True}], "disk_free_percent": 61, "clock_state": "synced",
        }  # fmt: skip

    def _on_condition(self, code: str, condition: Condition | None) -> None:
        if condition is None:
            self.conditions.pop(code, None)
        else:
            self.conditions[code] = condition
            self.seen.add(code)

    def put(self, record: dict[str, Any], *, op: str = "inOutRecord") -> str:
        """A released outbox row; its key."""
        key, now_ms = record["record_no"], self.clock.wall_ms()
        text = json.dumps(record, ensure_ascii=False)
        values = (op, key, key, record["rev"], str(ULID()), text, now_ms, record.get("closed_at_ms") or now_ms)
        self.file.write(
            lambda c: c.execute(
                "insert into outbox (op, key, pass_id, rev, req_id, record, state, created_at_ms, released_at_ms)"
                " values (?, ?, ?, ?, ?, ?, 'new', ?, ?)",
                values,
            )
        )
        self.relay.notify()
        return key

    def row(self, key: str) -> dict[str, Any]:
        return dict(self.file.read(lambda c: c.execute("select * from outbox where key = ?", (key,)).fetchone()))

    def states(self) -> dict[str, int]:
        rows = self.file.read(lambda c: c.execute("select state, count(*) from outbox group by state").fetchall())
        return {state: n for state, n in rows}

    def close(self) -> None:
        self.relay.stop(5)
        self.client.close()
        with contextlib.suppress(RuntimeError):
            self.file.close()


def wait_until(what: Any, *, within_s: float = 30.0) -> None:
    """Returns when what() is true. Raises AssertionError after within_s."""
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.02)
