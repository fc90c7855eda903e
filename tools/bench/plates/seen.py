"""What a model was trained on: `models/<model>/manifest.json`, and whether a set may score it.

The manifest lists every training picture by hash (`picture_hash`), the hash of the rows it was trained on and of those
it was chosen on, and counts per licence. `models/train/manifest.py` writes it, next to the exported model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .labelled import LabelledSet, picture_hash

MODELS = ("plate-detector", "plate-reader")
NAMED = 10


class SetSeen(ValueError):
    """The set holds pictures that the model was trained on; the message names them."""


@dataclass(frozen=True)
class Manifest:
    """model_sha256: of the .tflite it was written for. chosen_on: hashes of the sets that chose among trainings, with
    spaces between. pictures: hashes of the training pictures."""

    model: str
    model_sha256: str
    train_rows: str
    chosen_on: str
    licence_filter: str
    licences: dict[str, int]
    types: dict[str, int]
    pictures: frozenset[str]


def load_manifest(folder: Path) -> Manifest | None:
    """The manifest beside a model; None without one. Raises ValueError, naming the file, when it is damaged."""
    file = folder / "manifest.json"
    if not file.is_file():
        return None
    try:
        doc: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return Manifest(
            model=doc["model"],
            model_sha256=doc["model_sha256"],
            train_rows=doc["train_rows"],
            chosen_on=doc["chosen_on"],
            licence_filter=doc["licence_filter"],
            licences=doc["licences"],
            types=doc["types"],
            pictures=frozenset(doc["pictures"].split()),
        )
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"{file}: no training manifest: {error!r}; write it with models/train/manifest.py") from error


def pictures_seen(labelled: LabelledSet, manifests: list[Manifest]) -> dict[str, list[str]]:
    """Model -> names of the set's pictures among its training pictures, by the picture's bytes."""
    hashes = {name: picture_hash(path) for name, path in labelled.files()}
    found = {m.model: [name for name, value in hashes.items() if value in m.pictures] for m in manifests}
    return {model: names for model, names in found.items() if names}


def refuse_if_seen(labelled: LabelledSet, manifests: list[Manifest]) -> None:
    """Raises SetSeen when the set is one that a model was trained on, whole or in part."""
    value = labelled.hash()
    whole = [m.model for m in manifests if m.train_rows == value]
    if whole:
        raise SetSeen(f"{labelled.folder}: this set ({value}) trained {', '.join(whole)}; score another one")
    seen = pictures_seen(labelled, manifests)
    if seen:
        parts = [
            f"{model}: {len(names)} ({', '.join(names[:NAMED])}{' ...' if len(names) > NAMED else ''})"
            for model, names in seen.items()
        ]
        raise SetSeen(
            f"{labelled.folder}: pictures that trained the model: {'; '.join(parts)}. "
            "Score the other split, or leave them out with --leave-out-seen"
        )


def without_seen(labelled: LabelledSet, manifests: list[Manifest]) -> int:
    """Drop every plate and pass with a training picture, in place; how many were dropped."""
    seen = {name for names in pictures_seen(labelled, manifests).values() for name in names}
    before = len(labelled.plates) + len(labelled.passes)
    labelled.plates = [p for p in labelled.plates if p.name not in seen]
    labelled.passes = [p for p in labelled.passes if not any(f.name in seen for f in p.frames)]
    return before - len(labelled.plates) - len(labelled.passes)
