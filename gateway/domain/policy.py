"""May this vehicle pass? Same facts, same packs, same verdict, with its reason.

Pure. The order of the checks follows HJ 1321's functions 5 and 6 (over-limit list, control strategy): 1 emergency,
2 over-limit list, 3 blacklist, 4 known and audited, 5 rules in force, 6 networking of stage VI, 7 booking, 8 pass. An
exception that a person approved lifts 5 to 7, never 2 to 4. Each pack in force must be satisfied: the strictest of
their answers stands, so that one more pack never lets more pass. Which packs are in force is data: gateway/policies/*.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.domain.exceptions import PassException
from gateway.domain.policy_rules import STRICTNESS, Pack, Rule
from gateway.domain.policy_space import COUNTED_PER, Scene, Site, subject_of
from gateway.domain.records import local_text
from gateway.domain.vehicles import Vehicle, vehicle_class

ALLOW, DENY, HOLD = "ALLOW", "DENY", "HOLD"

_JUDGED_FIELDS = (
    "vehicle_type", "fuel_type", "emission_stage", "network_status", "use_nature", "vehicle_category", "is_audited",
    "fleet_name", "register_date", "certificates",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """All that decide() may look at. plate_no is "" when the plate could not be read.

    over_limit_reason, blacklist_reason: None = not listed. has_booking: None = not known. passed_today: entries let in
    today before this one, per "vehicle", "carrier", "site". target: road | in_plant.
    """

    plate_no: str
    plate_colour: str
    plate_family: str
    direction: str  # "in" | "out"
    response_level: str  # 0 none, 3 yellow, 2 orange, 1 red
    vehicle: Vehicle | None
    over_limit_reason: str | None  # reason on the regulator's list of confirmed exceeders
    is_emergency: bool = False
    at_ms: int = 0
    blacklist_reason: str | None = None
    exception: PassException | None = None
    has_booking: bool | None = None
    goods: str = ""
    target: str = "road"
    site: Site = field(default_factory=Site)
    passed_today: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """ALLOW, DENY or HOLD with everything a guard, an inspector and a replay need.

    checks: "check=answer" in the order in which they were made. rules: "pack@version:rule=effect" of every rule that
    hit, the deciding one of each pack first, the packs from the most specific to the general.
    """

    verdict: str
    rule_id: str
    reason_code: str  # V01 ... V99 of the violation table, "" when nothing is wrong
    reason_zh: str
    reason_en: str
    policy_id: str
    policy_version: int
    response_level: str
    violates_policy: bool = False
    inputs: dict[str, Any] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """The packs that a person has activated."""

    packs: tuple[Pack, ...] = ()

    def in_force(self, at_ms: int, site: Site) -> tuple[Pack, ...]:
        """Effective now, meant for this site, replaced by none that is; the most specific scope first."""
        newest: dict[str, Pack] = {}
        for pack in self.packs:
            if pack.is_effective(at_ms) and pack.scope.covers(site):
                known = newest.get(pack.policy_id)
                newest[pack.policy_id] = pack if known is None or known.version < pack.version else known
        replaced = {name for pack in newest.values() for name in pack.supersedes if name != pack.policy_id}
        kept = [pack for pack in newest.values() if pack.policy_id not in replaced]
        return tuple(sorted(kept, key=lambda pack: (-pack.scope.rank, pack.policy_id)))


@dataclass(frozen=True)
class _Objection:
    """What one of the checks 2, 3, 5, 6, 7 has against the vehicle. effect: refuse | hold | alarm_only."""

    effect: str
    rule_id: str
    code: str
    zh: str
    en: str
    pack: Pack | None = None


def decide(facts: Facts, policy: Policy | Pack) -> Verdict:
    """The verdict for one vehicle at one moment; the first check that objects wins. A Pack alone is a policy too."""
    if isinstance(policy, Pack):
        policy = Policy((policy,))
    return _Judgement(facts, policy.in_force(facts.at_ms, facts.site)).verdict()


class _Judgement:
    def __init__(self, facts: Facts, packs: tuple[Pack, ...]) -> None:
        self.facts, self.packs = facts, packs
        self.checks: list[str] = []
        self.rules: list[str] = []

    def verdict(self) -> Verdict:
        facts, vehicle = self.facts, self.facts.vehicle
        if self._noted("unread", not facts.plate_no):
            return self._end(HOLD, "unread", "V04", "号牌未识别，请门卫核对", "Plate unread, the guard decides")
        if self._noted("emergency", facts.is_emergency):
            return self._end(ALLOW, "emergency", "", "应急车辆，优先放行", "Emergency vehicle, let pass")
        if self._noted("over-limit", facts.over_limit_reason is not None):
            why = facts.over_limit_reason
            return self._object(
                _Objection("refuse", "over-limit", "V01", f"排放超标车辆：{why}", f"On the over-limit list: {why}")
            )
        if self._noted("blacklist", facts.blacklist_reason is not None):
            why = facts.blacklist_reason
            return self._object(
                _Objection("refuse", "blacklist", "V06", f"黑名单车辆：{why}", f"On the site's blacklist: {why}")
            )
        if self._noted("unknown-vehicle", vehicle is None) or vehicle is None:
            return self._end(HOLD, "unknown-vehicle", "V04", "车辆未登记，请门卫核对",
                             "Vehicle not registered, the guard decides")  # fmt: skip
        if self._noted("unaudited-vehicle", not vehicle.is_audited):
            return self._end(HOLD, "unaudited-vehicle", "V04", "车辆信息未审核", "Vehicle data not yet audited")
        alarm: _Objection | None = None
        for check, found in (("rules", self._rules(vehicle)), ("networking", self._networking(vehicle)),
                             ("booking", self._booking())):  # fmt: skip
            self.checks.append(f"{check}={found.effect if found else 'clear'}")
            if found is None:
                continue
            if found.effect == "alarm_only":
                alarm = alarm or found
                continue
            return self._excepted(found) or self._object(found)
        if alarm:
            return self._end(ALLOW, alarm.rule_id, alarm.code, alarm.zh, alarm.en, True, alarm.pack)
        return self._end(ALLOW, "registered", "", "符合管控要求，准许通行", "Meets the rules in force")

    # ------------------------------------------------------------ checks 5, 6, 7

    def _rules(self, vehicle: Vehicle) -> _Objection | None:
        """The strictest of the packs' answers; between equals the more specific pack's."""
        facts = self.facts
        subject = subject_of(vehicle, facts.target)
        scene = Scene(facts.at_ms, facts.direction, facts.response_level, facts.site, facts.goods, facts.passed_today)
        best: tuple[Rule, Pack] | None = None
        for pack in self.packs:
            hits = pack.index.hits(subject, scene)
            self.rules += [f"{pack.name}:{rule.rule_id}={rule.effect}" for rule in hits]
            if hits and (best is None or STRICTNESS[hits[0].effect] > STRICTNESS[best[0].effect]):
                best = hits[0], pack
        if best is None or not best[0].is_restrictive:
            return None
        rule, pack = best
        return _Objection(rule.effect, rule.rule_id, rule.reason_code, rule.reason_zh, rule.reason_en, pack)

    def _networking(self, vehicle: Vehicle) -> _Objection | None:
        """Heavy vehicles of stage VI must be networked; so must those of which class or stage is not known."""
        may_be_heavy = vehicle_class(vehicle.vehicle_type) in ("heavy", "")
        if (
            vehicle.network_status == "1"
            or not may_be_heavy
            or vehicle.emission_stage not in "6X"
            or vehicle.is_new_energy
        ):
            return None
        if vehicle.network_status == "0":
            return self._by_pack("networking", "V05", "国六重型车未联网", "China VI heavy vehicle is not networked")
        return self._by_pack(
            "networking",
            "V05",
            "国六重型车联网状态未知",
            "Whether this China VI heavy vehicle is networked is not known",
        )

    def _booking(self) -> _Objection | None:
        if self.facts.direction == "out" or self.facts.has_booking:
            return None
        return self._by_pack("booking", "V07", "未预约", "No booking")

    def _by_pack(self, check: str, code: str, zh: str, en: str) -> _Objection | None:
        """The strictest effect that a pack in force gives to a check of its own."""
        asking = [p for p in self.packs if getattr(p, check) != "off"]
        if not asking:
            return None
        pack = max(asking, key=lambda p: STRICTNESS[getattr(p, check)])
        return _Objection(getattr(pack, check), check, code, zh, en, pack)

    # ------------------------------------------------------------ ends

    def _noted(self, check: str, objects: bool) -> bool:
        self.checks.append(f"{check}={'hit' if objects else 'clear'}")
        return objects

    def _object(self, found: _Objection) -> Verdict:
        may_refuse_exit = found.pack.refuse_on_exit if found.pack else any(p.refuse_on_exit for p in self.packs)
        if self.facts.direction == "out" and not may_refuse_exit:
            return self._end(
                ALLOW, found.rule_id, found.code, f"{found.zh}（出厂不拦截，已记录并报警）",
                f"{found.en} (exit not refused, recorded)", True, found.pack,
            )  # fmt: skip
        if found.effect == "hold":
            return self._end(HOLD, found.rule_id, found.code, found.zh, found.en, False, found.pack)
        return self._end(DENY, found.rule_id, found.code, found.zh, found.en, True, found.pack)

    def _excepted(self, found: _Objection) -> Verdict | None:
        """The pass of an exception that is in force for this vehicle; None without one."""
        granted = self.facts.exception
        if granted is None or not granted.covers(self.facts.plate_no, self.facts.plate_colour, self.facts.at_ms):
            return None
        self.checks.append(f"exception={granted.exception_id}")
        until = local_text(granted.until_ms)
        return self._end(
            ALLOW, f"exception:{granted.exception_id}", "",
            f"例外放行（{granted.approver} 批准至 {until}）：{granted.reason}；原应：{found.zh}",
            f"Exception approved by {granted.approver} until {until}: {granted.reason}; else: {found.en}",
            False, found.pack,
        )  # fmt: skip

    def _end(self, kind: str, rule_id: str, code: str, zh: str, en: str, violates: bool = False,
             pack: Pack | None = None) -> Verdict:  # fmt: skip
        pack = pack or (self.packs[0] if self.packs else None)
        return Verdict(
            kind, rule_id, code, zh, en, pack.policy_id if pack else "none", pack.version if pack else 0,
            self.facts.response_level, violates, facts_to_doc(self.facts), tuple(self.checks), tuple(self.rules),
        )  # fmt: skip


# ---------------------------------------------------------------- explanation


def explain(verdict: Verdict) -> tuple[str, str]:
    """Chinese and English account of a verdict: result, rule, version, inputs, checks in their order."""
    seen = verdict.inputs.get("vehicle") or {}
    zh_inputs = [f"响应等级 {verdict.response_level}", f"方向 {verdict.inputs.get('direction', '')}"]
    en_inputs = [f"response level {verdict.response_level}", f"direction {verdict.inputs.get('direction', '')}"]
    for name, zh in (("vehicle_type", "车型"), ("fuel_type", "燃料"), ("emission_stage", "排放阶段"), ("network_status", "联网"),
                     ("use_nature", "使用性质")):  # fmt: skip
        if seen.get(name):
            zh_inputs.append(f"{zh} {seen[name]}")
            en_inputs.append(f"{name} {seen[name]}")
    hits = "、".join(verdict.rules) or "无"
    head = f"{verdict.policy_id}@{verdict.policy_version}"
    zh = (
        f"{_VERDICTS_ZH[verdict.verdict]}：{verdict.reason_zh}。规则 {verdict.rule_id}，策略 {head}。"
        f"依据：{'，'.join(zh_inputs)}。检查顺序：{' → '.join(map(_check_zh, verdict.checks))}。命中规则：{hits}。"
    )
    en = (
        f"{verdict.verdict}: {verdict.reason_en}. Rule {verdict.rule_id}, policy {head}. Inputs: {', '.join(en_inputs)}. "
        f"Checks in order: {' → '.join(verdict.checks)}. Rules that hit: {', '.join(verdict.rules) or 'none'}."
    )
    return zh, en


_VERDICTS_ZH = {ALLOW: "放行", DENY: "禁行", HOLD: "待门卫核对"}
_CHECKS_ZH = {
    "unread": "号牌未识别", "emergency": "应急车辆", "over-limit": "超标名单", "blacklist": "黑名单", "unknown-vehicle": "未登记",
    "unaudited-vehicle": "未审核", "rules": "管控规则", "networking": "国六联网", "booking": "预约", "exception": "例外",
    "clear": "通过", "hit": "命中", "refuse": "禁行", "hold": "核对", "alarm_only": "仅报警",
}  # fmt: skip


def _check_zh(check: str) -> str:
    name, _, answer = check.partition("=")
    return f"{_CHECKS_ZH[name]}：{_CHECKS_ZH.get(answer, answer)}"


# ---------------------------------------------------------------- facts on paper


def facts_to_doc(facts: Facts) -> dict[str, Any]:
    """The facts as a verdict entry keeps them: enough to judge again, nothing about persons."""
    doc: dict[str, Any] = {
        "plate_no": facts.plate_no, "plate_colour": facts.plate_colour, "plate_family": facts.plate_family,
        "direction": facts.direction, "response_level": facts.response_level,
        "over_limit_reason": facts.over_limit_reason, "is_emergency": facts.is_emergency, "at_ms": facts.at_ms,
        "blacklist_reason": facts.blacklist_reason, "has_booking": facts.has_booking, "goods": facts.goods,
        "target": facts.target,
        "vehicle": {k: getattr(facts.vehicle, k) for k in _JUDGED_FIELDS} if facts.vehicle else None,
        "exception": asdict(facts.exception) if facts.exception else None,
        "site": vars(facts.site).copy(),
        "passed_today": dict(facts.passed_today),
    }  # fmt: skip
    return doc


def facts_from_doc(doc: Mapping[str, Any], at_ms: int | None = None) -> Facts:
    """The inverse of facts_to_doc; what older entries did not keep takes its default. at_ms: for those without one."""
    values = {k: v for k, v in doc.items() if k in Facts.__dataclass_fields__}
    if vehicle := values.get("vehicle"):
        plate = {"plate_no": values["plate_no"], "plate_colour": values["plate_colour"]}
        values["vehicle"] = Vehicle(**(plate | {k: v for k, v in vehicle.items() if k in Vehicle.__dataclass_fields__}))
    if granted := values.get("exception"):
        values["exception"] = PassException(**granted)
    values["site"] = Site(**values.get("site", {}))
    values["passed_today"] = {k: v for k, v in values.get("passed_today", {}).items() if k in COUNTED_PER}
    if not values.get("at_ms") and at_ms is not None:
        values["at_ms"] = at_ms
    return Facts(**values)
