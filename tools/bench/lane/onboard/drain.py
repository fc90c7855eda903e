"""The gateway is back after an outage, many events wait in the lane, and somebody orders something: how many events come before the answer?"""

from scripts import TOPIC


def script(whole, found, count):
    broker = whole.broker
    yield whole.is_up
    yield 2000000
    broker.is_away = True
    whole.is_speaking = whole.is_acking = False
    broker.cut()
    yield 1000000
    for n in range(count):
        whole.parts.note("link.down", {"reason": "bench"})
        if n % 8 == 7:
            yield lambda: not whole.parts.safety.ring.count
    before = whole.heard.count
    broker.is_away = False
    whole.is_speaking = whole.is_acking = True
    yield lambda: whole.heard.count > before
    at = whole.heard.count
    broker.publish(TOPIC + "command", whole.order("alarm", {"pattern": "attention", "seconds": 1}))
    yield lambda: len(whole.results)
    found["events_before_answer"] = whole.heard.count - at
    found["answer"] = whole.results[0]["result"]
    yield lambda: not whole.parts.journal.depth()
    found["drained"] = whole.heard.count - before
