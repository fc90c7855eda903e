"""Environmental registration codes of machines (环保登记编码): their form, and what a clerk is shown of a reading.

A code names a machine in the register; it is never a plate and never opens. The form is [assumed: recalled from the 2019
registration notice]: stage X, 0-4 or D, a dash or none, and eight characters of which the first two name the place.
Whatever else is 4 to 32 long may be a local form and is marked so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.plates import is_near_match

WELL_FORMED = re.compile(r"[X0-4D]-?[A-Z0-9]{8}")
LOCAL = re.compile(r"[A-Z0-9-]{4,32}")
SHOWN = 3


@dataclass(frozen=True)
class CodeGuess:
    """One line for the clerk. probability: the reader's share for this text, not calibrated, 0.0-1.0.

    form: well_formed | local. is_registered: the register has exactly this code. near: codes of the register that differ
    from it by confusable characters only; shown beside it, never put in its place.
    """

    text: str
    probability: float
    form: str
    is_registered: bool
    near: tuple[str, ...] = ()


def bare(code: str) -> str:
    """A code without its dash and in upper case: what two ways of writing one code have in common."""
    return code.upper().replace("-", "").strip()


def form_of(text: str) -> str:
    """well_formed | local | "" for what can be no code."""
    if WELL_FORMED.fullmatch(text):
        return "well_formed"
    return "local" if LOCAL.fullmatch(text) else ""


def ranked(texts: Sequence[tuple[str, float]], registered: Sequence[str]) -> list[CodeGuess]:
    """The best three readings as a clerk sees them: well-formed before others, then by probability.

    texts: (text, probability) of one picture's readings, any order, a text at most once. registered: codes of the register.
    """
    known: dict[str, str] = {bare(code): code for code in registered}
    guesses = []
    for text, probability in texts:
        form = form_of(text)
        if not form:
            continue
        near = () if bare(text) in known else tuple(
            code for plain, code in known.items() if is_near_match(plain, bare(text))
        )[:SHOWN]  # fmt: skip
        guesses.append(CodeGuess(text, round(probability, 4), form, bare(text) in known, near))
    return sorted(guesses, key=lambda g: (g.form != "well_formed", -g.probability, g.text))[:SHOWN]
