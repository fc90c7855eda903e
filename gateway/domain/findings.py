"""Findings: what a model or a look at the pictures says of a passage, besides its plate.

A finding is shown, recorded beside its passage and may become a task or an alarm. It has no way to move the arm: none of
its values is read by the policy, and nothing here is a command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.domain.side_records import SideRow

IGNORE, NOTE, TASK, ALARM = "ignore", "note", "task", "alarm"
EFFECTS = (IGNORE, NOTE, TASK, ALARM)
"""ignore: not recorded. note: recorded and shown. task: also a task for a person. alarm: also an alarm until the task is closed."""
CLIP_BEFORE_MS, CLIP_AFTER_MS = 5_000, 5_000
"""The clip of an alert is ten seconds around what it is about."""


@dataclass(frozen=True)
class Finding:
    """What one eye found.

    eye: who says it: `framing`, `plausibility`, ..., or the name of an adapter. version: of that eye. kind: its class.
    confidence: 0.0-1.0, the eye's own, not calibrated; 1.0 for a rule. camera, at_ms: the picture it rests on ("" and
    the arrival where it rests on none). zh, en: one sentence each. values: figures behind it. once: names a matter that is
    one task however often it is found; "" makes each finding its own.
    """

    eye: str
    version: str
    kind: str
    effect: str
    zh: str
    en: str
    pass_id: str
    lane: str
    at_ms: int
    camera: str = ""
    confidence: float = 1.0
    values: Mapping[str, Any] = field(default_factory=dict)
    once: str = ""

    @property
    def pattern(self) -> str:
        return f"{self.eye}/{self.kind}"

    def clip(self) -> dict[str, Any] | None:
        """Camera and span of the clip that belongs to it; None where it rests on no picture."""
        if not self.camera:
            return None
        return {"camera": self.camera, "from_ms": self.at_ms - CLIP_BEFORE_MS, "until_ms": self.at_ms + CLIP_AFTER_MS}


def side_row(
    finding: Finding, side_id: str, recorded_at_ms: int, clip_file: Mapping[str, Any] | None = None
) -> SideRow:
    """The finding as the ledger keeps it. clip_file: {path, sha256} of the clip that was cut, if one was."""
    values = {k: v for k, v in asdict(finding).items() if k not in ("pass_id", "at_ms")}
    values["values"] = dict(finding.values)
    values["clip"] = finding.clip()
    values["clip_file"] = dict(clip_file) if clip_file else None
    values["recorded_at_ms"] = recorded_at_ms
    return SideRow("finding", side_id, finding.eye, finding.at_ms, finding.pass_id, values)


def finding_of(row: SideRow) -> Finding:
    """The inverse of side_row."""
    kept = {k: row.values[k] for k in Finding.__dataclass_fields__ if k in row.values}
    return Finding(**kept, pass_id=row.pass_id, at_ms=row.at_ms)
