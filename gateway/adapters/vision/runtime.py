"""The one place that knows which TensorFlow Lite runtime is installed, and which of a model's two files suits it.

`tflite_runtime` has wheels up to Python 3.11, its successor `ai_edge_litert` from there on; both run the same files.
"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import numpy as np

try:
    from tflite_runtime.interpreter import Interpreter
except ImportError:
    from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingImports]

RUNTIME = Interpreter.__module__.split(".")[0]
ARITHMETICS = ("auto", "float", "int8")
"""What `[arithmetic]` of gates.toml may say for a model."""
INT8_IS_FASTER = {
    ("tflite_runtime", "x86_64"): ("plate-reader",),
    ("ai_edge_litert", "x86_64"): ("plate-reader",),
    ("tflite_runtime", "aarch64"): ("plate-detector", "plate-reader"),
    ("ai_edge_litert", "aarch64"): ("plate-detector", "plate-reader"),
}
"""Models by runtime and machine. x86: measured, table in models/README.md (int8 kernels of depthwise convolutions are
slow there). ARM: [assumed] from the runtimes' own int8 kernels; `python -m models.train.speed` measures it."""


class ModelUnusable(RuntimeError):
    """A model file is missing or is not a model; the message names the file."""


def model_file(folder: Path, arithmetic: str = "float") -> Path:
    """The file of the model in `folder` for this arithmetic: <folder's name>.tflite or <folder's name>-int8.tflite.

    arithmetic: of ARITHMETICS; `auto` is int8 where INT8_IS_FASTER names the model and the file is there. Raises ValueError.
    """
    if arithmetic not in ARITHMETICS:
        raise ValueError(f"arithmetic of {folder.name} is {arithmetic!r}; one of {', '.join(ARITHMETICS)} is allowed")
    int8 = folder / f"{folder.name}-int8.tflite"
    is_faster = folder.name in INT8_IS_FASTER.get((RUNTIME, platform.machine()), ())
    if arithmetic == "int8" or (arithmetic == "auto" and is_faster and int8.is_file()):
        return int8
    return folder / f"{folder.name}.tflite"


class TfliteModel:
    """A loaded .tflite with one input of a fixed size, float or int8.

    path: the file. input_shape: resize the input to this before use; None keeps the file's own.
    threads: of the interpreter. Raises ModelUnusable.
    """

    def __init__(self, path: Path, *, input_shape: tuple[int, ...] | None = None, threads: int = 1) -> None:
        if not path.is_file():
            raise ModelUnusable(f"model {path} is missing")
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
            if input_shape is not None:
                self._interpreter.resize_tensor_input(self._interpreter.get_input_details()[0]["index"], input_shape)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelUnusable(f"model {path} cannot be loaded: {error}") from error
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = sorted(self._interpreter.get_output_details(), key=lambda detail: detail["name"])
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self._input["shape"])

    @property
    def takes_bytes(self) -> bool:
        """The input is uint8 with 255 for 1.0: `run` also takes such a picture as it is."""
        scale, zero = self._input["quantization"]
        return self._input["dtype"] == np.uint8 and zero == 0 and abs(scale * 255 - 1) < 1e-3

    def run(self, values: np.ndarray) -> list[np.ndarray]:
        """The outputs in the order of their names, float32. Not for two threads at once.

        values: of `input_shape`, float32 in the model's own units, or uint8 0-255 for 0.0-1.0 where `takes_bytes`.
        An int8 file's input and outputs are turned by its own scale and zero point.
        """
        kind = self._input["dtype"]
        if values.dtype != kind:
            scale, zero = self._input["quantization"]
            bounds = np.iinfo(kind)
            values = np.clip(np.round(values / scale + zero), bounds.min, bounds.max).astype(kind)
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        return [self._float(detail) for detail in self._outputs]

    def _float(self, detail) -> np.ndarray:
        values = self._interpreter.get_tensor(detail["index"])
        if values.dtype == np.float32:
            return values
        scale, zero = detail["quantization"]
        return (values.astype(np.float32) - zero) * np.float32(scale)
