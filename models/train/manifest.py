"""What a model was trained on, written beside it: `python -m models.train.manifest reader|detector`.

`models/<model>/manifest.json` holds the hash of every training picture, of the rows trained on and of those chosen on,
and counts per licence; the gauge refuses pictures it finds there (tools/bench/plates/seen.py).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from tools.bench.plates.labelled import load_set, picture_hash

from .pictures import Labelled, data_hash, load_labels, pictures_folders

MODELS = Path(__file__).resolve().parents[1]
FORMAT = 1


def trained_on(model: str, labels: list[Labelled]) -> list[Labelled]:
    """The rows that this model's training takes: the reader cut-outs and scenes, the detector scenes only."""
    kinds = {"reader": ("crop", "scene"), "detector": ("scene",)}[model]
    return [label for label in labels if label.split == "train" and label.kind in kinds]


def manifest(model: str, licence: str, tflite: Path, folder: Path | None = None) -> dict[str, Any]:
    """The manifest's document.

    model: reader or detector. licence: the filter that the training was run with (LICENCE_FILTERS of pictures.py).
    tflite: the exported model. folder: the real pictures; None as in `load_labels`.
    """
    labels = trained_on(model, load_labels(licence, folder))
    hashes = {label.file: picture_hash(label.file) for label in labels}
    rows = sorted(f"{hashes[label.file]} {label.text} {label.type}" for label in labels)
    return {
        "format": FORMAT,
        "model": tflite.stem,
        "model_sha256": hashlib.sha256(tflite.read_bytes()).hexdigest(),
        "licence_filter": licence,
        "licences": dict(sorted(Counter(label.licence for label in labels).items())),
        "kinds": dict(sorted(Counter(label.kind for label in labels).items())),
        "types": dict(sorted(Counter(label.type for label in labels).items())),
        "data": data_hash(labels),
        "train_rows": hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16],
        "chosen_on": " ".join(load_set(place, "val").hash() for place in ([folder] if folder else pictures_folders())),
        "pictures": sorted(set(hashes.values())),
    }


def write_manifest(model: str, licence: str, folder: Path | None = None) -> Path:
    """Write it beside the exported model; the file. Raises FileNotFoundError without model or pictures."""
    home = MODELS / f"plate-{model}"
    doc = manifest(model, licence, home / f"plate-{model}.tflite", folder)
    file = home / "manifest.json"
    pictures = " ".join(doc.pop("pictures"))
    lines = json.dumps(doc, ensure_ascii=False, indent=2).removesuffix("\n}")
    file.write_text(f'{lines},\n  "pictures": "{pictures}"\n}}\n', encoding="utf-8")
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=("reader", "detector"))
    parser.add_argument("--licence", default="stated", help="the filter that the training was run with")
    args = parser.parse_args()
    print(write_manifest(args.model, args.licence))


if __name__ == "__main__":
    main()
