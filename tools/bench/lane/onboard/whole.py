"""The whole firmware in virtual time: app.py with its tasks and its link, over a broker and a road that the bench plays.

Usage: whole.py MODEL.json SEED movements COUNT | outage HOURS PASSES RESETS | heap, [PLANTED FAULT]. Prints one JSON line of figures.
A script is a generator: it yields microseconds to wait, a function to wait for, or a Restart.
"""

import json
import random
import sys
import time

import asyncio
import asyncio.core as core

import machine
import socket
import ssl
from broker import Broker
from collector import collector, real
from flash import Flash, PowerCut, mount, unmount
from record import Record
from road import Road
from scripts import LANE_SETTINGS, ROOT, TOPIC, Restart

BLOCKS = 192
EVENTS = 30000  # at most, told or heard
IDLE_US = 90000
POLL_US = 20000


class Done(BaseException):
    """The script has come to its end."""


class Watcher:
    """Stands in the place of an oracle: counts what is commanded while nothing may be, which begins with every loss of supply."""

    def __init__(self):
        self.is_quiet = False
        self.moves = 0

    def see(self, us):
        pass

    def moved(self, us, before, motion, is_by_limit):
        pass

    def commanded(self, us, is_open, is_close):
        if self.is_quiet and (is_open or is_close):
            self.moves += 1


