"""The one place that knows which TensorFlow Lite runtime is installed.

`tflite_runtime` has wheels up to Python 3.11, its successor `ai_edge_litert` from there on; both run the same files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

try:
    from tflite_runtime.interpreter import Interpreter
except ImportError:
    from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingImports]


class ModelUnusable(RuntimeError):
    """A model file is missing or is not a model; the message names the file."""


class TfliteModel:
    """A loaded .tflite with one input of a fixed size.

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
        outputs = sorted(self._interpreter.get_output_details(), key=lambda detail: detail["name"])
        self._outputs = [detail["index"] for detail in outputs]
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    @property
    def input_shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self._input["shape"])

    def run(self, values: np.ndarray) -> list[np.ndarray]:
        """The outputs in the order of their names. values: float32 of `input_shape`. Not for two threads at once."""
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]
