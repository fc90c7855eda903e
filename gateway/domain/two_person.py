"""Two named persons for one act: who asks does not confirm, and a request does not wait for ever. Data: dictionary/two_person.toml.

Without a login a name is what a person typed; the same name in another way of writing it is the same person.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from gateway.domain.dictionary import FOLDER
from gateway.domain.side_records import SideRow

KIND = "two_person"
WAITING, CONFIRMED, DONE, FAILED, REFUSED, EXPIRED, TAKEN_BACK = (
    "waiting", "confirmed", "done", "failed", "refused", "expired", "taken_back")  # fmt: skip
STATES = (WAITING, CONFIRMED, DONE, FAILED, REFUSED, EXPIRED, TAKEN_BACK)
"""confirmed: by the second person, not carried out yet; done and failed: what came of it."""
HOUR_MS = 3_600_000
STRICTNESS = {"0": 0, "3": 1, "2": 2, "1": 3}  # response levels: 1 is red


class TwoPersonRefused(ValueError):
    """A request or a decision is not acceptable; the message says why, Chinese and English."""


@dataclass(frozen=True)
class Terms:
    """words: action -> (Chinese, English)."""

    confirm_ms: int
    words: Mapping[str, tuple[str, str]]


@cache
def terms() -> Terms:
    doc = tomllib.loads((FOLDER / "two_person.toml").read_text("utf-8"))
    return Terms(doc["confirm_h"] * HOUR_MS, {name: (a["zh"], a["en"]) for name, a in doc["actions"].items()})


def plain_name(name: str) -> str:
    """What two ways of writing one name have in common: no spaces, marks or width, one case."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())


def state_of(row: SideRow, now_ms: int) -> str:
    state = row.values["state"]
    return EXPIRED if state == WAITING and now_ms >= row.values["until_ms"] else state


def check_decider(row: SideRow, by: str, *, approve: bool, now_ms: int) -> None:
    """Raises TwoPersonRefused unless this person may decide this request now; the one who asked may only take it back."""
    state = state_of(row, now_ms)
    if state != WAITING:
        raise TwoPersonRefused(f"{row.side_id}: 不在等待确认（{state}）is not waiting for a decision")
    if approve and plain_name(row.values["asked_by"]) == plain_name(by):
        raise TwoPersonRefused(f"{by}: 申请人不能确认自己的申请 the one who asked cannot be the one who confirms")


def side_row(request_id: str, at_ms: int, values: dict[str, Any]) -> SideRow:
    return SideRow(KIND, request_id, values["action"], at_ms, "", values)


def eases(levels: Sequence[Mapping[str, Any]], order: Sequence[tuple[int, str]], now_ms: int) -> bool:
    """Whether an order makes the response level lower at any moment from now on than it would have been.

    levels: rows with from_ms and level, in the order in which they were ordered; order: (from_ms, level) of the new ones.
    """
    before = [(int(row["from_ms"]), str(row["level"])) for row in levels]
    after = [*before, *order]
    moments = {now_ms, *(t for t, _ in after if t > now_ms)}
    return any(STRICTNESS[_level_at(after, t)] < STRICTNESS[_level_at(before, t)] for t in moments)


def _level_at(changes: Sequence[tuple[int, str]], at_ms: int) -> str:
    past = [(t, n, level) for n, (t, level) in enumerate(changes) if t <= at_ms]
    return max(past)[2] if past else "0"
