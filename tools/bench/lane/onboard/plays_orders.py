"""Orders good and bad, a wall clock that jumps, a gateway that says nothing.

Each kind runs its play to the end; what it returns is judged in sequences.py.
"""

import random
import time

from cast import between, rigid, speed


def kind_orders(play):
    """Orders of every kind at any moment, good ones and bad ones."""
    play.power_on(random.choice((0.0, 1.0, 0.5)))
    firm = play.firm
    play.authorised = 1
    play.drive(rigid(), speed())
    last = None
    for _ in range(12):
        play.run(between(0.1, 3.0))
        firm = play.firm
        what = random.getrandbits(4)
        if what < 3:
            firm.order("raise", by="person:bench")
        elif what < 6:
            firm.order("lower", by="person:bench")
        elif what == 6:
            firm.order("stop", by="person:bench")
        elif what == 7:
            firm.order("hold_open", by="person:bench")
        elif what == 8:
            firm.order("release", by="person:bench")
        elif what == 9:
            firm.order("self_test", by="person:bench")
        elif what == 10:
            last = firm.message("raise", by="person:bench", boot="00010000")
            firm.send(last, False)
        elif what == 11:
            firm.send(firm.message("raise", by="person:bench"), True)
        elif what == 12:
            firm.send(firm.message("lower", by="person:bench", not_after_ms=max(0, firm.parts.clock.ms() - 10)), False)
        elif what == 13 and last is not None:
            firm.send(last, False)
        elif what == 14:
            firm.send(b"{" * random.getrandbits(8), False)
        else:
            firm.send(firm.message("raise", {"pass": firm.parts.journal.boot + "-99999"}), False)
    play.run(10.0)
    return {}


def kind_time_jump(play):
    """The wall clock jumps by a day while a truck passes."""
    play.power_on()
    play.authorised = 1
    play.drive(rigid(), speed())
    play.run(between(1.0, 18.0))
    play.firm.hear(86400000 if random.getrandbits(1) else -86400000)
    play.finish(60.0)
    return {"directions": ["forward"]}


def kind_silence(play):
    """The gateway says nothing: the default policy holds, the person at the gate raises."""
    play.power_on()
    play.is_silent = True
    play.run(26.0)
    driver = play.drive(rigid(), speed())
    play.run(30.0, lambda: driver.state == "wait")
    play.run(8.0)
    risen = play.road.position
    play.press(time.us, "button_raise", 300000)
    play.finish(60.0)
    return {"directions": ["forward"], "risen": risen}
