"""A pack from an untrusted document: every key, code and date checked, contradictions refused, shadowed rules named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from gateway.domain import policy_check
from gateway.domain import policy_space as ps
from gateway.domain.emission import FUELS, STAGE_ORDER
from gateway.domain.policy_rules import EFFECTS, WEEKDAYS, Pack, Rule, RuleIndex, Scope
from gateway.domain.records import CHINA
from gateway.domain.vehicles import USE_NATURES, VEHICLE_CATEGORIES, VEHICLE_CLASSES

REASON_CODES = (*(f"V{n:02d}" for n in range(1, 10)), "V99")
CHECK_EFFECTS = ("off", "alarm_only", "hold", "refuse")
MAX_RULES = 500

_CODE_LISTS: Mapping[str, tuple[str, ...]] = {
    "response_levels": tuple(sorted(ps.LEVELS)), "directions": ps.DIRECTIONS, "vehicle_classes": VEHICLE_CLASSES,
    "fuel_types": tuple(FUELS), "use_natures": tuple(USE_NATURES), "vehicle_categories": tuple(VEHICLE_CATEGORIES),
    "tags": ps.TAGS, "exempt": ps.TAGS, "networking": ps.NETWORK, "machine_kinds": ps.MACHINE_KINDS,
    "industries": ps.INDUSTRIES, "grades": ps.GRADES, "regions": ps.REGIONS, "weekdays": WEEKDAYS,
}  # fmt: skip
_TEXT_LISTS = ("goods", "enterprises", "lacks_certificates", "holds_certificates")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "effect": EFFECTS, "target": ps.TARGETS, "reason_code": ("", *REASON_CODES),
    "min_emission_stage": tuple(STAGE_ORDER), "max_emission_stage": tuple(STAGE_ORDER), "quota_per": ps.COUNTED_PER,
}  # fmt: skip
_NUMBERS: Mapping[str, tuple[int, int]] = {
    "daily_trucks_over": (0, 1_000_000), "clean_share_below": (1, 100), "replaced_share_below": (1, 100),
    "quota": (1, 1_000_000),
}  # fmt: skip
_DAYS = ("valid_from", "valid_to")
_RULE_KEYS = tuple(Rule.__dataclass_fields__)
_PACK_KEYS = (
    "policy_id", "version", "title", "source", "issued_by", "issue_time", "effective_from", "effective_to", "status",
    "scope", "supersedes", "networking", "booking", "refuse_on_exit", "board_text", "rules",
)  # fmt: skip
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|(24):(00))")
_ID = re.compile(r"[0-9A-Za-z._-]{1,50}")


class PackRefused(ValueError):
    """A rule pack is not acceptable; the message names rule, key, value and what is allowed."""


def _refused(where: str, key: str, value: Any, allowed: str) -> PackRefused:
    return PackRefused(f"policy pack, {where}: {key} = {value!r}; allowed: {allowed}")


def pack_from(doc: Mapping[str, Any]) -> Pack:
    """A Pack that may judge. Raises PackRefused for what is unknown, impossible or contradictory.

    A rule that others always decide before is not refused: Pack.unreachable names it.
    """
    where = f"pack {doc.get('policy_id', '?')}"
    _only_keys(where, doc, _PACK_KEYS)
    for key, kind in (("policy_id", str), ("version", int), ("title", str), ("source", str), ("issued_by", str),
                      ("rules", list)):  # fmt: skip
        if not isinstance(doc.get(key), kind) or isinstance(doc[key], bool) or doc[key] in ("", 0):
            raise _refused(where, key, doc.get(key), f"a {kind.__name__}, required")
    if not _ID.fullmatch(doc["policy_id"]):
        raise _refused(where, "policy_id", doc["policy_id"], _ID.pattern)
    if len(doc["rules"]) > MAX_RULES:
        raise _refused(where, "rules", len(doc["rules"]), f"at most {MAX_RULES} rules")
    rules: list[Rule] = []
    for number, row in enumerate(doc["rules"], 1):
        rule = rule_from(row, number)
        if rule.rule_id in {r.rule_id for r in rules}:
            raise _refused(f"rule {rule.rule_id}", "rule_id", rule.rule_id, "each id once")
        rules.append(rule)
    start, end = _time(where, doc, "effective_from"), _time(where, doc, "effective_to")
    if start is not None and end is not None and end <= start:
        raise _refused(where, "effective_to", doc["effective_to"], f"after effective_from {doc['effective_from']}")
    _time(where, doc, "issue_time")
    index = RuleIndex(rules)
    pack = Pack(
        doc["policy_id"], doc["version"], doc["title"], doc["source"], index.rules, doc["issued_by"],
        doc.get("issue_time", ""), start or 0, end, _word(where, doc, "status", ("draft", "final"), "final"),
        _scope(where, doc.get("scope", {})), _texts(where, doc, "supersedes"),
        _word(where, doc, "networking", CHECK_EFFECTS, "off"), _word(where, doc, "booking", CHECK_EFFECTS, "off"),
        _flag(where, doc, "refuse_on_exit"), str(doc.get("board_text", "")), index=index,
    )  # fmt: skip
    return _proven(pack)


def _proven(pack: Pack) -> Pack:
    where = f"pack {pack.policy_id}"
    if rules := policy_check.impossible(pack.index):
        raise PackRefused(
            f"policy pack, rule {rules[0].rule_id}: its conditions exclude each other, it can never hit 条件互相矛盾，永远不会命中; "
            f"conditions: {', '.join(rules[0].conditions)}"
        )
    if pairs := policy_check.contradictions(pack.index):
        raise PackRefused(
            f"policy pack, {where}: "
            + "; ".join(
                f"rules {a.rule_id} ({a.effect}) and {b.rule_id} ({b.effect}) contradict each other 规则矛盾: "
                f"equally specific {a.rank} and both hit the same vehicles"
                for a, b in pairs
            )
        )
    try:
        shadowed = policy_check.unreachable(pack.index)
    except policy_check.TooEntangled as error:
        raise PackRefused(f"policy pack, {where}: too entangled to be proven ({error}); split the pack") from None
    return replace(pack, unreachable=tuple((rule.rule_id, by) for rule, by in shadowed))


def rule_from(row: Any, number: int = 1) -> Rule:
    """A Rule from an untrusted table. Raises PackRefused."""
    if not isinstance(row, Mapping):
        raise _refused(f"rule {number}", "rules", row, "tables")
    where = f"rule {row.get('rule_id', number)}"
    _only_keys(where, row, _RULE_KEYS)
    for key in ("rule_id", "effect", "reason_zh", "reason_en", "source"):
        if not isinstance(row.get(key), str) or not row[key]:
            raise _refused(where, key, row.get(key), "a text, required")
    if not _ID.fullmatch(row["rule_id"]):
        raise _refused(where, "rule_id", row["rule_id"], _ID.pattern)
    values: dict[str, Any] = {}
    for key in row:
        if key in _CODE_LISTS:
            values[key] = _codes(where, row, key, _CODE_LISTS[key])
        elif key in _TEXT_LISTS:
            values[key] = _texts(where, row, key)
        elif key in _WORDS:
            values[key] = _word(where, row, key, _WORDS[key])
        elif key in _NUMBERS:
            values[key] = _number(where, row, key, *_NUMBERS[key])
        elif key in _DAYS:
            values[key] = _day(where, row, key)
        elif key == "new_energy":
            values[key] = _flag(where, row, key)
        elif key == "windows":
            values[key] = tuple(_window(where, w) for w in _texts(where, row, key))
        elif isinstance(row[key], str):
            values[key] = row[key]
        else:
            raise _refused(where, key, row[key], "a text")
    _joined_up(where, row)
    return Rule(**{"reason_code": "", **values})


def _joined_up(where: str, row: Mapping[str, Any]) -> None:
    """What one key demands of another."""
    if row["effect"] == "allow":
        if row.get("reason_code"):
            raise _refused(where, "reason_code", row["reason_code"], "none with effect allow")
        for key, bad in (("lacks_certificates", None), ("fuel_types", "X"), ("goods", "?"), ("quota_per", None)):
            if row.get(key) and (bad is None or bad in row[key]):
                raise _refused(where, key, row[key], "not with effect allow: what is unknown or lacking never permits")
    elif not row.get("reason_code"):
        raise _refused(where, "reason_code", row.get("reason_code"), f"one of {', '.join(REASON_CODES)}")
    if bool(row.get("quota_per")) != bool(row.get("quota")):
        raise _refused(where, "quota", row.get("quota"), "a number, together with quota_per")


# ---------------------------------------------------------------- single values


def _only_keys(where: str, table: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    if extra := sorted(set(table) - set(allowed)):
        raise _refused(where, extra[0], table[extra[0]], f"keys {', '.join(sorted(allowed))}")


def _texts(where: str, row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = row.get(key, [])
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) and v for v in value):
        raise _refused(where, key, value, "a list of texts")
    return tuple(value)


def _codes(where: str, row: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    values = _texts(where, row, key)
    if bad := [v for v in values if v not in allowed]:
        raise _refused(where, key, bad[0], ", ".join(allowed))
    if not values:
        raise _refused(where, key, row[key], f"at least one of {', '.join(allowed)}; or leave the key out")
    return values


def _word(where: str, row: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str = "") -> str:
    value = row.get(key, default)
    if value not in allowed:
        raise _refused(where, key, value, ", ".join(a for a in allowed if a))
    return value


def _number(where: str, row: Mapping[str, Any], key: str, low: int, high: int) -> int:
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _refused(where, key, value, f"a whole number {low} to {high}")
    return value


def _flag(where: str, row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key, False)
    if not isinstance(value, bool):
        raise _refused(where, key, value, "true, false")
    return value


def _day(where: str, row: Mapping[str, Any], key: str) -> date:
    value = row[key]
    try:
        return date.fromisoformat(value.isoformat() if isinstance(value, date) else str(value))
    except ValueError:
        raise _refused(where, key, str(value), "a day yyyy-MM-dd that exists") from None


def _time(where: str, row: Mapping[str, Any], key: str) -> int | None:
    value = row.get(key, "")
    if value == "":
        return None
    try:
        at = datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        raise _refused(where, key, value, "yyyy-MM-dd HH:mm:ss, Asia/Shanghai") from None
    return int(at.timestamp() * 1000)


def _window(where: str, text: str) -> tuple[int, int]:
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise _refused(where, "windows", text, "HH:mm-HH:mm, over midnight if the end is earlier")
    h, m, h2, m2, h24, _ = found.groups()
    start, end = int(h) * 60 + int(m), 1440 if h24 else int(h2) * 60 + int(m2)
    if start == end:
        raise _refused(where, "windows", text, "two different times; leave windows out for the whole day")
    return start, end


def _scope(where: str, table: Any) -> Scope:
    if not isinstance(table, Mapping):
        raise _refused(where, "scope", table, "a table")
    allowed = ("industries", "grades", "regions", "enterprises")
    _only_keys(f"{where}, scope", table, allowed)
    values = {k: _codes(where, table, k, _CODE_LISTS[k]) for k in allowed if k in table and k != "enterprises"}
    return Scope(**values, enterprises=_texts(where, table, "enterprises"))
