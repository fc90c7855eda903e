"""Irregular uses of the system (function 16 of the enterprise requirements, HJ 1321-2023): what they are called, and rules
over plain rows. Pure; gateway/misuse.toml has the figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.domain.records import CHINA, local_text

DAY_MS, HOUR_MS = 86_400_000, 3_600_000

PATTERNS: dict[str, tuple[str, str]] = {
    "arm_held_open": ("闸杆长时间开启", "arm held open"),
    "lift_without_record": ("抬杆无记录", "lift without a record"),
    "camera_covered": ("摄像头被遮挡", "camera covered"),
    "camera_moved": ("摄像头被移动", "camera moved"),
    "clock_changed": ("时钟被改动", "clock changed"),
    "list_off": ("超标或黑名单被清空", "over-limit or blacklist emptied"),
    "photo_twice": ("同一照片重复使用", "the same photograph twice"),
    "manual_lifts": ("人工抬杆过多", "too many manual lifts"),
    "overrides": ("同一人多次放行被拒车辆", "one person lets in what policy refuses"),
    "paper_overdue": ("纸质台账逾期未录入", "paper ledger overdue"),
    "tailgates": ("反复尾随", "repeated tail-gating"),
    "bulk_corrections": ("批量更正记录", "records corrected in bulk"),
    "not_automatic": ("通车时处于手动或维护模式", "manual or maintenance mode during traffic"),
    "sensor_unplugged": ("工作时间传感器断开", "sensor unplugged in working hours"),
    "photo_missing": ("照片缺失", "photographs missing"),
    "gateway_stopped": ("网关停运", "gateway stopped"),
    "policy_lowered": ("非监管下发的策略撤销或响应降级", "pack withdrawn or level lowered by the site"),
    "two_places": ("同一车牌同时两处", "one plate at two places"),
}


@dataclass(frozen=True)
class Misuse:
    """subject: names this occurrence for ever, so that it is raised once. rows: what it was found from."""

    pattern: str
    subject: str
    lane: str
    at_ms: int
    zh: str
    en: str
    rows: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LaneEventSeen:
    lane: str
    kind: str
    boot: str
    seq: int
    lane_pass: str
    at_ms: int
    data: dict[str, Any]


@dataclass(frozen=True)
class PassSeen:
    pass_id: str
    lane: str
    direction: str
    arrived_at_ms: int
    plate: str
    verdict: str  # the policy's
    answered_by: str  # who let it in or refused it, "" nobody
    is_let_in: bool  # by that person
    raised_by: str
    end: str
    is_closed: bool
    photos: int
    source: str


@dataclass(frozen=True)
class EntrySeen:
    seq: int
    kind: str
    lane: str
    pass_id: str
    at_ms: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """Rows of a stretch of time [from_ms, now_ms), each list by time. passes and entries reach back a day before it."""

    from_ms: int
    now_ms: int
    events: Sequence[LaneEventSeen] = ()
    passes: Sequence[PassSeen] = ()
    entries: Sequence[EntrySeen] = ()
    commands: frozenset[str] = frozenset()
    heads: Sequence[tuple[int, int]] = ()  # (seq, at_ms)
    paper: Sequence[tuple[str, int]] = ()  # (number, issued_at_ms), not entered yet
    same_photos: Sequence[tuple[str, str, str, int]] = ()  # (photo_id, the earlier one, why the same, taken_at_ms)
    heard: Mapping[str, int] | None = None  # lane -> until when it was heard; None: all until now_ms


Figures = Mapping[str, Mapping[str, Any]]


def found(seen: Seen, figures: Figures) -> list[Misuse]:
    """All that the rows show, oldest first."""
    rules = (_arm, _lifts, _clock, _lists, _photos_twice, _manual, _overrides, _paper, _tailgates, _corrections, _modes,
             _sensors, _missing, _stopped, _lowered, _two_places)  # fmt: skip
    every = [m for rule in rules for m in rule(seen, figures)]
    return sorted(every, key=lambda m: (m.at_ms, m.subject))


def _name(e: LaneEventSeen) -> str:
    return f"{e.lane}/{e.boot}-{e.seq}"


def _day(at_ms: int) -> str:
    return local_text(at_ms)[:10]


def _arm(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    held_ms = figures["arm_held_open"]["held_s"] * 1000
    opening: dict[str, LaneEventSeen] = {}
    for e in [*seen.events, None]:
        if e is not None and e.kind == "barrier.opening":
            opening.setdefault(e.lane, e)
        elif e is None or e.kind == "barrier.closed":
            for lane in [e.lane] if e else list(opening):
                first = opening.pop(lane, None)
                heard_ms = seen.now_ms if seen.heard is None else seen.heard.get(lane, 0)
                until_ms = e.at_ms if e else heard_ms  # a silent lane may have closed: its journal will say
                if first and until_ms - first.at_ms >= held_ms:
                    cause = first.data.get("cause", "")
                    yield Misuse("arm_held_open", _name(first), lane, first.at_ms,
                                 f"闸杆自 {local_text(first.at_ms)} 起开启超过 {held_ms // 1000} 秒（{cause}）",
                                 f"the arm is open for more than {held_ms // 1000} s since {local_text(first.at_ms)} ({cause})",
                                 {"cause": cause, "command": first.data.get("command", ""), "pass": first.lane_pass})  # fmt: skip


def _lifts(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    settle_ms = figures["lift_without_record"]["settle_s"] * 1000
    entered = {e.body.get("lane_event") for e in seen.entries if e.kind == "movement"}
    for e in seen.events:
        if (
            e.kind not in ("barrier.opening", "barrier.forced")
            or e.at_ms + settle_ms > seen.now_ms
            or e.at_ms < seen.from_ms
        ):
            continue
        cause = e.data.get("cause", "force" if e.kind == "barrier.forced" else "")
        if cause == "command":
            known = e.data.get("command") in seen.commands
        elif cause in ("button", "hold_to_run", "fire", "offline"):
            known = f"{e.boot}-{e.seq}" in entered
        else:  # reopened by its own interlock, for a vehicle it was raised for
            known = e.kind == "barrier.opening" and cause != ""
        if not known:
            yield Misuse("lift_without_record", _name(e), e.lane, e.at_ms,
                         f"闸杆于 {local_text(e.at_ms)} 抬起，没有指令、按钮或消防记录（{cause}）",
                         f"the arm rose at {local_text(e.at_ms)} without a command, button or fire entry ({cause})",
                         {"kind": e.kind, "data": e.data})  # fmt: skip


def _clock(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    step_ms = figures["clock_changed"]["step_s"] * 1000
    for e in seen.events:
        if e.kind == "clock.set" and abs(e.data.get("step_ms") or 0) >= step_ms and e.at_ms >= seen.from_ms:
            yield clock_step(_name(e), e.lane, e.at_ms, e.data["step_ms"])
    for (_, before_ms), (seq, at_ms) in zip(seen.heads, seen.heads[1:], strict=False):
        if at_ms < before_ms - step_ms:
            yield clock_step(f"head/{seq}", "", at_ms, at_ms - before_ms)


def clock_step(subject: str, lane: str, at_ms: int, step_ms: int) -> Misuse:
    whose_zh, whose_en = ("车道", f"of {lane}") if lane else ("网关", "of the gateway")
    return Misuse("clock_changed", subject, lane, at_ms, f"{whose_zh}时钟跳变 {step_ms / 1000:+.0f} 秒",
                  f"the clock {whose_en} jumped by {step_ms / 1000:+.0f} s", {"step_ms": step_ms})  # fmt: skip


def _lists(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    """The site's blacklist from its entries: many taken off in a day. What the service sees of the lists: list_shrunk."""
    removed: dict[str, list[EntrySeen]] = defaultdict(list)
    for e in seen.entries:
        if e.kind == "blacklist" and e.body.get("removed_by"):
            removed[_day(e.at_ms)].append(e)
    for day, entries in removed.items():
        if len(entries) > figures["bulk_corrections"]["most"]:
            by = sorted({e.body["removed_by"] for e in entries})
            yield Misuse("list_off", f"blacklist/{day}", "", entries[-1].at_ms, f"{day} 从黑名单移除 {len(entries)} 辆（{'、'.join(by)}）",
                         f"{len(entries)} taken off the blacklist on {day} by {', '.join(by)}", {"entries": [e.seq for e in entries]})  # fmt: skip


