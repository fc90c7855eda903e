"""Reads of plates as the vision pipeline makes them, for tests of the vote and of what is built on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.domain.plates import Column, PlateRead


def read_of(
    text: str, *, at_ms: int = 0, sure: float = 0.97, width: float = 140.0, plate_type: str = "blue",
    left: float = 100.0, top: float = 100.0, type_confidence: float = 0.99, sharpness: float = 1.0,
) -> PlateRead:  # fmt: skip
    """Every character with the same confidence, the rest shared by two others."""
    rest = (1.0 - sure) / 2
    options = tuple(((c, sure), ("X" if c != "X" else "Y", rest), ("7" if c != "7" else "1", rest)) for c in text)
    right, bottom = left + width, top + width * 140 / 440
    return PlateRead(
        camera="C01-H",
        frame_at_ms=at_ms,
        corners=((left, top), (right, top), (right, bottom), (left, bottom)),
        rows=1,
        detection_confidence=0.9,
        text=text,
        char_confidences=(sure,) * len(text),
        alternatives=options,
        plate_type=plate_type,
        type_confidence=type_confidence,
        model="0" * 8,
        sharpness=sharpness,
    )


def with_char(read: PlateRead, place: int, char: str, sure: float, second: tuple[str, float]) -> PlateRead:
    options, confidences, text = list(read.alternatives), list(read.char_confidences), list(read.text)
    options[place] = ((char, sure), second)
    confidences[place], text[place] = sure, char
    return replace(read, text="".join(text), char_confidences=tuple(confidences), alternatives=tuple(options))


def columns_of(*places: str | Mapping[str, float]) -> tuple[Column, ...]:
    """One column a place with a blank between; a place is one certain character or a distribution ("" is the blank)."""
    made: list[Column] = []
    for number, place in enumerate(places):
        made += [(("", 1.0),)] if number else []
        options = {place: 1.0} if isinstance(place, str) else dict(place)
        made.append(tuple(sorted(options.items(), key=lambda pair: -pair[1])))
    return tuple(made)


def spelt(
    *places: str | Mapping[str, float], at_ms: int = 0, plate_type: str = "blue", width: float = 140.0
) -> PlateRead:
    """A read with these columns (see columns_of)."""
    best = "".join(place if isinstance(place, str) else max(place, key=lambda c: place[c]) for place in places)
    sure = tuple(1.0 if isinstance(p, str) else max(p.values()) for p in places if p)[: len(best)]
    base = read_of(best or "0", at_ms=at_ms, plate_type=plate_type, width=width)
    return replace(base, text=best, char_confidences=sure, alternatives=(), columns=columns_of(*places))
