"""The list a lane decides by while this gateway is silent: who is on it, as what, and as which messages it travels.

An entry is the hash of a plate (64 bits, normal form, without its colour) and a class. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firmware.lane import contract
from gateway.domain.policy import ALLOW, DENY
from gateway.domain.vehicles import Vehicle

CHUNK_ENTRIES = 42  # 756 of the 768 hex digits that a message may carry
Entries = dict[bytes, int]  # hash -> place in contract.CLASSES
_STRICTEST = ("refused", "heavy", "light", "clean", "emergency")


@dataclass(frozen=True)
class Judged:
    """What the policy says of one vehicle now. vehicle: None when it is not registered."""

    plate_no: str
    verdict: str
    is_emergency: bool
    vehicle: Vehicle | None


def listed_class(judged: Judged) -> str | None:
    """The class under which a vehicle stands on the list, or None: then it is unlisted."""
    if judged.verdict == DENY:
        return "refused"
    if judged.verdict != ALLOW:
        return None
    if judged.is_emergency:
        return "emergency"
    vehicle = judged.vehicle
    if vehicle is None or vehicle.is_heavy_goods:
        return "clean" if vehicle is not None and vehicle.is_new_energy else "heavy"
    return "clean" if vehicle.is_new_energy else "light"


def entries_of(vehicles: Iterable[Judged]) -> Entries:
    """The list. Two vehicles that share a plate and differ in its colour: the stricter one speaks for both."""
    found: dict[str, str | None] = {}
    for judged in vehicles:
        plate, kind = contract.normal_form(judged.plate_no), listed_class(judged)
        found[plate] = _stricter(found[plate], kind) if plate in found else kind
    return {contract.identity_hash(True, plate): contract.CLASSES.index(kind) for plate, kind in found.items() if kind}


def _stricter(one: str | None, other: str | None) -> str | None:
    if "refused" in (one, other):
        return "refused"
    if one is None or other is None:
        return None
    return min(one, other, key=_STRICTEST.index)


def records(entries: Mapping[bytes, int]) -> bytes:
    """The list as it lies on the lane's flash: nine bytes per entry, ascending."""
    return b"".join(key + bytes((entries[key],)) for key in sorted(entries))


def entries_from(body: bytes) -> Entries:
    """The inverse of `records`."""
    return {body[at : at + 8]: body[at + 8] for at in range(0, len(body), 9)}


def messages(version: int, new: Mapping[bytes, int], *, base: tuple[int, Mapping[bytes, int]] | None) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The offline-list messages of a version: the whole list, or what differs from `base` (version, entries)."""
    old = base[1] if base else {}
    changed = [key for key in new if old.get(key) != new[key]] + [key for key in old if key not in new]
    keys = sorted(changed)
    sha256 = hashlib.sha256(records(new)).hexdigest()
    of = max(1, -(-len(keys) // CHUNK_ENTRIES))
    for part in range(of):
        mine = keys[part * CHUNK_ENTRIES : (part + 1) * CHUNK_ENTRIES]
        yield {
            "version": version, "base": base[0] if base else None, "part": part, "of": of, "sha256": sha256,
            "add": "".join(key.hex() + f"{new[key]:02x}" for key in mine if key in new),
            "drop": "".join(key.hex() for key in mine if key not in new),
        }  # fmt: skip
