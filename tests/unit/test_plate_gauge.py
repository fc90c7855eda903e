"""The plate gauge: two figures that are never one, any folder it is given, and nothing that the models have seen."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from gateway.adapters.vision.pipeline import MODELS_FOLDER
from models.train.gate_frames import lorry_frame
from models.train.pictures import pictures_folder
from tools.bench.plates.calibration import calibration
from tools.bench.plates.card import GAUGE, card_of, model_hashes
from tools.bench.plates.figures import Answer, comparable, counts, rates, share
from tools.bench.plates.gauge import Report, gauge
from tools.bench.plates.labelled import SetUnusable, load_set, picture_hash
from tools.bench.plates.plots import chinese_font, draw, mistakes
from tools.bench.plates.seen import MODELS, SetSeen, load_manifest, pictures_seen

LORRIES = (("云A12345", "blue"), ("川F87316", "yellow_single"), ("粤B05123D", "green_large"))


def answer(truth: str, said: str, confidence: float = 0.9, said_type: str = "blue") -> Answer:
    return Answer("x.jpg", truth, said, said or "云A00000", confidence, "blue", said_type)


def write_table(file: Path, columns: str, *rows: str) -> None:
    file.write_text("\ufeff" + "\n".join((columns, *rows)) + "\n", encoding="utf-8")  # as spreadsheets write it


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three lorries as scenes and cut-outs, a sign, a pass, a pass under mud, a file that is no picture."""
    root = tmp_path_factory.mktemp("set")
    rng = np.random.default_rng(11)
    labels = []
    for i, (text, kind) in enumerate(LORRIES):
        frame, corners = lorry_frame(text, kind, rng=rng, plate_width_px=150)
        cv2.imwrite(str(root / f"s{i}.jpg"), frame)
        place = " ".join(f"{x:.0f},{y:.0f}" for x, y in corners)
        labels.append(f's{i}.jpg,scene,{text},{kind},"{place if i else ""}",{"day" if i else "rain"}')
        low, high = corners.min(axis=0).astype(int), np.ceil(corners.max(axis=0)).astype(int)
        cv2.imwrite(str(root / f"c{i}.png"), frame[low[1] : high[1], low[0] : high[0]])
        labels.append(f"c{i}.png,crop,{text},{kind if i else 'purple'},,")
    sign = np.full((60, 200, 3), 90, np.uint8)
    cv2.putText(sign, "STOP", (20, 45), 2, 1.2, (240, 240, 240), 2)
    cv2.imwrite(str(root / "n0.png"), sign)
    (root / "broken.jpg").write_bytes(b"not a picture")
    labels += ["n0.png,negative,,none,,", "broken.jpg,scene,云A00001,blue,,", "missing.jpg,crop,云A00002,blue,,"]
    labels.append("odd.jpg,scene,云A00003,blue,7,")
    write_table(root / "labels.csv", "file,kind,text,type,corners_tl_tr_br_bl,stratum", *labels)
    frames = []
    for name, muddy in (("p0", False), ("p1", True)):
        for number in range(4):
            frame, _ = lorry_frame(*LORRIES[0], rng=rng, plate_width_px=130 + 10 * number, muddy=muddy, blur_px=1)
            cv2.imwrite(str(root / f"{name}-{number}.jpg"), frame)
            frames.append(f"{name},{name}-{number}.jpg,{number * 200},C01-H,{'' if muddy else LORRIES[0][0]},blue,day")
    write_table(root / "passes.csv", "pass,frame,at_ms,camera,text,type,stratum", *frames)
    return root


@pytest.fixture(scope="module")
def report(folder) -> Report:
    return gauge(folder)


def test_recognition_rate_and_accuracy_are_two_figures():
    answers = [answer("云A12345", "云A12345"), answer("云A12346", "云A12345"), answer("云A12347", "", 0.3)]
    assert counts(answers) == {"n": 3, "read": 2, "right": 1, "wrong": 1, "unread": 1, "not_found": 0}
    found = rates(answers)
    assert (found["recognition_rate"]["hits"], found["recognition_rate"]["of"]) == (2, 3)
    assert (found["accuracy"]["hits"], found["accuracy"]["of"]) == (1, 2)
    assert (found["right_of_all"]["hits"], found["right_of_all"]["of"]) == (1, 3)


def test_a_right_number_in_the_wrong_colour_is_not_accurate_with_colour():
    found = rates([answer("云A12345", "云A12345", said_type="yellow_single"), answer("云A12346", "云A12346")])
    assert found["accuracy"]["rate"] == 100 and found["accuracy_with_colour"]["rate"] == 50


