"""What a person watching the demo reads: one line per step of each passage, asked from the console's API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

LOOK_S = 1.0
NEWEST = 12
VERDICTS = {"ALLOW": "放行 ALLOW", "DENY": "拒绝 DENY", "HOLD": "待核对 HOLD"}
ENDS = {
    "completed": "通过 completed", "denied_left": "拒绝后离开 denied, left", "backed_out": "倒车离开 backed out",
    "forced": "强行通过 forced", "tailgate": "跟车闯入 tailgate", "abandoned": "无通过证据 abandoned",
}  # fmt: skip


class PassLines:
    """Says each change of the newest passages once. The console may be away for a while."""

    def __init__(self, base_url: str, say: Callable[[str], None]) -> None:
        self._url = f"{base_url}/api/passes?limit={NEWEST}"
        self._say = say
        self._known: dict[str, tuple[str, str, str]] = {}
        self._since_ms = int(time.time() * 1000)

    async def run(self) -> None:
        from tools.simulator.site import get_json

        while True:
            try:
                passes = (await asyncio.to_thread(get_json, self._url))["passes"]
            except (OSError, ValueError, KeyError):
                passes = []
            for p in reversed(passes):
                if p["arrived_at_ms"] >= self._since_ms:
                    self._tell(p)
            await asyncio.sleep(LOOK_S)

    def _tell(self, p: dict[str, Any]) -> None:
        is_new = p["pass_id"] not in self._known
        before = self._known.get(p["pass_id"], ("", "", ""))
        now = (p["verdict"], p["end"], p["upload"])
        self._known[p["pass_id"]] = now
        plate = p["plate"] or ("未识别 unread" if p["verdict"] else "…")
        who = f"{'进' if p['direction'] == 'in' else '出'} {p['lane']} {plate:<9}"
        if is_new:
            self._say(f"{who} 到达 arrived")
        if now[0] != before[0]:
            self._say(f"{who} {VERDICTS.get(now[0], now[0])}: {p['reason_zh']} {p['reason_en']}")
        if now[1] != before[1]:
            self._say(f"{who} {ENDS.get(now[1], now[1])}")
        if now[2] != before[2] and now[2] in ("accepted", "parked"):
            self._say(
                f"{who} {'监管已确认 acknowledged' if now[2] == 'accepted' else '上报受阻 parked'} {p['record_no']}"
            )
