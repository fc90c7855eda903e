"""Two models side by side: what changed is counted both ways, with the chance that it is chance, and shown."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tools.bench.plates.compare import Pair, document, mcnemar, outcome, page
from tools.bench.plates.figures import Answer


def answer(truth, said, name="a.jpg"):
    return Answer(name, truth, said, said, 0.9, "yellow_single", "yellow_single")


def pair(truth, old, new, name="a.jpg", mode="crops"):
    return Pair(mode, answer(truth, old, name), answer(truth, new, name))


def test_mcnemar_gives_the_exact_two_sided_chance():
    assert mcnemar(0, 0) == 1.0 and mcnemar(3, 3) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 / 32)
    assert mcnemar(1, 9) == mcnemar(9, 1) == pytest.approx(2 * 11 / 1024)


def test_fixed_broken_and_newly_wrong_are_counted_each_for_itself():
    pairs = [pair("云A12345", "", "云A12345"), pair("云A12345", "云A12346", "云A12345"), pair("云A12345", "云A12345", ""), pair("云A12345", "云A12345", "云A12346"),
             pair("", "", "云A12345", mode="negatives"), pair("云A12345", "云A12345", "云A12345")]  # fmt: skip
    figures = document(pairs)
    assert {k: figures["all"][k] for k in ("n", "fixed", "broken", "newly_wrong")} == {
        "n": 6,
        "fixed": 2,
        "broken": 3,
        "newly_wrong": 2,
    }
    assert figures["crops"]["table"] == {"right": {"right": 1, "wrong": 1, "unread": 1}, "wrong": {"right": 1, "wrong": 0, "unread": 0},
                                         "unread": {"right": 1, "wrong": 0, "unread": 0}}  # fmt: skip
    assert figures["all"]["better"] == "unproven" and outcome(pairs[4].new) == "wrong"
    assert document([pair("云A12345", "", "云A12345")] * 6)["all"]["better"] == "yes"
    assert document([pair("云A12345", "云A12345", "")] * 6)["all"]["better"] == "no"


def test_the_page_shows_a_picture_of_each_plate_that_changed_and_of_no_other(tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.full((40, 120, 3), 90, np.uint8))
    pairs = [
        pair("云A12345", "", "云A12345"),
        pair("云B12345", "云B12345", "云B12345"),
        pair("云C12345", "云C12345", "云C12346"),
    ]
    figures = {
        "kind": "plate-reader",
        "old": "a" * 64,
        "new": "b" * 64,
        "set": str(tmp_path),
        "figures": document(pairs),
    }
    made = page(pairs, figures, tmp_path)
    assert made.count("<figure>") == 2 and made.count("data:image/jpeg;base64,/9j/") == 2
    assert "云B12345" not in made and made.index("云C12346") < made.index("修好 fixed 1<")
