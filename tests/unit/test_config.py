"""The site's settings: every mistake is named with its key, its value and what is allowed."""

from pathlib import Path

import pytest

from gateway.config import ConfigRefused, load, reference

GOOD = """
[site]
enterprise_code = "5303020007"
name = "云南示例焦化有限公司"
data_dir = "data"
[uplink]
base_url = "http://127.0.0.1:9000/access/api/dataReceive/"
app_id = "yn-gate-0007"
private_key = "keys/enterprise.pem"
platform_key = "keys/platform.pem"
[[cameras]]
code = "C01-H"
name = "东门进1道车头"
url = "rtsp://127.0.0.1:8554/live"
[[lanes]]
id = "g1-b01"
name = "东门进1道"
entrance_code = "1"
barrier_code = "01"
direction = "in"
head_camera = "C01-H"
body_camera = "C01-H"
"""


def given(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_good_settings_are_taken_and_paths_are_against_the_files_folder(tmp_path):
    settings = load(given(tmp_path, GOOD))
    assert settings.site.data_dir == tmp_path / "data"
    assert settings.uplink.private_key == tmp_path / "keys/enterprise.pem"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (('name = "云南', 'nmae = "云南'), r"site\.nmae: unknown key.*enterprise_code, name"),
        (
            ("[uplink]", "[reading]\nmin_agreeing = 1\n[uplink]"),
            r"reading\.min_agreeing = 1: .*greater than or equal to 2",
        ),
        (("[uplink]", "[web]\nport = 99999\n[uplink]"), r"web\.port = 99999: .*65535"),
        (('direction = "in"', 'direction = "both"'), r"lanes\.0\.direction = 'both': .*'in' or 'out'"),
        (
            ('body_camera = "C01-H"', 'body_camera = "C09"'),
            r"camera 'C09' is not in \[\[cameras\]\]; allowed are C01-H",
        ),
        (('id = "g1-b01"', 'id = "g1-b07"'), r"'g1-b07' must be g1-b01"),
        (('app_id = "yn-gate-0007"\n', ""), r"uplink\.app_id: Field required"),
        (("[site]", "[site"), r"not valid TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path, change, named):
    assert change[0] in GOOD
    with pytest.raises(ConfigRefused, match=named):
        load(given(tmp_path, GOOD.replace(*change)))


READER = '[[tag_readers]]\ncode = "R1"\nname = "煤场"\nurl = "tcp://10.0.0.60:6000"\n'
ZONE = '[[zones]]\ncode = "yard"\nname = "煤场"\ncameras = ["C01-H"]\nreaders = ["R1"]\nleast_stage = "3"\n'


@pytest.mark.parametrize(("change", "named"), [
    (('cameras = ["C01-H"]', 'cameras = ["C7"]'), r"zone yard: camera 'C7' is not in \[\[cameras\]\]; allowed are C01-H"),
    (('readers = ["R1"]', 'readers = ["R2"]'), r"zone yard: reader 'R2' is not in \[\[tag_readers\]\]; allowed are R1"),
    (('readers = ["R1"]\n', ""), r"tag reader R1: must belong to exactly one zone, belongs to 0"),
    (('cameras = ["C01-H"]\nreaders = ["R1"]\n', ""), r"zone yard: no camera and no tag reader watches it"),
    (("tcp://10.0.0.60:6000", "udp://10.0.0.60"), r"tag_readers\.0\.url = 'udp://10.0.0.60'"),
    (('least_stage = "3"', 'least_stage = "7"'), r"zones\.0\.least_stage = '7': .*'4' or 'D'"),
    (("[[zones]]", ZONE + "[[zones]]"), r"zones\.code 'yard' stands twice"),
    (("[[tag_readers]]", '[drivers]\nbase_url = "http://gate"\n[[tag_readers]]'), r"drivers\.base_url = 'http://gate'"),
    (("[[tag_readers]]", '[drivers]\nbase_url = "http://gate/"\nport = 8080\n[[tag_readers]]'), r"drivers\.port 8080 is web\.port"),
])  # fmt: skip
def test_a_mistake_in_a_work_area_or_the_drivers_page_is_named(tmp_path, change, named):
    assert load(given(tmp_path, GOOD + READER + ZONE)).zones[0].least_stage == "3"
    with pytest.raises(ConfigRefused, match=named):
        load(given(tmp_path, GOOD + (READER + ZONE).replace(*change)))


@pytest.mark.requirement("S0-58")
def test_two_lanes_on_one_barrier_are_refused(tmp_path):
    lanes = GOOD[GOOD.index("[[lanes]]") :]
    with pytest.raises(ConfigRefused, match="stands twice"):
        load(given(tmp_path, GOOD + lanes))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigRefused, match=r"none\.toml.*cannot be read"):
        load(tmp_path / "none.toml")


def test_every_key_is_in_the_gateways_readme():
    readme = (Path(__file__).parents[2] / "gateway/README.md").read_text(encoding="utf-8")
    missing = [key for key, *_ in reference() if f"`{key}`" not in readme]
    assert not missing
