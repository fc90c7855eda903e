"""`lvzha models` and `lvzha labels` as a person types them, over a real directory of models and labels."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.domain.labels import PLATE
from tests.unit.label_site import LabelSite
from tests.unit.test_model_registry import another

SITE = """
[site]
enterprise_code = "5301110001"
name = "云岭水泥"
data_dir = "data"
[uplink]
base_url = "http://127.0.0.1:1/"
app_id = "x"
private_key = "k"
platform_key = "p"
[labelling]
licence = "site consent: own training only"
[[cameras]]
code = "C1"
name = "入口"
url = "rtsp://127.0.0.1/1"
[[lanes]]
id = "g1-b01"
name = "1号门"
entrance_code = "1"
barrier_code = "01"
direction = "in"
head_camera = "C1"
body_camera = "C1"
"""


@pytest.fixture
def said(tmp_path, monkeypatch):
    """Runs one command in the site's folder: (status, what it printed)."""
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def run(*words):
        done = runner.invoke(app, [str(w) for w in words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output if done.exit_code else done.stdout

    return run


def confused(folder):
    """It takes every 6 for a 9 and the other way round: it fits, and is worse."""
    names = folder / "labels.json"
    names.write_text(names.read_text("utf-8").translate(str.maketrans("69", "96")), "utf-8")
    return folder


def labelled(folder, count=3):
    """A site with that many settled labels of drawn lorries; the store is closed again."""

    async def fill():
        site = LabelSite(folder)
        for number in range(count):
            await site.passes(number, f"云D6318{number}", doubt={3: ("8", 0.6)})
        for sample in site.store.queue("x", since_ms=0, limit=99):
            site.desk.put(sample.sample_id, by="李", answer=PLATE, text=sample.proposed, plate_type="yellow_single")
        site.close()

    asyncio.run(fill())


def test_labels_become_a_set_on_which_a_new_model_is_gauged_used_and_gone_back_from(said, tmp_path):
    labelled(tmp_path / "data")
    assert said("labels", "status")[1].endswith("settled 3\n")
    status, text = said("labels", "export", "set", "--json")
    made = json.loads(text)
    assert status == 0 and made["licence"].startswith("site consent") and made["types"] == {"yellow_single": 3}
    status, text = said("models", "add", another(tmp_path), "--by", "李工", "--trained-on", "本站 3 张", "--json")
    new = json.loads(text)["sha256"]
    assert status == 0 and (tmp_path / "data/models/plate-reader" / new / "registry.json").is_file()
    status, text = said("models", "gauge", new[:8], "--set", "set", "--split", "all", "--out", "page", "--json")
    compared = json.loads(text)
    assert status == 0 and (tmp_path / "page/compare.html").stat().st_size > 1000
    figures = compared["figures"]["all"]
    assert figures["n"] == 6 and figures["fixed"] == figures["broken"] == 0 and figures["p"] == 1.0  # it reads the same
    assert figures["old"]["right"] == figures["new"]["right"] == 6
    worse = json.loads(said("models", "add", confused(another(tmp_path, mark=b"\7")), "--by", "李工", "--json")[1])[
        "sha256"
    ]
    compared = json.loads(
        said("models", "gauge", worse[:8], "--set", "set", "--split", "all", "--out", "page", "--json")[1]
    )
    figures = compared["figures"]["all"]
    assert (figures["better"], figures["fixed"]) == ("no", 0) and figures["newly_wrong"] == figures[
        "broken"
    ] == figures["old"]["right"] >= 6
    assert (tmp_path / "page/compare.html").read_text("utf-8").count("<figure>") == figures["broken"]
    assert said("models", "use", new[:8], "--by", "李工", "--why", "试用")[0] == 0
    listed = json.loads(said("models", "list", "--json")[1])
    assert [m["sha256"] for m in listed["models"] if m["kind"] == "plate-reader" and m["is_chosen"]] == [new]
    assert "本站 3 张" in said("models", "list")[1]
    assert said("models", "rollback", "plate-reader", "--by", "王工", "--why", "误读")[0] == 0
    listed = json.loads(said("models", "list", "--json")[1])
    assert [c["why"] for c in listed["choices"]] == ["试用", "误读"] and all(
        m["is_chosen"] == m["is_shipped"] for m in listed["models"]
    )


@pytest.mark.parametrize(("words", "expected"), [
    (("labels", "export", "set"), "nothing to export"), (("labels", "export", "set", "--config", "none.toml"), "none.toml"),
    (("labels", "status"), "nothing was ever kept"), (("models", "use", "ffff", "--by", "a", "--why", "b"), "no such model"),
    (("models", "add", "none", "--by", "a"), "not there"), (("models", "list", "--data", "none"), "no such data directory"),
    (("models", "rollback", "plate-nose", "--by", "a", "--why", "b"), "no such kind"),
    (("models", "gauge", "ffff", "--set", "none"), "no such model"),
])  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_sentence_and_the_status_is_not_zero(said, words, expected):
    status, text = said(*words)
    assert status in (1, 2) and expected in text and "Traceback" not in text
