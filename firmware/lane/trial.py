"""A new image proves itself, or the lane goes back to the one before. The counting of boots is the loader's (loader.py).

Confirmed by the first good passage, once the gateway has been heard on this boot and the safety loop has kept its
deadline for STEADY_MS. Where no gateway is heard within LINK_MS of a boot it gives itself up. Called at rest, a few times a second.
"""

import json
import os

from lane.slots import replace
from lane.ticks import diff

STEADY_MS = 60000
LINK_MS = 120000
BOOTS = 3  # as the loader counts them


def _other(slot):
    return "b" if slot == "a" else "a"


class Trial:
    """slot: the running one, or "none". tell(kind, state, update_id, version, reason): event and update/status."""

    def __init__(self, slot, now, tell):
        self._slot = slot
        self._tell = tell
        self._began = self._steady_from = now
        self._late = 0
        self._has_heard = False
        self._trial = {}  # empty: nothing to prove
        self.is_rollback_wanted = False
        try:
            with open("trial") as f:
                trial = json.load(f)
        except (OSError, ValueError):
            return
        if slot == "none" or type(trial) is not dict:
            return
        self._trial = trial
        if trial.get("slot") != slot:
            self._report_the_other(trial)

    def _report_the_other(self, trial):
        # the image of the other slot was given up, or its commit was cut before the slot was changed
        if trial.get("boots", 0):
            self._end("update.rolled_back", "rolled_back", trial.get("reason", "boots"))
        else:
            self._end("update.refused", "failed", "power")

    def is_running(self):
        """True while the running image has not been confirmed: the other slot must stay as it is."""
        return bool(self._trial)

    def update_id(self):
        """Id of the update that brought the running image, while it has not been confirmed; else None."""
        return self._trial.get("id")

    def step(self, now, has_gateway, late_steps, crossings):
        """has_gateway: heard now. late_steps: steps of the safety loop over the deadline, crossings: completed, both since boot."""
        if not self._trial or self.is_rollback_wanted:
            return
        if late_steps != self._late:
            self._late = late_steps
            self._steady_from = now
        if has_gateway:
            self._has_heard = True
            if crossings and diff(now, self._steady_from) >= STEADY_MS:
                self._end("update.confirmed", "confirmed", None)
        elif not self._has_heard and diff(now, self._began) >= LINK_MS:
            self.give_up("link")

    def give_up(self, reason):
        """Back to the image before: the caller restarts the board when no pass is open."""
        trial = self._trial
        trial["boots"] = BOOTS
        trial["reason"] = reason
        replace("trial", json.dumps(trial))
        replace("slot", _other(self._slot))
        self.is_rollback_wanted = True

    def _end(self, kind, state, reason):
        trial, self._trial = self._trial, {}
        self._tell(kind, state, trial.get("id"), trial.get("version") or "?", reason)
        os.remove("trial")
