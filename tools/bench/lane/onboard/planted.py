"""Faults planted into the firmware, to see the bench tell of each. A check that cannot fail proves nothing."""

import machine
from lane import antismash, barrier, closing, commands, contract, inputs, loops


def no_dead_time():
    """The drive's dead time is dropped."""
    apply = barrier.Barrier.apply

    def planted(self, settings):
        apply(self, settings)
        self._dead_ms = 0

    barrier.Barrier.apply = planted


def ignored_beam():
    """The beam no longer blocks."""
    antismash.AntiSmash.is_blocked = _without(inputs.BEAM)


def no_interrupt():
    """The interrupt of a presence input does not cut the closing output."""
    barrier.Barrier.minds_presence = lambda self: False


def ignored_presence():
    """No presence input ends a closing motion."""
    antismash.AntiSmash.is_blocked = lambda self: False


def _without(role):
    def is_blocked(self):
        had = self._inputs.present[role]
        self._inputs.present[role] = 0
        try:
            return is_blocked_whole(self)
        finally:
            self._inputs.present[role] = had

    return is_blocked


def retained_accepted():
    """A retained order is carried out."""
    obey = commands.Commands.obey
    commands.Commands.obey = lambda self, raw, is_retained: obey(self, raw, False)


def any_boot_accepted():
    """Orders of another boot are carried out."""
    obey = commands.Commands.obey

    def planted(self, raw, is_retained):
        try:
            message = contract.decode_command(raw)
            message["boot"] = self._boot
            raw = contract.encode_command(message)
        except contract.ContractError:
            pass
        return obey(self, raw, is_retained)

    commands.Commands.obey = planted


def ticks_by_minus():
    """Moments are compared by minus, which breaks at the wrap of the ticks."""
    for module in (antismash, barrier, closing, inputs, loops):
        if hasattr(module, "diff"):
            module.diff = lambda later, earlier: later - earlier


def moves_at_boot():
    """An arm found closed is raised at boot."""
    start = barrier.Barrier.start

    def planted(self, now):
        start(self, now)
        if self.state == "closed":
            self._want = barrier.UP

    barrier.Barrier.start = planted


def no_self_test():
    """A close begins without the sensors' test."""
    antismash.AntiSmash.is_tested = lambda self: True
    closing.CloseWish.step = lambda self, now: "go" if self._smash.clear_for_ms(now) >= self.clear_ms else None


def no_long_rig_rule():
    """A crossing counts as complete as soon as nothing is under the arm, whatever is on the exit loop."""
    step = loops.Lane._step_crossing

    def planted(self, now):
        on = self._in.on
        if self._exit_seen and not on[inputs.BEAM] and not on[inputs.UNDER_ARM]:
            self._complete(now)
        else:
            step(self, now)

    loops.Lane._step_crossing = planted


def flash_in_motion():
    """Events are written while the arm moves."""
    import app

    step = app.Loop.step

    def planted(self):
        step(self)
        self._parts.store()

    app.Loop.step = planted


def collects_in_motion():
    """Automatic garbage collection stays on while the arm moves."""
    import app

    app.Loop._mind_memory = lambda self, is_moving: setattr(self, "_is_moving", is_moving)


def slow_loop():
    """The loop sleeps 60 ms."""
    import app

    app.STEP_MS = 60


def deaf_fire():
    """The fire input is not looked at."""
    barrier.Barrier._watch_fire = lambda self, now: None


def unfed():
    """The watchdog is never fed."""
    machine.WDT.feed = lambda self: None


is_blocked_whole = antismash.AntiSmash.is_blocked
FAULTS = {
    fault.__name__: fault
    for fault in (
        no_dead_time, ignored_beam, ignored_presence, retained_accepted, any_boot_accepted, ticks_by_minus, moves_at_boot,
        no_self_test, no_long_rig_rule, flash_in_motion, collects_in_motion, slow_loop, deaf_fire, unfed, no_interrupt,
    )
}  # fmt: skip


def plant(name):
    FAULTS[name]()
