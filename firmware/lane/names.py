"""Names of vehicles as lane and gateway compare them: plates, tags, their hashes, and what a class may do offline."""

import hashlib

_SEPARATORS = " \t-_.·•・‧∙⋅●—–/\u3000"
LONGEST_MIN = 525600  # a year


def normal_form(plate):
    """A plate as it is compared and hashed: full width to half width, ASCII upper case, no separators. Idempotent."""
    out = []
    for c in plate:
        n = ord(c)
        if 0xFF01 <= n <= 0xFF5E:
            n -= 0xFEE0
        if 97 <= n <= 122:
            n -= 32
        c = chr(n)
        if c not in _SEPARATORS:
            out.append(c)
    return "".join(out)


def identity_hash(is_plate, text):
    """Eight bytes that stand for a plate (in normal form) or a tag on the offline list."""
    return hashlib.sha256(("P" if is_plate else "T").encode() + text.encode()).digest()[:8]


def is_emergency_plate(plate):
    """Police, armed police and rescue, by the plate alone (GA 36-2018, GA/T 1806-2021: 警, WJ, 应急)."""
    return plate[-1:] == "警" or plate[:2] == "WJ" or plate[-2:] == "应急"


def offline_steps(text):
    """What a class may do by age of the outage: "allow:1440 hold" -> (("allow", 1440), ("hold", None)).

    Each step but the last ends at its minutes, ascending. Raises ValueError saying what is allowed.
    """
    found, before = [], 0
    words = text.split(" ")
    for i, word in enumerate(words):
        verdict, colon, until = word.partition(":")
        is_last = i == len(words) - 1
        if verdict not in ("allow", "hold", "guard") or bool(colon) == is_last:
            raise ValueError("steps such as allow:1440 hold, of allow, hold, guard; all but the last with minutes")
        if not is_last:
            if not until.isdigit() or not before < int(until) <= LONGEST_MIN:
                raise ValueError("minutes ascending, 1 to " + str(LONGEST_MIN))
            before = int(until)
        found.append((verdict, None if is_last else before))
    return tuple(found)
