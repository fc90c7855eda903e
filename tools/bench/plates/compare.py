"""Two models of one kind on one labelled folder, side by side: what the new one fixes, breaks, and gets wrong anew.

Every plate is asked of both; only those on which they differ say anything. p: exact two-sided McNemar test, the chance
of so uneven a split if neither were better.
"""

from __future__ import annotations

import base64
import html
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from gateway.adapters.vision.runtime import ModelUnusable
from gateway.domain.models import Manifest, ModelRefused

from .figures import Answer, counts, rates
from .gauge import MODES, gauge
from .labelled import SetUnusable, picture
from .seen import SetSeen

LEVEL = 0.05
"""From here down a difference counts as proven."""
MOST_PICTURES = 400
TILE_WIDTH_PX = 320
OUTCOMES: tuple[str, ...] = ("right", "wrong", "unread")


@dataclass(frozen=True)
class Pair:
    """What both models said of one plate. mode: of the gauge."""

    mode: str
    old: Answer
    new: Answer

    @property
    def is_fixed(self) -> bool:
        return outcome(self.new) == "right" != outcome(self.old)

    @property
    def is_broken(self) -> bool:
        return outcome(self.old) == "right" != outcome(self.new)

    @property
    def is_newly_wrong(self) -> bool:
        """A wrong number where there was none before: the worst that a change can bring."""
        return outcome(self.new) == "wrong" != outcome(self.old)

    @property
    def has_changed(self) -> bool:
        return outcome(self.old) != outcome(self.new) or self.old.said != self.new.said


def outcome(answer: Answer) -> str:
    """right, wrong or unread; of a picture without a plate, silence is right."""
    if not answer.truth:
        return "wrong" if answer.is_read else "right"
    return "right" if answer.is_right else "wrong" if answer.is_wrong else "unread"


def mcnemar(fixed: int, broken: int) -> float:
    """Two-sided exact p, 0.0-1.0; 1.0 when they never differ."""
    n, most = fixed + broken, max(fixed, broken)
    return min(1.0, 2 * sum(comb(n, k) for k in range(most, n + 1)) / 2**n) if n else 1.0


def compare(set_dir: Path, old: Path, new: Path, *, split: str | None = None, modes: Sequence[str] = MODES,
            limit: int | None = None, progress: bool = False) -> list[Pair]:  # fmt: skip
    """Every plate of the set as both see it. old, new: folders with all models, as PlatePipeline takes them.

    Raises as `gauge` does: a set that trained either model is refused.
    """
    reports = [gauge(set_dir, folder, modes, split=split, limit=limit, progress=progress) for folder in (old, new)]
    pairs: list[Pair] = []
    for mode in modes:
        answers = []
        for report in reports:
            keyed: dict[tuple[str, str, int], Answer] = {}
            seen: dict[tuple[str, str], int] = defaultdict(int)
            for answer in report.modes[mode].answers:
                keyed[answer.name, answer.truth, seen[answer.name, answer.truth]] = answer
                seen[answer.name, answer.truth] += 1
            answers.append(keyed)
        pairs += [Pair(mode, answers[0][key], answers[1][key]) for key in answers[0] if key in answers[1]]
    return pairs


