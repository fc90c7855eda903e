"""May the arm move? Inputs in, reason out (None: it may). Reasons are those of the lane contract.

Pure: no clock, no state, no other file of the lane. Every motion of the arm asks here, and closing asks in every step.
"""


def may_open(is_detached, is_limits_conflict):
    """Opening is the safe direction: refused only where the arm is off or its position is a contradiction."""
    if is_detached:
        return "detached"
    if is_limits_conflict:
        return "fault"
    return None


def may_close(state, is_fault, is_fire, is_held, has_means, is_blocked, is_unhealthy, is_tested, is_hold_to_run, mode):
    """state: barrier state. has_means: two means against entrapment of different types are declared. is_tested: the
    self-test passed in this cycle. is_hold_to_run: the local input is held now."""
    if is_fault:
        return "fault"
    if is_fire:
        return "fire"
    if is_held:
        return "held_open"
    if state == "unknown":
        return "state.unknown"
    if is_hold_to_run and mode != "automatic":
        return None  # a person at the lane looks at the arm
    if not has_means:
        return "means.missing"
    if is_blocked:
        return "not_clear"
    if is_unhealthy:
        return "input.unhealthy"
    if not is_tested:
        return "input.untested"
    return None
