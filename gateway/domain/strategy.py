"""A control policy as the regulator pushes it (basStrategy) becomes a pack, or is held with the words that were not understood.

Nothing is guessed: an unknown key, code, effect or exemption holds the whole strategy for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.domain.policy_pack import PackRefused, pack_from
from gateway.domain.policy_rules import Pack

_KEYS = (
    "strategyId", "strategyVersion", "op", "warningLevel", "responseLevel", "effectiveFrom", "effectiveTo",
    "industryType", "scope", "rules", "boardText", "issueTime", "issuedBy", "grades",
)  # fmt: skip
_RULE_KEYS = ("ruleId", "target", "match", "effect", "reason", "exempt")
_MATCH = {
    "vehicleClass": "vehicle_classes", "fuelType": "fuel_types", "maxEmissionStage": "max_emission_stage",
    "minEmissionStage": "min_emission_stage", "useNature": "use_natures", "vehicleCategory": "vehicle_categories",
    "goods": "goods", "timeWindows": "windows", "newEnergy": "new_energy", "machineKind": "machine_kinds",
    "networkStatus": "networking",
}  # fmt: skip
_EFFECTS = {
    "refuse": "refuse", "stop": "refuse", "alarm": "alarm_only", "alarm_only": "alarm_only", "allow": "allow", "hold": "hold",
}  # fmt: skip
_TARGETS = {"road": "road", "inplant": "in_plant", "in_plant": "in_plant", "machine": "machine"}
_EXEMPT = {
    "emergency": "emergency", "emergency_repair": "rescue", "rescue": "rescue", "livelihood": "livelihood",
    "dangerous_goods": "dangerous_goods", "special_work": "special_work",
}  # fmt: skip
_SCOPES = ("enterprise", "industry", "grade", "all")
_WARNING_OF = {"0": "none", "1": "red", "2": "orange", "3": "yellow"}


class StrategyHeld(ValueError):
    """A pushed strategy that is not understood; the message names rule, key, value and what is allowed."""


def pack_doc_from(strategy: Mapping[str, Any], enterprise_code: str) -> dict[str, Any]:
    """The pack document of a pushed strategy with op "add". Raises StrategyHeld."""
    _only("strategy", strategy, _KEYS)
    strategy_id, version = strategy.get("strategyId"), strategy.get("strategyVersion")
    level, scope = str(strategy.get("responseLevel", "")), strategy.get("scope", "enterprise")
    if level not in _WARNING_OF:
        raise _held("strategy", "responseLevel", level, _WARNING_OF)
    if strategy.get("warningLevel", _WARNING_OF[level]) != _WARNING_OF[level]:
        raise _held("strategy", "warningLevel", strategy["warningLevel"], [_WARNING_OF[level]])
    if scope not in _SCOPES:
        raise _held("strategy", "scope", scope, _SCOPES)
    rules = strategy.get("rules")
    if not isinstance(rules, list) or not rules:
        raise StrategyHeld("strategy: rules are missing; a text alone is entered by a person 只有文字的策略须人工录入")
    scoped: dict[str, Any] = {"enterprises": [enterprise_code]} if scope == "enterprise" else {}
    if scope == "industry":
        scoped["industries"] = [str(strategy.get("industryType", ""))]
    if scope == "grade":
        scoped["grades"] = list(strategy.get("grades", []))
    doc = {
        "policy_id": strategy_id, "version": version, "title": str(strategy.get("boardText") or f"管控策略 {strategy_id}")[:100],
        "issued_by": str(strategy.get("issuedBy") or "监管平台 regulator"), "source": f"basStrategy {strategy_id} version {version}",
        "issue_time": str(strategy.get("issueTime", "")), "effective_from": str(strategy.get("effectiveFrom", "")),
        "effective_to": str(strategy.get("effectiveTo", "")), "status": "final", "scope": scoped,
        "board_text": str(strategy.get("boardText", "")),
        "rules": [_rule(rule, number, level) for number, rule in enumerate(rules, 1)],
    }  # fmt: skip
    strategy_pack(doc)
    return doc


def strategy_pack(doc: Mapping[str, Any]) -> Pack:
    """The pack behind a document; what the pack's own checks refuse is held too. Raises StrategyHeld."""
    try:
        return pack_from(doc)
    except PackRefused as refusal:
        raise StrategyHeld(str(refusal)) from None


def _rule(rule: Any, number: int, level: str) -> dict[str, Any]:
    if not isinstance(rule, Mapping):
        raise StrategyHeld(f"rule {number}: {rule!r}; allowed: a table")
    where = f"rule {rule.get('ruleId', number)}"
    _only(where, rule, _RULE_KEYS)
    target = rule.get("target", "road")
    if target not in _TARGETS:
        raise _held(where, "target", target, _TARGETS)
    if rule.get("effect") not in _EFFECTS:
        raise _held(where, "effect", rule.get("effect"), _EFFECTS)
    if bad := [tag for tag in rule.get("exempt", []) if tag not in _EXEMPT]:
        raise _held(where, "exempt", bad[0], _EXEMPT)
    match = rule.get("match", {})
    _only(f"{where}, match", match, tuple(_MATCH))
    effect = _EFFECTS[rule["effect"]]
    reason = str(rule.get("reason") or "监管平台管控策略")
    found: dict[str, Any] = {
        "rule_id": str(rule.get("ruleId", number)), "target": _TARGETS[target], "effect": effect, "reason_zh": reason,
        "reason_en": f"Regulator's control policy, rule {rule.get('ruleId', number)}", "source": "basStrategy",
    }  # fmt: skip
    if effect != "allow":
        found["reason_code"] = "V09" if target == "machine" else "V02"
    if level != "0":
        found["response_levels"] = [level]
    if exempt := sorted({_EXEMPT[tag] for tag in rule.get("exempt", [])}):
        found["exempt"] = exempt
    return found | {_MATCH[key]: value for key, value in match.items()}


def _only(where: str, table: Any, allowed: tuple[str, ...]) -> None:
    if not isinstance(table, Mapping):
        raise StrategyHeld(f"{where}: {table!r}; allowed: a table")
    if extra := sorted(set(table) - set(allowed)):
        raise _held(where, extra[0], table[extra[0]], allowed)


def _held(where: str, key: str, value: Any, allowed: Any) -> StrategyHeld:
    return StrategyHeld(f"{where}: {key} = {value!r}; allowed: {', '.join(allowed)} 平台下发的内容无法识别，待人工处理")
