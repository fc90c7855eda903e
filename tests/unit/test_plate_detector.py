"""The detector with the shipped models: near and far, several, seen from the side, float and int8."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gateway.adapters.vision.detector import FURTHER_SHAPES, WHOLE_SHAPES, PlateDetector, letterboxed, whole_shape
from gateway.adapters.vision.pipeline import MODELS_FOLDER
from gateway.adapters.vision.runtime import TfliteModel, model_file
from models.train.gate_frames import lorry_frame

FOLDER = MODELS_FOLDER / "plate-detector"


@pytest.fixture(scope="module", params=("float", "int8"))
def detector(request) -> PlateDetector:
    return PlateDetector(model_file(FOLDER, request.param), least=0.4)


def missed_by(detector: PlateDetector, frame: np.ndarray, corners: np.ndarray) -> float:
    """The mean distance of the nearest find's corners from these, in heights of the plate."""
    found = detector.detect(frame)
    height = float(np.linalg.norm(corners[3] - corners[0]))
    return min((float(np.linalg.norm(f.corners - corners, axis=1).mean()) / height for f in found), default=9.0)


def test_the_frame_is_shown_in_the_shape_that_shows_it_largest():
    for height, width, shape in ((720, 1280, (176, 304)), (960, 1280, (208, 272)), (1280, 960, (272, 208))):
        frame = np.zeros((height, width, 3), np.uint8)
        assert whole_shape(frame) == shape
        boxed, scale, (x, y) = letterboxed(frame, *shape)
        assert boxed.shape == (*shape, 3) and min(x, y) == 0
        assert scale == pytest.approx(max(min(h / height, w / width) for h, w in WHOLE_SHAPES))
    assert all(side % 16 == 0 for shape in (*WHOLE_SHAPES, *FURTHER_SHAPES) for side in shape)


@pytest.mark.parametrize("width_px", [56, 130, 300, 760])
@pytest.mark.parametrize("kind", ["yellow_single", "yellow_double"])
def test_a_plate_is_found_from_far_away_until_it_fills_the_frame(detector, kind, width_px):
    text = {"yellow_single": "川F87316", "yellow_double": "鲁B3308挂"}[kind]
    frame, corners = lorry_frame(text, kind, rng=np.random.default_rng(12), plate_width_px=width_px)
    assert missed_by(detector, frame, corners) < 0.3


def test_the_plates_of_two_lorries_side_by_side_are_both_found(detector):
    frames = [
        lorry_frame(text, kind, rng=np.random.default_rng(seed), plate_width_px=120)
        for text, kind, seed in (("云A12345", "blue", 4), ("粤B05123D", "green_large", 5))
    ]
    both = np.hstack([frame[:, 320:960] for frame, _ in frames])
    for index, (_, corners) in enumerate(frames):
        assert missed_by(detector, both, corners + np.float32((640 * index - 320, 0))) < 0.3


def test_a_plate_seen_from_the_side_is_found_with_its_corners(detector):
    frame, corners = lorry_frame("川F87316", "yellow_single", rng=np.random.default_rng(7), plate_width_px=200)
    view = np.float32([[0.6, 0.05, 240], [0.10, 1.0, -60], [0, 0, 1]])
    slanted = cv2.warpPerspective(frame, view, (1280, 720), borderValue=(90, 90, 90))
    moved = cv2.perspectiveTransform(corners[None], view)[0]
    assert missed_by(detector, slanted, moved) < 0.3


def test_int8_and_float_agree_on_the_corners():
    files = [model_file(FOLDER, arithmetic) for arithmetic in ("float", "int8")]
    assert files[0] != files[1]
    frame, corners = lorry_frame("云A12345", "blue", rng=np.random.default_rng(9), plate_width_px=140)
    one, other = (PlateDetector(file, least=0.4).detect(frame)[0] for file in files)
    height = float(np.linalg.norm(corners[3] - corners[0]))
    assert one.rows == other.rows
    assert np.linalg.norm(one.corners - other.corners, axis=1).max() < 0.12 * height


def test_the_int8_detector_takes_the_picture_s_bytes_as_they_are():
    model = TfliteModel(model_file(FOLDER, "int8"), input_shape=(1, 96, 160, 3))
    picture = np.random.default_rng(2).integers(0, 256, (1, 96, 160, 3)).astype(np.uint8)
    assert model.takes_bytes
    from_bytes, from_floats = model.run(picture)[0], model.run(picture.astype(np.float32) / 255)[0]
    assert from_bytes.dtype == np.float32 and from_bytes.shape == (1, 12, 20, 10)
    assert np.array_equal(from_bytes, from_floats)


def test_int8_is_taken_by_itself_only_where_it_is_faster_and_there(tmp_path: Path, monkeypatch):
    from gateway.adapters.vision import runtime

    folder = tmp_path / "plate-detector"
    folder.mkdir()
    place = (runtime.RUNTIME, runtime.platform.machine())
    monkeypatch.setattr(runtime, "INT8_IS_FASTER", {place: ("plate-detector",)})
    assert model_file(folder, "auto").name == "plate-detector.tflite"
    (folder / "plate-detector-int8.tflite").write_bytes(b"")
    assert model_file(folder, "auto").name == "plate-detector-int8.tflite"
    monkeypatch.setattr(runtime, "INT8_IS_FASTER", {place: ("plate-reader",)})
    assert model_file(folder, "auto").name == "plate-detector.tflite"
    assert model_file(folder, "int8").name == "plate-detector-int8.tflite"
    with pytest.raises(ValueError, match="'int4'; one of auto, float, int8"):
        model_file(folder, "int4")