def test_the_bounds_are_wilsons():
    one = share(98, 100)
    assert (one["low"], one["high"]) == (pytest.approx(93.0, abs=0.01), pytest.approx(99.45, abs=0.01))
    assert share(598, 598)["low_one_sided"] > 99.5 > share(530, 530)["low_one_sided"]
    assert share(0, 0)["rate"] is None


def test_the_letter_o_and_the_figure_0_are_one():
    assert comparable("粤OA216O") == comparable(" 粤0·A2160") and comparable("云D12345") != comparable("云012345")


def test_the_cut_is_the_lowest_that_keeps_the_precision():
    sure = [answer("云A12345", "云A12345", 0.9)] * 300 + [answer("云A12345", "云A12346", 0.6)]
    doubtful = [answer("云A12345", "云A12345", 0.5)] * 20 + [answer("云A12345", "云A12346", 0.4)] * 9
    at = calibration(sure + doubtful)["at_precision"]
    assert at["99.5"] == {"cut": 0.5, "accepted": 321, "share": pytest.approx(97.27, abs=0.01), "wrong": 1}
    assert at["99.9"]["cut"] == 0.9 and at["99.9"]["accepted"] == 300


def test_a_folder_is_scored_mode_by_mode(report):
    modes = report.document()["modes"]
    assert modes["scenes"]["n"] == 3 and modes["crops"]["n"] == 3 and modes["passes"]["n"] == 1
    for mode in ("scenes", "crops", "passes"):
        assert modes[mode]["right"] >= modes[mode]["n"] - 1 and modes[mode]["wrong"] == 0
    assert set(modes["scenes"]["groups"]["stratum"]) == {"day", "rain"}
    assert "purple" in modes["crops"]["groups"]["type"]  # a type this product does not know, left out of the colours
    assert modes["negatives"]["unreadable"]["n"] == 1 and modes["negatives"]["unreadable"]["wrong"] == 0


def test_a_pass_that_nobody_could_read_is_right_when_it_stays_unread(report):
    unreadable = report.document()["modes"]["passes"]["unreadable"]
    assert unreadable["n"] == 1 and unreadable["wrong"] == 0


def test_a_plate_without_a_place_is_found_by_its_text(report):
    scene = next(a for a in report.modes["scenes"].answers if a.name == "s0.jpg")
    assert scene.found and scene.is_right


def test_every_stage_is_timed(report):
    times = report.document()["modes"]["scenes"]["ms"]
    assert {"detect", "rectify", "read", "whole"} <= set(times)
    assert 0 < times["detect"]["p50"] <= times["detect"]["p95"] and times["whole"]["n"] == 3


def test_what_cannot_be_used_is_named_and_the_rest_goes_on(report):
    assert [row["file"] for row in report.modes["scenes"].errors] == ["broken.jpg"]
    assert [row["file"] for row in report.modes["crops"].errors] == ["missing.jpg"]
    assert "labels.csv:11: place '7'" in report.set["unusable_rows"][0]["error"]


def test_the_report_is_json_and_names_the_models(report):
    doc = json.loads(json.dumps(report.document()))
    assert doc["models"]["plate-reader"]["bytes"] > 100_000 and len(doc["models"]["plate-reader"]["sha256"]) == 64


def test_two_columns_are_enough(folder, tmp_path):
    for name in ("s1.jpg", "c1.png"):
        shutil.copy(folder / name, tmp_path / name)
    write_table(tmp_path / "labels.csv", "file,text", f"s1.jpg,{LORRIES[1][0]}", f"c1.png,{LORRIES[1][0]}")
    found = load_set(tmp_path)
    assert [(p.kind, p.type) for p in found.plates] == [("scene", "unknown"), ("crop", "unknown")]
    assert found.split == "all"


def test_a_missing_column_is_named(tmp_path):
    write_table(tmp_path / "labels.csv", "file,type", "a.jpg,blue")
    with pytest.raises(SetUnusable, match="column text is missing; needed are file, text"):
        load_set(tmp_path)


def test_a_folder_without_tables_is_named(tmp_path):
    with pytest.raises(SetUnusable, match=r"neither labels\.csv nor passes\.csv"):
        load_set(tmp_path)


