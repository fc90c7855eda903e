"""The roof of the lane: read the settings, build the parts, start the tasks. Inputs, interlock, buttons and sign run before
the network is touched; a broker that is away at power-up is normal. Exit status 2: settings refused.

Called by loader.py, which chose the slot that this file lies in.
"""

import asyncio
import gc
import sys
import time

from boards.drivers.fit import Misfit
from lane import borrow
from lane.clock import Clock
from lane.contract import ROLES, ContractError
from lane.flash import RawFlash
from lane.health import Health
from lane.journal import Journal
from lane.link import Link
from lane.log import Log
from lane.parts import Parts
from lane.safety import CLOSE, OUTPUTS
from lane.ticks import diff
from lane.update import Update

STEP_MS = 5
WATCHDOG_MS = 2000
SIGN_MS = 50
SETTLE_READS = 20
TASK_RESTARTS = 10


log = Log()


class Loop:
    """The safety loop: the only task that reads inputs, drives outputs and feeds the watchdog."""

    def __init__(self, parts, health):
        self._parts = parts
        self._health = health
        self._written = bytearray(b"\xff" * len(OUTPUTS))
        self._is_moving = False
        self._is_starved = False
        self._last, self._last_us = parts.clock.now(), time.ticks_us()

    async def run(self):
        board = self._parts.board
        try:
            while True:
                began_us = time.ticks_us()
                self.step()
                await asyncio.sleep_ms(self.rest_ms(time.ticks_diff(time.ticks_us(), began_us)))
        finally:
            for role in OUTPUTS:
                board.write(role, 0)

    def step(self):
        """Read, decide, drive, feed: one turn of the loop."""
        parts, safety = self._parts, self._parts.safety
        now, now_us = parts.clock.now(), time.ticks_us()
        parts.delays.add(time.ticks_diff(now_us, self._last_us) - STEP_MS * 1000)
        gap = diff(now, self._last)
        self._last, self._last_us = now, now_us
        parts.board.read(safety.inputs.level)
        safety.step(now)
        parts.board.is_guarded = safety.out[CLOSE] and safety.barrier.minds_presence()
        parts.drive.step(now, safety.is_at_rest())
        self._write()
        self._mind_memory(not safety.is_at_rest())
        if not self._is_moving:
            parts.store(1)
        self._feed(now, gap)

    def rest_ms(self, took_us):
        """How long to wait after a turn that took so long. In motion only the rest of the period, and not at all where this board
        cannot wait for so little; the other tasks have their turn all the same."""
        if not self._is_moving:
            return STEP_MS
        rest = STEP_MS - (took_us + 999) // 1000
        return 0 if rest < self._parts.board.WAIT_MS else rest

    def _write(self):
        """What goes off before what goes on: OPEN and CLOSE are never on together, not even while they are written."""
        out, written, board = self._parts.safety.out, self._written, self._parts.board
        driven = self._parts.drive.level
        turn = 0
        while turn < 2:
            i = 0
            while i < len(OUTPUTS):
                level = out[i] | driven[i]
                if level == turn and level != written[i]:
                    written[i] = level
                    board.write(OUTPUTS[i], level)
                i += 1
            turn += 1

    def _mind_memory(self, is_moving):
        if is_moving != self._is_moving:
            self._is_moving = is_moving
            if is_moving:
                gc.disable()
            else:
                gc.enable()

    def _feed(self, now, gap_ms):
        if self._health.may_feed(now, gap_ms, not self._is_moving):
            self._parts.board.feed()
            self._is_starved = False
        elif not self._is_starved:
            self._is_starved = True
            log("watchdog not fed", "gap_ms=" + str(gap_ms), "silent=" + str(self._health.silent_task(now)))


async def tend(parts, health, place):
    """Sign, offline policy, flash: five times a second, at rest."""
    while True:
        now = parts.clock.now()
        health.beat(place, now)
        if parts.safety.is_at_rest():
            parts.tend(now)
            if parts.board.wants_restart() and not parts.safety.lane.at_arm:
                log("restart for the network")
                parts.reboot()
            if parts.update.step(parts.link.is_up and not parts.is_silent(now), health.late):
                parts.reboot()
            if parts.work_on_list():
                await asyncio.sleep_ms(10)
                continue
        await asyncio.sleep_ms(200)


