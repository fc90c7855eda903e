"""`gauge`: one labelled folder, one pair of models, and every figure of the modes asked for."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
from rich.console import Console
from rich.progress import Progress

from gateway.adapters.vision.gates import load_gates
from gateway.adapters.vision.pipeline import MODELS_FOLDER, PlatePipeline
from gateway.adapters.vision.runtime import RUNTIME, model_file
from gateway.domain.plates import plate_family

from .calibration import calibration
from .crops import crops
from .figures import Answer, comparable, counts, rates, share
from .labelled import LabelledSet, Plate, load_set, picture
from .passes import passes
from .scenes import framed, negatives, scenes
from .seen import MODELS, load_manifest, refuse_if_seen, without_seen
from .timing import Stages, spread

MODES = ("crops", "scenes", "passes", "negatives")
TIMED = 40
"""Pictures of a mode whose stages are timed one by one; the whole reading is timed on every picture."""
MOST_FAILURES = 500


@dataclass
class ModeResult:
    """The answers of one mode. extra: plates read where no label is. first_reads: of passes, by the pass's name."""

    mode: str
    answers: list[Answer] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)
    extra: list[dict[str, str]] = field(default_factory=list)
    first_reads: dict[str, str] = field(default_factory=dict)
    stages: dict[str, Any] = field(default_factory=dict)

    @property
    def readable(self) -> list[Answer]:
        return [a for a in self.answers if a.truth]

    @property
    def unreadable(self) -> list[Answer]:
        """Negatives, and passes whose plate nobody could read: saying nothing is right."""
        return [a for a in self.answers if not a.truth]

    def document(self) -> dict[str, Any]:
        """The figures as plain values; see figures.py for what each share means."""
        doc: dict[str, Any] = {"errors": len(self.errors)}
        if self.mode != "negatives":
            readable = self.readable
            doc |= counts(readable) | rates(readable) | {"calibration": calibration(readable)}
            doc["groups"] = _grouped(readable)
        if self.mode == "passes":
            doc["first_read"] = _first_reads(readable, self.first_reads)
        if self.unreadable or self.mode == "negatives":
            false = [a for a in self.unreadable if a.is_read]
            doc["unreadable"] = {
                "n": len(self.unreadable),
                "wrong": len(false),
                "silent": share(len(self.unreadable) - len(false), len(self.unreadable)),
            }
        doc["ms"] = self.stages | {"whole": spread([a.took for a in self.answers])}
        doc["extra_reads"] = self.extra
        doc["failures"] = [_failure(a) for a in self.answers if a.is_wrong or (a.truth and not a.is_read)][
            :MOST_FAILURES
        ]
        doc["unusable"] = self.errors
        return doc


