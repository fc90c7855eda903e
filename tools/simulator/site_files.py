"""The files of a bench site: settings, keys, registers, the regulator's seed, and one flash folder per lane.

Everything is made from the cast and the layout below; ports are given. A folder that already holds a site is used
again as it is (its ledger goes on), only the files with ports and registers are written anew.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.adapters.broker.pki import SiteKeys, ensure_site_keys
from gateway.adapters.store.commissioning import CommissioningFiles
from gateway.domain import commissioning
from gateway.domain.records import CHINA
from tools.regulator.rsa2 import make_keys
from tools.simulator.cast import Cast
from tools.simulator.geometry import BEAM_M, LOOPS_M

ENTERPRISE_CODE = "5303020007"
ENTERPRISE_NAME = "云南示例焦化有限公司"
APP_ID = "lvzha-demo"
OVER_LIMIT_SINCE = "2026-01-01 00:00:00"


@dataclass(frozen=True)
class LanePlan:
    """One lane of the demo and its two cameras."""

    id: str
    entrance_code: str
    barrier_code: str
    direction: str
    name: str
    head_camera: str
    body_camera: str


LANES = (
    LanePlan("g1-b01", "1", "01", "in", "东门进1道", "C01-H", "C01-B"),
    LanePlan("g1-b02", "1", "02", "out", "东门出1道", "C02-H", "C02-B"),
)


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one site. rtsp, camera_control: camera code -> port."""

    broker: int
    web: int
    sntp: int
    regulator: int
    plant: int
    plant_control: int
    rtsp: dict[str, int]
    camera_control: dict[str, int]


@dataclass(frozen=True)
class SiteFolder:
    """Where the files of a site lie."""

    root: Path

    @property
    def settings(self) -> Path:
        return self.root / "site.toml"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def ledger(self) -> Path:
        return self.data / "ledger.sqlite3"

    @property
    def registers(self) -> Path:
        return self.root / "registers.json"

    @property
    def regulator_keys(self) -> Path:
        return self.root / "regulator-keys"

    @property
    def regulator_data(self) -> Path:
        return self.root / "regulator-data"

    @property
    def regulator_seed(self) -> Path:
        return self.root / "regulator-seed.json"

    @property
    def truth(self) -> Path:
        return self.root / "truth.jsonl"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    def flash(self, lane: str) -> Path:
        return self.root / "lanes" / lane


def cameras() -> list[tuple[str, LanePlan, str]]:
    """(camera code, its lane, "head" or "body") of every camera."""
    return [
        (code, lane, view) for lane in LANES for code, view in ((lane.head_camera, "head"), (lane.body_camera, "body"))
    ]


def write_site(folder: SiteFolder, cast: Cast, ports: Ports) -> None:
    """Make the site ready to start. Raises OSError naming the file that cannot be written."""
    for path in (folder.root, folder.data, folder.logs, folder.regulator_data):
        path.mkdir(parents=True, exist_ok=True)
    make_keys(folder.regulator_keys)
    keys = ensure_site_keys(folder.data / "keys", site_code=ENTERPRISE_CODE, lanes=[lane.id for lane in LANES])
    folder.settings.write_text(_settings(ports), "utf-8")
    _write_json(folder.registers, registers(cast))
    _write_json(folder.regulator_seed, _regulator_seed(ports))
    for lane in LANES:
        CommissioningFiles(folder.data).put(commissioning_sheet(lane))
        _write_flash(folder.flash(lane.id), lane, keys, ports)


def _write_json(path: Path, doc: Any) -> None:
    path.write_text(json.dumps(doc, ensure_ascii=False, indent=1), "utf-8")


def _settings(ports: Ports) -> str:
    lines = [
        "# Written by the demo; edit nothing here, it is written anew at every start.",
        "[site]",
        f'enterprise_code = "{ENTERPRISE_CODE}"',
        f'name = "{ENTERPRISE_NAME}"',
        'data_dir = "data"',
        "[broker]",
        f"port = {ports.broker}",
        "[web]",
        f"port = {ports.web}",
        "[sntp]",
        f"port = {ports.sntp}",
        "[uplink]",
        'profile = "yunnan-v1"',
        f'base_url = "http://127.0.0.1:{ports.regulator}/"',
        f'app_id = "{APP_ID}"',
        'private_key = "regulator-keys/enterprise.key"',
        'platform_key = "regulator-keys/platform.pub"',
    ]
    for code, lane, view in cameras():
        name = f"{lane.name}{'车头' if view == 'head' else '车身'}"
        url = f"rtsp://127.0.0.1:{ports.rtsp[code]}/live"
        lines += ["[[cameras]]", f'code = "{code}"', f'name = "{name}"', f'url = "{url}"']
    for lane in LANES:
        lines += ["[[lanes]]", *(f'{key} = "{value}"' for key, value in asdict(lane).items())]
    return "\n".join(lines) + "\n"


