"""Settled labels as a training set: a folder with pictures and labels.csv, as models/train/pictures.py and the gauge read it.

Every plate gives a whole picture with its corners (`scene`) and an upright cut-out (`crop`); what is no plate gives a
`negative`. Names of people are not in it.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.domain.labels import NO_PLATE, PLATE, Label, LabelRefused, Outcome, Points, Sample, split_of
from gateway.services.label_port import CutOuts, LabelStore

COLUMNS = (
    "file",
    "split",
    "kind",
    "text",
    "type",
    "corners_tl_tr_br_bl",
    "bbox",
    "width",
    "height",
    "source_repo",
    "licence",
    "label_basis",
)


@dataclass
class Exported:
    """rows: by (split, kind). types: plates by type. left_out: settled samples that gave no row, by reason."""

    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    types: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def document(self) -> dict[str, dict[str, int]]:
        return {
            "rows": {f"{split} {kind}": n for (split, kind), n in sorted(self.rows.items())},
            "types": dict(sorted(self.types.items())),
            "left_out": dict(sorted(self.left_out.items())),
        }


def export(store: LabelStore, cutouts: CutOuts, target: Path, *, source: str, licence: str,
           progress: Callable[[int], None] = lambda n: None) -> Exported:  # fmt: skip
    """Write the set; it is there whole or not at all. source, licence: columns of that name, the site and its statement.

    target: a new or an empty folder. Raises LabelRefused for another, and when nothing is settled yet.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise LabelRefused(f"{target}: 须为新的或空的文件夹 a new or an empty folder is needed")
    working = target.with_name(target.name + ".part")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    try:
        done, rows = Exported(), []
        for number, (sample, outcome) in enumerate(store.settled()):
            progress(number)
            for name, picture, values in _rows(sample, outcome, store, cutouts, done):
                path = working / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(picture)
                height, width = _size(cutouts, picture)
                rows.append(
                    {
                        "file": name,
                        "width": width,
                        "height": height,
                        "source_repo": source,
                        "licence": licence,
                        **values,
                    }
                )
        if not rows:
            raise LabelRefused(
                "还没有可导出的标注 there is nothing to export: label something first, on the console's page /labelling"
            )
        lines = io.StringIO()
        writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        (working / "labels.csv").write_text(lines.getvalue(), encoding="utf-8")
        _sync(working)
        if target.exists():
            target.rmdir()
        working.rename(target)
        return done
    finally:
        shutil.rmtree(working, ignore_errors=True)


def _rows(
    sample: Sample, outcome: Outcome, store: LabelStore, cutouts: CutOuts, done: Exported
) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """(file, JPEG, columns) of every row that a sample gives."""
    label = outcome.label
    assert label is not None
    kind = "scene" if label.answer == PLATE else "negative"
    if label.answer not in (PLATE, NO_PLATE):
        done.left_out[label.answer] += 1
        return
    corners, name = _place(sample, label)
    image = cutouts.decoded(_bytes(store.picture(sample.sample_id, "frame"))) if name else None
    if image is None or not corners:
        done.left_out["no corners" if name else "no picture"] += 1
        return
    split = split_of(label.text or sample.sample_id)
    basis = _basis(sample, label, outcome.opinions)
    if kind == "negative":
        done.rows[split, kind] += 1
        yield (f"negatives/{sample.sample_id}.jpg", cutouts.upright(image, corners),
               {"split": split, "kind": kind, "text": "", "type": "none", "label_basis": basis})  # fmt: skip
        return
    common = {"split": split, "text": label.text, "type": label.plate_type, "label_basis": basis}
    done.types[label.plate_type] += 1
    done.rows[split, "scene"] += 1
    yield f"scenes/{sample.sample_id}.jpg", _bytes(store.picture(sample.sample_id, "frame")), {
        **common, "kind": "scene", "corners_tl_tr_br_bl": " ".join(f"{x:g},{y:g}" for x, y in corners), "bbox": _box(corners),
    }  # fmt: skip
    cut = image
    if sample.cut and not label.corners:  # the cut-out has the camera's own resolution, the frame may not
        cut, corners = cutouts.decoded(_bytes(store.picture(sample.sample_id, "cut"))), sample.cut_corners
    if cut is not None:
        done.rows[split, "crop"] += 1
        yield (f"crops/{sample.sample_id}.jpg", cutouts.upright(cut, corners),
               {**common, "kind": "crop"})  # fmt: skip


def _place(sample: Sample, label: Label) -> tuple[Points, str]:
    """Where the plate is in the frame: as a person set it, else as it was found."""
    return label.corners or sample.frame_corners, sample.frame


def _basis(sample: Sample, label: Label, opinions: int) -> str:
    said = "two people agree" if opinions > 1 else "a person's eye"
    return f"{said}, as corrected at the gate" if sample.told and sample.told.text == label.text else said


def _size(cutouts: CutOuts, jpeg: bytes) -> tuple[int, int]:
    image = cutouts.decoded(jpeg)
    return (image.shape[0], image.shape[1]) if image is not None else (0, 0)


def _box(corners: Points) -> str:
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return f"{min(xs):g},{min(ys):g},{max(xs):g},{max(ys):g}"


def _bytes(path: Path | None) -> bytes:
    try:
        return path.read_bytes() if path else b""
    except OSError:
        return b""


def _sync(folder: Path) -> None:
    """All files and folders are on the disk before the set gets its name."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
