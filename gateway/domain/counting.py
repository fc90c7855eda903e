"""The four counters of one lane and hour, and by how much they differ."""

from __future__ import annotations

from dataclasses import dataclass

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class HourCount:
    """others: passes that no arrival edge began (a tail-gater, a vehicle a camera reported). judged: passes that must have
    photographs. due: closed passes that the regulator must have."""

    lane: str
    hour_ms: int
    loops: int = 0
    passes: int = 0
    others: int = 0
    judged: int = 0
    photographs: int = 0
    due: int = 0
    uploads: int = 0

    def differences(self) -> dict[str, int]:
        """Counter -> by how many it differs from what the passes let expect; {} when all agree."""
        by = {
            "loops": self.loops - (self.passes - self.others),
            "photographs": self.photographs - self.judged,
            "uploads": self.uploads - self.due,
        }
        return {name: n for name, n in by.items() if n}

    def figures(self) -> dict[str, int]:
        return {"loops": self.loops, "passes": self.passes, "others": self.others, "judged": self.judged,
                "photographs": self.photographs, "due": self.due, "uploads": self.uploads}  # fmt: skip
