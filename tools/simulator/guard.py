"""The guard of the demo: looks out of the window and answers every HOLD through the console's own API.

Asks GET /api/holds, takes 3 to 20 s to make up his mind, and posts to /api/passes/{pass_id}/answer. He is a person: he
sees the truck (the plant tells him which one stands there), not the gateway's files.
"""

from __future__ import annotations

import asyncio
import json
import random
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from tools.simulator.cast import Cast, Truck

NAME = "门卫-示例"
THINKS_S = (3.0, 20.0)
POLL_S = 0.5
HTTP_S = 10.0
FORGOTTEN_S = 8.0  # still listed this long after an accepted answer: answer again


@dataclass(frozen=True)
class Answered:
    """One answer given. thought_s: seconds from seeing the question to answering it."""

    pass_id: str
    lane: str
    truck: str
    decision: str
    thought_s: float


def decision_for(truck: Truck | None, direction: str, rng: random.Random) -> tuple[str, str]:
    """(allow or deny, the reason the guard writes). A truck he was told nothing about is decided by the dice."""
    expected = truck.expect.get(direction) if truck else None
    wanted = expected.guard if expected else "either"
    if expected and not wanted:  # the gate should not have asked: he does what the rules say
        wanted = "deny" if expected.verdict == "DENY" else "allow"
    if wanted == "either":
        wanted = rng.choice(("allow", "deny"))
    return wanted, "核对证件后放行 Papers checked" if wanted == "allow" else "未登记，不予放行 Not registered"


def answer_for(hold: dict[str, Any], truck: Truck | None, decision: str, reason: str) -> dict[str, Any]:
    """The body of the answer. Where he lets a truck in, he types the plate that was not read and copies its papers."""
    body: dict[str, Any] = {"decision": decision, "reason": reason, "by": NAME}
    if truck and decision == "allow":
        if hold.get("plate") != truck.plate:
            body |= {"plate_no": truck.plate, "plate_colour": truck.plate_colour}
        if truck.papers:
            papers = asdict(truck.papers)
            body["vehicle"] = {k: v for k, v in papers.items() if k not in ("plate_no", "plate_colour")}
    return body


def _request(url: str, body: dict[str, Any] | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=HTTP_S) as answer:
        return json.loads(answer.read())


class Guard:
    """Runs until cancelled; a console that is away is asked again. scale: factor on the time he takes."""

    def __init__(
        self,
        base_url: str,
        cast: Cast,
        directions: dict[str, str],
        *,
        seed: int,
        truck_at: Callable[[str], Awaitable[str | None]],
        scale: float = 1.0,
        on_answer: Callable[[Answered], None] = lambda answered: None,
    ) -> None:
        self._base_url, self._cast, self._directions = base_url.rstrip("/"), cast, directions
        self._truck_at, self._scale, self._on_answer = truck_at, scale, on_answer
        self._rng = random.Random(seed)
        self._thinking: dict[str, asyncio.Task[None]] = {}
        self.answers: list[Answered] = []
        self.unanswered: dict[str, str] = {}  # pass -> why the last try failed

    async def run(self) -> None:
        try:
            while True:
                try:
                    holds = await asyncio.to_thread(_request, f"{self._base_url}/api/holds")
                except (OSError, ValueError):
                    holds = []
                for hold in holds:
                    if hold["pass_id"] not in self._thinking:
                        thinks_s = self._rng.uniform(*THINKS_S) * self._scale
                        task = asyncio.create_task(self._answer(hold, thinks_s, random.Random(self._rng.random())))
                        self._thinking[hold["pass_id"]] = task
                await asyncio.sleep(POLL_S)
        finally:
            for task in self._thinking.values():
                task.cancel()

    async def _answer(self, hold: dict[str, Any], thinks_s: float, rng: random.Random) -> None:
        pass_id, lane = hold["pass_id"], hold["lane"]
        await asyncio.sleep(thinks_s)
        truck_id = await self._truck_at(lane)
        truck = self._cast.trucks.get(truck_id) if truck_id else None
        decision, reason = decision_for(truck, self._directions[lane], rng)
        url = f"{self._base_url}/api/passes/{urllib.parse.quote(pass_id)}/answer"
        try:
            await asyncio.to_thread(_request, url, answer_for(hold, truck, decision, reason))
        except urllib.error.HTTPError as error:
            self.unanswered[pass_id] = f"HTTP {error.code}: {error.read()[:200]!r}"
        except (OSError, ValueError) as error:
            self.unanswered[pass_id] = str(error)
        else:
            self.unanswered.pop(pass_id, None)
            answered = Answered(pass_id, lane, truck_id or "", decision, round(thinks_s, 1))
            self.answers.append(answered)
            self._on_answer(answered)
            await asyncio.sleep(FORGOTTEN_S)
        self._thinking.pop(pass_id, None)  # listed still: the next look asks again
