"""`lvzha bench plates`: arguments in, figures out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console

from gateway.adapters.vision.runtime import ModelUnusable

from .gauge import MODES, Report, gauge
from .labelled import SetUnusable
from .passes import quiet
from .plots import draw
from .seen import SetSeen
from .show import show

PLAIN_WIDTH = 120
"""Columns of the report where no terminal says."""


def measure(
    set_dir: Path,
    mode: str,
    split: str | None,
    models: Path | None,
    plot: Path | None,
    limit: int | None,
    leave_out_seen: bool,
    as_json: bool,
) -> int:
    """Print the report; 0, 1 when the set, the models or an argument cannot be used, 2 when the set is refused as seen.

    Pictures that cannot be read are named in the report and on standard error; they do not change the status.
    """
    quiet()
    modes = [name.strip() for name in mode.split(",") if name.strip()] if mode else list(MODES)
    try:
        report = gauge(
            set_dir,
            models,
            modes,
            split=split,
            leave_out_seen=leave_out_seen,
            limit=limit,
            progress=sys.stderr.isatty(),
        )
    except SetSeen as error:
        print(f"拒绝评测 refused: {error}", file=sys.stderr)
        return 2
    except (SetUnusable, ModelUnusable, ValueError) as error:
        print(f"错误 error: {error}", file=sys.stderr)
        return 1
    _name_unusable(report)
    document = report.document()
    if plot:
        document["plots"] = [str(file) for file in draw(report, set_dir, plot)]
    if as_json:
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        show(document, Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH))
        for file in document.get("plots", ()):
            print(f"图 picture {file}")
    return 0


def _name_unusable(report: Report) -> None:
    rows = report.set["unusable_rows"] + [row for result in report.modes.values() for row in result.errors]
    for row in rows:
        print(f"不能用 unusable: {row['file']}: {row['error']}", file=sys.stderr)
