"""Where things stand in the bench's lane, in metres; the same as tools/simulator/geometry.py (a test keeps them equal)."""

BEAM_M = 0.3
ARM = (-0.1, 0.1)  # the arm's own width
RADAR = (-1.0, 1.0)
LOOPS = (("loop_arrival", (-4.5, -2.0)), ("loop_under_arm", (-1.0, 1.0)), ("loop_exit", (2.0, 6.0)))
LOOP_ON_M = 0.5
LOOP_OFF_M = 0.4
EXIT_END_M = 6.0
