"""The commissioning sheet to print: blank with the fields to fill in, or filled from an accepted document. HTML, bilingual, A4."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from gateway.domain import commissioning
from tools.flash.provision import Record

TEMPLATE = Path(__file__).with_name("sheet.html.j2")


def write(path: Path, record: Record, doc: dict[str, Any] | None, label: Path | None) -> Path:
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(TEMPLATE.read_text("utf-8"))
    picture = f"data:image/png;base64,{base64.b64encode(label.read_bytes()).decode()}" if label else ""
    path.write_text(
        template.render(record=record, doc=doc, checks=commissioning.CHECKS, label=picture,
                        sha256=commissioning.sha256(doc) if doc else ""),
        "utf-8",
    )  # fmt: skip
    return path
