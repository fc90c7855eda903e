"""What a lane's settings amount to: enough means against entrapment, and the longest gap that the rule for long rigs sees through."""

from .contract import MEANS


def has_means(settings):
    """True if two means against entrapment of different types are declared (UL 325 since 2016)."""
    return len(set([MEANS[name] for name in settings["means"]])) >= 2


def provable_gap_mm(settings):
    """Longest gap in a rig that the rule for long rigs sees through at any speed from speed_low_kmh up.

    After the exit loop has let the front part go, the next part must not be further than the far end of the loop from the
    beam, or than it drives while the beam must stay clear.
    """
    return max(settings["beam_to_exit_end_mm"], settings["speed_low_kmh"] * settings["clear_ms"] * 10 // 36)
