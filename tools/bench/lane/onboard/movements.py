"""Nothing moves because of a reboot, a reconnect, or an order that is repeated, retained, late, foreign or malformed.

Life after life of one lane: it boots, somebody orders it about, then come the bad things, then it is restarted at some moment.
"""

import random

import machine
from scripts import LANE, ROOT, TOPIC, Restart, body

KINDS = ("reboots", "reconnects", "replayed", "retained", "late", "foreign", "malformed")
SETTLED_US = 3800000  # a wish to close lives 3 s
AFTER_US = 200000
TRUCK = ((0.0, 8.0, True, True),)


def bad_order(whole, kind, last):
    """Deliver one; the order's id in it is new unless the kind is `replayed`."""
    broker = whole.broker
    op = random.choice(("raise", "lower", "hold_open"))
    if kind == "replayed":
        raw = random.choice(last)
        if random.getrandbits(1):
            broker.again(TOPIC + "command", raw)
        else:
            broker.publish(TOPIC + "command", raw)
    elif kind == "retained":
        broker.as_retained(TOPIC + "command", whole.order(op))
    elif kind == "late":
        late = random.choice((1, 100, 3000, 3600000))
        broker.publish(TOPIC + "command", whole.order(op, not_after_ms=max(0, whole.parts.clock.ms() - late)))
    elif kind == "foreign":
        how = random.getrandbits(2)
        if how == 0:
            broker.publish(TOPIC + "command", whole.order(op, boot="00019a1c"))
        elif how == 1:
            broker.publish(TOPIC + "command", whole.order("raise", {"pass": whole.parts.journal.boot + "-99999"}))
        elif how == 2:
            broker.publish(ROOT + LANE[:-1] + "2/command", whole.order(op))
        else:
            broker.publish(TOPIC + "command", whole.order(op, not_after_ms=whole.parts.clock.ms() + 120000))
    else:
        raw = whole.order(op)
        how = random.getrandbits(2)
        if how == 0:
            raw = raw[: random.getrandbits(16) % len(raw)]
        elif how == 1:
            raw = raw.replace(b'"' + op.encode() + b'"', b'"toggle"')
        elif how == 2:
            raw = raw.replace(b'"v":1', b'"v":2')
        else:
            raw = bytes([random.getrandbits(8) for _ in range(random.getrandbits(7) + 1)])
        broker.publish(TOPIC + "command", raw)


def script(whole, found, count):
    found["checks"] = checks = {kind: 0 for kind in KINDS}
    found["moves"] = moves = {kind: 0 for kind in KINDS}
    found["carried_out"] = 0  # bad orders that were not refused
    found["moved"] = 0  # good orders of the bench that moved the arm: without them nothing is proven
    watcher, road, broker = whole.watcher, whole.road, whole.broker

    def settle(kind, n):
        checks[kind] += n
        moves[kind] += watcher.moves
        watcher.moves = 0

    lives = 0
    while min(checks.values()) < count:
        # ---- it boots, with somebody at the arm or nobody ----
        watcher.is_quiet = True
        yield whole.is_up
        yield SETTLED_US
        settle("reboots", 1)
        lives += 1
        if lives % 8 == 1:
            yield from _bad_things(whole, found, settle)
        # ---- it is restarted at some moment ----
        watcher.is_quiet = False
        if random.getrandbits(1):
            op = "raise" if road.position < 0.5 else "lower"
            broker.publish(TOPIC + "command", whole.order(op))
            whole.told_judge("up" if op == "raise" else "down")
            yield random.getrandbits(22) + 1000
        place = None if random.getrandbits(2) else random.choice((-1.0, 3.0))
        cause = random.choice((machine.PWRON_RESET, machine.SOFT_RESET, machine.WDT_RESET, machine.HARD_RESET))
        is_torn = cause == machine.PWRON_RESET and not random.getrandbits(2)
        yield from restart(whole, cause, place, is_torn)


def restart(whole, cause, truck_m, is_torn):
    """The board goes down in whatever it does, and an order waits for the next boot. truck_m: somebody is there from now on, or None.
    is_torn: in the middle of a flash operation, after moments in which what began before may still be carried out."""
    road = whole.road
    stale = whole.order("raise" if road.position < 0.5 else "lower")
    del road.bodies[:]
    if truck_m is not None:
        road.bodies.append(body(TRUCK, truck_m))
    if is_torn:
        whole.flash.cut_in = 1 + random.getrandbits(2)
        whole.parts.note("link.down", {"reason": "bench"})
        yield 300000
    whole.broker.publish(TOPIC + "command", stale)  # waits in the broker's session
    yield Restart(cause, 10000 + random.getrandbits(20))


def _bad_things(whole, found, settle):
    """What must move nothing, one kind after the other; good orders before, to have something to repeat."""
    watcher, broker = whole.watcher, whole.broker
    yield from _order_about(whole, found)
    last = found.pop("last")
    watcher.is_quiet = True
    for kind in KINDS[2:]:
        answered = len(whole.results)
        n = 6 + random.getrandbits(3)
        for _ in range(n):
            if not whole.is_up():
                yield whole.is_up
            bad_order(whole, kind, last)
            yield AFTER_US
        yield SETTLED_US
        settle(kind, n)
        for result in whole.results[answered:]:
            if result["result"] not in ("refused", "expired"):
                found["carried_out"] += 1
        del whole.results[:]
    for _ in range(9):
        broker.cut()
        if not random.getrandbits(3):
            broker.is_away = True
            yield random.getrandbits(15) * 1000
            broker.is_away = False
        yield whole.is_up
        yield SETTLED_US
        settle("reconnects", 1)


def _order_about(whole, found):
    """Good orders: up and down once where the lane allows it; their payloads are replayed later."""
    watcher, road = whole.watcher, whole.road
    watcher.is_quiet = False
    up = whole.order("raise")
    whole.broker.publish(TOPIC + "command", up)
    whole.told_judge("up")
    yield lambda: road.position > 0.99
    yield 500000
    down = whole.order("lower")
    whole.broker.publish(TOPIC + "command", down)
    whole.told_judge("down")
    yield SETTLED_US
    yield 2000000
    if road.position < 0.01:
        found["moved"] += 1
        if random.getrandbits(1):
            whole.broker.publish(TOPIC + "command", whole.order("raise"))
            whole.told_judge("up")
            yield lambda: road.position > 0.99
            yield 500000
    found["last"] = (up, down)
    del whole.results[:]
