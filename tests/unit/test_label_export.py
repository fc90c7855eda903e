"""Labels as a training set: read back by the trainer and the gauge as they are read there, the plate where it was."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from gateway.adapters.vision import cutouts
from gateway.domain.labels import NO_PLATE, PLATE, UNREADABLE, LabelRefused, split_of
from gateway.services.label_export import COLUMNS, export
from models.train import pictures
from tests.unit.label_site import LabelSite
from tools.bench.plates.labelled import load_set

FRAME_OF_BLUE = ((600.0, 500.0), (700.0, 500.0), (700.0, 532.0), (600.0, 532.0))


@pytest.fixture
async def exported(tmp_path):
    site = LabelSite(tmp_path / "data")
    await site.fill()
    (blue,) = [s for s in site.store.queue("x", since_ms=0, limit=9) if not s.cut]
    for sample in site.store.queue("x", since_ms=0, limit=9):
        answer = {"00000003-1": NO_PLATE, "00000001-1": UNREADABLE}.get(sample.pass_id, PLATE)
        text, kind = ("川L77301", "blue") if sample == blue else (sample.proposed, sample.plate_type)
        site.desk.put(sample.sample_id, by="李", answer=answer, text=text, plate_type=kind,
                      corners=FRAME_OF_BLUE if sample == blue else ())  # fmt: skip
    done = export(site.store, cutouts, tmp_path / "set", source="site 5301110001", licence="site consent")
    yield site, tmp_path / "set", done
    site.close()


async def test_an_export_is_read_by_trainer_and_gauge_with_the_same_plates_types_and_corners(exported):
    _, folder, done = exported
    lines = (folder / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert tuple(csv.DictReader(lines).fieldnames or ()) == COLUMNS
    trained = pictures.load_labels("stated", folder)
    plates = {("云AF286挂", "yellow_double"), ("川L77301", "blue"), ("渝G91357", "yellow_single")}
    for kind in ("scene", "crop"):
        assert {(x.text, x.type) for x in trained if x.kind == kind} == plates
    assert all(x.split == split_of(x.text) for x in trained if x.text)
    assert {x.licence for x in trained} == {"site consent"} and {x.source for x in trained} == {"site 5301110001"}
    assert pictures.load_labels("permissive", folder) == []
    (blue,) = [x for x in trained if x.kind == "scene" and x.text == "川L77301"]
    assert np.allclose(blue.corners, FRAME_OF_BLUE)
    gauged = load_set(folder, "all")
    assert not gauged.errors and len(gauged.plates) == len(trained) == 7
    assert {p.kind: p.type for p in gauged.plates if not p.text} == {"negative": "none"}
    assert done.left_out == {UNREADABLE: 1} and sum(done.types.values()) == 3


async def test_scene_corners_and_upright_cut_out_show_the_plate_itself(exported):
    _, folder, _ = exported
    labels = pictures.load_labels("stated", folder)
    (scene,) = [x for x in labels if x.kind == "scene" and x.text == "渝G91357"]
    (crop,) = [x for x in labels if x.kind == "crop" and x.text == "渝G91357"]
    inside = cv2.fillConvexPoly(
        np.zeros(scene.picture().shape[:2], np.uint8), scene.corners.astype(np.int32), 1
    ).astype(bool)
    hsv = cv2.cvtColor(scene.picture(), cv2.COLOR_BGR2HSV)
    yellow = (abs(hsv[..., 0].astype(int) - 24) < 12) & (hsv[..., 1] > 120)
    assert yellow[inside].mean() > 0.5 > 0.01 > yellow[~inside].mean()
    height, width = crop.picture().shape[:2]
    assert 2.4 < width / height < 4.0
    hsv = cv2.cvtColor(crop.picture(), cv2.COLOR_BGR2HSV)
    assert ((abs(hsv[..., 0].astype(int) - 24) < 12) & (hsv[..., 1] > 120)).mean() > 0.5


async def test_an_export_is_whole_or_not_there_and_never_mixes_with_another(exported, tmp_path):
    site, folder, _ = exported
    with pytest.raises(LabelRefused, match="empty folder"):
        export(site.store, cutouts, folder, source="s", licence="l")
    empty = LabelSite(tmp_path / "empty")
    with pytest.raises(LabelRefused, match="nothing to export"):
        export(empty.store, cutouts, tmp_path / "none", source="s", licence="l")
    assert not (tmp_path / "none").exists() and not (tmp_path / "none.part").exists()
    empty.close()


def test_the_trainer_reads_several_folders_and_names_no_person(exported_twice):
    folders, names = exported_twice
    labels = pictures.load_labels("stated")
    assert len(labels) == 4 and {x.file.parent.parent for x in labels} == set(folders)
    assert not any(name in (folder / "labels.csv").read_text(encoding="utf-8") for folder in folders for name in names)
    assert pictures.data_hash(labels) == pictures.data_hash(list(labels))


@pytest.fixture
async def exported_twice(tmp_path, monkeypatch):
    folders = []
    for number, plate in ((1, "云D63185"), (2, "云D63186")):
        site = LabelSite(tmp_path / f"data{number}")
        await site.passes(number, plate, doubt={3: ("8", 0.6)})
        (sample,) = site.store.queue("x", since_ms=0, limit=9)
        site.desk.put(sample.sample_id, by="李文员", answer=PLATE, text=plate, plate_type="yellow_single")
        export(site.store, cutouts, tmp_path / f"set{number}", source="s", licence="l")
        folders.append(tmp_path / f"set{number}")
        site.close()
    monkeypatch.setenv("LVZHA_PLATE_PICTURES", ":".join(map(str, folders)))
    return folders, ("李文员", "王厂长")
