"""The plate renderer: geometry, colours, texts."""

import itertools

import numpy as np
import pytest

from gateway.domain.plates import is_valid_plate
from models.train.plates import KINDS, plate_cells, plate_size_mm, random_plate, render_plate

SAMPLES = {
    "blue": "云A12345",
    "yellow_single": "云F8731学",
    "yellow_double": "云AB123挂",
    "green_small": "云AD12345",
    "green_large": "云A12345D",
    "white": "云A1234警",
    "black": "粤Z1234港",
}
SIZES = {"yellow_double": (440, 220), "green_small": (480, 140), "green_large": (480, 140)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plate_has_the_proportions_of_its_kind(kind):
    plate = render_plate(SAMPLES[kind], kind, rng=np.random.default_rng(1), height_px=110)
    width_mm, height_mm = SIZES.get(kind, (440, 140))
    assert plate.dtype == np.uint8
    assert plate.shape == (110, round(110 * width_mm / height_mm), 3)


@pytest.mark.parametrize("kind", KINDS)
def test_characters_lie_inside_the_plate_and_do_not_overlap(kind):
    text = SAMPLES[kind]
    width_mm, height_mm = plate_size_mm(text, kind)
    cells = plate_cells(text, kind)
    assert len(cells) == len(text)
    for cell in cells:
        assert cell.x >= 15 and cell.x + cell.width <= width_mm - 15
        assert cell.y >= 15 and cell.y + cell.height <= height_mm - 15
    for one, other in itertools.pairwise(cells):
        assert one.row != other.row or other.x >= one.x + one.width + 9


@pytest.mark.parametrize("kind", KINDS)
def test_every_character_cell_holds_ink(kind):
    plate = render_plate(SAMPLES[kind], kind, rng=np.random.default_rng(2), height_px=220 if "double" in kind else 140)
    grey = plate.mean(axis=2)
    for cell in plate_cells(SAMPLES[kind], kind):
        x, y = round(cell.x), round(cell.y)
        part = grey[y : y + round(cell.height), x : x + round(cell.width)]
        assert part.max() - part.min() > 60


def test_the_same_seed_draws_the_same_plate():
    one, other = (render_plate("云A12345", "blue", rng=np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_random_texts_are_valid_plates_of_their_kind(kind):
    rng = np.random.default_rng(3)
    for _ in range(300):
        text = random_plate(kind, rng)
        assert is_valid_plate(text, kind), text


def test_a_text_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="7 characters"):
        render_plate("云A1234", "blue", rng=np.random.default_rng(0))


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(ValueError, match="purple"):
        random_plate("purple", np.random.default_rng(0))
