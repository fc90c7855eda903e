"""The gateway is gone for HOURS; trucks pass, the board is reset now and then. Then it comes back: what of the events is there?

A reset at rest may lose nothing that was told before it; one in motion only what was told since the motion began. A supply
cut inside a flash operation is a reset at rest whose last event, not yet on flash, may be missing: it is counted as torn.
"""

import random
import time

import machine
from record import key, name
from scripts import Restart, body

TRUCK = ((0.0, 9.0, True, True),)
NIGHT_US = 900000  # longest pause while nothing happens at all
DRAIN_US = 3600000000


def script(whole, found, hours, passes, resets):
    broker = whole.broker
    whole.idle_us = NIGHT_US
    found["resets"] = found["resets_in_motion"] = found["cuts_in_flash"] = found["passes"] = found["unclean_wrong"] = 0
    yield whole.is_up
    yield 5000000
    broker.is_away = True
    whole.is_speaking = whole.is_acking = False
    broker.cut()
    begin, length = time.us, hours * 3600000000
    on_the_way = resets // 5  # while a truck passes: some of them in motion
    plan = [(begin + random.getrandbits(30) * length // (1 << 30), "pass") for _ in range(passes - on_the_way)]
    plan += [(begin + random.getrandbits(30) * length // (1 << 30), "pass reset") for _ in range(on_the_way)]
    plan += [(begin + random.getrandbits(30) * length // (1 << 30), "reset") for _ in range(resets - on_the_way)]
    plan += [(begin + n * length // 12, "window") for n in range(1, 12)]
    plan.sort()
    excused = {}
    for at, what in plan:
        if at > time.us:
            yield at - time.us
        if what == "window":  # the broker is there for a minute, the gateway behind it is not
            broker.is_away = False
            yield 60000000
            broker.is_away = True
            broker.cut()
        elif what == "reset":
            yield from _reset(whole, found, excused, bool(random.getrandbits(1)))
        else:
            yield from _pass(whole, found, excused, what == "pass reset")
    if begin + length > time.us:
        yield begin + length - time.us
    found["outage_hours"] = (time.us - begin) // 36000000 / 100
    found["depth"] = whole.parts.journal.depth()
    heard_before = whole.heard.count
    broker.is_away = False
    whole.is_speaking = whole.is_acking = True
    back = time.us
    while whole.parts.journal.depth() and time.us - back < DRAIN_US:
        yield 1000000
    yield 30000000
    found["drain_s"] = (time.us - back) // 1000000
    found.update(judge(whole.told, whole.heard, heard_before, excused))


def _reset(whole, found, excused, is_in_flash):
    found["resets"] += 1
    parts = whole.parts
    ring = parts.safety.ring
    is_moving = parts.safety.barrier.motion != 0
    stored = parts.journal.boot, ring.last_seq - ring.count
    if is_moving:
        found["resets_in_motion"] += 1
        for n in range(ring.count):
            excused[key(parts.journal.boot, ring.last_seq - n)] = "in motion"
    if is_in_flash and not is_moving:
        found["cuts_in_flash"] += 1
        whole.flash.cut_in = 1 + random.getrandbits(2)
        parts.note("link.down", {"reason": "bench"})
        for _ in range(20):
            if whole.parts is not parts:
                break
            excused[key(parts.journal.boot, ring.last_seq)] = "torn"
            yield 100000
        whole.flash.cut_in = 0
        if whole.parts is not parts:
            yield lambda: whole.parts is not None
            return
    yield Restart(
        random.choice((machine.PWRON_RESET, machine.SOFT_RESET, machine.WDT_RESET)), 10000 + random.getrandbits(22)
    )
    yield lambda: whole.parts is not None and whole.parts is not parts
    journal = whole.parts.journal
    if is_moving and (journal.unclean, journal.last_boot, journal.last_seq) != ("moving",) + stored:
        found["unclean_wrong"] += 1  # `boot` tells of the motion and of the last event on flash
    yield 1000000


def _pass(whole, found, excused, is_reset):
    road = whole.road
    truck = body(TRUCK, -9.0, 2.0)
    road.bodies.append(truck)
    yield lambda: truck.front_m(time.us) > -0.9
    truck.stop_at(time.us, -0.9)
    yield 1000000
    road.hold("button_raise", 1)
    yield 300000
    road.let_go("button_raise")
    if is_reset:
        yield random.getrandbits(21)
        yield from _reset(whole, found, excused, False)
        road.hold("button_raise", 1)
        yield 300000
        road.let_go("button_raise")
    yield lambda: road.position > 0.95
    found["passes"] += 1 if road.position > 0.95 else 0
    truck.go(time.us, 2.5)
    yield lambda: truck.front_m(time.us) > 16.0
    road.bodies.clear()
    yield 4000000


def judge(told, heard, drained_from, excused):
    """Of the events that the lane numbered, what reached the gateway: lost, doubled, out of order.

    told, heard: record.Record. drained_from: place in `heard` from which on the gateway was back.
    """
    seen, doubled, disorder = {}, 0, 0
    for n in range(heard.count):
        was = seen.get(heard.keys[n])
        if was is not None and was != heard.sums[n]:
            doubled += 1  # the same number, and another event
        seen[heard.keys[n]] = heard.sums[n]
    last = -1
    for n in range(drained_from, heard.count):
        if heard.keys[n] <= last:
            disorder += 1  # a number again, or an older boot's event behind a newer one's
        last = max(last, heard.keys[n])
    known, lost, excuses = set(), [], {"in motion": 0, "torn": 0}
    for n in range(told.count):
        known.add(told.keys[n])
        if told.keys[n] not in seen:
            if told.keys[n] in excused:
                excuses[excused[told.keys[n]]] += 1
            else:
                lost.append(told.keys[n])
    return {
        "journal_events": told.count,
        "journal_lost": len(lost),
        "journal_lost_in_motion": excuses["in motion"],
        "journal_torn": excuses["torn"],
        "journal_duplicated": doubled,
        "journal_disorder": disorder,
        "journal_invented": len([k for k in seen if k not in known]),
        "lost": [name(k) for k in lost[:10]],
    }
