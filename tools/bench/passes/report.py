"""Counts of a passes run: recognition rate and accuracy apart, first and final read apart, per weather and plate kind.

A stratum is proven when the lower one-sided 95 % bounds of both shares reach the standard's 99.5 %; with fewer passes
than that needs (598 without an error) it is "not proven", never passed.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from gateway.domain.plates import plate_colour_code
from tools.bench.passes.cast import STRATA
from tools.bench.plates.figures import comparable, share

TARGET_PERCENT = 99.5
"""Source: HJ 1321-2023, recognition of plate colour and number; read here as recognition rate and accuracy each."""
LEAST_WRONG = 10
"""Wrong first candidates from which a calibration is fitted."""

Row = dict[str, Any]


def is_right(row: Row) -> bool:
    return comparable(row["plate"]) == comparable(row["truth"])


def group(rows: Sequence[Row]) -> dict[str, Any]:
    """n, read, right, wrong, unread; shares in % with bounds; first reads; reasons of unread passes.

    no_picture: unread passes of which the cameras brought no picture at all: the machine was too slow for the streams,
    which says nothing of the reader; they stay counted as unread.
    """
    read = [r for r in rows if r["plate"]]
    right = sum(map(is_right, read))
    first = [r for r in rows if r["first"]]
    first_right = sum(comparable(r["first"]) == comparable(r["truth"]) for r in first)
    recognised, accurate = share(len(read), len(rows)), share(right, len(read))
    return {
        "n": len(rows), "read": len(read), "right": right, "wrong": len(read) - right, "unread": len(rows) - len(read),
        "recognition_rate": recognised, "accuracy": accurate, "right_of_all": share(right, len(rows)),
        "wrong_of_all": share(len(read) - right, len(rows)),
        "colour": share(sum(plate_colour_code(r["said_kind"]) == plate_colour_code(r["kind"]) for r in read), len(read)),
        "first_read": share(first_right, len(rows)), "first_wrong": len(first) - first_right,
        "first_to_final_gap": round(100 * (right - first_right) / len(rows), 3) if rows else None,
        "no_picture": sum(bool(r.get("no_picture")) for r in rows),
        "proven": min(recognised["low_one_sided"] or 0, accurate["low_one_sided"] or 0) >= TARGET_PERCENT,
        "unread_reasons": {reason: sum(r["reason"] == reason for r in rows)
                           for reason in sorted({r["reason"] for r in rows if not r["plate"]})},
    }  # fmt: skip


def milliseconds(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return {"p50": None, "p95": None, "worst": None}
    return {"p50": round(float(np.percentile(values, 50))), "p95": round(float(np.percentile(values, 95))),
            "worst": round(max(values))}  # fmt: skip


def calibration(rows: Sequence[Row]) -> list[dict[str, float | int]]:
    """Confidence of the first candidate against how often it is right, in bands; unread passes with a candidate too."""
    bands = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.995, 1.0 + 1e-9)
    found = []
    for low, high in itertools.pairwise(bands):
        mine = [r for r in rows if r["best"] and low <= r["confidence"] < high]
        if mine:
            right = sum(comparable(r["best"]) == comparable(r["truth"]) for r in mine)
            found.append({"from": low, "n": len(mine), "right": right,
                          "mean_confidence": round(float(np.mean([r["confidence"] for r in mine])), 4),
                          "right_share": round(right / len(mine), 4)})  # fmt: skip
    return found


def calibration_fit(rows: Sequence[Row]) -> dict[str, float] | None:
    """Slope and offset that would make the confidences, as calibrated already, right on these passes: 1 and 0 at best.

    Logistic regression of "the first candidate is right" on the log odds, with Platt's smoothed targets. None with
    fewer than LEAST_WRONG wrong candidates: nothing can be fitted to passes that are all right.
    """
    pairs = [(float(r["confidence"]), comparable(r["best"]) == comparable(r["truth"])) for r in rows if r["best"]]
    wrong = sum(not right for _, right in pairs)
    if wrong < LEAST_WRONG or wrong == len(pairs):
        return None
    clipped = np.clip([c for c, _ in pairs], 1e-9, 1 - 1e-9)
    x = np.stack([np.log(clipped / (1 - clipped)), np.ones(len(pairs))], axis=1)
    rights = len(pairs) - wrong
    y = np.where([right for _, right in pairs], (rights + 1) / (rights + 2), 1 / (wrong + 2))
    found = np.zeros(2)  # Newton's steps from here are safe; from (1, 0) they overshoot where the odds are large
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ found, -40, 40)))
        slope = x.T @ (x * (p * (1 - p))[:, None]) + 1e-6 * np.eye(2)
        found = found + np.linalg.solve(slope, x.T @ (y - p))
    return {"slope": round(float(found[0]), 4), "offset": round(float(found[1]), 4)}


def document(rows: Sequence[Row], head: dict[str, Any]) -> dict[str, Any]:
    """head: seed, trucks, lanes, models, machine. Strata and kinds that no pass has yet are absent."""
    kinds = sorted({r["kind"] for r in rows})
    return head | {
        "passes": len(rows),
        "all": group(rows),
        "strata": {s: group(mine) for s in STRATA if (mine := [r for r in rows if r["stratum"] == s])},
        "kinds": {k: group([r for r in rows if r["kind"] == k]) for k in kinds},
        "decision_ms": milliseconds([r["ms"] for r in rows]),
        "decision_ms_read": milliseconds([r["ms"] for r in rows if r["plate"]]),
        "reader_cpu_ms_per_pass": milliseconds([r["cpu_ms"] for r in rows]),
        "frames_read": milliseconds([r["frames"] for r in rows]),
        "calibration": calibration(rows),
        "calibration_fit": calibration_fit(rows),
        "wrong_reads": [
            {k: r[k] for k in ("number", "stratum", "kind", "truth", "plate", "confidence")}
            for r in rows if r["plate"] and not is_right(r)
        ],
    }  # fmt: skip


def lines(doc: dict[str, Any]) -> list[str]:
    """The document for people: Chinese first, English second."""
    told = [f"共 {doc['passes']} / {doc['trucks']} 次通行 passes，{doc['lanes']} 车道 lanes，种子 seed {doc['seed']}"]
    for name, rows in (("全部 all", {"": doc["all"]}), ("天气 weather", doc["strata"]), ("号牌 kind", doc["kinds"])):
        for key, g in rows.items():
            recognised, accurate, first = g["recognition_rate"], g["accuracy"], g["first_read"]
            told.append(
                f"{name} {key}: n={g['n']} 识别 read={g['read']} 正确 right={g['right']} 错误 wrong={g['wrong']} 未识别 unread={g['unread']}"
                f" · 识别率 rate {recognised['rate']} % (≥ {recognised['low_one_sided']})"
                f" · 准确率 accuracy {accurate['rate']} % (≥ {accurate['low_one_sided']})"
                f" · 首次识别 first read {first['rate']} % · {'已证明 proven' if g['proven'] else '未证明 not proven'}"
                + (f" · 无画面 no picture {g['no_picture']}" if g["no_picture"] else "")
            )
    for name, key in (
        ("判定用时 decision ms", "decision_ms"),
        ("读图 CPU 毫秒 reader CPU ms a pass", "reader_cpu_ms_per_pass"),
    ):
        told.append(f"{name}: p50 {doc[key]['p50']}, p95 {doc[key]['p95']}, 最大 worst {doc[key]['worst']}")
    told += [
        f"错误 wrong: {w['truth']} → {w['plate']} ({w['stratum']}, {w['kind']}, {w['confidence']})"
        for w in doc["wrong_reads"]
    ]
    return told
