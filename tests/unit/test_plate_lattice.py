"""What columns spell: probabilities over all alignments, and plates only where plates are asked for."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.plate_forms import FORMS, LONGEST, form_of, forms_after, is_valid_plate
from gateway.domain.plate_lattice import FLOOR, Blend, Lattice, edits
from tests.plate_reads import columns_of


def collapsed(path: tuple[str, ...]) -> str:
    return "".join(char for char, _ in itertools.groupby(path) if char)


def by_hand(columns, text: str) -> float:
    """Sum over every path through the columns."""
    total = 0.0
    for path in itertools.product(*[[*dict(c)] for c in columns]):
        if collapsed(path) == text:
            weight = 1.0
            for char, column in zip(path, columns, strict=True):
                weight *= dict(column)[char]
            total += weight
    return total


columns = st.lists(
    st.fixed_dictionaries({"": st.floats(0.05, 1), "A": st.floats(0.05, 1), "B": st.floats(0.05, 1)}),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(columns, st.text(alphabet="AB", min_size=1, max_size=4))
def test_the_likelihood_is_the_sum_over_all_alignments(made, text):
    lattice = [tuple((c, p / sum(column.values())) for c, p in column.items()) for column in made]
    found = Lattice(tuple(lattice)).likelihood(text)
    assert found == pytest.approx(by_hand(lattice, text), rel=1e-6, abs=1e-12)


def test_the_same_character_twice_needs_a_gap():
    doubled = Lattice(columns_of("1", "1"))
    joined = Lattice(((("1", 1.0),), (("1", 1.0),)))
    assert doubled.likelihood("11") == pytest.approx(1.0, rel=1e-3)
    assert joined.likelihood("1") == pytest.approx(1.0, rel=1e-3) and joined.likelihood("11") < FLOOR * 2


def test_a_plate_is_found_though_the_best_path_is_none():
    weak = {"": 0.6, "5": 0.4}
    found = Lattice(columns_of("云", "A", "1", "2", "3", "4", weak)).plates
    assert found[0][0] == "云A12345" and found[0][1] == pytest.approx(0.4, rel=1e-3)


def test_the_second_place_may_be_the_letter_o_where_no_figure_can_stand():
    assert Lattice(columns_of("粤", "0", "2", "1", "6", "0", "5")).plates[0][0] == "粤O21605"
    assert Lattice(columns_of("1", "0", "2", "1", "6", "0", "使")).plates[0][0] == "102160使"


def test_columns_that_hold_no_plate_give_none():
    assert Lattice(columns_of("S", "T", "O", "P")).plates == ()
    assert Lattice(()).plates == () and not Lattice(())


def random_text(form, rng: random.Random) -> str:
    return "".join(rng.choice(allowed) for allowed in form.classes)


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f"{f.family}-{len(f.classes)}")
def test_every_form_is_decoded_from_its_own_certain_columns(form):
    rng = random.Random(7)
    for _ in range(5):
        text = random_text(form, rng)
        places = [c.replace("O", "0") for c in text]
        found = Lattice(columns_of(*places)).plates
        assert found[0][0] == text and found[0][1] > 0.99
        assert form_of(text).family == form.family


@settings(max_examples=80, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("云A0B8D17挂港使W"), st.floats(0.05, 1), min_size=1, max_size=3),
                min_size=1, max_size=9))  # fmt: skip
def test_whatever_is_decoded_has_the_form_of_a_plate(places):
    made = [{c: p / sum(place.values()) for c, p in place.items()} for place in places]
    for text, probability in Lattice(columns_of(*made)).plates:
        assert is_valid_plate(text) and 0 < probability <= 1.0 + 1e-9


def test_a_set_of_forms_shrinks_with_every_character():
    forms = forms_after(2 ** len(FORMS) - 1, 0, "云")
    assert forms and forms_after(forms, 1, "I") == 0
    assert forms_after(forms, LONGEST, "0") == 0


def test_edits_count_what_must_change():
    assert [edits("云A12345", t) for t in ("云A12345", "云A1234", "云A92345", "川A1234")] == [0, 1, 1, 2]


def test_what_one_sure_cut_shows_outweighs_cuts_that_missed_and_disagreement_leaves_doubt() -> None:
    def cut(text: str, probability: float) -> Lattice:
        return Lattice(tuple(((char, probability), ("", 1 - probability)) for char in text))

    sure = Blend([cut("皖A12345", 0.99), cut("", 1.0), cut("皖A12345", 0.4)])
    assert sure.plates[0][0] == "皖A12345"
    assert sure.plates[0][1] > 0.9
    split = Blend([cut("皖A12345", 0.97), cut("湘A12345", 0.97)])
    assert {text for text, _ in split.plates[:2]} == {"皖A12345", "湘A12345"}
    assert split.plates[0][1] == pytest.approx(0.5, abs=0.02)
    faint = Blend([cut("皖A12345", 0.75), cut("皖A12345", 0.75)])
    assert faint.plates[0][1] < 0.5
    assert not Blend([])
    assert Blend([]).plates == ()