def list_shrunk(name: str, before: int, now: int, at_ms: int, figures: Figures) -> Misuse | None:
    """name: over_limit | blacklist; their lengths before and now."""
    if before == 0 or now >= before * figures["list_off"]["kept_share"]:
        return None
    zh = {"over_limit": "超标车辆名单", "blacklist": "黑名单"}[name]
    return Misuse("list_off", f"{name}/{at_ms}", "", at_ms, f"{zh}由 {before} 条减至 {now} 条",
                  f"the list {name} went from {before} to {now} entries", {"before": before, "now": now})  # fmt: skip


def _photos_twice(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    for photo, earlier, how, at_ms in seen.same_photos:
        yield Misuse("photo_twice", f"photo/{photo}", "", at_ms, f"照片 {photo} 与 {earlier} 是同一画面（{how}）",
                     f"photograph {photo} shows the same picture as {earlier} ({how})", {"photos": [photo, earlier]})  # fmt: skip


def _per_day(
    pattern: str, key: str, lane: str, rows: list[tuple[int, str]], most: int, zh: str, en: str
) -> Iterable[Misuse]:
    """One finding a day and key when more than `most` rows (at_ms, id) fall on it."""
    days: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in sorted(rows):
        days[_day(row[0])].append(row)
    for day, of_day in days.items():
        if len(of_day) > most:
            yield Misuse(pattern, f"{key}/{day}", lane, of_day[most][0], f"{day} {zh}，已超过 {most} 次",
                         f"{day}: {en}, more than {most} times", {"rows": [r[1] for r in of_day[: most + 1]]})  # fmt: skip


def _manual(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    lifts: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for e in seen.entries:
        cause = e.body.get("data", {}).get("cause")
        if e.kind == "manual_raise" or (e.body.get("kind") == "barrier.opening" and cause in ("button", "hold_to_run")):
            lifts[e.lane].append((e.at_ms, str(e.seq)))
    for lane, rows in lifts.items():
        yield from _per_day("manual_lifts", lane, lane, rows, figures["manual_lifts"]["most"], f"车道 {lane} 人工抬杆", f"manual lifts at {lane}")  # fmt: skip


def _overrides(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    by: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for p in seen.passes:
        if p.verdict == "DENY" and p.answered_by and p.is_let_in:
            by[p.answered_by].append((p.arrived_at_ms, p.pass_id))
    for who, rows in by.items():
        yield from _per_day("overrides", who, "", rows, figures["overrides"]["most"], f"{who} 放行被策略拒绝的车辆", f"{who} let in vehicles that policy refused")  # fmt: skip


def _paper(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    hours = figures["paper_overdue"]["hours"]
    for number, issued_ms in seen.paper:
        if seen.now_ms - issued_ms >= hours * HOUR_MS:
            yield Misuse("paper_overdue", f"paper/{number}", "", issued_ms + hours * HOUR_MS, f"纸质台账 {number} 超过 {hours} 小时未录入",
                         f"number {number} of the paper form was not entered within {hours} h", {"issued_at_ms": issued_ms})  # fmt: skip


def _tailgates(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    at: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for p in seen.passes:
        if p.end == "tailgate":
            at[p.lane].append((p.arrived_at_ms, p.pass_id))
    for lane, rows in at.items():
        yield from _per_day("tailgates", lane, lane, rows, figures["tailgates"]["most"] - 1, f"车道 {lane} 尾随通过", f"tail-gating at {lane}")  # fmt: skip


def _corrections(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    most = figures["bulk_corrections"]["most"]
    by: dict[str, list[EntrySeen]] = defaultdict(list)
    for e in seen.entries:
        if e.kind == "correction":
            by[str(e.body.get("by", ""))].append(e)
    for who, entries in by.items():
        for first, last in zip(entries, entries[most:], strict=False):
            if last.at_ms - first.at_ms <= HOUR_MS:
                hour = local_text(first.at_ms)[:13]
                yield Misuse("bulk_corrections", f"{who}/{_day(first.at_ms)}", "", last.at_ms, f"{who} 自 {hour} 时起一小时内更正超过 {most} 条记录",
                             f"{who} corrected more than {most} rows within an hour from {hour}", {"entries": [first.seq, last.seq]})  # fmt: skip
                break


def _modes(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    least = figures["not_automatic"]["passes"]
    changes: dict[str, list[LaneEventSeen]] = defaultdict(list)
    for e in seen.events:
        if e.kind == "mode.changed":
            changes[e.lane].append(e)
    for lane, events in changes.items():
        for e, after in zip(events, [*events[1:], None], strict=True):
            until_ms = after.at_ms if after else seen.now_ms
            inside = [
                p
                for p in seen.passes
                if p.lane == lane and e.at_ms <= p.arrived_at_ms < until_ms and p.source == "auto"
            ]
            if e.data["mode"] != "automatic" and len(inside) >= least:
                yield Misuse("not_automatic", _name(e), lane, inside[least - 1].arrived_at_ms,
                             f"车道 {lane} 处于 {e.data['mode']} 模式（{e.data['by']}）时已有 {least} 辆车到达",
                             f"{least} vehicles arrived while {lane} was in mode {e.data['mode']} ({e.data['by']})",
                             {"passes": [p.pass_id for p in inside[:least]]})  # fmt: skip


def _sensors(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    f = figures["sensor_unplugged"]
    for e in seen.events:
        hour = datetime.fromtimestamp(e.at_ms / 1000, CHINA).hour
        if e.kind == "fault.set" and e.data.get("code") in f["codes"] and f["from_hour"] <= hour < f["until_hour"] and e.at_ms >= seen.from_ms:  # fmt: skip
            part = e.data.get("component", "")
            yield Misuse("sensor_unplugged", _name(e), e.lane, e.at_ms, f"车道 {e.lane} 的 {part} 在工作时间失效（{e.data['code']}）",
                         f"{part} of {e.lane} failed in working hours ({e.data['code']})", {"data": e.data})  # fmt: skip


def _missing(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    at: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for p in seen.passes:
        if p.is_closed and p.photos < 2 and p.source == "auto":
            at[p.lane].append((p.arrived_at_ms, p.pass_id))
    for lane, rows in at.items():
        yield from _per_day("photo_missing", lane, lane, rows, figures["photo_missing"]["most"], f"车道 {lane} 记录缺照片", f"passes of {lane} without both photographs")  # fmt: skip


def _stopped(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    gap_ms = figures["gateway_stopped"]["gap_s"] * 1000
    moved = Counter(e.lane for e in seen.events)
    for (seq, before_ms), (_, at_ms) in zip(seen.heads, seen.heads[1:], strict=False):
        if at_ms - before_ms > gap_ms:
            yield Misuse("gateway_stopped", f"head/{seq}", "", before_ms, f"网关自 {local_text(before_ms)} 至 {local_text(at_ms)} 没有签名，疑似停运",
                         f"the gateway signed nothing from {local_text(before_ms)} to {local_text(at_ms)}: it was stopped",
                         {"gap_s": (at_ms - before_ms) // 1000, "lanes_heard": sorted(moved)})  # fmt: skip


def _lowered(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    regulator = figures["policy_lowered"]["regulator"]
    weight = {"0": 0, "3": 1, "2": 2, "1": 3}  # level 1 is the strictest
    level = None
    for e in seen.entries:
        by = str(e.body.get("by", ""))
        if e.kind == "policy" and e.body.get("is_active") is False and by != regulator:
            name = f"{e.body.get('policy_id')}@{e.body.get('version')}"
            yield Misuse("policy_lowered", f"entry/{e.seq}", "", e.at_ms, f"{by} 撤销了策略 {name}", f"{by} withdrew pack {name}", {"entry": e.seq})  # fmt: skip
        if e.kind == "response_level":
            now = str(e.body.get("response_level", ""))
            before = level or ""
            if by != regulator and before in weight and now in weight and weight[now] < weight[before]:
                yield Misuse("policy_lowered", f"entry/{e.seq}", "", e.at_ms, f"{by} 将响应等级由 {before} 降为 {now}",
                             f"{by} lowered the response level from {before} to {now}", {"entry": e.seq})  # fmt: skip
            level = now


def _two_places(seen: Seen, figures: Figures) -> Iterable[Misuse]:
    within_ms = figures["two_places"]["within_s"] * 1000
    last: dict[tuple[str, str], PassSeen] = {}
    for p in seen.passes:
        if not p.plate:
            continue
        before = last.get((p.plate, p.direction))
        if before and before.lane != p.lane and p.arrived_at_ms - before.arrived_at_ms <= within_ms:
            yield Misuse("two_places", f"pass/{p.pass_id}", p.lane, p.arrived_at_ms, f"{p.plate} 几乎同时出现在 {before.lane} 和 {p.lane}",
                         f"{p.plate} was at {before.lane} and at {p.lane} within {figures['two_places']['within_s']} s",
                         {"passes": [before.pass_id, p.pass_id]})  # fmt: skip
        last[p.plate, p.direction] = p
