"""What is done to try each of the eight functions (services/self_test.py), on the parts that run."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from gateway.domain.dictionary import registers
from gateway.domain.field_rules import check_row
from gateway.domain.ledger_filter import LedgerFilter
from gateway.domain.policy import ALLOW, DENY, HOLD, Facts, decide
from gateway.domain.records import CHINA, local_text
from gateway.services.lane_view import LaneNow
from gateway.services.ledger_query import MAX_PAGE, LedgerQueries
from gateway.services.policy_book import PolicyBook
from gateway.services.ports import Clock, Frames, Photographs, Queries, Receipt, Sides, UploadQueue
from gateway.services.register_port import RegisterStore
from gateway.services.self_test import AMBER, GREEN, RED, Probe, Tried

DAY_MS = 86_400_000
FRESH_MS = 5_000  # a picture of a camera that lives is not older [assumed]
CLIP_MS = 4_000
SPACE_SHARE = 0.05  # of the disk: less is amber [assumed]
VIN_RIGHT, VIN_WRONG = "LSVAU218XN2183294", "LSVAU2180N2183294"  # the ninth place is the check digit of GB 16735
MARK = "self_test"


class Clips(Protocol):
    def path(self, finding_id: str) -> Path | None: ...


def probes(*, lanes: Mapping[str, LaneNow], frames: Frames, cameras: Sequence[str], photographs: Photographs,
           cut: Callable[[str, int, int], Any], clips: Clips, sides: Sides, book: PolicyBook, registers: RegisterStore,
           queries: Queries, rows: LedgerQueries, store: UploadQueue, free_share: Callable[[], float],
           greet: Callable[[], Receipt], clock: Clock) -> dict[str, Probe]:  # fmt: skip
    """cut: (camera, from_ms, until_ms) -> awaitable MP4 bytes. greet: one heartbeat to the regulator, blocking."""
    return {
        "collect": partial(_collect, lanes),
        "check": partial(_check, book, registers, clock),
        "control": partial(_control, lanes),
        "statistics": partial(_statistics, queries, rows, clock),
        "photo": partial(_photo, frames, cameras, photographs, clock),
        "video": partial(_video, frames, cameras, cut, clips, sides, clock),
        "storage": partial(_storage, store, free_share),
        "exchange": partial(_exchange, greet),
    }


async def _collect(lanes: Mapping[str, LaneNow]) -> Tried:
    """Every lane controller is heard, and its sensors say that they work."""
    silent = [name for name, now in lanes.items() if not now.is_online]
    if silent or not lanes:
        return Tried(RED, f"车道无信号：{'、'.join(silent) or '没有车道'}", f"lanes not heard: {', '.join(silent) or 'there is none'}")  # fmt: skip
    inputs = [(name, role, i) for name, now in lanes.items() for role, i in ((now.state or {}).get("inputs") or {}).items()]  # fmt: skip
    broken = [f"{name} {role}" for name, role, i in inputs if not i["ok"]]
    oldest_s = max(now.heard_age_s or 0.0 for now in lanes.values())
    if broken:
        return Tried(AMBER, f"传感器不可信：{'、'.join(broken)}", f"sensors not trusted: {', '.join(broken)}")
    return Tried(GREEN, f"{len(lanes)} 条车道、{len(inputs)} 个传感器在线，最久 {oldest_s:.0f} 秒前收到",
                 f"{len(lanes)} lanes with {len(inputs)} sensors, the oldest word {oldest_s:.0f} s ago")  # fmt: skip


async def _check(book: PolicyBook, store: RegisterStore, clock: Clock) -> Tried:
    """A right and a wrong VIN are told apart, a verdict is reached by the packs in force, the register answers."""
    layout, today = registers()["vehicle"], datetime.fromtimestamp(clock.wall_ms() / 1000, CHINA).date()
    wrong = {vin: [f for f in check_row(layout, {"vin": vin}, today) if f.field == "vin"] for vin in (VIN_RIGHT, VIN_WRONG)}  # fmt: skip
    if wrong[VIN_RIGHT] or not wrong[VIN_WRONG]:
        return Tried(RED, "校验规则分不清正确与错误的 VIN", "the rules do not tell a right VIN from a wrong one")
    policy = book.policy()
    if not policy.packs:
        return Tried(RED, "没有生效的规则包", "no rule pack is in force")
    at_ms = clock.wall_ms()
    verdict = decide(Facts("", "", "ordinary", "in", book.response_level(), None, None, at_ms=at_ms, site=book.site()), policy)  # fmt: skip
    vehicles = store.counts().get("vehicle", {})
    return Tried(GREEN, f"VIN 校验有效；{len(policy.packs)} 个规则包对未识别车辆的判定为“{_VERDICT_ZH[verdict.verdict]}”；车辆登记 {sum(vehicles.values())} 条",
                 f"VINs are checked; {len(policy.packs)} packs judge an unread vehicle {verdict.verdict}; {sum(vehicles.values())} registered vehicles")  # fmt: skip


_VERDICT_ZH: Final = {ALLOW: "放行", DENY: "禁行", HOLD: "待确认"}


async def _control(lanes: Mapping[str, LaneNow]) -> Tried:
    """Every arm's position is known and none is in fault; a lane that is not heard is the collection's finding."""
    heard = {name: now for name, now in lanes.items() if now.is_online}
    if len(heard) < len(lanes) or not lanes:
        return Tried(
            AMBER, "有车道无信号，无法检查（见“采集”）", "a lane is not heard: cannot be tried, see collection"
        )
    faults = [f"{name} {f['code']}:{f['component']}" for name, now in heard.items() for f in (now.state or {}).get("faults") or ()]  # fmt: skip
    stuck = [f"{name} {now.barrier}" for name, now in heard.items() if now.barrier in ("fault", "unknown")]
    if stuck or any(":barrier" in f for f in faults):
        return Tried(RED, f"道闸故障：{'、'.join(stuck + faults)}", f"arm in fault: {', '.join(stuck + faults)}")
    return Tried(GREEN, f"道闸状态已知：{'、'.join(heard)}", f"positions of the arms known: {', '.join(heard)}")


async def _statistics(queries: Queries, rows: LedgerQueries, clock: Clock) -> Tried:
    """Today's passages counted in two ways: by the columns of the query service, and one by one."""
    return await asyncio.to_thread(_count_twice, queries, rows, clock)


