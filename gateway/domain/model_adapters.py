"""The contract of a model adapter: what its manifest must say, and what follows from what its model answers.

An adapter is data: a manifest, its signature, and a TensorFlow Lite file with the built-in operators. It brings no code.
Its model sees pixels and answers one number for each class; what a class means and what may follow is in the manifest,
and the worst that may follow is an alarm. There is no word in the contract that moves an arm.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite
from typing import Any

from gateway.domain.findings import EFFECTS, IGNORE, Finding

CONTRACT = 1
MANIFEST, SIGNATURE = "adapter.json", "adapter.sig"
CAMERAS, COLOURS, RANGES = ("head", "body"), ("bgr", "rgb", "grey"), ("0..255", "0..1", "-1..1")
COMBINE, ACTIVATIONS = ("mean", "max", "stack"), ("none", "softmax", "sigmoid")
UNCLEAR = "unclear"
_NAME = re.compile(r"[a-z][a-z0-9-]{1,30}")
_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
_SHA = re.compile(r"[0-9a-f]{64}")


class ManifestRefused(ValueError):
    """A manifest is not acceptable; the message names the key, its value and what is allowed."""


class AdapterFault(RuntimeError):
    """An adapter's process died, hung, failed or could not start; the next question may work."""


class AnswerRefused(AdapterFault):
    """A model's answer is not what its manifest declares."""


@dataclass(frozen=True)
class Input:
    """camera: which of the lane's two. window_ms: span after the arrival from which `frames` pictures are taken evenly.

    region: x1, y1, x2, y2 as shares of the picture. height, width: px that the model takes. combine: `mean` and `max`
    run the model once a picture; `stack` lays the pictures behind one another along the channels.
    """

    camera: str
    window_ms: tuple[int, int]
    frames: int
    region: tuple[float, float, float, float]
    height: int
    width: int
    colour: str
    range: str
    combine: str

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the model's input tensor."""
        channels = (1 if self.colour == "grey" else 3) * (self.frames if self.combine == "stack" else 1)
        return (1, self.height, self.width, channels)


@dataclass(frozen=True)
class Class:
    """min_confidence: from which it is said; below it the answer is `unclear`. text: one sentence in each language."""

    name: str
    zh: str
    en: str
    effect: str
    min_confidence: float


@dataclass(frozen=True)
class Manifest:
    name: str
    version: str
    publisher: str
    licence: str
    title_zh: str
    title_en: str
    model: str
    files: Mapping[str, str]
    input: Input
    activation: str
    classes: tuple[Class, ...]
    budget_ms: int
    memory_mb: int


