"""How large the UPS must be: the loads of parts.toml, worked out."""

from __future__ import annotations

from tools.hardware import data


def loads(name: str | None = None) -> list[tuple[str, str, int, float]]:
    """(zh, en, count, watts together) of what hangs on the 24 V bus; for one board, or the parts of all."""
    return [
        (p["zh"], p["en"], p["count"], p["w"] * p["count"]) for p in data.PARTS
        if p.get("w") and p["count"] and (name is None or name in p.get("boards", data.BOARDS))
    ]  # fmt: skip


def load_w(name: str | None = None) -> float:
    """Watts of one board's lane; without a name, of the hungriest."""
    return max(sum(w for *_, w in loads(board)) for board in ([name] if name else data.BOARDS))


def needed_ah(minutes: float, name: str | None = None) -> float:
    """Ah that a new battery must have on its label to carry the load so long at the end of its life in the cold."""
    ups = data.UPS
    return load_w(name) * minutes / 60 / ups["volts"] / ups["efficiency"] / ups["usable"] / ups["ageing"]


def battery_ah() -> float:
    """The smallest usual block that does. Raises StopIteration when none does."""
    return next(ah for ah in data.UPS["sizes_ah"] if ah >= needed_ah(data.UPS["minutes"]))


def lasts_min(ah: float, name: str) -> float:
    return ah / needed_ah(1, name)
