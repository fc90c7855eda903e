"""What the platform's page and the tests' numbers show, read from storage."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tools.regulator.rules import CHINA
from tools.regulator.storage import Storage

ONLINE_MS = 120_000  # two missed heartbeats of 60 s
PLATE_LOOKS = {"0": "blue", "1": "yellow", "2": "white", "3": "black", "4": "green", "5": "other", "6": "yellow-green"}
RESULTS = {
    "0": ("放行", "Allowed", "good"),
    "1": ("禁行", "Refused", "bad"),
    "2": ("人工放行", "By a person", "warn"),
    "3": ("待确认", "Waiting", "warn"),
    "4": ("降级放行", "Lane alone", "warn"),
}
ACTIONS = {"0": "未抬杆 not raised", "1": "手动抬杆 raised by hand", "2": "自动抬杆 raised automatically"}
STAGES = {
    "0": "国0",
    "1": "国一 I",
    "2": "国二 II",
    "3": "国三 III",
    "4": "国四 IV",
    "5": "国五 V",
    "6": "国六 VI",
    "D": "电动 electric",
    "X": "未知 unknown",
}


class Views:
    """Reads storage; changes nothing."""

    def __init__(self, storage: Storage, enterprise_codes: frozenset[str]) -> None:
        self._storage, self._codes = storage, sorted(enterprise_codes)

    def photo(self, photo_id: int) -> bytes | None:
        rows = self._storage.rows("select jpeg from photo where id = ?", photo_id)
        return rows[0]["jpeg"] if rows else None

    def passages(self, limit: int) -> list[dict[str, Any]]:
        """Newest receipt first: record_no, rev, times_received, is_backfill, received_at_ms, content (wire words)."""
        rows = self._storage.rows(
            "select record_no, rev, times_received, is_backfill, received_at_ms, pass_time, content from passage"
            " order by received_at_ms desc, record_no desc limit ?",
            limit,
        )
        return [{**dict(row), "content": json.loads(row["content"])} for row in rows]

    def things(self, op: str) -> list[dict[str, Any]]:
        """Newest revision of every thing of an operation: item_key, rev, times_received, content (wire words)."""
        rows = self._storage.rows(
            "select item_key, rev, times_received, content from thing where op = ? order by item_key", op
        )
        return [{**dict(row), "content": json.loads(row["content"])} for row in rows]

    def master(self) -> dict[str, Any]:
        """Enterprise, barriers and cameras as received, by their codes; no password leaves."""
        found: dict[str, Any] = {}
        for kind, key in (("enterprise", "code"), ("barrier", "barrier_code"), ("camera", "camera_code")):
            rows = self._storage.rows(f"select {key} as key, content from {kind} order by 1")
            found[kind] = {row["key"]: {**json.loads(row["content"])} for row in rows}
        for camera in found["camera"].values():
            camera["password"] = f"{len(camera.get('password', ''))} characters"
        return found

    def heartbeat(self) -> dict[str, Any]:
        """The newest heartbeat as received, {} before there is one."""
        rows = self._storage.rows("select content from heartbeat order by received_at_ms desc limit 1")
        return json.loads(rows[0]["content"]) if rows else {}

    def revisions(self) -> list[list[Any]]:
        """[operation, key, revision] of all that was taken, in the order of coming."""
        return [list(row) for row in self._storage.rows("select op, item_key, rev from revision order by id")]

    def status(self) -> dict[str, Any]:
        """Counts: passages, photos, requests, repeats, heartbeats, refusals (newest 20); enterprises."""
        one = self._storage.rows(
            "select (select count(*) from passage) passages, (select count(*) from photo) photos,"
            " (select count(*) from request) requests, (select count(*) from refusal) refused,"
            " (select coalesce(sum(times_received - 1), 0) from passage) repeats,"
            " (select coalesce(sum(times_received), 0) from heartbeat) heartbeats"
        )[0]
        refusals = self._storage.rows("select * from refusal order by id desc limit 20")
        return {**dict(one), "refusals": [dict(row) for row in refusals], "enterprises": self._enterprises()}

    def page(self) -> dict[str, Any]:
        """The variables of page.html."""
        recent = [self._passage_view(row) for row in self.passages(24)]
        status = self.status()
        for refusal in status["refusals"]:
            refusal["time"] = _clock(refusal["received_at_ms"])
        return {"now": _clock(_now_ms(), with_day=True), "recent": recent, **status}

    def _enterprises(self) -> list[dict[str, Any]]:
        return [self._enterprise(code) for code in self._codes]

    def _enterprise(self, code: str) -> dict[str, Any]:
        base = self._storage.rows("select content from enterprise where code = ?", code)
        beat = self._storage.rows("select * from heartbeat where enterprise_code = ?", code)
        midnight = datetime.now(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
        # Counted by the day of the passage, as the plant counts; back-filled ones of other days do not belong here.
        today = self._storage.rows(
            "select count(*) n, max(received_at_ms) last, coalesce(sum(is_backfill), 0) late"
            " from passage where enterprise_code = ? and pass_time >= ?",
            code,
            midnight.strftime("%Y-%m-%d %H:%M:%S"),
        )[0]
        age_ms = _now_ms() - beat[0]["received_at_ms"] if beat else None
        said: Mapping[str, Any] = json.loads(beat[0]["content"]) if beat else {}
        generated = said.get("todayGenerated")
        rate = min(100.0, today["n"] * 100 / generated) if isinstance(generated, int) and generated > 0 else None
        return {
            "code": code,
            "name": json.loads(base[0]["content"]).get("enterpriseName", "") if base else "",
            "is_online": age_ms is not None and age_ms <= ONLINE_MS,
            "heartbeat_age_s": None if age_ms is None else round(age_ms / 1000),
            "received_today": today["n"],
            "backfilled_today": today["late"],
            "last_upload": _clock(today["last"]) if today["last"] else "",
            "reported_today": generated,
            "rate_percent": None if rate is None else round(rate, 1),
            "buffered": said.get("bufferedCount"),
            "soft_version": said.get("softVersion", ""),
            "barriers": _online(said.get("barriers")),
            "cameras": _online(said.get("cameras")),
        }

    def _passage_view(self, row: dict[str, Any]) -> dict[str, Any]:
        content = row["content"]
        photos = self._storage.rows(
            "select kind, max(id) id from photo where record_no = ? group by kind", row["record_no"]
        )
        result = RESULTS.get(content.get("controlResult", ""), ("", "", ""))
        return {
            **row,
            "photos": {photo["kind"]: photo["id"] for photo in photos},
            "plate": content.get("plateNo", ""),
            "look": PLATE_LOOKS.get(content.get("plateColor", ""), "other"),
            "is_entry": content.get("passageState") == "1",
            "where": f"{content.get('entranceCode', '')}-{content.get('barrierCode', '')}",
            "result_zh": result[0],
            "result_en": result[1],
            "tone": result[2],
            "action": ACTIONS.get(content.get("barrierAction", ""), ""),
            "stage": STAGES.get(content.get("emissionStage", ""), ""),
            "reason": content.get("violationReason", ""),
            "goods": " ".join(
                part
                for part in (content.get("goodsName"), f"{content['quantity']} t" if content.get("quantity") else "")
                if part
            ),
            "fleet": content.get("fleetName", ""),
            "received": _clock(row["received_at_ms"]),
        }


def _online(parts: Any) -> str:
    """How many of the parts a heartbeat lists are online, as "3/4"; "" when it lists none."""
    if not isinstance(parts, list) or not parts:
        return ""
    return f"{sum(1 for part in parts if isinstance(part, dict) and part.get('online') == 1)}/{len(parts)}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _clock(at_ms: int, *, with_day: bool = False) -> str:
    return datetime.fromtimestamp(at_ms / 1000, CHINA).strftime("%Y-%m-%d %H:%M:%S" if with_day else "%H:%M:%S")
