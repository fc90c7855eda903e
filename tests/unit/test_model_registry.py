"""Models are added checked, chosen with a name and a reason, verified each time they are made ready, and gone back from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gateway.adapters.store.check import findings
from gateway.adapters.store.model_registry import MANIFEST, ModelRegistry
from gateway.adapters.vision.model_check import described
from gateway.adapters.vision.pipeline import MODELS_FOLDER, PlatePipeline
from gateway.domain.models import ModelRefused
from gateway.services.changes import Changes
from gateway.services.conditions import Conditions
from gateway.services.model_watch import AGAIN_AFTER_S, ModelWatch
from gateway.services.ports import ReaderUnavailable
from tests.unit.office_site import OfficeSite

BY = {"by": "李工", "why": "试用", "now_ms": 1_800_000_000_000}


def another(folder: Path, kind: str = "plate-reader", mark: bytes = b"\0") -> Path:
    """The shipped model with a byte after the end of each file: it reads the same and has other hashes."""
    copy = folder / f"new-{mark.hex()}" / kind
    shutil.copytree(MODELS_FOLDER / kind, copy)
    for file in copy.glob("*.tflite"):
        file.write_bytes(file.read_bytes() + mark)
    return copy


@pytest.fixture
def models(tmp_path):
    return ModelRegistry(tmp_path / "data", MODELS_FOLDER)


def added(models, tmp_path, mark=b"\0", kind="plate-reader"):
    return models.add(another(tmp_path, kind, mark), by="李工", now_ms=1, described=described)


def test_an_added_model_has_a_manifest_and_reads_only_after_it_was_chosen(models, tmp_path):
    manifest = added(models, tmp_path)
    assert manifest.input_shape == (1, 24, 96, 3) or len(manifest.input_shape) == 4
    assert "挂" in manifest.alphabet and "none" in manifest.types and manifest.added_by == "李工"
    assert models.known() == [manifest] and models.path(manifest).name == manifest.sha256
    assert models.prepare().is_shipped
    choice = models.use(manifest.sha256[:6], **BY)
    prepared = models.prepare()
    assert (choice.was, choice.sha256) == ("", manifest.sha256) and prepared.in_use["plate-reader"] == manifest.sha256
    assert PlatePipeline(Path(prepared.folder)).read is not None and not prepared.is_shipped
    assert models.prepare().folder == prepared.folder


def test_going_back_undoes_choices_one_by_one_down_to_the_shipped_model(models, tmp_path):
    one, two = added(models, tmp_path), added(models, tmp_path, b"\1")
    models.use(one.sha256, **BY)
    models.use(two.sha256, **BY)
    assert models.roll_back("plate-reader", **BY).sha256 == one.sha256
    assert models.roll_back("plate-reader", **BY).sha256 == ""
    with pytest.raises(ModelRefused, match="nothing to go back to"):
        models.roll_back("plate-reader", **BY)
    assert len(models.choices()) == 4 and models.prepare().is_shipped
    models.use(two.sha256, **BY)
    assert models.use(models.shipped("plate-reader").sha256, **BY).sha256 == ""


@pytest.mark.parametrize(
    ("file", "said"),
    [("plate-reader.tflite", "has the hash"), ("labels.json", "has the hash"), (MANIFEST, "cannot be read")],
)
def test_a_model_that_was_changed_on_disk_is_refused_by_name_and_the_shipped_one_stands_in(
    models, tmp_path, file, said
):
    manifest = added(models, tmp_path)
    models.use(manifest.sha256, **BY)
    path = models.path(manifest) / file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    prepared = models.prepare()
    sha256, zh, en = prepared.refused["plate-reader"]
    assert sha256 == manifest.sha256 and said in en and file in en and file in zh
    assert prepared.in_use["plate-reader"] == models.shipped("plate-reader").sha256 and prepared.is_shipped
    with pytest.raises(ModelRefused):
        models.roll_back("plate-reader", **BY) and models.use(manifest.sha256, **BY)


def spoil_alphabet(folder, labels):
    labels["alphabet"] = labels["alphabet"].replace("挂", "")
    return labels


def more_characters(folder, labels):
    labels["alphabet"] += "厂"
    return labels


def strange_type(folder, labels):
    labels["types"][0] = "pink"
    return labels


def another_shape(folder, labels):
    shutil.copy(MODELS_FOLDER / "plate-detector/plate-detector.tflite", folder / "plate-reader.tflite")
    return labels


def no_model(folder, labels):
    (folder / "plate-reader.tflite").write_bytes(b"no model at all")
    return labels


@pytest.mark.parametrize(("spoil", "said"), [
    (spoil_alphabet, "its alphabet lacks 挂"), (more_characters, "outputs are"), (strange_type, "pink"), (another_shape, "its input is"),
    (no_model, "does not run"),
])  # fmt: skip
def test_a_model_that_does_not_fit_is_refused_with_one_clear_sentence_and_leaves_nothing(models, tmp_path, spoil, said):
    folder = another(tmp_path)
    labels = spoil(folder, json.loads((folder / "labels.json").read_text("utf-8")))
    (folder / "labels.json").write_text(json.dumps(labels, ensure_ascii=False), "utf-8")
    with pytest.raises(ModelRefused, match=said) as refused:
        models.add(folder, by="李工", now_ms=1, described=described)
    assert str(refused.value).count("\n") == 0
    assert not [p for p in models.folder.rglob("*") if p.is_file()]


def test_what_is_no_model_of_this_version_or_has_no_name_or_reason_is_refused(models, tmp_path):
    (tmp_path / "empty").mkdir()
    for source, by, said in ((tmp_path / "none", "李", "not there"), (tmp_path / "empty", "李", "plate-reader.tflite"), (another(tmp_path), " ", "name"),
                             (MODELS_FOLDER / "plate-reader", "李", "shipped model itself")):  # fmt: skip
        with pytest.raises(ModelRefused, match=said):
            models.add(source, by=by, now_ms=1, described=described)
    manifest = added(models, tmp_path, b"\5")
    for name, why, said in (("zz", "x", "four hex"), ("ffff0000", "x", "no such"), (manifest.sha256, " ", "reason")):
        with pytest.raises(ModelRefused, match=said):
            models.use(name, by="李", why=why, now_ms=1)
    with pytest.raises(ModelRefused, match="already"):
        added(models, tmp_path / "again", b"\5")


# ---------------------------------------------------------------- the running gateway


class Reader:
    """Remembers what it was changed to; refuses where it is told to."""

    def __init__(self):
        self.folders, self.is_stubborn = [], False

    async def change_models(self, models_dir):
        if self.is_stubborn:
            raise ReaderUnavailable("the vision process cannot start: no memory")
        self.folders.append(models_dir)


@pytest.fixture
def gate(tmp_path, models):
    site = OfficeSite(tmp_path / "data")
    reader, conditions = Reader(), Conditions(site, Changes())
    watch = ModelWatch(models, reader, site, "gateway", ledger=site.ledger, queries=site.queries, conditions=conditions)
    yield site, reader, conditions, watch
    site.file.close()


def entries(site):
    return [
        (e["body"]["old"][:6], e["body"]["new"][:6], e["body"]["by"], e["body"]["why"])
        for e in site.queries.entries_of_kind("model")
    ]


async def test_a_choice_is_taken_in_once_and_entered_with_who_why_old_and_new(gate, models, tmp_path):
    site, reader, _, watch = gate
    assert not await watch.look() and reader.folders == [] and entries(site) == []  # the shipped ones read already
    manifest = added(models, tmp_path)
    models.use(manifest.sha256, **BY)
    assert await watch.look() and not await watch.look()
    models.roll_back("plate-reader", by="王工", why="误读", now_ms=2)
    assert await watch.look()
    short = manifest.sha256[:6]
    assert entries(site) == [("shippe", short, "李工", "试用"), (short, "shippe", "王工", "误读")]
    assert len(reader.folders) == 2 and models.told("gateway")["in_use"] == watch.in_use
    again = ModelWatch(models, Reader(), site, "gateway", ledger=site.ledger, queries=site.queries)
    assert not await again.look() and len(entries(site)) == 2  # a restart enters nothing twice
    assert findings(site.file) == []


async def test_a_choice_made_while_the_reader_changes_is_entered_only_when_it_reads_itself(gate, models, tmp_path):
    site, reader, _, watch = gate
    models.use(added(models, tmp_path).sha256, **BY)
    change = reader.change_models

    async def meanwhile(folder):
        await change(folder)
        if len(models.choices()) == 1:
            models.roll_back("plate-reader", by="王工", why="误读", now_ms=2)

    reader.change_models = meanwhile
    assert await watch.look() and len(entries(site)) == 1
    assert models.told("gateway")["last_choice"] == models.choices()[0].choice_id
    assert await watch.look() and len(entries(site)) == 2 and len(reader.folders) == 2


async def test_a_refused_model_raises_an_alarm_that_ends_when_it_is_whole_again(gate, models, tmp_path):
    site, reader, conditions, watch = gate
    manifest = added(models, tmp_path)
    models.use(manifest.sha256, **BY)
    file = models.path(manifest) / "plate-reader.tflite"
    whole = file.read_bytes()
    file.write_bytes(b"x" + whole)
    assert not await watch.look() and reader.folders == []
    (alarm,) = conditions.list()
    assert alarm.severity == "alarm" and manifest.sha256[:12] in alarm.text_zh and "shipped one reads" in alarm.text_en
    assert site.queries.entries_of_kind("model")[0]["body"]["is_refused"] is True
    file.write_bytes(whole)
    site.now_ms += int(AGAIN_AFTER_S * 1000)
    assert await watch.look() and conditions.list() == []


async def test_a_reader_that_will_not_start_leaves_the_former_models_reading_and_is_tried_again(gate, models, tmp_path):
    site, reader, conditions, watch = gate
    models.use(added(models, tmp_path).sha256, **BY)
    reader.is_stubborn = True
    assert not await watch.look() and entries(site) == [] and "former ones go on" in conditions.list()[0].text_en
    reader.is_stubborn = False
    site.now_ms += int(AGAIN_AFTER_S * 1000)
    assert await watch.look() and conditions.list() == [] and len(entries(site)) == 1
