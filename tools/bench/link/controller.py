"""A lane controller as it is flashed, in accelerated idle time, telling how late its safety loop was. MicroPython only.

Environment: LVZHA_SPEED: idle milliseconds that pass in one real one; LVZHA_STEP_MS: period of the safety loop, for runs
in which its lateness does not matter. Prints `bench {json}` every REPORT_MS of lane time.
"""

import array
import asyncio
import asyncio.core as core
import gc
import json
import os
import time

import app
from lane import health, link

REPORT_MS = 20000
BIN_US = 200
SPEED = int(os.getenv("LVZHA_SPEED") or 20)
SHAKING_SPEED = 10
app.STEP_MS = int(os.getenv("LVZHA_STEP_MS") or app.STEP_MS)

links = []
queue = core.IOQueue
poll = queue.wait_io_event
credit_us = 0


def wait(self, dt):
    """Nothing to do for dt ms: give sockets and broker a part of it, then leap over the rest."""
    global credit_us
    if dt <= 0:
        poll(self, dt)
        return
    speed = SHAKING_SPEED if links and links[0].is_shaking else SPEED  # the broker answers in real time
    credit_us += dt * 1000 // speed
    real_ms = credit_us // 1000
    credit_us -= real_ms * 1000
    poll(self, real_ms)
    task = core._task_queue.peek()
    left = dt - real_ms if task is None else core.ticks_diff(task.ph_key, core.ticks())
    if left > 0:
        time.leap(left * 1000)


queue.wait_io_event = wait


class Lateness:
    """Microseconds per step of the safety loop (how late it was, how long the processor was busy), in bins of BIN_US."""

    def __init__(self):
        self.bins = array.array("I", [0] * 500)
        self.max_us = 0
        self.steps = 0

    def add(self, us):
        self.steps += 1
        if us > self.max_us:
            self.max_us = us
        self.bins[max(0, min(499, us // BIN_US))] += 1

    def at(self, share):
        left = int(self.steps * share)
        for i in range(500):
            left -= self.bins[i]
            if left < 0:
                return (i + 1) * BIN_US
        return self.max_us

    def figures(self):
        return {
            "steps": self.steps,
            "p50_ms": self.at(0.5) / 1000,
            "p999_ms": self.at(0.999) / 1000,
            "max_ms": self.max_us / 1000,
        }


usual, shaking, busy = Lateness(), Lateness(), Lateness()
last_cpu = [0]
in_motion = [0, 0]  # steps in motion; of them with a handshake
add_delay = health.Delays.add
make_link = link.Link.__init__
connect = link.Link._connect


def see(self, us):
    add_delay(self, us)
    cpu = int(time.clock() * 1000000)
    spent, last_cpu[0] = cpu - last_cpu[0], cpu
    if links:
        if not (links[0].is_shaking or was_shaking[0]) and spent < cpu:  # not the start
            busy.add(spent)
        (shaking if links[0].is_shaking or was_shaking[0] else usual).add(us)
        was_shaking[0] = links[0].is_shaking
        if not links[0]._parts.safety.barrier.is_at_rest():
            in_motion[0] += 1
            if links[0].is_shaking:
                in_motion[1] += 1


was_shaking = [False]  # a stall that ended the handshake belongs to it


def keep(self, *arguments):
    make_link(self, *arguments)
    links.append(self)
    self.reporting = asyncio.create_task(report(self))


async def tell_attempt(self):
    """Print every attempt to connect, its lane time, how long it took and how it ended: the firmware tells only of a lost link."""
    began, how = self._parts.clock.ms(), "given up: the arm moves"
    try:
        await connect(self)
        how = "connected"
    except Exception as e:
        how = type(e).__name__ + " " + str(e)
        raise
    finally:
        print("attempt", began, self._parts.clock.ms() - began, how)


async def report(own):
    free = []
    while True:
        await asyncio.sleep_ms(REPORT_MS)
        while own.is_shaking or not own._parts.safety.barrier.is_at_rest():
            await asyncio.sleep_ms(50)
        gc.collect()
        free.append(gc.mem_free())
        if len(free) > 400:
            free = free[::2]
        quarter = max(1, len(free) // 4)
        print(
            "bench",
            json.dumps(
                {
                    "lane_ms": own._parts.clock.ms(),
                    "usual": usual.figures(),
                    "shaking": shaking.figures(),
                    "busy": busy.figures(),
                    "steps_in_motion": in_motion[0],
                    "handshakes_in_motion": in_motion[1],
                    "free_first_quarter": min(free[:quarter]),
                    "free_last_quarter": min(free[-quarter:]),
                    "free_min": min(free),
                    "connects": own.connects,
                    "resent": own.mqtt.resent,
                }
            ),
        )


health.Delays.add = see
link.Link.__init__ = keep
link.Link._connect = tell_attempt
app.run("none")
