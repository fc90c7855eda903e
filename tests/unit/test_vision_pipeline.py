"""The vision pipeline with the real models: frames in, plates out, and doubt comes out unread."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gateway.adapters.vision.pipeline import PlatePipeline
from gateway.adapters.vision.rectify import normalised, rectify_plate
from gateway.adapters.vision.runtime import ModelUnusable
from gateway.domain.plate_vote import vote
from gateway.domain.plates import is_valid_plate, plate_colour_code
from models.train.gate_frames import lorry_frame
from models.train.pictures import load_labels, pictures_folder


@pytest.fixture(scope="module")
def pipeline() -> PlatePipeline:
    made = PlatePipeline()
    made.warm_up()
    return made


LORRIES = [
    ("blue", "云A12345", "0"),
    ("yellow_single", "川F87316", "1"),
    ("yellow_double", "鲁B3308挂", "1"),
    ("green_large", "粤B05123D", "6"),
]


@pytest.mark.parametrize(("kind", "text", "colour"), LORRIES)
def test_a_lorry_is_read_end_to_end_from_frames(pipeline, kind, text, colour):
    rng = np.random.default_rng(11)
    reads = []
    for number in range(4):
        frame, corners = lorry_frame(text, kind, rng=rng, plate_width_px=120 + 15 * number, blur_px=2)
        found = pipeline.read(frame, camera="C01-H", frame_at_ms=1000 + number)
        assert found, f"no plate in frame {number}"
        height = np.linalg.norm(corners[3] - corners[0])
        assert np.linalg.norm(np.array(found[0].corners) - corners, axis=1).max() < 0.35 * height
        assert found[0].camera == "C01-H" and found[0].frame_at_ms == 1000 + number
        reads.append(found[0])
    outcome = vote(reads, min_agreeing=2)
    assert outcome.text == text
    assert plate_colour_code(outcome.plate_type) == colour
    assert reads[0].rows == (2 if kind == "yellow_double" else 1)


def test_a_read_carries_what_the_vote_needs(pipeline):
    frame, _ = lorry_frame("云A12345", "blue", rng=np.random.default_rng(3))
    read = pipeline.read(frame)[0]
    assert len(read.text) == len(read.char_confidences) == len(read.alternatives)
    assert all(0.0 <= value <= 1.0 for value in read.char_confidences)
    assert all(
        len(options) == 3 and options[0][0] == char for options, char in zip(read.alternatives, read.text, strict=True)
    )
    assert len(read.model) == 8 and int(read.model, 16) >= 0


def test_a_plate_under_mud_comes_out_unread(pipeline):
    rng = np.random.default_rng(5)
    for text, kind in (("云A12345", "blue"), ("川F87316", "yellow_single"), ("鲁B3308挂", "yellow_double")):
        frames = [lorry_frame(text, kind, rng=rng, plate_width_px=150, muddy=True)[0] for _ in range(4)]
        reads = [read for frame in frames for read in pipeline.read(frame)]
        assert not vote(reads, min_agreeing=2).is_read


def test_a_frame_without_a_plate_gives_no_plate_number(pipeline):
    rng = np.random.default_rng(6)
    even = np.full((720, 1280, 3), 120, np.uint8)
    noise = rng.integers(0, 255, (720, 1280, 3)).astype(np.uint8)
    grille = even.copy()
    for y in range(200, 520, 24):
        cv2.rectangle(grille, (300, y), (980, y + 10), (25, 25, 25), -1)
    cv2.putText(grille, "STOP 12345", (420, 640), 2, 2.0, (240, 240, 240), 3)
    for frame in (even, noise, grille):
        assert not any(is_valid_plate(read.text) for read in pipeline.read(frame))


def test_frames_of_other_sizes_are_read(pipeline):
    frame, _ = lorry_frame("云A12345", "blue", rng=np.random.default_rng(8), plate_width_px=160)
    large = cv2.resize(frame, (1920, 1080), interpolation=cv2.INTER_CUBIC)
    assert pipeline.read(large)[0].text == "云A12345"


def test_a_frame_of_the_wrong_shape_is_refused(pipeline):
    for frame in (
        np.zeros((720, 1280), np.uint8),
        np.zeros((720, 1280, 3), np.float32),
        np.zeros((20, 20, 3), np.uint8),
    ):
        with pytest.raises(ValueError, match="at least 64 x 64"):
            pipeline.read(frame)


def test_a_missing_model_is_named(tmp_path: Path):
    with pytest.raises(ModelUnusable, match=r"plate-detector\.tflite is missing"):
        PlatePipeline(tmp_path)


def test_a_damaged_model_is_named(tmp_path: Path):
    (tmp_path / "plate-detector").mkdir()
    (tmp_path / "plate-detector" / "plate-detector.tflite").write_bytes(b"not a model")
    with pytest.raises(ModelUnusable, match="cannot be loaded"):
        PlatePipeline(tmp_path)


def test_the_rows_of_a_two_row_plate_are_laid_side_by_side():
    plate = np.zeros((220, 440, 3), np.uint8)
    plate[:84] = 255  # upper row white, lower row black
    flat = rectify_plate(plate, [(0, 0), (440, 0), (440, 220), (0, 220)], 2)
    assert flat.shape == (32, 128, 3)
    assert flat[:28, :40].min() > 200 and flat[6:, 46:].max() < 60


def test_normalised_pictures_have_mean_zero_and_even_ones_stay_even():
    pictures = np.random.default_rng(1).integers(0, 255, (2, 32, 128, 3)).astype(np.uint8)
    pictures[1] = 77
    values = normalised(pictures)
    assert values.dtype == np.float32 and abs(float(values.mean())) < 1e-4
    assert abs(float(values[0].std()) - 1) < 1e-3 and float(np.abs(values[1]).max()) == 0


@pytest.mark.skipif(
    not (pictures_folder() / "labels.csv").is_file(), reason="the real pictures are not on this machine"
)
def test_real_pictures_of_the_validation_split_are_mostly_read_and_rarely_wrong(pipeline):
    labels = [label for label in load_labels("stated") if label.split == "val" and label.kind == "scene"]
    right = wrong = 0
    for label in labels[::4]:
        reads = [read for read in pipeline.read(label.picture()) if read.text and min(read.char_confidences) > 0.6]
        right += any(read.text == label.text for read in reads)
        wrong += bool(reads) and all(read.text != label.text for read in reads)
    assert right >= 0.6 * len(labels[::4])
    assert wrong <= 0.15 * len(labels[::4])