def test_val_is_taken_where_there_is_one(tmp_path):
    rows = ("a.jpg,val,crop,云A12345", "b.jpg,train,crop,云A12346")
    write_table(tmp_path / "labels.csv", "file,split,kind,text", *rows)
    assert [p.name for p in load_set(tmp_path).plates] == ["a.jpg"]
    assert [p.name for p in load_set(tmp_path, "train").plates] == ["b.jpg"]
    assert len(load_set(tmp_path, "all").plates) == 2


@pytest.fixture
def trained(folder, tmp_path) -> tuple[Path, Path]:
    """A set with two splits, and models whose manifests say that they were trained on its train split."""
    models, pictures = tmp_path / "models", tmp_path / "pictures"
    pictures.mkdir()
    for name in ("c0.png", "c1.png"):
        shutil.copy(folder / name, pictures / name)
    rows = (f"c0.png,train,crop,{LORRIES[0][0]}", f"c1.png,val,crop,{LORRIES[1][0]}")
    write_table(pictures / "labels.csv", "file,split,kind,text", *rows)
    for name in MODELS:
        (models / name).mkdir(parents=True)
        for file in (MODELS_FOLDER / name).glob("*.[tj]*"):
            shutil.copy(file, models / name)
        doc = json.loads((models / name / "manifest.json").read_text(encoding="utf-8"))
        doc |= {"pictures": picture_hash(pictures / "c0.png"), "train_rows": load_set(pictures, "train").hash()}
        (models / name / "manifest.json").write_text(json.dumps(doc), encoding="utf-8")
    return pictures, models


def test_a_set_that_trained_the_model_is_refused(trained):
    pictures, models = trained
    with pytest.raises(SetSeen, match="trained plate-detector, plate-reader"):
        gauge(pictures, models, ("crops",), split="train")
    with pytest.raises(SetSeen, match=r"plate-reader: 1 \(c0\.png\)"):
        gauge(pictures, models, ("crops",), split="all")


def test_the_other_split_is_scored_and_seen_pictures_can_be_left_out(trained):
    pictures, models = trained
    assert gauge(pictures, models, ("crops",)).document()["modes"]["crops"]["n"] == 1
    left = gauge(pictures, models, ("crops",), split="all", leave_out_seen=True)
    assert left.set["left_out_seen"] == 1 and left.modes["crops"].answers[0].name == "c1.png"


def test_a_refusal_has_its_own_exit_status(trained):
    pictures, models = trained
    arguments = ["bench", "plates", "--set", str(pictures), "--models", str(models), "--split", "train", "--json"]
    ended = subprocess.run([sys.executable, "-m", "gateway", *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and "拒绝评测 refused" in ended.stderr and not ended.stdout


def test_failures_and_confusions_are_drawn_with_chinese_characters(report, folder, tmp_path):
    result = report.modes["scenes"]
    kept = list(result.answers)
    result.answers = [Answer("s1.jpg", "浙F87316", "沪F87816", "沪F87816", 0.7, "blue", "blue"), *kept]
    try:
        files = draw(Report(report.set, report.models, report.machine, {"scenes": result}), folder, tmp_path)
        assert mistakes(result.readable[:1]) == {("浙", "沪"): 1, ("3", "8"): 1}
    finally:
        result.answers = kept
    assert [file.name for file in files] == ["gallery-scenes-1.png", "confusion-scenes.png"]
    assert all(min(Image.open(file).size) > 100 for file in files)
    one, other = (bytes(chinese_font(20).getmask(char)) for char in "浙沪")
    assert one != other  # an empty box for each would be the same


@pytest.mark.parametrize("name", MODELS)
def test_card_figures_manifest_and_model_belong_together(name):
    """After a change of models: models/train/manifest.py, then python -m tools.bench.plates.card."""
    doc = json.loads((MODELS_FOLDER / GAUGE).read_text(encoding="utf-8"))
    assert doc["models"] == model_hashes(MODELS_FOLDER)
    manifest = load_manifest(MODELS_FOLDER / name)
    assert manifest and manifest.model_sha256 == doc["models"][f"{name}.tflite"]
    assert (MODELS_FOLDER / name / "card.md").read_text(encoding="utf-8") == card_of(MODELS_FOLDER, name, doc)


def test_the_real_validation_pictures_did_not_train_the_models():
    if not (pictures_folder() / "labels.csv").is_file():
        pytest.skip("no real pictures on this machine")
    manifests = [m for m in (load_manifest(MODELS_FOLDER / name) for name in MODELS) if m]
    assert len(manifests) == 2 and not pictures_seen(load_set(pictures_folder(), "val"), manifests)
