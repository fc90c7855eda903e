"""What the vote's log odds are worth: figures from a file, never falling, used by the vote, fitted to passes."""

import math

import numpy as np
import pytest

from gateway.domain import plate_vote
from gateway.domain.plate_vote import CALIBRATION_FILE, Calibration, vote
from models.train.calibrate_vote import Row, chosen, fitted
from tests.plate_reads import read_of


def test_as_shipped_the_confidence_never_falls_when_the_log_odds_rise():
    shipped = Calibration.from_file(CALIBRATION_FILE)
    sure = [shipped.confidence(odds) for odds in np.linspace(-50, 50, 201)]
    assert sure == sorted(sure) and sure[0] < 0.01 < 0.99 < sure[-1]


def test_the_vote_takes_the_figures_of_the_file(tmp_path, monkeypatch):
    assert Calibration.from_file(CALIBRATION_FILE) == plate_vote.CALIBRATION
    file = tmp_path / "plate_vote.toml"
    file.write_text("slope = 0.3\noffset = -0.5\n", encoding="utf-8")
    monkeypatch.setattr(plate_vote, "CALIBRATION", Calibration.from_file(file))
    outcome = vote([read_of("云A12345", at_ms=i, sure=0.9) for i in range(3)], min_agreeing=2)
    assert outcome.confidence == pytest.approx(1 / (1 + math.exp(0.5 - 0.3 * outcome.log_odds)))


@pytest.mark.parametrize(
    ("text", "named"), [("slope = 0.0\noffset = 0", "slope is 0.0"), ("slope = 1", "offset is None")]
)
def test_a_figure_that_is_missing_or_turns_the_confidence_round_is_refused_by_name(tmp_path, text, named):
    (tmp_path / "wrong.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=named):
        Calibration.from_file(tmp_path / "wrong.toml")


def passes(slope: float, offset: float, seed: int, count: int = 600) -> list[Row]:
    """Passes whose first candidate is right as often as this calibration says."""
    rng = np.random.default_rng(seed)
    truth = Calibration(slope, offset)
    odds = rng.normal(1.0, 3.0, count)
    return [Row(i, "A", "A" if rng.random() < truth.confidence(o) else "B", float(o), "") for i, o in enumerate(odds)]


def test_the_fit_finds_what_is_there_and_is_taken_only_where_it_makes_other_passes_better():
    rows = passes(0.5, -0.8, 1)
    fit = fitted([r.log_odds for r in rows], [r.is_right for r in rows])
    assert fit.slope == pytest.approx(0.5, abs=0.12) and fit.offset == pytest.approx(-0.8, abs=0.35)
    assert chosen(fit, passes(0.5, -0.8, 2)) is fit
    assert chosen(fit, passes(1.0, 0.0, 3)) == Calibration()
    with pytest.raises(ValueError, match="3 of 3 candidates are right"):
        fitted([1.0, 2.0, 3.0], [True] * 3)