class Whole:
    def __init__(self, model, settings, heard, told, is_judged=True):
        """heard, told: record.Record, made before a heap is measured. is_judged: False leaves the judge out, so that what the heap
        holds is the firmware's."""
        from wires import Wires

        self.model = model
        self.settings = settings
        self.flash = FLASH
        self.flash._costs = model
        self.flash.is_forbidden = self._is_moving
        self.road = Road(model["present"], 1500000, settings["drive"] == "contact", 0.0, model["output_us"])
        self.watcher = self.road.oracle = Watcher()
        self.wires = Wires(self.road, model, model["write_us"])
        self.broker = Broker(self._heard)
        socket.network = self.broker
        ssl.cost_us = model["handshake_us"]
        ssl.busy = collector.busy = self._busy
        collector.cost_us = model["gc_us"]
        self.parts = None
        self.judge = None
        self.violations = 0
        self.broken = []
        self.steps = 0
        self.boots = 0
        self.watchdog_resets = 0
        self.idle_us = IDLE_US
        self.results = []  # answers to orders, decoded
        self.heard = heard  # events as they come to the gateway
        self.told = told  # as the lane numbered them
        self.is_acking = True
        self.is_speaking = True
        self._spoke_us = 0
        self._is_judged = is_judged
        self._script = None
        self._due_us = 0
        self._condition = None
        self._deadline_us = 0
        self._hook()

    def _hook(self):
        """The firmware's own classes, with an ear on them."""
        import app
        from quiet import Quiet

        whole = self
        app.log = Quiet()
        make = app.Parts

        def parts(*given):
            made = make(*given)
            whole.parts = made
            if whole._is_judged:
                from invariants import Invariants

                whole.judge = Invariants(made.settings, made.clock.now())
            ring, boot = made.safety.ring, made.journal.boot
            put = ring.put

            def listen(*event):
                seq = put(*event)
                if seq:
                    whole.told.add(boot, seq)
                return seq

            ring.put = listen
            return made

        app.Parts = parts
        settle = app.settle

        def settled(made):
            settle(made)
            if whole.judge is not None:
                whole.judge.found(made.safety.inputs.level)

        app.settle = settled
        step = app.Loop.step

        def judged(loop):
            step(loop)
            safety = whole.parts.safety
            whole.steps += 1
            if whole.judge is not None:
                whole.judge.step(whole.parts.clock.now(), safety.inputs.level, safety.out, safety)

        app.Loop.step = judged
        self.app = app

    # ---- running ----

    def play(self, script):
        """Power on and run until the script ends. Restarts of the board are part of it."""
        self._script = script
        self._due_us = time.us
        self.road.begin(time.us)
        time.watch = self.road.advance
        cause = machine.PWRON_RESET
        wait = core.IOQueue.wait_io_event

        def wait_virtually(queue, ms):
            _wake(queue)
            task = core._task_queue.peek()
            if ms > 0 and (task is None or core.ticks_diff(task.ph_key, core.ticks()) > 0):
                self._pass(ms * 1000)

        core.IOQueue.wait_io_event = wait_virtually
        try:
            while True:
                try:
                    self._boot(cause)
                    asyncio.run(self.app.main("none"))
                except machine.Reset as reset:
                    cause = reset.args[0]
                    dark_us = reset.args[1] if len(reset.args) > 1 else 0
                    if cause == machine.WDT_RESET and not dark_us:
                        self.watchdog_resets += 1
                except PowerCut:
                    cause, dark_us = machine.PWRON_RESET, 500000
                except Done:
                    return
                except SystemExit:
                    raise RuntimeError("the firmware refuses to start: " + self.app.log.last)
                self._down(dark_us)
        finally:
            core.IOQueue.wait_io_event = wait
            self._close_judge()
            time.watch = None
            unmount()

    def _boot(self, cause):
        machine.power_on(cause)
        is_new = not self.flash.is_formatted
        mount(self.flash, is_new)
        if is_new:
            for name in ("ca.der", "lane.crt.der", "lane.key.der"):
                with open(name, "wb") as f:
                    f.write(b"x")
            with open("config.json", "w") as f:
                f.write(json.dumps(self.settings))
        self.boots += 1
        time.spend(self.model["boot_us"])
        self.wires.give()

    def _down(self, dark_us):
        self._close_judge()
        self.parts = self.judge = None
        self.watcher.is_quiet = True
        self.broker.cut()
        self.road.drop_outputs(time.us)
        time.spend(dark_us)
        unmount()
        self.flash = self.flash.after_a_cut()
        socket.count = 0
        asyncio.new_event_loop()
        core.cur_task = None

    def _close_judge(self):
        if self.judge is not None:
            self.violations += self.judge.violations
            self.broken += self.judge.broken[:3]
        self.violations += self.flash.forbidden
        self.flash.forbidden = 0

    def _pass(self, us):
        if us < self.idle_us:
            us = self._rest_us(us)
        us = max(1000, min(us, self._due_us - time.us))
        time.spend(us)
        machine.mind_dog(time.us)
        self.wires.give()
        if self.is_speaking and not self.broker.is_away and time.us - self._spoke_us > 10000000:
            self.speak()
        self._go_on()

    def _rest_us(self, us):
        if self.parts is None or self.road.motion or self.road.held:
            return us
        safety = self.parts.safety
        if safety.barrier.is_commanded() or safety.smash.is_testing():
            return us
        if self.parts.journal.depth() and self.is_up():
            return us
        if safety.barrier.wants_close() or any([body.speed for body in self.road.bodies]):
            return max(us, POLL_US)
        return self.idle_us

    def _go_on(self):
        while time.us >= self._due_us:
            if self._condition is not None:
                if not self._condition() and time.us < self._deadline_us:
                    self._due_us = time.us + POLL_US
                    return
                self._condition = None
            try:
                asked = next(self._script)
            except StopIteration:
                raise Done()
            if type(asked) is int:
                self._due_us = time.us + asked
            elif type(asked) is Restart:
                self._due_us = time.us
                raise machine.Reset(asked.cause, asked.dark_us)
            else:
                self._condition = asked
                self._deadline_us = time.us + 60000000
                self._due_us = time.us

    def _is_moving(self):
        return self.parts is not None and self.parts.safety.barrier.motion != 0

    def _busy(self, what):
        if self.judge is not None:
            self.judge.busy(what)

    # ---- the gateway ----

    def speak(self):
        from lane import contract

        self._spoke_us = time.us
        at = contract.ms_to_time(1800000000000 + time.us // 1000)
        self.broker.publish(ROOT + "time", contract.encode("time", {"v": 1, "at": at, "error_ms": 20}), False, 0)

    def _heard(self, topic, payload):
        if topic == TOPIC + "event":
            event = json.loads(payload)
            self.heard.add(event["boot"], event["seq"], payload)
            if self.is_acking:
                ack = {"v": 1, "boot": event["boot"], "seq": event["seq"]}
                from lane import contract

                self.broker.publish(TOPIC + "event/ack", contract.encode("event/ack", ack))
        elif topic == TOPIC + "command/result":
            self.results.append(json.loads(payload))

    def is_up(self):
        return (
            self.broker.is_connected()
            and self.parts is not None
            and self.parts.is_silent(self.parts.clock.now()) is False
        )

    def order(self, op, args=None, **other):
        from lane import contract

        IDS[0] += 1
        message = {
            "v": 1,
            "id": "01JD9Z5T3M2K8Q4W7R%08d" % IDS[0],
            "op": op,
            "args": args or {},
            "boot": self.parts.journal.boot,
            "not_after_ms": self.parts.clock.ms() + 3000,
            "at": None,
            "by": "person:bench",
            "why": "bench",
        }
        message.update(other)
        return contract.encode_command(message)

    def told_judge(self, what):
        if self.judge is not None:
            self.judge.told(what, self.parts.clock.now())


def _wake(queue):
    """Make ready the tasks whose socket can go on: asyncio's own poll waits a real millisecond for objects without a file."""
    for waiting in list(queue.map.values()):
        reader, writer, sock = waiting
        ready = sock.ioctl(socket._POLL, (socket._IN if reader else 0) | (socket._OUT if writer else 0))
        if ready & socket._IN and reader is not None:
            core._task_queue.push(reader)
            waiting[0] = reader = None
        if ready & socket._OUT and writer is not None:
            core._task_queue.push(writer)
            waiting[1] = writer = None
        if reader is None and writer is None:
            queue._dequeue(sock)


IDS = [0]
FLASH = None


def settings_of(model, drive):
    absent = ["curtain_test", "loop_test"] + ([] if drive == "contact" else ["stop"])
    return dict(LANE_SETTINGS, drive=drive, absent=model["absent"], absent_outputs=absent)


def mount_rom(path):
    """The firmware's modules run from a ROMFS image, as on a board whose code lies in ROM; the image is not part of the heap."""
    import vfs

    with open(path, "rb") as f:
        vfs.mount(vfs.VfsRom(f.read()), "/rom")
    sys.path.insert(0, "/rom")
    for name in list(sys.modules):
        if name.split(".")[0] in ("boards", "lane"):
            del sys.modules[name]


def main(model, seed, what, numbers, fault=None):
    global FLASH
    FLASH = Flash(BLOCKS, model)
    random.seed(seed)
    time.us = ((1 << 30) - 60000) * 1000
    drive = "contact" if seed % 4 == 3 else "direct"
    if fault:
        import planted

        planted.plant(fault)
    script = __import__(what).script
    if model.get("rom"):
        mount_rom(model["rom"])
    heard, told = Record(EVENTS), Record(EVENTS)
    real.collect()
    before = real.mem_alloc()
    whole = Whole(model, settings_of(model, drive), heard, told, what != "heap")
    start_us = time.us
    found = {}
    collector.is_real = what == "heap"
    whole.play(script(whole, found, *numbers))
    found.update(
        {
            "steps": whole.steps,
            "boots": whole.boots,
            "violations": whole.violations,
            "broken": whole.broken[:8],
            "watchdog_resets": whole.watchdog_resets,
            "handshakes": ssl.handshakes,
            "connections_max": socket.most,
            "flash_erases": whole.flash.erases,
            "virtual_ms": (time.us - start_us) // 1000,
            "heap_peak_bytes": collector.peak_bytes - before if collector.is_real else None,
            "drive": drive,
        }
    )
    print(json.dumps(found))


if __name__ == "__main__":
    with open(sys.argv[1]) as f:
        given = json.load(f)
    rest = sys.argv[4:]
    fault = rest.pop() if rest and not rest[-1].isdigit() else None
    main(given, int(sys.argv[2]), sys.argv[3], [int(n) for n in rest], fault)
