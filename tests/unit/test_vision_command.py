"""`lvzha read`: plates of pictures, and clear words about pictures that cannot be used."""

import json
from pathlib import Path

import cv2
import numpy as np

from gateway.adapters.vision.command import read_pictures
from models.train.gate_frames import lorry_frame


def lorry_picture(folder: Path) -> Path:
    frame, _ = lorry_frame("云A12345", "blue", rng=np.random.default_rng(3), plate_width_px=150)
    file = folder / "lorry.png"
    cv2.imwrite(str(file), frame)
    return file


def test_a_picture_is_read_as_json(tmp_path, capsys):
    assert read_pictures([lorry_picture(tmp_path)], as_json=True) == 0
    (picture,) = json.loads(capsys.readouterr().out)["pictures"]
    plate = picture["plates"][0]
    assert plate["plate"] == "云A12345" and plate["colour"] == "0" and plate["type"] == "blue"
    assert len(plate["corners"]) == 4 and 0 < plate["confidence"] <= 1
    assert picture["ms"] > 0 and picture["width"] == 1280 and picture["error"] == ""


def test_damaged_and_missing_pictures_are_named_and_the_others_are_still_read(tmp_path, capsys):
    damaged = tmp_path / "damaged.jpg"
    damaged.write_bytes(b"\xff\xd8\xff\xe0 this is no picture")
    empty = tmp_path / "empty.png"
    empty.write_bytes(b"")
    missing = tmp_path / "missing.jpg"
    assert read_pictures([damaged, empty, missing, tmp_path, lorry_picture(tmp_path)], as_json=True) == 1
    said = capsys.readouterr()
    pictures = json.loads(said.out)["pictures"]
    assert [bool(picture["error"]) for picture in pictures] == [True, True, True, True, False]
    for file in (damaged, empty, missing):
        assert str(file) in said.err
    assert said.err.count("JPEG, PNG, BMP or WebP") == 4
    assert pictures[-1]["plates"][0]["plate"] == "云A12345"


def test_a_picture_too_small_to_hold_a_plate_is_refused(tmp_path, capsys):
    file = tmp_path / "tiny.png"
    cv2.imwrite(str(file), np.zeros((10, 10, 3), np.uint8))
    assert read_pictures([file], as_json=False) == 1
    assert "10 x 10 px is too small" in capsys.readouterr().err


def test_people_get_lines_with_plate_and_milliseconds(tmp_path, capsys):
    assert read_pictures([lorry_picture(tmp_path)], as_json=False) == 0
    said = capsys.readouterr().out
    assert "云A12345" in said and " ms" in said and "colour=0" in said
