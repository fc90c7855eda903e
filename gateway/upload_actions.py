"""What `lvzha uploads` does: each message of the regulator's interface, whether the profile's platform has it, and how its rows stand."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from gateway.adapters.store.reconciling import messages_of
from gateway.adapters.uplink.profile import BUILT_IN, MESSAGES, ProfileError, load_profile
from gateway.domain.records import local_text
from gateway.query_actions import reading, refusing

DAY_MS = 86_400_000
WORDS = {
    "getToken": "获取令牌", "heartBeat": "心跳", "enterprise": "企业信息", "barrierInfo": "道闸信息", "cameraInfo": "摄像头信息", "vehicleInfo": "车辆信息",
    "inOutRecord": "进出厂记录", "inPlantVehicle": "厂内运输车辆", "nonRoadMachinery": "非道路移动机械", "nonRoadRecord": "机械使用记录",
    "inPlantRecord": "厂内车辆使用记录", "exceedVehicle": "超标车辆名单", "basStrategy": "管控策略", "strategyConfirm": "策略确认", "alarmVehicle": "违规通行车辆",
    "exceedConfirm": "超标信息确认", "alarmReport": "报警上报", "dailyReport": "日报", "reconcile": "分时对账", "reconcileRecords": "逐条对账",
}  # fmt: skip


def uploads(data: Path, profile_name: str, days: int, as_json: bool) -> int:
    """0; 2 for a folder without a ledger or a profile that cannot be used."""

    def show() -> int:
        profile = load_profile(BUILT_IN / f"{profile_name}.toml")
        with reading(data) as reader:
            since_ms = time.time_ns() // 1_000_000 - days * DAY_MS
            found = reader.read(lambda conn: messages_of(conn, since_ms))
        rows = [_row(name, name in profile.ops, found.get(name, {})) for name in MESSAGES]
        if as_json:
            print(json.dumps({"profile": profile.id, "days": days, "messages": rows}, ensure_ascii=False, indent=2))
            return 0
        print(f"{profile.title}，最近 {days} 天 last {days} days")
        for row in rows:
            counts = f"已收 accepted {row['accepted']}，待传 pending {row['pending']}，被拒 parked {row['parked']}  {row['newest']}"
            print(f"{row['message']:18} {row['zh']}  {counts if row['is_supported'] else '平台不支持 not supported'}")
        return 0

    return refusing("上报情况 uploads", show, ProfileError)


def _row(name: str, is_supported: bool, found: dict[str, Any]) -> dict[str, Any]:
    counts = {key: found.get(key, 0) for key in ("accepted", "pending", "parked")}
    newest_ms = found.get("newest_ms", 0)
    return {
        "message": name,
        "zh": WORDS[name],
        "is_supported": is_supported,
        **counts,
        "newest": local_text(newest_ms) if newest_ms else "",
    }
