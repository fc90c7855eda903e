"""Pin table of the simulated board. Pure data: the simulated plant reads this same file.

Inputs: 1 = active (loop occupied, beam broken, edge pressed, limit reached, button pressed). Outputs: 0 at reset.
NAME_test = 1 makes the sensor NAME report presence (a dark emitter, an opened 8k2 loop), so that its input must read 1. Drive kind `direct`: `open` = 1 drives up,
`close` = 1 drives down, both 0 stops.
"""

INPUTS = {
    "loop_arrival": 1,
    "loop_under_arm": 2,
    "loop_exit": 3,
    "beam": 4,
    "edge": 5,
    "radar": 6,
    "limit_open": 7,
    "limit_closed": 8,
    "button_raise": 9,
    "button_lower": 10,
    "button_stop": 11,
    "hold_to_run": 12,
    "fire": 13,
    "cabinet": 14,
    "arm_detached": 15,
    "curtain": 16,
    "power_fail": 17,
    "alarm_sense": 18,
}
OUTPUTS = {
    "open": 21,
    "close": 22,
    "alarm_light": 23,
    "siren": 24,
    "beam_test": 25,
    "fault_light": 26,
    "stop": 27,
    "radar_test": 28,
    "edge_test": 29,
    "curtain_test": 30,
    "loop_test": 31,
}
SIGN_UART = 1
