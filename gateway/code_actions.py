"""What `lvzha read-code` does: environmental codes in pictures, ranked for a clerk, beside what the register knows."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.adapters.store.machine_codes import registered_codes
from gateway.adapters.store.reading import StoreRefused
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.adapters.vision.code_reader import CodeReader
from gateway.adapters.vision.command import PictureUnusable, load_picture
from gateway.adapters.vision.runtime import ModelUnusable
from gateway.domain.machine_codes import ranked

WORDS = {"well_formed": "格式正确 well formed", "local": "地方格式 local form"}


def read_codes(pictures: list[Path], data: Path | None, as_json: bool) -> int:
    """0 when every picture gave a code, 1 when one did not, 2 when something given cannot be used."""
    try:
        registered: list[str] = []
        if data is not None:
            with closing(ReadOnlyLedger(data)) as file:
                registered = registered_codes(file)
        reader = CodeReader()
        rows: list[dict[str, Any]] = []
        for path in pictures:
            guesses = ranked(reader.texts(load_picture(path)), registered)
            rows.append({"picture": str(path), "guesses": [asdict(g) for g in guesses]})
    except (PictureUnusable, ModelUnusable, StoreRefused) as refused:
        print(f"无法识别 cannot read:\n{refused}", file=sys.stderr)
        return 2
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        for row in rows:
            print(f"{row['picture']}: {'' if row['guesses'] else '没有读到编码 no code was read'}")
            for g in row["guesses"]:
                known = (
                    "已登记 registered"
                    if g["is_registered"]
                    else f"相近 near {', '.join(g['near'])}"
                    if g["near"]
                    else ""
                )
                print(f"  {g['text']}  {100 * g['probability']:.0f} %  {WORDS[g['form']]}  {known}")
    return 0 if all(row["guesses"] for row in rows) else 1