def document(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The figures as plain values: of every mode, and of all together.

    table: old outcome -> new outcome -> count. old, new: as the gauge gives them, with bounds. better: yes, no, unproven.
    """
    groups = {mode: [p for p in pairs if p.mode == mode] for mode in dict.fromkeys(p.mode for p in pairs)}
    return {"all": _figures(pairs), **{mode: _figures(group) for mode, group in groups.items()}}


def _figures(pairs: Sequence[Pair]) -> dict[str, Any]:
    table = {was: dict.fromkeys(OUTCOMES, 0) for was in OUTCOMES}
    for pair in pairs:
        table[outcome(pair.old)][outcome(pair.new)] += 1
    fixed, broken = sum(p.is_fixed for p in pairs), sum(p.is_broken for p in pairs)
    p = mcnemar(fixed, broken)
    readable = [x for x in pairs if x.old.truth]
    return {
        "n": len(pairs), "table": table, "fixed": fixed, "broken": broken, "newly_wrong": sum(x.is_newly_wrong for x in pairs),
        "p": round(p, 4), "better": "unproven" if p > LEVEL else "yes" if fixed > broken else "no",
        **{name: counts(side) | rates(side) for name, side in (("old", [x.old for x in readable]), ("new", [x.new for x in readable]))},
    }  # fmt: skip


# ---------------------------------------------------------------- for people


def measure(prepared: Callable[[], tuple[Manifest, Path, Manifest, Path]], set_dir: Path, split: str | None, out: Path | None,
            limit: int | None, as_json: bool) -> int:  # fmt: skip
    """Print the comparison; 0, 1 when something cannot be used, 2 when the set trained one of the models.

    prepared: gives new and old model, each with the folder in which it reads. out: folder for compare.html.
    """
    try:
        new, new_folder, old, old_folder = prepared()
        pairs = compare(set_dir, old_folder, new_folder, split=split, limit=limit, progress=sys.stderr.isatty())
    except SetSeen as error:
        print(f"拒绝评测 refused: {error}", file=sys.stderr)
        return 2
    except (SetUnusable, ModelUnusable, ModelRefused, ValueError, OSError) as error:
        print(f"错误 error: {error}", file=sys.stderr)
        return 1
    figures = {"kind": new.kind, "old": old.sha256, "new": new.sha256, "set": str(set_dir), "figures": document(pairs)}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        figures["page"] = str(out / "compare.html")
        (out / "compare.html").write_text(page(pairs, figures, set_dir), encoding="utf-8")
    if as_json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
    else:
        _show(figures)
    return 0


WORDS = {
    "yes": "新模型更好 the new one is better",
    "no": "新模型更差 the new one is worse",
    "unproven": "差异未证实 no difference is proven",
}


def _show(figures: dict[str, Any]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table(
        "",
        "n",
        "旧对 old right",
        "错 wrong",
        "未识 unread",
        "新对 new right",
        "错 wrong",
        "未识 unread",
        "修好 fixed",
        "变坏 broken",
        "新错 new wrong",
        "p",
    )
    for name, row in figures["figures"].items():
        old, new = row["old"], row["new"]
        table.add_row(name, *(str(x) for x in (row["n"], old["right"], old["wrong"], old["unread"], new["right"], new["wrong"], new["unread"],
                                               row["fixed"], row["broken"], row["newly_wrong"], row["p"])))  # fmt: skip
    console.print(f"{figures['kind']}: 旧 old {figures['old'][:12]}，新 new {figures['new'][:12]}")
    console.print(table)
    console.print(WORDS[figures["figures"]["all"]["better"]])
    if "page" in figures:
        console.print(f"图 pictures {figures['page']}")


STYLE = """body{font:15px/1.5 "Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:24px;background:#e9eeee;color:#12201f}
table{border-collapse:collapse;background:#fff;margin:12px 0}td,th{border:1px solid #d3dcdd;padding:6px 12px;text-align:right}th{background:#f3f6f6}
section{display:grid;grid-template-columns:repeat(auto-fill,minmax(320px,1fr));gap:14px}figure{margin:0;background:#fff;border-radius:10px;overflow:hidden;border:1px solid #d3dcdd}
figure img{width:100%;height:170px;object-fit:contain;background:#0a1013;display:block}figcaption{padding:8px 12px}b{letter-spacing:.05em}
.right{color:#00734f}.wrong{color:#b3261e}.unread{color:#8a5600}small{color:#4e6164}h2{margin-top:28px}"""


def page(pairs: Sequence[Pair], figures: dict[str, Any], set_dir: Path) -> str:
    """One HTML file with everything in it: the tables, then a picture of every plate whose answer changed."""
    parts = [f"<!doctype html><meta charset=utf-8><title>{figures['kind']}</title><style>{STYLE}</style>",
             f"<h1>{figures['kind']}</h1><p>旧 old <code>{figures['old'][:12]}</code> → 新 new <code>{figures['new'][:12]}</code> · {html.escape(figures['set'])}</p>",
             f"<p><b>{WORDS[figures['figures']['all']['better']]}</b></p>"]  # fmt: skip
    for name, row in figures["figures"].items():
        head = "".join(f"<th>新 new {o}</th>" for o in OUTCOMES)
        body = "".join(
            f"<tr><th>旧 old {was}</th>" + "".join(f"<td>{row['table'][was][now]}</td>" for now in OUTCOMES) + "</tr>"
            for was in OUTCOMES
        )
        parts.append(
            f"<h2>{name}</h2><p>n {row['n']} · 修好 fixed {row['fixed']} · 变坏 broken {row['broken']} · 新错 newly wrong {row['newly_wrong']} · p {row['p']}</p><table><tr><th></th>{head}</tr>{body}</table>"
        )
    groups = (("新错 newly wrong", [p for p in pairs if p.is_newly_wrong]),
              ("变坏 broken", [p for p in pairs if p.is_broken and not p.is_newly_wrong]),
              ("修好 fixed", [p for p in pairs if p.is_fixed]),
              ("其他变化 otherwise changed", [p for p in pairs if p.has_changed and not (p.is_fixed or p.is_broken or p.is_newly_wrong)]))  # fmt: skip
    left = MOST_PICTURES
    for name, group in groups:
        if group:
            shown = group[: max(0, left)]
            left -= len(shown)
            more = f" <small>… {len(group) - len(shown)}</small>" if len(shown) < len(group) else ""
            parts.append(
                f"<h2>{name} {len(group)}{more}</h2><section>{''.join(_tile(p, set_dir) for p in shown)}</section>"
            )
    return "\n".join(parts)


def _tile(pair: Pair, set_dir: Path) -> str:
    def said(answer: Answer) -> str:
        return f'<b class="{outcome(answer)}">{html.escape(answer.said or "未识别 unread")}</b> <small>{answer.confidence:.3f}</small>'

    return (f'<figure><img alt="" src="data:image/jpeg;base64,{_thumbnail(pair, set_dir)}"><figcaption>真值 truth <b>{html.escape(pair.new.truth or "—")}</b><br>'
            f"旧 old {said(pair.old)}<br>新 new {said(pair.new)}<br><small>{html.escape(pair.new.name)} · {pair.mode}</small></figcaption></figure>")  # fmt: skip


def _thumbnail(pair: Pair, set_dir: Path) -> str:
    """The plate with what is around it, or the whole picture where no place is known."""
    try:
        whole = picture(set_dir / pair.new.name)
    except OSError:
        return ""
    corners = pair.new.corners or pair.old.corners
    if corners:
        points = np.array(corners)
        (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
        dx, dy = 0.3 * (x2 - x1), 0.6 * (y2 - y1)
        part = whole[max(0, int(y1 - dy)) : int(y2 + dy) + 1, max(0, int(x1 - dx)) : int(x2 + dx) + 1]
        whole = part if part.size else whole
    scale = TILE_WIDTH_PX / whole.shape[1]
    small = cv2.resize(
        whole,
        (TILE_WIDTH_PX, max(1, round(whole.shape[0] * scale))),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
    )
    return base64.b64encode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()).decode()
