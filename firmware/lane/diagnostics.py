"""Answers a technician's question with what the lane knows right now. Reads only; tests of outputs are orders (self_test).

Answers are flat: one line per thing, at most 32 things. Called at rest by lane/parts.py.
"""

import gc

from lane.contract import ROLES
from lane.safety import OUTPUTS


def answer(parts, question):
    """(answer, reason): a flat dict, or {} and `unsupported`."""
    safety = parts.safety
    if question == "inputs":
        inputs = safety.inputs
        return {
            role: ("on" if inputs.on[i] else "off")
            + (" ok " if inputs.is_ok(i) else " failed ")
            + str(inputs.edges[i])
            + (" edges" if inputs.level[i] == inputs.on[i] else " edges, settling")
            for i, role in enumerate(ROLES)
            if inputs.present[i]
        }, None
    if question == "outputs":
        return {role: bool(safety.out[i]) for i, role in enumerate(OUTPUTS)}, None
    if question == "counters":
        return {
            "cycles": parts.cycles(),
            "obstructions": safety.barrier.obstructions,
            "journal": parts.journal.depth(),
            "events_lost": safety.ring.lost + parts.journal.lost,
            "refused": parts.commands.refused,
            "malformed": parts.malformed + parts.commands.malformed,
        }, None
    if question == "memory":
        gc.collect()
        return {
            "free_bytes": gc.mem_free() if hasattr(gc, "mem_free") else 0,
            "reserve_bytes": parts.board.RESERVE_BYTES,
        }, None
    if question == "versions":
        return {
            "firmware": parts.FIRMWARE,
            "board": parts.board.NAME,
            "config": parts.settings["config_version"],
            "list": parts.offline.list_version,
            "boot": parts.journal.boot,
            "count": parts.journal.count,
        }, None
    if question == "faults":
        return {fault["component"]: fault["code"] for fault in parts.faults()}, None
    if question == "settings":
        names = ("drive", "travel_limit_ms", "dead_time_ms", "clear_ms", "self_test_ms", "arrival_ms", "trip_ms")
        names += ("loop_clear_ms", "input_clear_ms", "keepalive_s", "sign_seconds", "class_rule")
        return {name: parts.settings[name] for name in names}, None
    return {}, "unsupported"
