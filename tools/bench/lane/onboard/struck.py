"""A truck comes under the falling arm, and in the middle of the reversal the board goes down: how much of it is told as movement by the reboot?"""

import machine
from movements import SETTLED_US, restart
from scripts import TOPIC


def script(whole, found):
    road, broker, watcher = whole.road, whole.broker, whole.watcher
    yield whole.is_up
    watcher.is_quiet = False
    broker.publish(TOPIC + "command", whole.order("raise"))
    whole.told_judge("up")
    yield lambda: road.position > 0.99
    yield 500000
    broker.publish(TOPIC + "command", whole.order("lower"))
    whole.told_judge("down")
    yield lambda: road.motion < 0 and road.position < 0.7
    before = whole.boots
    yield from restart(whole, machine.PWRON_RESET, 3.0, True)
    yield lambda: whole.boots > before and whole.is_up()
    yield SETTLED_US
    found["risen"] = road.position  # before the supply went
    found["moves"] = watcher.moves
