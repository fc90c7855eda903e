"""A whole site as people start it: trucks from the loop under their wheels to the regulator's acknowledgement."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_cast import FEW, write_small_cast
from tools.simulator.site import ROOT, interpreter

pytestmark = pytest.mark.skipif(
    interpreter() is None, reason="the lanes need the MicroPython interpreter, whose package exists for x86-64 only"
)


@pytest.mark.requirement(
    "S0-45", "S0-68", "S0-71", "S0-73", "S0-77", "S0-80", "S0-97", "S0-98", "S0-101", "S3-33", "X-01", "X-06"
)
@pytest.mark.timeout(600)
def test_a_few_trucks_end_as_the_cast_expects_and_nothing_stays_behind(tmp_path: Path):
    passes = len(FEW)
    argv = [
        sys.executable,
        "-m",
        "tools.simulator.demo",
        "--headless",
        "--passes",
        str(passes),
        "--seed",
        "5",
        "--json",
    ]
    argv += [
        "--cast",
        str(write_small_cast(tmp_path / "cast.toml")),
        "--guard-scale",
        "0.3",
        "--dir",
        str(tmp_path),
        "--clips",
        str(ROOT / "demo-data" / "clips"),
    ]
    demo = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT)
    out, err = demo.stdout, demo.stderr
    assert out, err[-3000:]
    figures = json.loads(out)
    told = json.dumps(figures, ensure_ascii=False, indent=1) + err[-3000:]
    assert (figures["lost"], figures["duplicates"], figures["invariant_violations"]) == (0, 0, 0), told
    assert figures["passes"] == passes and figures["regulator_accepted"] == passes, told
    assert figures["missed_expectations"] == [] and demo.returncode == 0, told
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout.split()
    assert left == [], "a program of the site outlived it"
