"""What may stand on a plate: the families with their forms, character by character, and the types that carry them.

Pure: standard library only. Source: plate families, domain notes 9.1 (GA 36 as recalled there); label types, 8.1.
A form is a row of character classes, so that one table serves both the check of a text and the decoding of a lattice.
"""

from __future__ import annotations

from dataclasses import dataclass

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
DIGITS = "0123456789"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without I and O."""
SERIAL = DIGITS + LETTERS
OFFICE = LETTERS + "O"
"""Second place; the O only on some official plates."""
NEW_ENERGY = "DABCEFGHJK"

PLATE_TYPES = ("blue", "yellow_single", "yellow_double", "green_small", "green_large", "white", "black", "unknown")
SURE_TYPES = PLATE_TYPES[:-1]
"""The types that a plate can really have; `unknown` is an answer, not a type."""

Column = tuple[tuple[str, float], ...]
"""One column of the reader's output: (character, probability), the likeliest first; "" is the blank between characters.
Characters under the reader's floor are left out. The letter O is written 0 here: the reader does not tell them apart."""


@dataclass(frozen=True)
class Form:
    """One row of character classes. family: its name. types: label types of a plate that may carry it."""

    family: str
    classes: tuple[str, ...]
    types: tuple[str, ...]


_REGION = (PROVINCES, LETTERS)
_OFFICIAL = (PROVINCES, OFFICE)
_4 = (SERIAL,) * 4

FORMS: tuple[Form, ...] = (
    Form("new_energy_small", (*_REGION, NEW_ENERGY, SERIAL, *(DIGITS,) * 4), ("green_small",)),
    Form("new_energy_large", (*_REGION, *(DIGITS,) * 5, NEW_ENERGY), ("green_large",)),
    Form("trailer", (*_REGION, *_4, "挂"), ("yellow_double", "yellow_single")),
    Form("learner", (*_REGION, *_4, "学"), ("yellow_single", "yellow_double")),
    Form("police", (*_OFFICIAL, *_4, "警"), ("white",)),
    Form("hong_kong_macau", ("粤", "Z", *_4, "港澳"), ("black",)),
    Form("consulate", (*_REGION, *_4, "领"), ("black",)),
    Form("embassy", (*(DIGITS,) * 6, "使"), ("black",)),
    Form("embassy", ("使", *(DIGITS,) * 6), ("black",)),
    Form("armed_police", ("W", "J", PROVINCES, *(DIGITS,) * 4, SERIAL), ("white",)),
    Form("armed_police", ("W", "J", *(DIGITS,) * 4, SERIAL), ("white",)),
    Form("rescue", (PROVINCES, "XS", *(DIGITS,) * 4, "应", "急"), ("white",)),
    Form("ordinary", (*_OFFICIAL, *(SERIAL,) * 5), ("blue", "yellow_single", "yellow_double", "white", "black")),
)
"""First match wins."""

LONGEST = max(len(form.classes) for form in FORMS)
ALL_FORMS = (1 << len(FORMS)) - 1
"""A set of forms is a number with one bit a form; this one holds them all."""


def _steps() -> tuple[dict[str, int], ...]:
    steps: list[dict[str, int]] = [{} for _ in range(LONGEST)]
    for bit, form in enumerate(FORMS):
        for place, allowed in enumerate(form.classes):
            for char in allowed:
                steps[place][char] = steps[place].get(char, 0) | 1 << bit
    return tuple(steps)


STEPS = _steps()
"""Place -> character -> the forms that have it there."""
COMPLETE = tuple(
    sum(1 << bit for bit, form in enumerate(FORMS) if len(form.classes) == length) for length in range(LONGEST + 1)
)
"""Length -> the forms of that length."""


def forms_after(forms: int, place: int, char: str) -> int:
    """Those of `forms` (a set, see ALL_FORMS) that have `char` at `place`; 0 when none has."""
    return forms & STEPS[place].get(char, 0) if place < LONGEST else 0


def form_of(text: str, plate_type: str = "unknown") -> Form | None:
    """The form that a text in normal form has, among those that the type allows; `unknown` allows all."""
    forms = COMPLETE[len(text)] if len(text) <= LONGEST else 0
    for place, char in enumerate(text):
        forms = forms_after(forms, place, char)
    for bit, form in enumerate(FORMS):
        if forms >> bit & 1 and (plate_type == "unknown" or plate_type in form.types):
            return form
    return None


def plate_family(text: str, plate_type: str = "unknown") -> str:
    """ordinary, trailer, learner, police, new_energy_small, ...; "" when the text fits none that the type allows.

    text: normal form. plate_type `unknown` allows every family.
    """
    form = form_of(text, plate_type)
    return form.family if form else ""


def is_valid_plate(text: str, plate_type: str = "unknown") -> bool:
    """The text has the form of a plate, and of one that this type may carry."""
    return form_of(text, plate_type) is not None
