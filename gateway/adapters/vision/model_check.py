"""Whether a model can stand in for the shipped one: shapes, alphabet, types, and that it really runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from gateway.domain.models import Manifest, ModelRefused

from .runtime import ModelUnusable, TfliteModel

LABELS = "labels.json"


def described(kind: str, folder: Path, shipped: Path) -> Manifest:
    """What the model of this kind in `folder` is, compared with the shipped one. Raises ModelRefused with one sentence.

    A reader may have another order of characters and more of them, never fewer; of types likewise.
    """
    try:
        new, old = (TfliteModel(place / f"{kind}.tflite") for place in (folder, shipped))
        outputs, wanted = ([out.shape for out in _tried(model)] for model in (new, old))
    except (ModelUnusable, ValueError, RuntimeError) as error:
        raise ModelRefused(f"{kind}: 不能运行 does not run: {' '.join(str(error).split())}") from error
    if new.input_shape != old.input_shape:
        raise ModelRefused(f"{kind}: 输入尺寸不符 its input is {new.input_shape}; this version needs {old.input_shape}")
    labels, known = _labels(kind, folder), _labels(kind, shipped)
    if lacking := sorted(set(known) - set(labels)):
        raise ModelRefused(f"{kind}: {LABELS} 缺少 lacks {', '.join(lacking)}")
    alphabet, types = str(labels.get("alphabet", "")), tuple(labels.get("types", ()))
    if missing := "".join(c for c in str(known.get("alphabet", "")) if c not in alphabet):
        raise ModelRefused(f"{kind}: 字符表缺少 its alphabet lacks {missing}: it could never read them")
    if len(set(alphabet)) != len(alphabet):
        raise ModelRefused(f"{kind}: 字符表有重复 its alphabet names a character twice")
    if strange := [name for name in types if name not in known.get("types", ())]:
        raise ModelRefused(f"{kind}: 未知牌型 types that this version does not know: {', '.join(strange)}")
    if missing_types := [name for name in known.get("types", ()) if name not in types]:
        raise ModelRefused(f"{kind}: 缺少牌型 types that it lacks: {', '.join(missing_types)}")
    for name in sorted(set(known) - {"alphabet", "blank", "types"}):
        if labels[name] != known[name]:
            raise ModelRefused(f"{kind}: {LABELS} {name} 是 is {labels[name]!r}; this version needs {known[name]!r}")
    # The shapes that follow from the alphabet; every other size must be the shipped one's.
    classes = {len(str(known.get("alphabet", ""))) + 1: len(alphabet) + 1} if alphabet else {}
    expected = [
        tuple(classes.get(size, size) if i == len(shape) - 1 else size for i, size in enumerate(shape))
        for shape in wanted
    ]
    if sorted(outputs) != sorted(expected):
        raise ModelRefused(f"{kind}: 输出形状不符 its outputs are {sorted(outputs)}; {sorted(expected)} are needed")
    _check_int8(kind, folder, outputs)
    return Manifest(kind, new.sha256, 0, {}, new.input_shape, alphabet, types)


def _check_int8(kind: str, folder: Path, outputs: list[tuple[int, ...]]) -> None:
    """Its int8 twin, where it has one, runs too and says the same things; its input may have another size."""
    file = folder / f"{kind}-int8.tflite"
    if not file.is_file():
        return
    try:
        found = [out.shape for out in _tried(TfliteModel(file))]
    except (ModelUnusable, ValueError, RuntimeError) as error:
        raise ModelRefused(f"{file.name}: 不能运行 does not run: {' '.join(str(error).split())}") from error
    if sorted((len(s), s[-1]) for s in found) != sorted((len(s), s[-1]) for s in outputs):
        raise ModelRefused(
            f"{file.name}: 输出形状不符 its outputs are {sorted(found)}; those of {kind}.tflite are {sorted(outputs)}"
        )


def _tried(model: TfliteModel) -> list[np.ndarray]:
    return model.run(np.zeros(model.input_shape, np.float32))


def _labels(kind: str, folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / LABELS).read_text(encoding="utf-8"))
        return dict(found)
    except FileNotFoundError:
        raise ModelRefused(f"{kind}: {LABELS} 不在 is not beside the model") from None
    except (OSError, ValueError, TypeError) as error:
        raise ModelRefused(f"{kind}: {LABELS} 无法读取 cannot be read: {error}") from error
