"""Environmental codes of machines: their form, what a clerk is shown, and reading them off drawn pictures."""

import numpy as np
import pytest

from gateway.adapters.vision.code_reader import CodeReader, beam_texts
from gateway.domain.machine_codes import form_of, ranked
from models.train.codes import ALPHABET, HELD_OUT, TRAINED, CodeRenderer, random_code
from tools.bench.codes import figures


@pytest.mark.parametrize(("text", "form"), [
    ("3-YA000123", "well_formed"), ("3YA000123", "well_formed"), ("D-12345678", "well_formed"), ("5-YA000123", "local"),
    ("3-YA00012", "local"), ("A123", "local"), ("A12", ""), ("环12345", ""),
])  # fmt: skip
def test_the_form_of_a_code(text, form):
    assert form_of(text) == form


def test_the_clerk_sees_three_readings_the_well_formed_first_with_what_the_register_knows_beside_them():
    texts = [("8-YA000123", 0.5), ("3-YA0O0123", 0.2), ("3-YA000123", 0.25), ("3-YA000128", 0.03), ("环", 0.9)]
    shown = ranked(texts, ["3YA000123", "1-ZZ999999"])
    assert [g.text for g in shown] == ["3-YA000123", "3-YA0O0123", "3-YA000128"]
    assert [g.is_registered for g in shown] == [True, False, False], (
        "the raw reading is kept, near ones stand beside it"
    )
    assert shown[1].near == ("3YA000123",) and shown[0].near == ()


def test_beam_search_adds_up_the_ways_to_one_text():
    shares = np.full((3, len(ALPHABET) + 1), 1e-6)
    shares[:, ALPHABET.index("7")] = 0.4
    shares[:, ALPHABET.index("1")] = 0.25
    shares[:, -1] = 0.35
    texts = dict(beam_texts(shares, ALPHABET))
    # 7 alone: 777, 77-, 7--, -77, -7-, --7 (blank as -)
    assert texts["7"] == pytest.approx(0.4**3 + 2 * 0.4**2 * 0.35 + 3 * 0.4 * 0.35**2, abs=1e-4)
    assert texts["77"] == pytest.approx(0.4 * 0.35 * 0.4, abs=1e-4)


def test_training_and_measuring_share_no_font_and_a_seed_gives_the_same_picture():
    assert not set(TRAINED) & set(HELD_OUT)
    one, other = (
        CodeRenderer(HELD_OUT, is_hard=True).picture("3-YA000123", np.random.default_rng(5)) for _ in range(2)
    )
    assert np.array_equal(one.picture, other.picture) and one.picture.shape == (480, 640, 3)
    codes = [random_code(np.random.default_rng(seed)) for seed in range(50)]
    assert all(form_of(code) == "well_formed" for code in codes)


def test_a_picture_without_writing_gives_no_code():
    assert CodeReader().texts(np.full((480, 640, 3), 120, np.uint8)) == []


def test_drawn_codes_are_read_first_or_among_three():
    found = figures(pictures=16, seed=3)
    assert found["cut_outs"]["among_three"]["right"] >= 12
    assert found["whole_pictures"]["among_three"]["right"] >= 7
