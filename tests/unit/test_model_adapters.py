"""Model adapters: what a manifest may say, which folder may run, and what follows from an answer."""

import copy
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.adapters.vision.adapter_folder import AdapterRefused, read_folder, sign_folder, trusted_keys
from gateway.adapters.vision.adapter_process import AdapterProcess, prepared
from gateway.adapters.vision.adapter_shelf import AdapterShelf
from gateway.domain.findings import EFFECTS, finding_of, side_row
from gateway.domain.model_adapters import AdapterFault, AnswerRefused, ManifestRefused, combined, finding, manifest_from
from tests.adapter_bench import EXAMPLE, drop, trust

DOC = json.loads((EXAMPLE / "adapter.json").read_text("utf-8"))
KEY = Ed25519PrivateKey.generate()
GREY, WHITE = (np.full((720, 1280, 3), level, np.uint8) for level in (90, 255))


def of_process(pid: int | None, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text("ascii")


def changed(**values):
    return copy.deepcopy(DOC) | values


@pytest.mark.parametrize(("doc", "named"), [
    (changed(contract=2), "contract = 2"),
    (changed(command="raise"), "command: .*unknown key"),
    (changed(name="Glare"), "name = 'Glare'"),
    (changed(budget_ms=60_000), "budget_ms = 60000.*1 to 2000"),
    (changed(memory_mb=True), "memory_mb = True"),
    (changed(classes=[]), "classes"),
    (changed(classes=[DOC["classes"][0]] * 2), "each once"),
    (changed(classes=[DOC["classes"][0] | {"effect": "open"}]), "effect = 'open'.*ignore, note, task, alarm"),
    (changed(classes=[DOC["classes"][0] | {"name": "unclear"}]), "unclear"),
    (changed(classes=[DOC["classes"][0] | {"min_confidence": 1.5}]), r"min_confidence = 1.5.*0.0 to 1.0"),
    (changed(model="other.tflite"), "model = 'other.tflite'"),
    (changed(files={"../model.tflite": "0" * 64}), "plain file names"),
    (changed(input=DOC["input"] | {"camera": "roof"}), "input.camera = 'roof'.*head, body"),
    (changed(input=DOC["input"] | {"region": [0.5, 0.0, 0.5, 1.0]}), "x1 < x2"),
    (changed(input=DOC["input"] | {"window_ms": [900, 100]}), "from <= until"),
    (changed(input={k: v for k, v in DOC["input"].items() if k != "frames"}), "input.frames: .*missing"),
    ([], "an object"),
])  # fmt: skip
def test_a_manifest_that_says_too_much_too_little_or_something_else_is_refused_by_name(doc, named):
    with pytest.raises(ManifestRefused, match=named):
        manifest_from(doc)


@pytest.mark.requirement("S3-51")
def test_no_effect_of_the_contract_moves_an_arm():
    assert EFFECTS == ("ignore", "note", "task", "alarm")
    manifest = manifest_from(DOC)
    said = finding(manifest, (0.0, 1.0), pass_id="p", lane="g1-b01", camera="C", at_ms=5)
    assert finding_of(side_row(said, "x", 6)) == said
    assert not {"command", "raise", "open", "verdict"} & set(side_row(said, "x", 6).values)


def test_below_its_bar_a_class_is_not_said_and_an_ignored_one_never():
    manifest = manifest_from(DOC)
    where = {"pass_id": "p", "lane": "g1-b01", "camera": "C", "at_ms": 5}
    assert finding(manifest, (0.45, 0.55), **where) is None
    assert finding(manifest, (0.99, 0.01), **where) is None
    said = finding(manifest, (0.3, 0.7), **where)
    assert (said.kind, said.effect, said.confidence) == ("glare", "note", 0.7)
    assert said.clip() == {"camera": "C", "from_ms": -4995, "until_ms": 5005}


@pytest.mark.parametrize("raw", [[0.5], [0.1, 0.2, 0.7], [math.nan, 0.5], [0.5, math.inf], [0.5, 1.4], [-0.2, 1.0]])
def test_an_answer_that_is_not_as_declared_is_a_fault(raw):
    with pytest.raises(AnswerRefused):
        combined(manifest_from(DOC), [raw])


def test_pictures_are_combined_as_declared():
    softmax = manifest_from(changed(activation="softmax"))
    assert sum(combined(softmax, [[3.0, 1.0], [0.0, 9.0]])) == pytest.approx(1.0)
    highest = manifest_from(changed(input=DOC["input"] | {"combine": "max"}))
    assert combined(highest, [[0.2, 0.8], [0.9, 0.1]]) == (0.9, 0.8)
    stacked = manifest_from(changed(input=DOC["input"] | {"combine": "stack", "colour": "rgb"}))
    (values,) = prepared(stacked, [GREY, WHITE])
    assert values.shape == stacked.input.shape == (1, 90, 160, 9)
    assert values[0, 0, 0].tolist() == pytest.approx([90 / 255] * 3 + [1.0] * 6)


@pytest.mark.requirement("S3-51")
def test_only_a_whole_folder_signed_by_a_trusted_key_is_an_adapter(tmp_path):
    folder = drop(tmp_path, KEY)
    with pytest.raises(AdapterRefused, match="not signed by a key"):
        read_folder(folder, trusted_keys(tmp_path))
    trust(tmp_path, KEY)
    trusted = trusted_keys(tmp_path)
    assert read_folder(folder, trusted).manifest.name == "glare-check"
    model, manifest = (folder / "glare.tflite").read_bytes(), (folder / "adapter.json").read_bytes()
    for name, content, why in (
        ("glare.tflite", model[:-1] + b"x", "differs from the manifest"),
        ("adapter.json", manifest.replace(b'"note"', b'"task"'), "not signed"),
        ("extra.py", b"print()", "is not in the manifest"),
    ):
        before = (folder / name).read_bytes() if (folder / name).exists() else None
        (folder / name).write_bytes(content)
        with pytest.raises(AdapterRefused, match=why):
            read_folder(folder, trusted)
        (folder / name).unlink() if before is None else (folder / name).write_bytes(before)
    (folder / "link.tflite").symlink_to("/etc/passwd")
    with pytest.raises(AdapterRefused, match="plain files"):
        read_folder(folder, trusted)


def test_signing_refuses_a_model_that_does_not_take_what_the_manifest_says(tmp_path):
    folder = drop(tmp_path, KEY)
    doc = json.loads((folder / "adapter.json").read_text("utf-8"))
    doc["input"]["height"] = 91
    (folder / "adapter.json").write_text(json.dumps(doc), "utf-8")
    with pytest.raises(AdapterRefused, match=r"\(1, 90, 160, 1\).*\(1, 91, 160, 1\)"):
        sign_folder(folder, KEY)


async def test_a_dropped_folder_runs_in_a_process_of_its_own_that_can_open_nothing_and_is_replaced_when_it_dies(
    tmp_path,
):
    trust(tmp_path, KEY)
    drop(tmp_path, KEY)
    shelf = AdapterShelf(tmp_path)
    try:
        shelf.look()
        adapter = shelf.running["glare-check"]
        assert isinstance(adapter, AdapterProcess) and shelf.refused == {}
        (grey,), (white,) = [await adapter.ask([picture]) for picture in (GREY, WHITE)]
        assert grey == pytest.approx([1.0, 0.0]) and white == pytest.approx([0.0, 1.0])
        limits, status = (of_process(adapter.pid, name) for name in ("limits", "status"))
        assert adapter.pid != os.getpid()
        assert [line.split()[3] for line in limits.splitlines() if line.startswith("Max open files")] == ["0"]
        assert "NoNewPrivs:\t1" in status
        os.kill(adapter.pid, 9)
        with pytest.raises(AdapterFault, match="died"):
            await adapter.ask([GREY])
        assert await adapter.ask([GREY]) == [pytest.approx([1.0, 0.0])]
        (tmp_path / "adapters/trusted/publisher.pub").unlink()
        shelf.look()
        assert not shelf.running and "not signed" in shelf.refused["glare-check"]
    finally:
        shelf.stop()
