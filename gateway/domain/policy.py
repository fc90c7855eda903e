"""May this vehicle pass? Same facts, same verdict, with its reason.

Pure. The order of the checks and the rules' effects follow HJ 1321's functions 5 and 6 (over-limit list, control
strategy); which rules are in force is data: gateway/policies/*.toml.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.domain.emission import is_at_most, stage_rank
from gateway.domain.vehicles import Vehicle

ALLOW, DENY, HOLD = "ALLOW", "DENY", "HOLD"
EFFECTS = ("refuse", "alarm_only")
VEHICLE_CLASSES = ("heavy", "any")
EXEMPTIONS = ("emergency", "dangerous_goods")


class PackRefused(ValueError):
    """A rule pack is not acceptable; the message names rule, key, value and what is allowed."""


@dataclass(frozen=True)
class Rule:
    """One measure. It hits when every given condition holds.

    response_levels: codes 0-3 in which it is in force. max_emission_stage "4" hits X, 0 ... 4.
    """

    rule_id: str
    response_levels: tuple[str, ...]
    effect: str
    reason_code: str
    reason_zh: str
    reason_en: str
    vehicle_class: str = "any"
    fuel_types: tuple[str, ...] = ()
    max_emission_stage: str = "D"
    exempt: tuple[str, ...] = ()
    source: str = ""

    def hits(self, vehicle: Vehicle, response_level: str) -> bool:
        return (
            response_level in self.response_levels
            and (self.vehicle_class == "any" or vehicle.is_heavy_goods)
            and (not self.fuel_types or vehicle.fuel_type in self.fuel_types)
            and is_at_most(vehicle.emission_stage, self.max_emission_stage)
            and not ("dangerous_goods" in self.exempt and vehicle.is_dangerous_goods)
        )

    @property
    def specificity(self) -> int:
        """More conditions are tried first; the order in the pack decides between equals."""
        return (self.vehicle_class != "any") + bool(self.fuel_types) + (self.max_emission_stage != "D")


@dataclass(frozen=True)
class Pack:
    policy_id: str
    version: int
    title: str
    source: str
    rules: tuple[Rule, ...]
    refuse_on_exit: bool = False  # emission reasons do not trap a vehicle inside unless the site says so


@dataclass(frozen=True)
class Facts:
    """All that decide() may look at. plate_no is "" when the plate could not be read."""

    plate_no: str
    plate_colour: str
    plate_family: str
    direction: str  # "in" | "out"
    response_level: str  # 0 none, 3 yellow, 2 orange, 1 red
    vehicle: Vehicle | None
    over_limit_reason: str | None  # reason on the regulator's list of confirmed exceeders; None = not listed
    is_emergency: bool = False


@dataclass(frozen=True)
class Verdict:
    """ALLOW, DENY or HOLD with everything a guard, an inspector and a replay need."""

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


def decide(facts: Facts, pack: Pack) -> Verdict:
    """The verdict for one vehicle at one moment; first check that applies wins."""

    def verdict(kind: str, rule_id: str, code: str, zh: str, en: str, violates: bool = False) -> Verdict:
        return Verdict(
            kind, rule_id, code, zh, en, pack.policy_id, pack.version, facts.response_level, violates, _inputs(facts)
        )

    def refusal(rule_id: str, code: str, zh: str, en: str) -> Verdict:
        if facts.direction == "out" and not pack.refuse_on_exit:
            return verdict(
                ALLOW, rule_id, code, f"{zh}（出厂不拦截，已记录并报警）", f"{en} (exit not refused, recorded)", True
            )
        return verdict(DENY, rule_id, code, zh, en, True)

    if not facts.plate_no:
        return verdict(HOLD, "unread", "V04", "号牌未识别，请门卫核对", "Plate unread, the guard decides")
    if facts.is_emergency:
        return verdict(ALLOW, "emergency", "", "应急车辆，优先放行", "Emergency vehicle, let pass")
    if facts.over_limit_reason is not None:
        return refusal(
            "over-limit",
            "V01",
            f"排放超标车辆：{facts.over_limit_reason}",
            f"On the over-limit list: {facts.over_limit_reason}",
        )
    vehicle = facts.vehicle
    if vehicle is None:
        return verdict(
            HOLD, "unknown-vehicle", "V04", "车辆未登记，请门卫核对", "Vehicle not registered, the guard decides"
        )
    if not vehicle.is_audited:
        return verdict(HOLD, "unaudited-vehicle", "V04", "车辆信息未审核", "Vehicle data not yet audited")
    alarm: Rule | None = None
    for rule in sorted(pack.rules, key=lambda r: -r.specificity):
        if not rule.hits(vehicle, facts.response_level):
            continue
        if rule.effect == "refuse":
            return refusal(rule.rule_id, rule.reason_code, rule.reason_zh, rule.reason_en)
        alarm = alarm or rule
    if alarm:
        return verdict(ALLOW, alarm.rule_id, alarm.reason_code, alarm.reason_zh, alarm.reason_en, True)
    return verdict(ALLOW, "registered", "", "符合管控要求，准许通行", "Meets the rules in force")


def _inputs(facts: Facts) -> dict[str, Any]:
    inputs = asdict(facts)
    if facts.vehicle:
        inputs["vehicle"] = {
            k: getattr(facts.vehicle, k)
            for k in ("vehicle_type", "fuel_type", "emission_stage", "network_status", "use_nature", "is_audited")
        }
    return inputs


def pack_from(doc: dict[str, Any]) -> Pack:
    """A Pack from an untrusted document. Raises PackRefused naming rule, key, value and what is allowed."""

    def refuse(where: str, key: str, value: Any, allowed: str) -> PackRefused:
        return PackRefused(f"policy pack, {where}: {key} = {value!r}; allowed: {allowed}")

    head = {"policy_id", "version", "title", "source", "refuse_on_exit", "rules"}
    if extra := sorted(set(doc) - head):
        raise refuse("top level", extra[0], doc[extra[0]], f"keys {', '.join(sorted(head))}")
    for key, kind in (("policy_id", str), ("version", int), ("title", str), ("source", str), ("rules", list)):
        if not isinstance(doc.get(key), kind):
            raise refuse("top level", key, doc.get(key), kind.__name__)
    keys = set(Rule.__dataclass_fields__)
    rules: list[Rule] = []
    for number, row in enumerate(doc["rules"], 1):
        where = f"rule {row.get('rule_id', number)}"
        if extra := sorted(set(row) - keys):
            raise refuse(where, extra[0], row[extra[0]], f"keys {', '.join(sorted(keys))}")
        for key in ("rule_id", "response_levels", "effect", "reason_code", "reason_zh", "reason_en", "source"):
            if not row.get(key):
                raise refuse(where, key, row.get(key), "a value is required")
        if row["effect"] not in EFFECTS:
            raise refuse(where, "effect", row["effect"], ", ".join(EFFECTS))
        if row.get("vehicle_class", "any") not in VEHICLE_CLASSES:
            raise refuse(where, "vehicle_class", row["vehicle_class"], ", ".join(VEHICLE_CLASSES))
        if bad := [x for x in row["response_levels"] if x not in ("0", "1", "2", "3")]:
            raise refuse(where, "response_levels", bad[0], "0, 1, 2, 3")
        if bad := [x for x in row.get("exempt", ()) if x not in EXEMPTIONS]:
            raise refuse(where, "exempt", bad[0], ", ".join(EXEMPTIONS))
        try:
            stage_rank(row.get("max_emission_stage", "D"))
        except ValueError as error:
            raise PackRefused(f"policy pack, {where}: {error}") from None
        if row["rule_id"] in {r.rule_id for r in rules}:
            raise refuse(where, "rule_id", row["rule_id"], "each id once")
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
        rules.append(Rule(**values))
    return Pack(
        doc["policy_id"],
        doc["version"],
        doc["title"],
        doc["source"],
        tuple(rules),
        bool(doc.get("refuse_on_exit", False)),
    )