def _count_twice(queries: Queries, rows: LedgerQueries, clock: Clock) -> Tried:
    now_ms = clock.wall_ms()
    from_ms = datetime.fromtimestamp(now_ms / 1000, CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    of = LedgerFilter(int(from_ms.timestamp() * 1000), now_ms)
    groups = rows.counts(of, ("lane",))
    cursor, listed = None, 0
    while True:
        page, _, _, cursor = rows.page(of, limit=MAX_PAGE, cursor=cursor, way="older")
        listed += len(page)
        if cursor is None:
            break
    counted = sum(groups.values())
    if counted != listed:
        return Tried(
            RED, f"今日汇总 {counted} 次，逐条 {listed} 次", f"today's sums say {counted}, the rows are {listed}"
        )
    return Tried(GREEN, f"今日 {counted} 次通行，汇总与逐条一致", f"{counted} passages today, sums equal the rows")


async def _photo(frames: Frames, cameras: Sequence[str], photographs: Photographs, clock: Clock) -> Tried:
    """A picture is taken from every camera now and made into a photograph with its overlay."""
    sizes, now_ms = [], clock.wall_ms()
    for camera in cameras:
        taken = await frames.burst(camera, now_ms - FRESH_MS, now_ms, 1)
        if not taken:
            return Tried(RED, f"摄像机 {camera} 没有画面", f"camera {camera}: no picture")
        image: np.ndarray = taken[-1].image
        jpeg = await asyncio.to_thread(photographs.evidence_jpeg, image, lines=[local_text(taken[-1].at_ms), "自检"])
        if not jpeg.startswith(b"\xff\xd8"):
            return Tried(RED, f"摄像机 {camera} 照片无法生成", f"camera {camera}: no photograph could be made")
        sizes.append(f"{camera} {image.shape[1]}×{image.shape[0]} {len(jpeg) // 1024} KB")
    if not sizes:
        return Tried(RED, "没有摄像机", "there is no camera")
    return Tried(GREEN, "已拍摄：" + "、".join(sizes), "taken: " + ", ".join(sizes))


async def _video(frames: Frames, cameras: Sequence[str], cut: Callable[[str, int, int], Any], clips: Clips, sides: Sides,
                 clock: Clock) -> Tried:  # fmt: skip
    """A clip of the last seconds is cut from every camera, and every clip that today's findings name lies on the disk."""
    now_ms, health = clock.wall_ms(), frames.health()
    today = sides.between("finding", now_ms - DAY_MS, now_ms + 1)
    named = [row.side_id for row in today if row.values.get("clip_file")]
    if missing := [n for n in named if clips.path(n) is None]:
        return Tried(RED, f"视频片段缺失：{'、'.join(missing[:3])}", f"clips missing: {', '.join(missing[:3])}")
    silent = [c for c in cameras if c not in health or not health[c].is_online]
    if silent or not cameras:
        return Tried(AMBER, f"摄像机无画面，无法检查（见“照片”）：{'、'.join(silent)}", f"cameras silent, cannot be tried, see photographs: {', '.join(silent)}")  # fmt: skip
    bytes_ = 0
    for camera in cameras:
        content = await cut(camera, now_ms - CLIP_MS, now_ms)
        if b"ftyp" not in content[:16]:
            return Tried(RED, f"摄像机 {camera} 无法截取视频", f"camera {camera}: no clip could be cut")
        bytes_ += len(content)
    return Tried(GREEN, f"已从 {len(cameras)} 台摄像机截取 {CLIP_MS // 1000} 秒视频 {bytes_ // 1024} KB；24 小时内 {len(named)} 个片段齐全",
                 f"{CLIP_MS // 1000} s cut from {len(cameras)} cameras, {bytes_ // 1024} KB; {len(named)} clips of 24 h all there")  # fmt: skip


async def _storage(store: UploadQueue, free_share: Callable[[], float]) -> Tried:
    """A number is written to the ledger's file in a synced transaction, outside the chain, and read back by the other connection."""
    number = secrets.randbelow(2**31) + 1
    await asyncio.to_thread(store.set_mark, MARK, number)
    if store.mark(MARK) != number:
        return Tried(RED, "写入后读回不一致", "what was written is not what is read")
    free = free_share()
    told_zh, told_en = f"写入并读回；磁盘剩余 {free:.0%}", f"written and read back; {free:.0%} of the disk is free"
    return Tried(AMBER if free < SPACE_SHARE else GREEN, told_zh, told_en)


async def _exchange(greet: Callable[[], Receipt]) -> Tried:
    """A heartbeat with a token goes to the regulator and is answered."""
    receipt = await asyncio.to_thread(greet)
    if receipt.outcome == "accepted":
        return Tried(GREEN, "监管平台已应答心跳", "the regulator answered a heartbeat")
    return Tried(
        RED, f"监管平台：{receipt.message}（{receipt.code}）", f"regulator: {receipt.message} ({receipt.code})"
    )
