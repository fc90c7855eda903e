"""Proofs about a pack before it may judge anybody: no two rules contradict each other, and which can never decide.

Exact over every case in which all that is asked is known, by the masks that judge as well: nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.domain.policy_rules import Box, Rule, RuleIndex

MAX_PIECES = 200_000
"""Boxes looked at for one rule; a pack that needs more is refused as too entangled to be proven."""


class TooEntangled(ValueError):
    """A rule's reach could not be proven within MAX_PIECES."""


def contradictions(index: RuleIndex) -> list[tuple[Rule, Rule]]:
    """Pairs of equally specific rules that both hit some case with different effects."""
    found = []
    pairs = list(zip(index.rules, index.stated, strict=True))
    for n, (rule, box) in enumerate(pairs):
        for other, other_box in pairs[n + 1 :]:
            if other.rank != rule.rank:
                break  # sorted by rank
            if other.effect != rule.effect and overlap(box, other_box):
                found.append((rule, other))
    return found


def impossible(index: RuleIndex) -> list[Rule]:
    """Rules whose own conditions exclude each other."""
    return [rule for rule, box in zip(index.rules, index.stated, strict=True) if not all(box.values())]


def unreachable(index: RuleIndex) -> list[tuple[Rule, tuple[str, ...]]]:
    """Rules that never decide, each with the ids of the earlier rules that together cover it."""
    found, known = [], index.space.known
    for n, (rule, box) in enumerate(zip(index.rules, index.stated, strict=True)):
        earlier = [(r, b) for r, b in zip(index.rules[:n], index.stated[:n], strict=True) if overlap(box, b)]
        if is_covered(box, [b for _, b in earlier], known):
            by = [(r, b) for r, b in earlier if _swallows(b, box, known)][:1] or earlier
            found.append((rule, tuple(r.rule_id for r, _ in by)))
    return found


def overlap(a: Box, b: Box) -> bool:
    return all(mask & b.get(axis, -1) for axis, mask in a.items())


def is_covered(box: Box, covers: Sequence[Box], full: Mapping[str, int]) -> bool:
    """Whether every case of box lies in one of covers. Raises TooEntangled."""
    left = MAX_PIECES

    def covered(piece: Box, candidates: Sequence[Box]) -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise TooEntangled(f"more than {MAX_PIECES} pieces")
        touching = [c for c in candidates if overlap(piece, c)]
        if any(_swallows(c, piece, full) for c in touching):
            return True
        if not touching:
            return False
        # cut the piece along the cover that leaves the fewest remainders; what lies in it is done
        first = min(touching, key=lambda c: _open_axes(c, piece, full))
        rest = [c for c in touching if c is not first]
        piece = dict(piece)
        for axis, mask in first.items():
            have = piece.get(axis, full[axis])
            outside = have & ~mask
            if outside:
                if not covered({**piece, axis: outside}, rest):
                    return False
                piece[axis] = have & mask
        return True

    return covered(box, covers)


def _swallows(cover: Box, piece: Box, full: Mapping[str, int]) -> bool:
    return all(piece.get(axis, full[axis]) & ~mask == 0 for axis, mask in cover.items())


def _open_axes(cover: Box, piece: Box, full: Mapping[str, int]) -> int:
    return sum(piece.get(axis, full[axis]) & ~mask != 0 for axis, mask in cover.items())
