"""People and cycles under the arm, and hands at the lane: buttons, the fire input, hold-to-run.

Each kind runs its play to the end; what it returns is judged in sequences.py.
"""

import random
import time

from cast import between, car, cyclist, person, rigid, speed
from geometry import BEAM_M
from play import CLEAR_US


def _somebody(play, shape, fast):
    """A truck goes through; when the arm comes down, somebody is, or steps, under it."""
    play.power_on()
    play.authorised = 1
    play.drive(rigid(), speed())
    if random.getrandbits(2):
        play.until_closing()
        side = -1.0 if random.getrandbits(1) else 1.0
        front = BEAM_M + 0.25 - side * between(0.35, 1.2)
    else:
        side = 1.0
        play.run(between(3.0, 14.0))
        front = -5.0
    stands = int(between(0.2, 4.0) * 1e6) if random.getrandbits(1) else 0
    play.walk(shape, side * fast, front, stands)
    play.finish(60.0)
    return {}


def kind_pedestrian(play):
    return _somebody(play, person(), between(0.5, 2.0))


def kind_cyclist(play):
    return _somebody(play, cyclist(), between(2.0, 6.0))


def kind_twice(play):
    """Two obstructions in one close attempt: the arm stays up until somebody clears it at the lane."""
    play.power_on()
    play.authorised = 1
    play.drive(rigid(), speed())
    for _ in range(2):
        if play.until_closing():
            play.walk(person(), 1.5, -0.1)
            play.run(4.0)
    play.run(between(4.0, 12.0))
    play.firm.order("lower", by="person:bench")
    play.run(5.0)
    locked = play.road.oracle.closings
    play.press(time.us, "button_stop", CLEAR_US + 600000)
    play.run(5.0)
    play.press(time.us, "button_lower", 400000)
    play.finish(20.0)
    return {"locked": locked}


def kind_under_at_boot(play):
    """The lane boots with somebody or something under an open or half open arm, and is asked to lower."""
    play.walk(person() if random.getrandbits(1) else car(), 0.0, 0.5)
    play.power_on(random.choice((0.5, 1.0)))
    for _ in range(3):
        play.firm.order("lower", by="person:bench")
        play.press(time.us + 500000, "button_lower", 300000)
        play.run(between(1.0, 4.0))
    play.drivers[0].body.go(time.us, 2.0)
    play.drivers[0].speed = 2.0
    play.run(12.0)
    return {"locked": None}


def kind_fire(play):
    play.power_on()
    play.authorised = 1
    play.drive(rigid(), speed())
    play.run(between(0.2, 20.0))
    if random.getrandbits(1):
        play.firm.handshake()
    play.press(time.us, "fire", int(between(2.0, 6.0) * 1e6))
    play.run(9.0)
    up = play.road.position
    play.run(30.0, lambda: not play.drivers)
    play.firm.order("release", by="person:bench", why="over")
    play.run(2.0)
    play.firm.order("lower", by="person:bench")
    play.finish(20.0)
    return {"fire": up}


def kind_hold_to_run(play):
    """A person lowers the arm by hand in maintenance mode, and lets go at any moment."""
    play.power_on(1.0)
    play.run(1.0)
    play.firm.order("set_mode", {"mode": random.choice(("manual", "maintenance"))}, by="person:bench")
    road = play.road
    if random.getrandbits(1):
        play.walk(person(), 0.0, 0.5)
    for _ in range(2):
        road.hold("hold_to_run", 1)
        road.oracle.is_person_holding = True
        road.oracle.may_down = True
        play.run(between(0.2, road.travel_us / 1e6 + 1.0))
        road.let_go("hold_to_run")
        road.oracle.let_go(time.us)
        if road.is_contact:
            road.oracle.asked_to_rise(time.us, 500000)
        play.run(3.0)
    return {}