def registers(cast: Cast) -> dict[str, Any]:
    """What `lvzha import` takes: the vehicles, the over-limit list and the response level of the cast."""
    return {
        "vehicles": [asdict(t.vehicle) for t in cast.trucks.values() if t.vehicle],
        "over_limit": [
            {"exceed_id": f"EX-{t.id}", "plate_no": t.plate, "plate_colour": t.plate_colour, "reason": t.over_limit,
             "effective_from": OVER_LIMIT_SINCE}
            for t in cast.trucks.values() if t.over_limit
        ],
        "response_level": cast.response_level,
    }  # fmt: skip


def _regulator_seed(ports: Ports) -> dict[str, Any]:
    """Enterprise, barriers and cameras in the words of the wire; every person and number in it is invented."""
    place = {"longitude": "103.805000", "latitude": "25.495000"}
    number = {"in": "1", "out": "2"}
    enterprise = {
        "enterpriseCode": ENTERPRISE_CODE, "enterpriseName": ENTERPRISE_NAME, "uscc": "91530300MA6EXAMP18",
        "industryType": "02", "performanceGrade": "B", "divisionCode": "530302", "address": "曲靖市麒麟区示例路1号",
        "principal": "王示例", "principalPhone": "13800000001", "operatorUnit": "示例运维有限公司", "operatorHead": "赵示例",
        "operatorPhone": "13800000003", "entranceCount": 1, "barrierCount": len(LANES), **place,
    }  # fmt: skip
    barriers = [
        {"entranceCode": lane.entrance_code, "barrierCode": lane.barrier_code, "barrierName": lane.name,
         "barrierAddress": "东门", "direction": number[lane.direction], **place}
        for lane in LANES
    ]  # fmt: skip
    seen = [
        {"cameraCode": code, "cameraName": f"{lane.name}{view}", "entranceCode": lane.entrance_code,
         "barrierCode": lane.barrier_code, "direction": number[lane.direction], "ip": "127.0.0.1", "port": ports.rtsp[code],
         "username": "viewer", "password": "demo", "liveUrl": f"rtsp://127.0.0.1:{ports.rtsp[code]}/live",
         "playbackUrl": f"rtsp://127.0.0.1:{ports.rtsp[code]}/playback", "resolution": "1280x720"}
        for code, lane, view in cameras()
    ]  # fmt: skip
    return {"enterprise": enterprise, "barriers": barriers, "cameras": seen}


def _write_flash(flash: Path, lane: LanePlan, keys: SiteKeys, ports: Ports) -> None:
    flash.mkdir(parents=True, exist_ok=True)
    for source, name in (
        (keys.ca_der, "ca.der"),
        (keys.crt_der(lane.id), "lane.crt.der"),
        (keys.key_der(lane.id), "lane.key.der"),
    ):
        shutil.copyfile(source, flash / name)
    _write_json(flash / "config.json", lane_config(lane, ports))


def commissioning_sheet(lane: LanePlan) -> dict[str, Any]:
    """The document by which a simulated lane is commissioned."""
    return commissioning.simulated(site=ENTERPRISE_CODE, lane=lane.id, day=datetime.now(CHINA).date())


def lane_config(lane: LanePlan, ports: Ports) -> dict[str, Any]:
    """What an installer writes onto a board's flash (firmware/app.py reads it)."""
    sheet = commissioning_sheet(lane)
    return {
        "board": "sim", "site": ENTERPRISE_CODE, "lane": lane.id,
        "broker": {"host": "127.0.0.1", "port": ports.broker}, "sntp": {"host": "127.0.0.1", "port": ports.sntp},
        "lane_class": "III", "means": ["drive_force", "beam", "edge"], "beam_to_exit_end_mm": round((LOOPS_M["loop_exit"][1] - BEAM_M) * 1000),
        "force_test": sheet["date"], "service_date": sheet["date"], "commissioned": commissioning.sha256(sheet),
    }  # fmt: skip