@dataclass
class Report:
    """Of one run. models: per model sha256, bytes and what its training manifest says of this set."""

    set: dict[str, Any]
    models: dict[str, dict[str, Any]]
    machine: dict[str, Any]
    modes: dict[str, ModeResult]

    def document(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        modes = {name: result.document() for name, result in self.modes.items()}
        return {"set": self.set, "models": self.models, "machine": self.machine, "modes": modes}


def gauge(
    set_dir: Path,
    models_dir: Path | None = None,
    modes: Sequence[str] = MODES,
    *,
    split: str | None = None,
    leave_out_seen: bool = False,
    limit: int | None = None,
    progress: bool = False,
) -> Report:
    """Score one pair of models on one labelled folder, single-threaded.

    set_dir: as in labelled.py. models_dir: holds plate-detector/ and plate-reader/; None: those of the product.
    modes: of MODES; one without pictures has n = 0. split: val, train, all; None as in `load_set`.
    leave_out_seen: drop pictures that trained the models instead of refusing. limit: at most this many per mode.
    progress: a bar on standard error. Raises ValueError for an unknown mode, SetUnusable, SetSeen, ModelUnusable.
    """
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown:
        raise ValueError(f"mode is {', '.join(unknown)}; allowed: {', '.join(MODES)}")
    folder = models_dir or MODELS_FOLDER
    labelled = load_set(set_dir, split)
    manifests = [m for m in (load_manifest(folder / name) for name in MODELS) if m]
    left_out = 0
    if leave_out_seen:
        left_out = without_seen(labelled, manifests)
    else:
        refuse_if_seen(labelled, manifests)
    cv2.setNumThreads(1)
    pipeline = PlatePipeline(folder, threads=1)
    pipeline.warm_up()
    results = {mode: _run(mode, labelled, pipeline, folder, limit, progress) for mode in modes}
    value = labelled.hash()
    return Report(
        set={
            "folder": str(set_dir),
            "hash": value,
            "split": labelled.split,
            "plates": len(labelled.plates),
            "passes": len(labelled.passes),
            "left_out_seen": left_out,
            "unusable_rows": labelled.errors,
        },
        models={name: _model(folder / name, name, value) for name in MODELS},
        machine={
            "machine": platform.machine(),
            "cpu": _cpu_name(),
            "python": platform.python_version(),
            "runtime": RUNTIME,
            "threads": 1,
        },
        modes=results,
    )


def _run(
    mode: str, labelled: LabelledSet, pipeline: PlatePipeline, folder: Path, limit: int | None, progress: bool
) -> ModeResult:
    result = ModeResult(mode)
    plates = [p for p in labelled.plates if p.kind + "s" == mode][:limit]
    rows = labelled.passes[:limit]
    if mode == "scenes" and not plates and not any(p.kind == "crop" for p in labelled.plates):
        plates = _frames_as_scenes(labelled)[:limit]
    total = len(rows) if mode == "passes" else len({p.name for p in plates}) if mode == "scenes" else len(plates)
    with Progress(console=Console(stderr=True), disable=not progress) as bar:
        task = bar.add_task(mode, total=total)
        advance = _advancer(bar, task)
        if mode == "crops":
            result.answers = list(crops(pipeline, plates, result.errors, advance))
        elif mode == "scenes":
            result.answers = list(scenes(pipeline, plates, result.errors, result.extra, advance))
        elif mode == "negatives":
            result.answers = list(negatives(pipeline, plates, result.errors, advance))
        else:
            for answer, first in passes(pipeline, rows, result.errors, advance):
                result.answers.append(answer)
                result.first_reads[answer.name] = first
            plates = _frames_as_scenes(labelled)
    result.stages = _timed(folder, plates, mode == "crops")
    return result


def _advancer(bar: Progress, task: Any) -> Callable[[], None]:
    return lambda: bar.advance(task)


def _frames_as_scenes(labelled: LabelledSet) -> list[Plate]:
    """Without labelled scenes the frames of the passes are scored one by one as well; their plates have no place."""
    return [
        Plate(f.file, f.name, "scene", p.text, p.type, None, p.stratum, f.camera)
        for p in labelled.passes
        for f in p.frames
        if p.text
    ]


def _timed(folder: Path, plates: list[Plate], is_cut: bool) -> dict[str, Any]:
    stages = Stages(folder)
    step = max(1, len(plates) // TIMED)
    for plate in plates[::step][:TIMED]:
        try:
            whole = picture(plate.file)
        except OSError:
            continue
        height, width = whole.shape[:2]
        corners = [(0, 0), (width, 0), (width, height), (0, height)] if is_cut else None
        stages.time(whole if is_cut else framed(whole), corners)
    return stages.figures()


def _grouped(answers: list[Answer]) -> dict[str, dict[str, Any]]:
    """Counts and shares per label type, family of the number, stratum and source, where there is more than one."""
    keys: dict[str, Callable[[Answer], str]] = {
        "type": lambda a: a.type,
        "family": lambda a: plate_family(a.truth) or "other",
        "stratum": lambda a: a.stratum,
        "source": lambda a: a.source,
    }
    found: dict[str, dict[str, Any]] = {}
    for name, key in keys.items():
        names = sorted({key(a) for a in answers} - {""})
        if names:
            members = {value: [a for a in answers if key(a) == value] for value in names}
            found[name] = {value: counts(group) | rates(group) for value, group in members.items()}
    return found


def _first_reads(answers: list[Answer], first: dict[str, str]) -> dict[str, Any]:
    """S3-22: the first frame that alone gives a number, as against the vote; read and right of all passes."""
    said = [(first[a.name], a.truth) for a in answers]
    right = sum(bool(text) and comparable(text) == comparable(truth) for text, truth in said)
    return {"read": sum(bool(text) for text, _ in said), "right_of_all": share(right, len(said))}


def _failure(a: Answer) -> dict[str, Any]:
    return {
        "file": a.name,
        "truth": a.truth,
        "said": a.said,
        "raw": a.raw,
        "confidence": round(a.confidence, 4),
        "type": a.type,
        "said_type": a.said_type,
        "found": a.found,
        "note": a.note,
    }


def _model(folder: Path, name: str, set_hash: str) -> dict[str, Any]:
    file = model_file(folder, load_gates().arithmetic[name])
    data = file.read_bytes()
    sha256 = hashlib.sha256((folder / f"{name}.tflite").read_bytes()).hexdigest()
    manifest = load_manifest(folder)
    if manifest is None:
        state = "missing: whether it was trained on this set cannot be told"
    elif manifest.model_sha256 != sha256:
        state = "of another model: whether it was trained on this set cannot be told"
    else:
        state = "present"
    chosen = manifest is not None and set_hash in manifest.chosen_on.split()
    return {
        "file": file.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "manifest": state,
        "chosen_on_this_set": chosen,
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
