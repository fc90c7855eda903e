"""On the real interpreter: a control step allocates nothing while the arm moves, whatever the inputs do.

The heap is locked around every step of a raise, a crossing, a close with an obstruction, a fire and a fault.
"""

import micropython
from bench import Bench, Vehicle
from lane import ticks

locked = 0
moving = 0


def step(bench):
    """One step of the bench with the heap locked around the control step only."""
    global locked, moving
    for vehicle in bench.vehicles:
        vehicle.nose_m += vehicle.speed * 0.005
    up, down = bench.safety.out[0], bench.safety.out[1]
    bench.position = min(1.0, max(0.0, bench.position + (up - down) * 5 / bench.travel_ms))
    bench.now = ticks.add(bench.now, 5)
    bench._sense()
    safety, now = bench.safety, bench.now
    micropython.heap_lock()
    try:
        safety.step(now)
    finally:
        micropython.heap_unlock()
    locked += 1
    moving += 1 if safety.barrier.motion else 0
    if safety.ring.count > 64:
        bench._take()


def run(bench, ms):
    for _ in range(ms // 5):
        step(bench)


bench = Bench(start_ms=1 << 20)
truck = Vehicle(-9.0, ((0.0, 6.0), (9.8, 16.0)), 2.0)
bench.vehicles.append(truck)
run(bench, 4000)
truck.speed = 0.0
bench.raise_arm()
run(bench, 2000)
truck.speed = 2.0
run(bench, 8000)
for role in ("radar", "edge"):
    for _ in range(4000):
        step(bench)
        if bench.safety.barrier.motion < 0 and bench.position < 0.6:
            break
    bench.forced_inputs[role] = 1
    run(bench, 2000)
    del bench.forced_inputs[role]
run(bench, 8000)
bench.forced_inputs["button_stop"] = 1
run(bench, 3500)
del bench.forced_inputs["button_stop"]
bench.forced_inputs["button_lower"] = 1
run(bench, 100)
del bench.forced_inputs["button_lower"]
run(bench, 2200)
bench.forced_inputs["fire"] = 1
run(bench, 3000)
bench.forced_inputs["arm_detached"] = 1
bench.forced_inputs["limit_closed"] = 1
run(bench, 1000)
bench._take()
kinds = set(bench.kinds())
for kind in ("barrier.reversed", "fault.set", "crossing.completed", "fire.on", "barrier.detached", "sensor.tested"):
    assert kind in kinds, kind
print("locked", locked, "moving", moving)
