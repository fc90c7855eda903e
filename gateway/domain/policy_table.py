"""The decision table of a pack, as a person sees it before it is activated."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.emission import is_new_energy
from gateway.domain.policy_rules import Pack, Rule
from gateway.domain.policy_space import Scene, Site, Subject

EFFECT_WORDS = {
    "allow": "允许 allow",
    "alarm_only": "仅报警 alarm only",
    "hold": "门卫核对 hold",
    "refuse": "禁行 refuse",
}
_CONDITION_WORDS = {
    "use_natures": "使用性质 use nature", "vehicle_categories": "车辆种类 category", "tags": "类别 tag", "goods": "货物 goods",
    "machine_kinds": "机械种类 machine kind", "lacks_certificates": "缺证件 lacks", "holds_certificates": "持证件 holds",
    "response_levels": "响应等级 level", "directions": "方向 direction", "vehicle_classes": "车型 class",
    "fuel_types": "燃料 fuel", "min_emission_stage": "阶段不低于 stage from", "max_emission_stage": "阶段不高于 stage up to",
    "new_energy": "新能源 new energy", "networking": "联网 networked", "windows": "时段 window", "weekdays": "星期 weekday",
    "valid_from": "自 from", "valid_to": "至 until", "quota_per": "每日限次 daily quota per", "industries": "行业 industry",
    "grades": "绩效 grade", "regions": "区域 region", "enterprises": "企业 enterprise",
    "daily_trucks_over": "日车流超过 trucks a day over", "clean_share_below": "清洁比例低于 clean share below %",
    "replaced_share_below": "清洁加新能源低于 clean + new energy below %",
}  # fmt: skip
_FUELS = (("B", "柴油 diesel"), ("E", "天然气 gas"), ("A", "汽油 petrol"), ("C", "电动 electric"))


@dataclass(frozen=True)
class TableRow:
    order: int
    rule_id: str
    target: str
    conditions: str
    exempt: str
    effect: str
    reason: str
    source: str


def decision_table(pack: Pack) -> list[TableRow]:
    """The rules in the order in which they are tried."""
    return [
        TableRow(
            n, rule.rule_id, rule.target, "；".join(_condition(rule, name) for name in rule.conditions) or "全部 all",
            ", ".join(rule.exempt), EFFECT_WORDS[rule.effect],
            f"{rule.reason_code} {rule.reason_zh} {rule.reason_en}".strip(), rule.source,
        )
        for n, rule in enumerate(pack.index.rules, 1)
    ]  # fmt: skip


def _condition(rule: Rule, name: str) -> str:
    value = getattr(rule, name)
    if name == "windows":
        text = ", ".join(f"{a // 60:02d}:{a % 60:02d}-{b // 60:02d}:{b % 60:02d}" for a, b in value)
    elif name == "quota_per":
        text = f"{value} ≥ {rule.quota}"
    elif isinstance(value, bool):
        text = "是 yes" if value else "否 no"
    else:
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return f"{_CONDITION_WORDS[name]}: {text}"


def stage_matrix(pack: Pack, *, level: str, at_ms: int, site: Site) -> list[tuple[str, dict[str, str]]]:
    """(fuel, stage -> effect or "-") of a heavy goods vehicle that enters at this moment, goods not stated."""
    scene = Scene(at_ms, "in", level, site)
    rows = []
    for fuel, words in _FUELS:
        effects = {}
        for stage in "X0123456D":
            subject = Subject("road", "heavy", fuel, stage, is_new_energy(fuel, stage), "F", "0", "1")
            hits = pack.index.hits(subject, scene)
            effects[stage] = hits[0].effect if hits else "-"
        rows.append((words, effects))
    return rows


def facts_of_pack(pack: Pack) -> list[tuple[str, str]]:
    scope = pack.scope
    scoped = [*scope.enterprises, *scope.industries, *scope.grades, *scope.regions]
    return [
        ("策略 policy", f"{pack.name} {pack.title}"),
        ("发布 issued by", f"{pack.issued_by} {pack.issue_time}".strip()),
        ("依据状态 status of the text", pack.status),
        ("依据 source", pack.source),
        ("适用 scope", ", ".join(scoped) or "全部 all"),
        ("替代 replaces", ", ".join(pack.supersedes) or "-"),
        ("国六联网 / 预约 networking / booking", f"{pack.networking} / {pack.booking}"),
        ("出厂拦截 refuse on exit", "是 yes" if pack.refuse_on_exit else "否 no"),
        ("永不生效的规则 rules that never decide",
         "; ".join(f"{rule} ← {', '.join(by)}" for rule, by in pack.unreachable) or "无 none"),
    ]  # fmt: skip


def as_text(pack: Pack, matrices: Sequence[tuple[str, list[tuple[str, dict[str, str]]]]]) -> str:
    lines = [f"{name}: {value}" for name, value in facts_of_pack(pack)]
    for row in decision_table(pack):
        lines += ["", f"{row.order}. {row.rule_id} [{row.target}] → {row.effect}", f"   条件 if: {row.conditions}"]
        if row.exempt:
            lines.append(f"   除外 except: {row.exempt}")
        lines += [f"   原因 reason: {row.reason}", f"   出处 source: {row.source}"]
    for level, matrix in matrices:
        lines += ["", f"响应等级 level {level}, 重型货车进厂 heavy truck entering:"]
        lines += [f"   {fuel:<14}" + "  ".join(f"{s}:{e}" for s, e in cells.items()) for fuel, cells in matrix]
    return "\n".join(lines)


def as_html(pack: Pack, matrices: Sequence[tuple[str, list[tuple[str, dict[str, str]]]]]) -> str:
    """One printable page without scripts."""
    e = html.escape
    facts = "".join(f"<tr><th>{e(n)}</th><td>{e(v)}</td></tr>" for n, v in facts_of_pack(pack))
    rows = "".join(
        f"<tr><td>{r.order}</td><td>{e(r.rule_id)}</td><td>{e(r.target)}</td><td>{e(r.conditions)}</td><td>{e(r.exempt)}</td>"
        f"<td>{e(r.effect)}</td><td>{e(r.reason)}</td><td>{e(r.source)}</td></tr>"
        for r in decision_table(pack)
    )
    grids = "".join(
        f"<h2>响应等级 level {e(level)}</h2><table><tr><th></th>{''.join(f'<th>{s}</th>' for s in 'X0123456D')}</tr>"
        + "".join(
            f"<tr><th>{e(f)}</th>{''.join(f'<td>{e(c)}</td>' for c in cells.values())}</tr>" for f, cells in matrix
        )
        + "</table>"
        for level, matrix in matrices
    )
    head = "".join(f"<th>{h}</th>" for h in ("#", "规则 rule", "对象 target", "条件 conditions", "除外 except", "结果 effect",
                                             "原因 reason", "出处 source"))  # fmt: skip
    return (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>{e(pack.name)}</title>'
        "<style>body{font:14px sans-serif}table{border-collapse:collapse}td,th{border:1px solid #999;padding:4px;text-align:left}</style>"
        f"<h1>决策表 Decision table {e(pack.name)}</h1><table>{facts}</table><table><tr>{head}</tr>{rows}</table>{grids}</html>\n"
    )
