"""The closed lists of the lane contract: every word that may stand in a message. A new word is a contract change."""

LOOPS = ("arrival", "under_arm", "exit")
ROLES = (
    "loop_arrival",
    "loop_under_arm",
    "loop_exit",
    "beam",
    "edge",
    "radar",
    "limit_open",
    "limit_closed",
    "button_raise",
    "button_lower",
    "button_stop",
    "hold_to_run",
    "fire",
    "cabinet",
    "arm_detached",
    "curtain",  # light curtain across the lane's line: sees what a beam does not, a draw-bar for one
    "power_fail",  # mains gone: the relay of the supply or of the UPS
    "alarm_sense",  # current flows in the alarm light or the siren
)
# Output roles, in the order of the core's output bytes. NAME_test = 1 must make the input NAME read active.
OUTPUTS = (
    "open",
    "close",
    "beam_test",
    "alarm_light",
    "siren",
    "fault_light",
    "stop",  # drive `contact`: the STOP of the drive's own board
    "radar_test",
    "edge_test",
    "curtain_test",
    "loop_test",  # of the loop under the arm
)
PRESENCE = ("loop_under_arm", "beam", "edge", "radar", "curtain")
NON_CONTACT = ("beam", "radar", "curtain")
# Means against entrapment and the type of each; a lane needs two of different types (UL 325 since 2016).
MEANS = {
    "drive_force": "inherent",  # force limit of the drive itself
    "clutch": "clutch",
    "beam": "non_contact",
    "radar": "non_contact",
    "curtain": "non_contact",
    "edge": "contact",
    "drive_edge": "contact",  # pressure edge wired to the drive, not to this board
}
BARRIER_STATES = (
    "unknown",
    "closed",
    "opening",
    "open",
    "closing",
    "reversing",
    "stopped",
    "held_open",
    "fault",
)
MODES = ("automatic", "manual", "maintenance")
ENDS = ("completed", "denied_left", "backed_out", "forced", "tailgate", "abandoned")
DECIDERS = ("policy", "person", "lane", "emergency")
VERDICTS = ("ALLOW", "DENY", "HOLD")
DIRECTIONS = ("forward", "backward")  # forward: arrival loop, arm, exit loop; in or out is the lane's configuration
RESULTS = ("accepted", "done", "refused", "expired", "failed")
TERMINAL = ("done", "refused", "expired", "failed")
OPERATIONS = (
    "raise",
    "lower",
    "stop",
    "hold_open",
    "release",
    "arrival",
    "sign",
    "alarm",
    "self_test",
    "set_mode",
    "reboot",
    "clear_fault",
)
# Why a command was refused, expired or failed.
REASONS = (
    "malformed",  # not a valid command, but its id could be read
    "retained",
    "boot.other",
    "id.repeated",
    "deadline.passed",
    "deadline.far",
    "pass.none",  # names a pass, but nothing is at the arm
    "pass.other",  # names a pass that is not the one at the arm
    "why.missing",
    "mode.manual",
    "mode.maintenance",
    "state.unknown",
    "fault",
    "held_open",  # lower: somebody holds the arm open
    "fire",
    "not_clear",  # lower: a presence input is active
    "input.unhealthy",
    "input.untested",
    "means.missing",  # fewer than two means against entrapment of different types: hold-to-run only
    "moving",
    "memory.low",
    "unsupported",  # the board has no such part
    "loop.healthy",  # arrival: only for a lane whose arrival loop is in fault
    "occupied",  # arrival: a pass is at the arm
    "at_lane_only",  # clear_fault: this one is cleared by a person at the lane
    "no_fault",
    "not_commissioned",  # set_mode automatic: the force, sensor and presence tests are not on record
    "obstruction",
    "travel.timeout",
    "forced",
    "detached",
    "superseded",
    "restart",
    "arguments",  # of a question: missing, unknown or out of bounds; the answer names what is allowed
    "busy",  # another self-test or drive is under way
    "output.motor",  # an output that can move the arm is never driven by a test
    "mode.needed",  # only in maintenance mode
)
FAULTS = (
    "two_obstructions",  # cleared at the lane only
    "travel_timeout",
    "limits_conflict",
    "arm_detached",
    "sensor_failed",
    "input_stuck",
    "input_noisy",
    "output_failed",
    "loop_late",
    "memory_low",
    "sign_silent",
    "config_refused",
    "clock_unset",
    "means_missing",
    "supply_low",
    "temperature",
    "service_due",
    "force_test_due",  # 11 months after the last force test
    "force_test_overdue",  # 12 months
)
# What is seen of a crossing, oldest first. "reset": the lane restarted while the vehicle was crossing.
EVIDENCE = (
    "arrival_on",
    "arrival_off",
    "under_arm_on",
    "under_arm_off",
    "beam_on",
    "beam_off",
    "exit_on",
    "exit_off",
    "beam_clear",  # without break for the configured time
    "edge_hit",
    "forced",
    "reset",
)
# Why a motion began or ended.
CAUSES = (
    "command",
    "crossing",  # the vehicle is provably through
    "left",  # the vehicle left backwards
    "button",
    "hold_to_run",
    "fire",
    "offline",
    "loop_under_arm",
    "beam",
    "radar",
    "edge",
    "curtain",
    "travel_limit",
    "fault",
    "detached",
    "limit",
)
RESET_CAUSES = ("power_on", "hard", "watchdog", "soft", "deep_sleep", "brown_out", "unknown")
UNCLEAN = ("rest", "moving")  # how the last boot ended when it was not an orderly stop
ALARMS = ("off", "attention", "denied", "hold", "obstruction", "tailgate", "fault", "fire", "test")
TESTED = ("passed", "failed", "driven")
SIGNS = ("off", "gateway", "safe_text")
# Classes of vehicles while the gateway is silent. On the offline list an entry's class is its place here; new ones go at
# the end. unlisted: named, but not on the list; unknown: nobody could name it.
CLASSES = ("refused", "heavy", "light", "clean", "emergency")
POLICY_CLASSES = ("heavy", "light", "clean", "emergency", "unlisted", "unknown")  # refused: always refused
IDENTITY_SOURCES = ("camera", "tag", "reader")
QUESTIONS = (
    "inputs",
    "outputs",
    "counters",
    "memory",
    "versions",
    "faults",
    "settings",
    "health",  # the tasks, their beats, the safety loop
    "journal",
    "heads",  # the ledger's newest signed ends, oldest first
    "link",
    "log",
    "self_test",
    "drive",  # an output that cannot hurt, for some seconds
    "check_settings",  # would these changes be applied? args: key = value
)
UPDATE_STEPS = ("announce", "chunk", "commit", "abort")
UPDATE_STATES = ("receiving", "paused", "verified", "committed", "confirmed", "refused", "failed", "rolled_back")
