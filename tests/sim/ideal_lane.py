"""An idealised lane controller on the simulated board: reacts in the same step, decides by a given answer.

The double of the hardware side: it reads the inputs and drives the outputs of a LaneWorld as a perfect lane would, so
that the plant, its drivers and its traffic can be tried in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.simulator.sign import line_frame
from tools.simulator.world import STEP_MS, LaneWorld

VERDICT_MS = 1200  # from the arrival edge to the answer
BEAM_CLEAR_MS = 1500  # closing rule for long rigs: beam clear this long without a break
DEAD_TIME_MS = 200


class IdealLane:
    """answer: called with the truck that stands at the arm, gives "allow" or "deny"."""

    def __init__(self, world: LaneWorld, answer: Callable[[str], str]) -> None:
        self.world, self._answer = world, answer
        self._arrived_ms: int | None = None
        self._beam_clear_ms = 0
        self._was_under = False
        self._turn_ms = 0

    def step(self) -> None:
        world, inputs = self.world, self.world.inputs
        self._beam_clear_ms = 0 if inputs["beam"] else self._beam_clear_ms + STEP_MS
        if world.outputs["open"] and inputs["limit_open"]:
            world.set_output("open", 0)
        if world.outputs["close"] and inputs["limit_closed"]:
            world.set_output("close", 0)
        present = inputs["beam"] or inputs["loop_under_arm"] or inputs["edge"]
        if world.outputs["close"] and present:
            world.set_output("close", 0)
            self._turn_ms = world.now_ms + DEAD_TIME_MS
        if self._turn_ms and world.now_ms >= self._turn_ms:
            self._turn_ms = 0
            world.set_output("open", 1)
        self._judge()
        self._close_when_clear(bool(present))

    def _judge(self) -> None:
        world, inputs = self.world, self.world.inputs
        if inputs["loop_arrival"] and self._arrived_ms is None and inputs["limit_closed"]:
            self._arrived_ms = world.now_ms
        if not inputs["loop_arrival"] and not self.world.outputs["open"]:
            self._arrived_ms = None
            world.sign.clear()
        if self._arrived_ms is not None and world.now_ms == self._arrived_ms + VERDICT_MS:
            if self._answer(world.visitors[0].truck) == "allow":
                world.set_output("open", 1)
            else:
                world.sign.write(line_frame(1, "禁止通行 排放超标"))

    def _close_when_clear(self, present: bool) -> None:
        world, inputs = self.world, self.world.inputs
        occupied = present or inputs["loop_exit"] or inputs["loop_arrival"]
        is_up = (
            not inputs["limit_closed"]
            and not world.outputs["open"]
            and not world.outputs["close"]
            and not self._turn_ms
        )
        if is_up and not occupied and self._beam_clear_ms >= BEAM_CLEAR_MS:
            world.set_output("close", 1)
