"""What breaks: sensors, supply, processor, a hung loop; and a link that keeps the board busy.

Each kind runs its play to the end; what it returns is judged in sequences.py.
"""

import random
import time

import machine
from cast import between, person, rigid, speed
from road import PRESENCE

FAULTS = ("cut", "short", "stuck", "chatter")


def kind_sensor_fault(play):
    """A presence sensor or a loop fails before, while or after a truck passes. cut: active; short: never active again."""
    play.power_on()
    play.authorised = 1
    roles = [role for role in PRESENCE if role in play.road.present] + ["loop_arrival", "loop_exit"]
    role = random.choice(roles)
    what = random.choice(FAULTS)
    start = time.us + int(between(0.5, 14.0) * 1e6)
    road = play.road

    def fail(us):
        if what == "chatter":
            return
        level = 1 if what == "cut" else 0 if what == "short" else road.mask >> 0 & 1
        road.hold(role, level, True)

    road.at(start, fail)
    if what == "chatter":
        period = random.choice((2000, 7000, 20000, 90000))
        until = start + int(between(0.3, 1.5) * 1e6)
        at, level = start, 1
        while at < until:
            road.at(at, (lambda lv: lambda us: road.hold(role, lv, True))(level))
            level = 1 - level
            at += period
    mend = start + int(between(6.0, 15.0) * 1e6)
    road.at(mend, lambda us: road.let_go(role))
    play.drive(rigid(), speed())
    if random.getrandbits(1):
        play.run(between(6.0, 16.0))
        play.walk(person(), 1.2, -4.0)
    play.finish(60.0)
    return {"fault": (role, what)}


def kind_dip(play):
    """The supply dips, 10 ms to 10 s, at any moment of a passage."""
    play.power_on()
    play.authorised = 2
    driver = play.drive(rigid(), speed())
    if random.getrandbits(1):
        play.run(30.0, lambda: play.road.motion != 0)
        play.run(between(0.0, 3.0))
    else:
        play.run(between(0.0, 20.0))
    dip_us = int(10000 * 1000.0 ** random.random())
    play.restart(machine.PWRON_RESET, dip_us)
    play.run(between(1.0, 4.0))
    if driver.state == "gone" and play.road.position > 0.0:
        play.firm.order("raise", by="person:bench")
        play.run(5.0)
        play.firm.order("lower", by="person:bench")
    play.finish(40.0)
    return {"dip": dip_us}


def kind_reset(play):
    """The processor alone restarts, at any moment."""
    play.power_on()
    play.authorised = 2
    play.drive(rigid(), speed())
    play.run(between(0.5, 22.0))
    play.restart(machine.SOFT_RESET, 0)
    play.run(between(0.5, 8.0))
    return {}


def kind_hang(play):
    """The safety loop stops turning: the watchdog restarts the board."""
    play.power_on()
    play.authorised = 1
    play.drive(rigid(), speed())
    play.run(between(0.5, 22.0))
    play.road.oracle.is_hung = True
    started = time.us
    before = play.provoked_resets
    time.spend(2600000)
    play.turn()
    play.road.oracle.is_hung = False
    play.run(5.0)
    return {"hang": play.provoked_resets - before, "hang_us": time.us - started}


def kind_handshake(play):
    """TLS handshakes at rest while people use the buttons and trucks come."""
    play.power_on()
    play.authorised = 1
    for _ in range(3):
        play.firm.handshake()
        play.run(between(0.2, 1.5))
    play.press(time.us + 100000, "button_raise", int(between(0.1, 1.5) * 1e6))
    play.firm.handshake()
    play.run(8.0)
    play.drive(rigid(), speed())
    play.finish(60.0)
    return {"directions": ["forward"]}