async def show(parts, health, place):
    """The sign: a task of its own, also while the arm rises, so that its text comes with the verdict; a closing arm comes first."""
    while True:
        now = parts.clock.now()
        health.beat(place, now)
        if parts.safety.barrier.state != "closing":
            parts.sign.step(now, parts.is_silent(now))
        await asyncio.sleep_ms(SIGN_MS)


async def own(name, run):
    """Runs a task for ever; starts it again when it dies, TASK_RESTARTS times, then leaves the board to its watchdog."""
    for _ in range(TASK_RESTARTS):
        try:
            await run()
        except Exception as e:
            log.note_crash(name, e)
            sys.print_exception(e)
        gc.collect()
        await asyncio.sleep_ms(1000)
    log("task given up", "name=" + name)


def read_file(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        raise ContractError("missing", path, "a readable file")


def settle(parts):
    """First look at the inputs: the last of several readings, so that a contact that bounces at power-up is over."""
    for _ in range(SETTLE_READS):
        parts.board.read(parts.safety.inputs.level)
        time.sleep_ms(STEP_MS)
    parts.board.read(parts.safety.inputs.level)


def build():
    """All parts from config.json in the working folder. Raises ContractError naming key, value and what is allowed."""
    settings = borrow.call("config", "load", "config.json")
    files = {name: read_file(settings[name]) for name in ("ca", "cert", "key")}
    try:
        module = __import__("boards." + settings["board"], None, None, ("Board",))
    except ImportError:
        raise ContractError("choice", "board", "a file of boards/ (is " + settings["board"] + ")")
    try:
        board = module.Board(ROLES, OUTPUTS, settings)
    except Misfit as e:
        raise ContractError("choice", e.where, e.allowed)
    if settings["drive"] not in board.DRIVES:
        raise ContractError("choice", "drive", "one of " + ", ".join(board.DRIVES))
    for role in ROLES:
        if role not in settings["absent"] and role not in board.roles():
            raise ContractError("choice", "absent", "must name " + role + ": this board has no such input")
    for role in OUTPUTS:
        if role not in settings["absent_outputs"] and role not in board.outputs():
            raise ContractError("choice", "absent_outputs", "must name " + role + ": this board has no such output")
    reason = board.start_network()
    if reason is not None:
        log("without network", reason)
    board.arm_watchdog(WATCHDOG_MS)
    clock = Clock(time.ticks_ms)
    log.ms = clock.ms
    device, sectors = board.journal_place()
    journal = Journal("journal", clock.now() ^ random_16(), RawFlash(device) if device else None, sectors)
    board.feed()
    parts = Parts(settings, board, clock, journal, log)
    parts.safety.inputs.lost = board.lost
    return parts, files


def random_16():
    import os

    a, b = os.urandom(2)
    return a << 8 | b


async def main(slot):
    try:
        parts, files = build()
        parts.slot = slot
    except ContractError as e:
        log("refused", "key=" + e.where, "allowed=" + e.allowed, "reason=" + e.reason)
        sys.exit(2)
    settle(parts)
    parts.note_boot()
    update = parts.update = Update(parts)  # pyright: ignore[reportAttributeAccessIssue]
    parts.safety.start(parts.clock.now())
    parts.store()
    log(
        "started",
        "lane=" + parts.settings["lane"],
        "boot=" + parts.journal.boot,
        "unclean=" + str(parts.journal.unclean),
    )
    health = Health()
    link = Link(parts.settings, files, parts, health, log)
    parts.health, parts.link = health, link  # pyright: ignore[reportAttributeAccessIssue]
    place = health.add("tend", 5000, parts.clock.now())
    showing = health.add("sign", 5000, parts.clock.now())
    updating = health.add("update", 10000, parts.clock.now())
    tasks = [
        asyncio.create_task(own("update", lambda: update.run(lambda: health.beat(updating, parts.clock.now())))),
        asyncio.create_task(own("tend", lambda: tend(parts, health, place))),
        asyncio.create_task(own("sign", lambda: show(parts, health, showing))),
        asyncio.create_task(own("link", link.run)),
    ]
    try:
        await Loop(parts, health).run()  # when the safety loop ends, so does the lane: the watchdog restarts it
    except Exception as e:
        log.note_crash("loop", e)
        log.save()  # every output is off by now
        raise
    return tasks


def run(slot):
    """Runs the lane; returns never. slot: the folder that this image was started from, "a" or "b", or "none"."""
    asyncio.run(main(slot))
