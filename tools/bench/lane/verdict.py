"""Which of the figures of `lvzha bench lane` miss what the standards want of them."""

from __future__ import annotations

from typing import Any

from tools.bench.lane.figures import limits

FULL_DECK = 125  # so many sequences in a row play every kind (onboard/kinds.py)
SEQUENCE_SPREADS = (
    "sensor_to_stop_ms",
    "sensor_to_stop_by_interrupt_ms",
    "sensor_to_reverse_ms",
    "fire_to_open_ms",
    "release_to_stop_ms",
)


def failures(out: dict[str, Any]) -> list[str]:
    """The figures that miss their limit, in words."""
    limit = limits()
    zero = (
        "invariant_violations",
        "errors",
        "closings_on_occupied",
        "long_rig_errors",
        "announced_closings",
        "wrong_states",
    )
    zero += ("watchdog_resets", "bad_orders_carried_out", "journal_lost", "journal_duplicated", "journal_disorder")
    zero += ("journal_invented", "unclean_wrong", "update_bricks")
    failed = [f"an interpreter died: {words[-200:]}" for words in out["died"]]
    failed += [f"{key} {out[key]}: 0" for key in zero if out[key]]
    failed += [f"unexpected_movements {kind} {n}: 0" for kind, n in out["unexpected_movements"].items() if n]
    if out["connections_max"] > 1:
        failed.append(f"connections_max {out['connections_max']}: 1, there is room for one TLS session")
    for board, figures in out["boards"].items():
        for key, name in (
            ("sensor_to_stop_ms", "stop_us"),
            ("sensor_to_stop_by_interrupt_ms", "stop_us"),
            ("sensor_to_reverse_ms", "stop_us"),
            ("fire_to_open_ms", "fire_us"),
            ("release_to_stop_ms", "release_us"),
        ):
            value = figures[key]["p999"]
            if value is not None and value > limit[name] / 1000:
                failed.append(f"{board} {key} p999 {value}: at most {limit[name] / 1000:g}")
        if (figures["heap_peak_bytes"] or 0) > figures["heap_limit_bytes"]:
            failed.append(
                f"{board} heap_peak_bytes {figures['heap_peak_bytes']}: at most {figures['heap_limit_bytes']}"
            )
    for key, least in (("direction_accuracy", 0.999), ("tailgate_recall", 0.99)):
        if out[key] is not None and out[key] < least:
            failed.append(f"{key} {out[key]}: at least {least}")
    for key in ("update_power_cuts", "good_orders_that_moved", "journal_events", "outage_passes", "closings"):
        if out[key] == 0:
            failed.append(f"{key} 0: without any, nothing is proven")
    for key in ("sensor_to_stop_ms", "sensor_to_stop_by_interrupt_ms", "fire_to_open_ms", "release_to_stop_ms"):
        if not out[key]["n"] and out["sequences"] >= FULL_DECK * len(out["boards"]):
            failed.append(f"{key} n 0: without any, nothing is proven")
    return failed
