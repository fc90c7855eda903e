"""The reader's columns as a distribution over texts: how likely a text is, and which plates are the likeliest.

Pure: standard library only. The columns are those of a network trained with CTC (Graves et al. 2006, "Connectionist
Temporal Classification"): a text's probability is the sum over all ways to lay it along the columns, blanks and
repeats dropped. So two reads are compared by the same text's probability in each, however long their best paths are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from gateway.domain.plate_forms import ALL_FORMS, COMPLETE, Column, forms_after

FLOOR = 1e-5
"""Probability of a character that a column does not list; the reader lists those from 1e-4 on."""
BEAM = 12
"""Beginnings kept from column to column while decoding."""
FAINT_RATIO = 1e-5
"""Beginnings this much less likely than the best are dropped."""
MOST_TEXTS = 5

Begun = dict[str, list[float]]


class Lattice:
    """The columns of one read, left to right (plate_forms.Column). Remembers what it was asked; not for two threads."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._tables: list[dict[str, float]] = []
        for column in columns:
            table: dict[str, float] = {}
            for char, probability in column:
                table[char] = table.get(char, 0.0) + probability
            self._tables.append(table)
        self._known: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._tables)

    def likelihood(self, text: str) -> float:
        """Probability that the columns spell this text, 0.0-1.0. text: normal form, not empty."""
        if text not in self._known:
            self._known[text] = self._forward(text.replace("O", "0"))
        return self._known[text]

    def _forward(self, symbols: str) -> float:
        n = len(symbols)
        blank, char = [1.0] + [0.0] * n, [0.0] * n  # mass that has spelt i characters and ends in a blank, in the i-th
        for table in self._tables:
            p_blank, get = table.get("", FLOOR), table.get
            was_blank, was_char = blank, char
            blank, char, before, last = [was_blank[0] * p_blank], [], 0.0, ""
            for i, symbol in enumerate(symbols):
                now = was_char[i]
                mass = now + was_blank[i]
                char.append((mass if symbol == last else mass + before) * get(symbol, FLOOR))
                blank.append((was_blank[i + 1] + now) * p_blank)
                before, last = now, symbol
        return blank[n] + char[n - 1]

    @cached_property
    def plates(self) -> tuple[tuple[str, float], ...]:
        """The likeliest texts that have the form of a plate, best first, with their probability; at most MOST_TEXTS.

        A prefix search that only ever follows beginnings of plates (plate_forms.FORMS), so what stands on no plate
        cannot push out what does. () when the columns hold no plate at all.
        """
        begun: Begun = {"": [1.0, 0.0, ALL_FORMS]}  # text -> mass that ends in a blank, in a character; forms
        for table in self._tables:
            begun = self._grown(begun, table)
        found = [(text, b + c) for text, (b, c, forms) in begun.items() if int(forms) & COMPLETE[len(text)]]
        return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0]))[:MOST_TEXTS])

    @staticmethod
    def _grown(begun: Begun, table: dict[str, float]) -> Begun:
        """The beginnings after one more column, the best BEAM of them."""
        p_blank = table.get("", FLOOR)
        least = max(b + c for b, c, _ in begun.values()) * max(table.values(), default=FLOOR) * FAINT_RATIO
        grown: Begun = {}
        for text, (blank, char, forms) in begun.items():
            mass, last = blank + char, text[-1:].replace("O", "0")
            kept = mass * p_blank, char * table.get(last, FLOOR) if last else 0.0
            if kept[0] + kept[1] >= least:
                was = grown.setdefault(text, [0.0, 0.0, forms])
                was[0] += kept[0]
                was[1] += kept[1]
            for symbol, probability in table.items():
                more = (blank if symbol == last else mass) * probability
                if not symbol or more < least:
                    continue
                for reading in _readings(symbol, len(text)):
                    if left := forms_after(int(forms), len(text), reading):
                        grown.setdefault(text + reading, [0.0, 0.0, left])[1] += more
        if len(grown) <= BEAM:
            return grown or begun
        order = sorted(grown, key=lambda t: (-(grown[t][0] + grown[t][1]), t))[:BEAM]
        return {text: grown[text] for text in order}


FEW_SURE = 0.5
"""Cuts of which none gives its text at least this much prove nothing by agreeing: the blend shrinks in proportion."""


class Blend:
    """Several cuts of one plate, each a lattice, as one distribution. Asked like a Lattice.

    A text's weight is the sum of its squared probabilities in the cuts, against the same sum over all plates: a cut
    that is sure counts, one that missed the plate hardly does, and what only one of many cuts shows stays doubtful.
    """

    def __init__(self, lattices: Sequence[Lattice]) -> None:
        self._lattices = [lattice for lattice in lattices if lattice]

    def __bool__(self) -> bool:
        return bool(self._lattices)

    @cached_property
    def _whole(self) -> float:
        """What the squared sums are divided by: of all plates together, more where no cut is sure."""
        found = [probability for lattice in self._lattices for _, probability in lattice.plates]
        most = max(found, default=0.0)
        return sum(p * p for p in found) / max(min(1.0, most / FEW_SURE), 1e-9) if most else 1.0

    def likelihood(self, text: str) -> float:
        """Probability that this text stands on the plate, 0.0-1.0. text: normal form, not empty."""
        return min(1.0, sum(lattice.likelihood(text) ** 2 for lattice in self._lattices) / self._whole)

    @cached_property
    def plates(self) -> tuple[tuple[str, float], ...]:
        """As Lattice.plates."""
        texts = {text for lattice in self._lattices for text, _ in lattice.plates}
        found = [(text, self.likelihood(text)) for text in texts]
        return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0]))[:MOST_TEXTS])


class Concurrence(Blend):
    """Cuts of a plate at the frame's edge: a text is as likely as the mean of the cuts finds it. Asked like a Lattice.

    Nothing is shared out among plates, so what a cut leaves to no plate, or to another one, stays doubt: an end that
    nobody saw whole is believed only where cuts that show what lies outside the plate find it too.
    """

    def __init__(self, lattices: Sequence[Lattice]) -> None:
        self._lattices = list(lattices)

    def likelihood(self, text: str) -> float:
        """As Blend.likelihood."""
        return sum(lattice.likelihood(text) for lattice in self._lattices) / max(1, len(self._lattices))


def _readings(symbol: str, place: int) -> tuple[str, ...]:
    """What a symbol can mean: in the second place a 0 may be the letter O of an official plate."""
    return ("0", "O") if symbol == "0" and place == 1 else (symbol,)


def edits(one: str, other: str) -> int:
    """Fewest characters to insert, drop or replace to get from one text to the other."""
    if one == other:
        return 0
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
