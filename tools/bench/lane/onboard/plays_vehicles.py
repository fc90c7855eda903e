"""Vehicles that come through: rigs with long gaps, one close behind another, backing out, the wrong way.

Each kind runs its play to the end; what it returns is judged in sequences.py.
"""

import random
import time

from cast import KMH, between, car, lowbed, rig, rigid, semi, speed
from geometry import BEAM_M, EXIT_END_M

TAILGATE_M = 6.6  # from here on no rig of this lane's geometry has such a gap: it is another vehicle


def provable_gap_m(speed, clear_ms):
    """Longest gap at this speed (m/s) over which the closing rule holds the arm: the exit loop behind the beam, or the way
    driven in clear_ms (safety standards, driving rule for long rigs)."""
    return max(EXIT_END_M - BEAM_M, speed * clear_ms / 1000)


def one(play, shape):
    play.power_on()
    play.authorised = 1
    play.drive(shape, speed())
    play.finish(90.0)


def kind_rigid(play):
    one(play, rigid())
    return {"directions": ["forward"]}


def _rig(play, make, realistic, fast=None):
    if fast is None:
        fast = speed()
    longest = provable_gap_m(fast, play.settings["clear_ms"])
    gap = between(*realistic) if random.getrandbits(1) else between(1.0, longest - 0.05)
    play.power_on()
    play.authorised = 1
    play.drive(make(gap), fast)
    play.finish(90.0)
    return {"rig": gap}


def kind_semi(play):
    return _rig(play, semi, (1.0, 3.0))


def kind_drawbar(play):
    return _rig(play, rig, (1.5, 4.0))


def kind_slow_rig(play):
    """A draw-bar trailer at walking pace: its gap stands long over the line."""
    return _rig(play, rig, (4.5, 5.6), between(2.0, 4.5) * KMH)


def kind_lowbed(play):
    one(play, lowbed())
    return {"rig": 0.0, "directions": ["forward"]}


def kind_overlong(play):
    """A rig with a gap beyond what the geometry proves: announced, so the arm is held open."""
    fast = speed()
    longest = provable_gap_m(fast, play.settings["clear_ms"])
    play.power_on()
    gap = longest + between(0.5, 6.0)
    driver = play.drive(rig(gap), fast)
    play.run(20.0, lambda: driver.state == "wait")
    if random.getrandbits(1):
        play.firm.order("raise", {"pass": play.firm.pass_name(), "gap_mm": int(gap * 1000)})
    else:
        play.firm.order("hold_open", by="person:bench", why="announced long rig")
    play.run(90.0, lambda: driver.state == "gone")
    play.run(5.0)
    closings = play.road.oracle.closings
    play.firm.order("release", by="person:bench", why="through")
    play.firm.order("lower", by="person:bench", why="through")
    play.finish(20.0)
    return {"announced": closings}


def _train(play, gap, fast):
    play.power_on()
    play.authorised = 1
    first = play.drive(rigid() if random.getrandbits(1) else car(), fast)
    rear = first.body.front_m(time.us) - first.body.length_m
    second = play.drive(car(), fast, "forward", first, rear - gap)
    second.body.speed = first.body.speed
    play.finish(90.0)


def kind_follow_on(play):
    """A car 0.5 s behind, with no permission of its own."""
    fast = speed()
    _train(play, fast * 0.5, fast)
    return {"follow_on": True}


def kind_tailgater(play):
    fast = speed()
    _train(play, between(TAILGATE_M, max(TAILGATE_M + 0.5, fast * 1.5 + 1.5)), fast)
    return {"tailgate": True}


def kind_backs_before(play):
    play.power_on()
    play.authorised = random.getrandbits(1)
    driver = play.drive(rigid(), speed(), "back_before")
    play.run(30.0, lambda: driver.state == "wait")
    play.run(between(0.5, 6.0))
    driver.reverse(time.us)
    play.finish(40.0)
    return {"directions": []}


def kind_backs_in(play):
    """Goes under the arm and comes back out."""
    play.power_on()
    play.authorised = 1
    play.drive(((((0.0, 9.0, True, True),)), 0.8), speed(), "back_in")
    play.finish(60.0)
    return {}


def kind_wrong_way(play):
    """From the exit side through an arm that stands open."""
    play.power_on(1.0)
    fast = speed()
    play.walk(rigid() if random.getrandbits(1) else car(), -fast, between(16.0, 20.0) + 12.0)
    play.run(80.0, lambda: not play.drivers)
    play.run(8.0)
    return {"directions": ["backward"]}
