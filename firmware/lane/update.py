"""A signed image on its way over MQTT: announce, chunks with acknowledged offsets, commit; told step by step in update/status.

The signature is checked before a byte is written. All of it happens at rest, in slices, with no vehicle at the lane: one that
arrives pauses it. Every announcement ends in one of refused, failed, confirmed, rolled_back. RAM: one chunk, the manifest.
"""

import asyncio
import sys

from lane import borrow, contract
from lane.clock import since
from lane.slots import Refused
from lane.trial import Trial

SIGNED = b"lvzha-image-v1\n"  # before the manifest's SHA-256, so that no other signature of the key is one of an image
KEY_FILE = "update.pub"
SILENT_MS = 600000  # no chunk for this long: the update is given up
PAUSE_MS = 100
ENDS = ("refused", "failed", "confirmed", "rolled_back")
TELL_MS = 5000  # for the last words before the restart; events are on flash in any case


class Update:
    def __init__(self, parts):
        self._parts = parts
        self._now = parts.clock.now
        self._wanted = None  # announcement to be looked at
        self._id = None  # of the update in progress
        self._version = None
        self._receiver = None
        self._chunk = None
        self._last = None  # how the last one ended, for a sender that did not hear it
        self._heard_at = 0
        self._is_commit = self._is_abort = self._is_paused = self._is_open = False
        self._beat = lambda: None
        self.trial = Trial(parts.slot, self._now(), self._tell)

    # ---- what the gateway says; called by the link's reader, takes no time ----

    def take(self, message):
        step, update_id = message["step"], message["id"]
        if update_id == self._id:
            self._heard_at = self._now()
            self._take_mine(step, message)
        elif self._last is not None and update_id == self._last[0]:
            self._answer(*self._last)  # it ended, and its sender did not hear
        elif update_id == self.trial.update_id():
            self._answer(update_id, "committed", 0, self._parts.FIRMWARE, None)
        elif step == "announce" and (self._wanted is None or self._wanted["id"] != update_id):
            if self._id is not None or self._wanted is not None:
                self._answer(update_id, "refused", 0, message["version"], "busy")
            else:
                self._wanted = message
        elif step == "abort" and (self._wanted is None or self._wanted["id"] != update_id):
            self._answer(update_id, "refused", 0, None, "unknown")  # nothing of that name is here

    def _take_mine(self, step, message):
        if step == "abort":
            self._is_abort = True
        elif self._receiver is None or not self._is_open:
            return  # the signature is still being checked, or the image read back
        elif step == "commit":
            self._is_commit = True
        elif self._is_paused or step == "announce" or message["offset"] != self._receiver.offset:
            if self._chunk is None:
                self._say("paused" if self._is_paused else "receiving")  # this is where it goes on
        elif self._chunk is None:
            self._chunk = message["data"]

    def _answer(self, update_id, state, offset, version, reason):
        if update_id is not None:
            status = {"id": update_id, "state": state, "offset": offset, "version": version, "reason": reason}
            self._parts.replies.append(("update/status", contract.encode("update/status", status)))

    def _say(self, state, reason=None):
        offset = self._receiver.offset if self._receiver else 0
        if state in ENDS:
            self._last = (self._id, state, offset, self._version, reason)
        self._answer(self._id, state, offset, self._version, reason)

    def _tell(self, kind, state, update_id, version, reason):
        self._parts.note(kind, {"version": version} if reason is None else {"version": version, "reason": reason})
        self._parts.store()
        self._last = (update_id, state, 0, version, reason)
        self._answer(*self._last)

    # ---- the task ----

    async def run(self, beat):
        """For ever. beat: tells the watchdog's keeper that this task lives."""
        self._beat = beat
        while True:
            beat()
            if self._wanted is not None:
                await self._install(self._wanted)
            await asyncio.sleep_ms(PAUSE_MS)

    def step(self, has_gateway, late_steps):
        """The trial of a new image, a few times a second, at rest; True when the board should restart."""
        self.trial.step(self._now(), has_gateway, late_steps, self._parts.crossings)
        return self.trial.is_rollback_wanted and self.is_quiet()

    def is_quiet(self):
        """No motion, none wanted, no vehicle, no open pass: the flash may be erased and the board restarted."""
        safety = self._parts.safety
        return (
            safety.is_at_rest()
            and not safety.barrier.wants_close()
            and not safety.lane.is_vehicle_present()
            and not safety.lane.at_arm
            and not safety.lane.waiting
        )

    def _why_not(self):
        safety = self._parts.safety
        if self._parts.slot == "none":
            return "no_slots"
        if self.trial.is_running():
            return "on_trial"
        if not safety.is_at_rest() or safety.barrier.wants_close():
            return "moving"
        if not self.is_quiet():
            return "pass_open"
        return None

    async def _install(self, message):
        self._id, self._version, self._wanted = message["id"], message["version"], None
        self._chunk = None
        self._is_commit = self._is_abort = self._is_paused = self._is_open = False
        self._heard_at = self._now()
        is_started = False
        before = list(sys.modules)
        try:
            reason = self._why_not()
            if reason is not None:
                raise Refused(reason)
            await self._check_signature(message)
            self._note("update.started", {"by": message["by"]} if "by" in message else {})
            is_started = True
            await self._receive(message)
        except Refused as e:
            self._end("failed" if is_started else "refused", e.reason)
        except (OSError, MemoryError) as e:
            self._parts.log("update failed", repr(e))
            self._end("failed", "flash" if type(e) is OSError else "memory")
        finally:
            if self._receiver is not None:
                self._receiver.close()
            self._receiver = self._id = None
            borrow.forget(before)  # receiver and signature are not kept for the years without an update

    def _end(self, state, reason):
        self._note("update.refused", {"reason": reason})
        self._say(state, reason)

    def _note(self, kind, more=None):
        data = {"version": self._version}
        data.update(more or {})
        self._parts.note(kind, data)

    async def _check_signature(self, message):
        try:
            with open(KEY_FILE, "rb") as f:
                key = f.read()
        except OSError:
            raise Refused("no_key")
        from lane import ed25519

        is_good = False
        signed = SIGNED + bytes.fromhex(message["sha256"])
        for is_good in ed25519.verify(key, bytes.fromhex(message["signature"]), signed):
            await self._breathe()
        if not is_good:
            raise Refused("signature")

    async def _receive(self, message):
        from lane.receiver import Receiver

        parts = self._parts
        mpy = getattr(sys.implementation, "_mpy", 0) & 0xFF
        self._receiver = receiver = Receiver(
            "b" if parts.slot == "a" else "a",
            parts.board.NAME,
            contract.VERSION,
            mpy,
            message["sha256"],
            message["bytes"],
        )
        for _ in receiver.resume():
            await self._breathe()
        self._is_open = True
        self._say("receiving")
        while not self._is_commit:
            await self._breathe()
            if self._chunk is not None:
                for _ in receiver.feed(bytes.fromhex(self._chunk)):
                    await self._breathe()
                self._chunk = None
                self._say("receiving")
            elif since(self._now(), self._heard_at) > SILENT_MS:
                raise Refused("silent")
            else:
                await asyncio.sleep_ms(5)
        self._is_open = False
        if receiver.version != self._version:
            raise Refused("incomplete" if receiver.version is None else "manifest")
        for _ in receiver.verify():
            await self._breathe()
        self._note("update.verified")
        self._say("verified")
        for _ in receiver.commit(self._id):
            await self._breathe()
        self._note("update.committed")
        self._say("committed")
        until = self._now()
        while self._is_telling() and since(self._now(), until) < TELL_MS:
            await self._breathe()
        parts.store()
        await self._breathe()
        parts.reboot()

    def _is_telling(self):
        link = self._parts.link
        return self._parts.replies or (link is not None and link.mqtt.in_flight())

    async def _breathe(self):
        """Lets the safety loop run; returns when the lane is quiet. Raises Refused when it was told to stop."""
        self._beat()
        await asyncio.sleep_ms(0)
        if self._is_abort:
            raise Refused("aborted")
        if self.is_quiet():
            return
        self._is_paused = True
        self._say("paused")
        while not self.is_quiet():
            self._beat()
            if self._is_abort:
                raise Refused("aborted")
            await asyncio.sleep_ms(PAUSE_MS)
        self._is_paused = False
        self._heard_at = self._now()
        if self._is_open:
            self._say("receiving")
