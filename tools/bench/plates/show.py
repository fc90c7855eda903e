"""The gauge's report for people: Chinese first, English second."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

MODE_NAMES = {
    "crops": "号牌切图 crops",
    "scenes": "整图 scenes",
    "passes": "过车 passes",
    "negatives": "无牌图 negatives",
}
SHARE_NAMES = {
    "recognition_rate": "识别率 recognition rate (read / n)",
    "accuracy": "准确率 accuracy (number right / read)",
    "accuracy_with_colour": "号牌和颜色准确率 accuracy, number and colour (/ read with known colour)",
    "right_of_all": "总正确率 right of all (right / n)",
    "raw_right": "未设门限 right before the gate (/ n)",
    "colour": "颜色 colour (/ read with known colour)",
    "kind": "号牌种类 kind (/ read with known colour)",
}
GROUP_NAMES = {"type": "号牌种类 type", "family": "号码类别 family", "stratum": "场景 stratum", "source": "来源 source"}
MOST_LINES = 60


def percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def bounds(one: dict[str, Any]) -> str:
    """98.53 (96.1 .. 99.4; ≥ 96.6): rate, Wilson's two-sided 95 % bounds, and the one-sided lower one."""
    if not one["of"]:
        return "-"
    return f"{percent(one['rate'])} ({one['low']:.1f} .. {one['high']:.1f}; ≥ {one['low_one_sided']:.1f})"


def least(one: dict[str, Any]) -> str:
    """98.53 ≥ 96.6: rate and one-sided lower bound."""
    return f"{percent(one['rate'])} ≥ {one['low_one_sided']:.1f}" if one["of"] else "-"


def show(doc: dict[str, Any], console: Console) -> None:
    """Print a report's document."""
    labelled = doc["set"]
    console.print(
        f"数据集 set {labelled['folder']}  {labelled['hash']}  split {labelled['split']}  "
        f"号牌 plates {labelled['plates']}  过车 passes {labelled['passes']}"
    )
    for model in doc["models"].values():
        chosen = "，曾用于选型，略偏乐观 chosen on this set, flatters a little" if model["chosen_on_this_set"] else ""
        console.print(
            f"模型 model {model['file']}  {model['sha256'][:16]}  {model['bytes']:,} B  训练清单 manifest: {model['manifest']}{chosen}"
        )
    console.print("区间 bounds: Wilson 95 %: 双侧 two-sided low .. high, ≥ 单侧下限 one-sided lower bound")
    for mode, figures in doc["modes"].items():
        _show_mode(mode, figures, console)
    for row in labelled["unusable_rows"]:
        console.print(f"不能用 unusable: {row['error']}", style="yellow", markup=False)


def _show_mode(mode: str, figures: dict[str, Any], console: Console) -> None:
    console.rule(MODE_NAMES[mode], align="left")
    if "n" in figures:
        keys = ("n", "read", "right", "wrong", "unread", "not_found", "errors")
        console.print("  ".join(f"{key}={figures[key]}" for key in keys))
        if figures["n"]:
            for name, label in SHARE_NAMES.items():
                console.print(f"  {label}: {bounds(figures[name])} %", markup=False, highlight=False)
            _show_calibration(figures["calibration"], console)
    if "first_read" in figures and figures["n"]:
        first = figures["first_read"]
        console.print(f"  首次识别 first read right of all: {bounds(first['right_of_all'])} %", markup=False)
    if "unreadable" in figures:
        none = figures["unreadable"]
        console.print(f"  应无读数 nothing to read: n={none['n']} wrong={none['wrong']}  未误读 silent: {bounds(none['silent'])} %", markup=False)  # fmt: skip
    times = [
        f"{name} {ms['p50']} / {ms['p95']} ({ms['cpu_p50']} / {ms['cpu_p95']}; n={ms['n']})"
        for name, ms in figures["ms"].items()
        if ms["p50"] is not None
    ]
    console.print("  毫秒 ms p50 / p95 (CPU): " + "  ".join(times), markup=False)
    for name, groups in figures.get("groups", {}).items():
        _show_groups(GROUP_NAMES[name], groups, console)
    lines = [
        f"  {'误读 wrong' if f['said'] else '未识别 unread'}  {f['file']}  {f['truth']} -> {f['said'] or f['raw'] or '(未找到 not found)'}"
        f"  {f['confidence']:.3f}  {f['note']}"
        for f in sorted(figures["failures"], key=lambda f: not f["said"])
    ]
    lines += [
        f"  标注外读数 read beside the labels  {row['file']}  {row['said']}" for row in figures.get("extra_reads", ())
    ]
    lines += [f"  不能用 unusable  {row['file']}  {row['error']}" for row in figures["unusable"]]
    for line in lines[:MOST_LINES]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(lines) > MOST_LINES:
        console.print(f"  … {len(lines) - MOST_LINES} more, see --json or --plot")


def _show_calibration(calibration: dict[str, Any], console: Console) -> None:
    for precision, row in calibration["at_precision"].items():
        console.print(
            f"  精度 at precision {precision} %: 可接受 accepted {percent(row['share'])} % "
            f"({row['accepted']}, wrong {row['wrong']})  置信度 cut {row['cut']}",
            highlight=False,
        )
    gates = "  ".join(f"{g['gate']}: {g['right']}/{g['wrong']}/{g['unread']}" for g in calibration["gates"])
    console.print(f"  门限 gates, right/wrong/unread: {gates}", highlight=False)


def _show_groups(title: str, groups: dict[str, dict[str, Any]], console: Console) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in ("n", "read", "right", "wrong", "unread"):
        table.add_column(name, justify="right")
    table.add_column("识别率 rate %")
    table.add_column("准确率 accuracy %")
    table.add_column("总正确率 right of all %")
    for value, row in groups.items():
        table.add_row(
            value,
            *(str(row[name]) for name in ("n", "read", "right", "wrong", "unread")),
            *(least(row[name]) for name in ("recognition_rate", "accuracy", "right_of_all")),
        )
    console.print(table)
