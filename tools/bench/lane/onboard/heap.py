"""How much memory the whole firmware holds: a boot, a truck, the link with every kind of message, a day's buttons."""

from collector import collector, real
from scripts import TOPIC, body

LOOKS = 24


def _look():
    real.collect()
    collector.peak_bytes = max(collector.peak_bytes, real.mem_alloc())


def script(whole, found):
    road, broker = whole.road, whole.broker
    found["passes"] = 0
    yield whole.is_up
    for _ in range(4):
        truck = body(((0.0, 8.0, True, True),), -8.0, 2.0)
        road.bodies.append(truck)
        yield lambda: truck.front_m(now()) > -0.9
        truck.go(now(), 0.0)
        yield 500000
        _look()
        broker.publish(TOPIC + "command", whole.order("raise"))
        whole.told_judge("up")
        yield lambda: road.position > 0.99
        truck.go(now(), 2.0)
        for _ in range(LOOKS):
            yield 500000
            _look()
        road.bodies.clear()
        for op, args in (("self_test", {}), ("stop", {}), ("alarm", {"pattern": "attention", "seconds": 1})):
            broker.publish(TOPIC + "command", whole.order(op, args))
            yield 1000000
            _look()
        found["passes"] += 1 if road.position < 0.01 else 0
        broker.cut()
        yield whole.is_up
        _look()
        whole.heard.clear()
        whole.told.clear()
        del whole.results[:]


def now():
    import time

    return time.us
