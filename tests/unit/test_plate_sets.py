"""Drawn scoring sets show what training never sees, and a plate near an expected one never opens by that."""

import ast
import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.passing import Identity
from gateway.domain.plates import is_valid_plate, plate_colour_code, plate_family
from models.train.plates import FontTypeface, HeldOut, default_typeface, held_out_typeface, installed_typefaces
from models.train.plates.typefaces import HELD_OUT_FONTS
from tools.bench.plates.figures import comparable
from tools.bench.plates.labelled import load_set
from tools.bench.plates.make.__main__ import SeedMixed, make
from tools.bench.plates.make.decoys import decoy_text
from tools.bench.plates.make.texts import KINDS, plate_text
from tools.bench.plates.near_pairs import Site, figures, pairs

TRAINING = Path(__file__).parents[2] / "models/train"


def test_training_cannot_open_the_face_that_is_kept_for_scoring():
    kept = held_out_typeface()
    assert kept.name.startswith("NotoSansCJK-Bold")
    file = kept._files[0]  # type: ignore[attr-defined]
    for arguments in ({"cjk": file}, {"latin": file}):
        with pytest.raises(HeldOut, match="kept for scoring"):
            FontTypeface(**arguments)
    used = {face.name for face in (default_typeface(), *installed_typefaces())}
    assert not any(Path(font).stem in name for font in HELD_OUT_FONTS for name in used)


def test_no_plate_training_imports_the_scoring_pictures_or_their_face():
    for file in TRAINING.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        banned = ("tools.bench.plates.make", "tools.simulator", "held_out_typeface")
        assert not [name for name in names if any(word in name for word in banned)], file.name
        words = {keyword.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for keyword in node.keywords}
        assert "for_scoring" not in words, file.name


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_numbers_of_its_own(kind):
    plate_type, family = KINDS[kind]
    for seed in range(20):
        text, drawn_type = plate_text(kind, np.random.default_rng(seed))
        assert drawn_type == plate_type and plate_family(text) == family and is_valid_plate(text, plate_type)


def test_what_hangs_there_as_a_sign_is_never_a_plate():
    rng = np.random.default_rng(4)
    assert not any(is_valid_plate(decoy_text(rng).replace(" ", "")) for _ in range(500))


@pytest.fixture(scope="module")
def strata(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("strata")
    make("strata", folder, 1, seed=5, bank_size=2)
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "labels.csv", encoding="utf-8", newline="") as lines:
        return sorted(csv.DictReader(lines), key=lambda row: row["file"])


def test_each_stratum_is_drawn_as_a_picture_with_its_place_and_as_a_cutout(strata):
    found = load_set(strata)
    assert not found.errors and {p.stratum for p in found.plates} == {"day", "back_light", "night", "rain", "snow_dirt"}
    scenes = [p for p in found.plates if p.kind == "scene"]
    assert len(scenes) == 5 == sum(p.kind == "crop" for p in found.plates)
    for plate in scenes:
        assert plate.corners is not None and plate.corners.min() >= 0 and plate.corners[:, 0].max() < 1280


def test_an_interrupted_set_goes_on_to_the_same_set(strata, tmp_path):
    shutil.copytree(strata / "vehicles", tmp_path / "vehicles")
    assert make("strata", tmp_path, 1, seed=5, bank_size=2, limit=2) == (2, 3)
    with open(tmp_path / "labels.csv", "a", encoding="utf-8") as lines:  # the row of a picture that was not finished
        lines.write("night/00000.jpg,scene,云A00000,blue,,night,drawn,Apache-2.0\n")
    assert make("strata", tmp_path, 1, seed=5, bank_size=2) == (3, 0)
    assert rows_of(tmp_path) == rows_of(strata)
    assert (tmp_path / "rain/00000.jpg").read_bytes() == (strata / "rain/00000.jpg").read_bytes()
    with pytest.raises(SeedMixed, match="begun with seed 5, not 6"):
        make("strata", tmp_path, 1, seed=6, bank_size=2)


def test_a_pair_differs_in_one_mistakable_character_and_no_stranger_is_expected():
    made = pairs(400, seed=3)
    expected = {comparable(pair.expected) for pair in made}
    for pair in made:
        differing = [(a, b) for a, b in zip(pair.expected, pair.stranger, strict=True) if a != b]
        assert differing == [(pair.differs[0], pair.differs[1])]
        assert is_valid_plate(pair.expected, pair.type) and is_valid_plate(pair.stranger, pair.type)
        assert comparable(pair.stranger) not in expected
    assert made == pairs(400, seed=3) != pairs(400, seed=4)


def test_only_the_exact_plate_in_the_register_opens(tmp_path):
    made = pairs(6, seed=3)
    site = Site(tmp_path, made)
    try:
        for pair in made:
            colour = plate_colour_code(pair.type)
            known = Identity(plate_no=pair.expected, plate_colour=colour, plate_type=pair.type)
            stranger = Identity(plate_no=pair.stranger, plate_colour=colour, plate_type=pair.type)
            doubtful = Identity(candidates=(pair.expected,), assist_plate=pair.expected, assist_source="registry")
            assert [site.verdict(one) for one in (known, stranger, doubtful)] == ["ALLOW", "HOLD", "HOLD"]
    finally:
        site.file.close()


def test_a_stranger_that_was_let_in_is_a_wrong_opening():
    stranger = {"plate": "云A1234D", "said": "云A12340", "verdict": "ALLOW", "assist": "", "reason": ""}
    held = {**stranger, "said": "", "verdict": "HOLD"}
    rows = [
        {"differs": "0D", "stratum": "day", "stranger": stranger, "expected": None},
        {"differs": "0D", "stratum": "day", "stranger": held, "expected": {**held, "plate": "云A12340"}},
    ]
    found = figures(rows)
    assert found["strangers"]["wrong_openings"] == 1 == found["strangers"]["held"] == found["strangers"]["read_wrong"]
    assert found["expected"] == {"shown": 1, "right_openings": 0, "held": 1, "read_wrong": 0}
    assert found["wrong_openings_by_characters"] == {"0D": 1}