class _Reader:
    """One object of the document; every key must be asked for, and no other may be there."""

    def __init__(self, doc: object, where: str) -> None:
        if not isinstance(doc, dict):
            raise ManifestRefused(f"{where or MANIFEST}: {type(doc).__name__}; allowed: an object")
        self._doc, self._where, self._asked = doc, where, set[str]()

    def _at(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def take(self, key: str) -> Any:
        self._asked.add(key)
        if key not in self._doc:
            raise ManifestRefused(f"{self._at(key)}: 缺少 is missing")
        return self._doc[key]

    def text(self, key: str, allowed: re.Pattern[str] | Sequence[str] | int) -> str:
        value = self.take(key)
        if isinstance(allowed, int):
            fits, said = (
                isinstance(value, str) and 0 < len(value.strip()) <= allowed,
                f"text of 1 to {allowed} characters",
            )
        elif isinstance(allowed, re.Pattern):
            fits, said = isinstance(value, str) and allowed.fullmatch(value) is not None, f"text like {allowed.pattern}"
        else:
            fits, said = value in allowed, ", ".join(allowed)
        if not fits:
            raise ManifestRefused(f"{self._at(key)} = {value!r}; 允许 allowed: {said}")
        return value

    def number(self, key: str, low: float, high: float, whole: bool = True) -> Any:
        value = self.take(key)
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            raise ManifestRefused(
                f"{self._at(key)} = {value!r}; 允许 allowed: {'whole ' if whole else ''}{low} to {high}"
            )
        return value

    def numbers(self, key: str, count: int, low: float, high: float, whole: bool = False) -> tuple[Any, ...]:
        value = self.take(key)
        kinds = (int,) if whole else (int, float)
        if not isinstance(value, list) or len(value) != count or not all(
            isinstance(v, kinds) and not isinstance(v, bool) and low <= v <= high for v in value
        ):  # fmt: skip
            raise ManifestRefused(f"{self._at(key)} = {value!r}; 允许 allowed: {count} numbers from {low} to {high}")
        return tuple(value)

    def part(self, key: str) -> _Reader:
        return _Reader(self.take(key), self._at(key))

    def end(self) -> None:
        if unknown := sorted(set(self._doc) - self._asked):
            raise ManifestRefused(
                f"{self._at(unknown[0])}: 未知键 unknown key; 允许 allowed: {', '.join(sorted(self._asked))}"
            )


def manifest_from(doc: object) -> Manifest:
    """The manifest of a JSON document. Raises ManifestRefused."""
    top = _Reader(doc, "")
    top.number("contract", CONTRACT, CONTRACT)
    files = top.take("files")
    if not isinstance(files, dict) or not 1 <= len(files) <= 8 or not all(
        isinstance(n, str) and _FILE.fullmatch(n) and isinstance(h, str) and _SHA.fullmatch(h) for n, h in files.items()
    ):  # fmt: skip
        raise ManifestRefused("files: 允许 allowed: 1 to 8 plain file names, each with its SHA-256 in lower-case hex")
    if MANIFEST in files or SIGNATURE in files:
        raise ManifestRefused(f"files: {MANIFEST} 和 and {SIGNATURE} 不在其中 do not stand among them")
    manifest = Manifest(
        name=top.text("name", _NAME),
        version=top.text("version", _VERSION),
        publisher=top.text("publisher", 60),
        licence=top.text("licence", 60),
        title_zh=top.text("title_zh", 40),
        title_en=top.text("title_en", 60),
        model=top.text("model", sorted(files)),
        files=dict(files),
        input=_input(top.part("input")),
        activation=top.text("activation", ACTIVATIONS),
        classes=_classes(top.take("classes")),
        budget_ms=top.number("budget_ms", 1, 2000),
        memory_mb=top.number("memory_mb", 16, 512),
    )
    top.end()
    return manifest


def _input(at: _Reader) -> Input:
    found = Input(
        camera=at.text("camera", CAMERAS),
        window_ms=at.numbers("window_ms", 2, 0, 10_000, whole=True),  # type: ignore[arg-type]
        frames=at.number("frames", 1, 8),
        region=at.numbers("region", 4, 0.0, 1.0),  # type: ignore[arg-type]
        height=at.number("height", 16, 640),
        width=at.number("width", 16, 640),
        colour=at.text("colour", COLOURS),
        range=at.text("range", RANGES),
        combine=at.text("combine", COMBINE),
    )
    at.end()
    if found.window_ms[0] > found.window_ms[1]:
        raise ManifestRefused(f"input.window_ms = {list(found.window_ms)}; 允许 allowed: from <= until")
    if found.region[0] >= found.region[2] or found.region[1] >= found.region[3]:
        raise ManifestRefused(f"input.region = {list(found.region)}; 允许 allowed: x1 < x2 and y1 < y2")
    return found


def _classes(value: object) -> tuple[Class, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 20:
        raise ManifestRefused("classes: 允许 allowed: a list of 1 to 20 classes")
    found = []
    for number, item in enumerate(value):
        at = _Reader(item, f"classes[{number}]")
        found.append(
            Class(
                name=at.text("name", re.compile(r"[a-z][a-z0-9_]{1,30}")), zh=at.text("zh", 60), en=at.text("en", 100),
                effect=at.text("effect", EFFECTS), min_confidence=at.number("min_confidence", 0.0, 1.0, whole=False),
            )
        )  # fmt: skip
        at.end()
    names = [c.name for c in found]
    if len(set(names)) < len(names) or UNCLEAR in names:
        raise ManifestRefused(
            f"classes: names {names}; 允许 allowed: each once, and not {UNCLEAR!r}, which is every adapter's"
        )
    return tuple(found)


def shares(manifest: Manifest, raw: Sequence[float]) -> tuple[float, ...]:
    """The classes' confidences, 0.0-1.0 each, of one answer of the model. Raises AnswerRefused."""
    if len(raw) != len(manifest.classes):
        raise AnswerRefused(f"{len(raw)} numbers; {len(manifest.classes)} classes are declared")
    if not all(isfinite(v) for v in raw):
        raise AnswerRefused("a number is not finite")
    if manifest.activation == "softmax":
        top = max(raw)
        parts = [exp(v - top) for v in raw]
        return tuple(p / sum(parts) for p in parts)
    if manifest.activation == "sigmoid":
        return tuple(1 / (1 + exp(-max(-60.0, min(60.0, v)))) for v in raw)
    if not all(-1e-3 <= v <= 1 + 1e-3 for v in raw):
        raise AnswerRefused(f"{min(raw):.3f} to {max(raw):.3f}; without activation every number must lie in 0 to 1")
    return tuple(min(1.0, max(0.0, v)) for v in raw)


def combined(manifest: Manifest, answers: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """One confidence a class from the answers to all pictures. Raises AnswerRefused."""
    rows = [shares(manifest, answer) for answer in answers]
    if not rows:
        raise AnswerRefused("no answer")
    if manifest.input.combine == "max":
        return tuple(max(column) for column in zip(*rows, strict=True))
    return tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))


def finding(
    manifest: Manifest, confidences: Sequence[float], *, pass_id: str, lane: str, camera: str, at_ms: int
) -> Finding | None:
    """What follows from an answer: the class with the largest confidence if it reaches its own bar, else nothing (unclear)."""
    best = max(range(len(confidences)), key=lambda i: (confidences[i], -i))
    chosen = manifest.classes[best]
    if confidences[best] < chosen.min_confidence or chosen.effect == IGNORE:
        return None
    said = {c.name: round(v, 4) for c, v in zip(manifest.classes, confidences, strict=True)}
    return Finding(manifest.name, manifest.version, chosen.name, chosen.effect, chosen.zh, chosen.en, pass_id, lane, at_ms,
                   camera, round(confidences[best], 4), {"confidences": said})  # fmt: skip
