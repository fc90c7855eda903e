"""One read's calibrated confidence: what it rises with, what it refuses, and that its fit finds what is there."""

import numpy as np
import pytest

from gateway.adapters.vision.gates import GATES_FILE, load_gates
from gateway.domain.plate_confidence import ReadCalibration, log_odds
from models.train.calibrate import fitted

TABLE = {"text": 0.8, "detection": 0.2, "narrowness": -0.4, "constant": 0.1}


def test_without_a_fit_the_text_keeps_its_own_probability():
    for probability in (0.05, 0.5, 0.93):
        assert ReadCalibration().confidence(probability, 0.7, 60) == pytest.approx(probability, abs=1e-6)


def test_as_shipped_a_surer_text_a_surer_detection_and_a_wider_plate_never_lower_the_confidence():
    calibration = load_gates().calibration
    steps = [0.01, 0.2, 0.5, 0.8, 0.95, 0.999]
    texts = [calibration.confidence(p, 0.8, 100) for p in steps]
    detections = [calibration.confidence(0.9, p, 100) for p in steps]
    widths = [calibration.confidence(0.9, 0.8, w) for w in (20, 44, 70, 110, 300)]
    assert texts == sorted(texts) and texts[0] < 0.2 < 0.9 < texts[-1]
    assert detections == sorted(detections)
    assert widths == sorted(widths) and widths[-1] == widths[-2]


def test_certainty_beyond_what_networks_know_counts_no_more():
    calibration = ReadCalibration.from_table(TABLE)
    assert calibration.confidence(1.0, 1.0, 100) == calibration.confidence(1 - 1e-8, 0.99, 100) < 1.0
    assert 0.0 < calibration.confidence(0.0, 0.0, 0.0) < 1e-3


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"text": "1"}, "text is '1'"),
        ({"constant": 21}, "constant is 21"),
        ({"detection": True}, "detection is True"),
        ({"gain": 1.0}, "gain"),
    ],
)
def test_a_calibration_with_a_wrong_figure_is_refused_by_name(change, named):
    with pytest.raises(ValueError, match=named):
        ReadCalibration.from_table(TABLE | change)


def test_gates_refuse_a_figure_out_of_bounds_an_unknown_key_and_an_unknown_arithmetic(tmp_path):
    shipped = GATES_FILE.read_text(encoding="utf-8")
    for old, new, named in (
        ("min_confidence = 0.40", "min_confidence = 1.40", r"\[detector\] min_confidence is 1.4; 0.05 to 0.95"),
        ("min_width_px = 44", "min_width_px = 44\nmin_height_px = 9", "min_height_px"),
        ('plate-detector = "auto"', 'plate-detector = "int4"', "plate-detector and plate-reader must each be one of"),
        ("[single]", "[double]", "sections are"),
    ):
        assert shipped.count(old) == 1
        file = tmp_path / "gates.toml"
        file.write_text(shipped.replace(old, new), encoding="utf-8")
        with pytest.raises(ValueError, match=named) as refused:
            load_gates(file)
        assert str(file) in str(refused.value)


def test_the_fit_finds_the_weights_that_made_the_reads_right():
    rng = np.random.default_rng(3)
    truth = np.array((0.6, 0.3, -0.8, 0.5))
    inputs = np.stack([rng.normal(2, 3, 6000), rng.normal(1, 1, 6000), rng.uniform(0, 1.5, 6000), np.ones(6000)], 1)
    right = (rng.random(6000) < 1 / (1 + np.exp(-inputs @ truth))).astype(float)
    assert np.abs(fitted(inputs, right) - truth).max() < 0.15


def test_log_odds_are_even_around_a_half():
    assert log_odds(0.5) == 0.0
    assert log_odds(0.9) == pytest.approx(-log_odds(0.1))
