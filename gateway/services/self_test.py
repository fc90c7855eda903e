"""The eight functions of a gate system, each tried now; and which entrance carries which kind of goods.

Source: coking opinion (consultation draft), gate systems: collect, check, in/out control, statistics, photographs, video,
storage, exchange, at the gates for raw material, fuel, product and by-product. Nothing here is remembered from before: each
probe does what its function does and looks at what came out. What cannot be tried because another function is down is
amber and names that one, so that a fault is red once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.domain.dictionary import code_table
from gateway.services.ports import Clock
from gateway.services.register_port import RegisterStore

FUNCTIONS = ("collect", "check", "control", "statistics", "photo", "video", "storage", "exchange")
FLOWS = ("raw", "fuel", "product", "by_product")
GREEN, AMBER, RED = "green", "amber", "red"
ANSWER_S = 20.0  # a probe that has not ended by then failed [assumed]


@dataclass(frozen=True)
class Tried:
    """state: green | amber | red. zh, en: what was done and what came out."""

    state: str
    zh: str
    en: str


@dataclass(frozen=True)
class Function:
    """name: one of FUNCTIONS. at_ms: when it was tried; took_ms: how long that took."""

    name: str
    tried: Tried
    at_ms: int
    took_ms: int


@dataclass(frozen=True)
class FlowGates:
    """A kind of goods flow and the entrances (code, name) registered for it."""

    flow: str
    entrances: tuple[tuple[str, str], ...]


Probe = Callable[[], Awaitable[Tried]]


class SelfTest:
    """probes: one for each of FUNCTIONS, else ValueError. run() tries all at once; a second call meanwhile waits for the same."""

    def __init__(self, probes: Mapping[str, Probe], registers: RegisterStore, clock: Clock) -> None:
        if set(probes) != set(FUNCTIONS):
            raise ValueError(f"probes of {sorted(probes)}; there must be one for each of {', '.join(FUNCTIONS)}")
        self._probes, self._registers, self.clock = probes, registers, clock
        self._under_way: asyncio.Task[list[Function]] | None = None

    async def run(self) -> list[Function]:
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(self._all(), name="self-test")
        return await asyncio.shield(self._under_way)

    async def _all(self) -> list[Function]:
        return list(await asyncio.gather(*(self._one(name) for name in FUNCTIONS)))

    async def _one(self, name: str) -> Function:
        at_ms, began_s = self.clock.wall_ms(), self.clock.mono_s()
        try:
            tried = await asyncio.wait_for(self._probes[name](), ANSWER_S)
        except TimeoutError:
            tried = Tried(RED, f"{ANSWER_S:g} 秒内没有结果", f"no result within {ANSWER_S:g} s")
        except Exception as error:  # whatever breaks is the finding
            tried = Tried(RED, f"失败：{error}", f"failed: {type(error).__name__}: {error}")
        return Function(name, tried, at_ms, round((self.clock.mono_s() - began_s) * 1000))

    def inventory(self) -> list[FlowGates]:
        """Every kind of flow, those without an entrance too: a gap a person must explain or fill."""
        entrances = [(b.key, b.values) for b in self._registers.all("entrance")]
        known = [f for f in code_table("flow_kind").values if f in FLOWS]
        return [
            FlowGates(flow, tuple(sorted(
                (v.get("entrance_code", key), v.get("entrance_name", "")) for key, v in entrances
                if flow in (part.strip() for part in v.get("flow_kinds", "").split(","))
            )))
            for flow in known
        ]  # fmt: skip
