"""A whole site as people start it: trucks from the loop under their wheels to the regulator's acknowledgement."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.simulator.cast import CAST_FILE
from tools.simulator.site import ROOT, interpreter

pytestmark = pytest.mark.skipif(
    interpreter() is None, reason="the lanes need the MicroPython interpreter, whose package exists for x86-64 only"
)

FEW = ("tractor-stage6", "over-limit", "stranger")


@pytest.fixture
def small_cast(tmp_path: Path) -> Path:
    """The demo's cast, cut down to three trucks that only enter."""
    text = CAST_FILE.read_text("utf-8")
    head, *trucks = text.split("[[trucks]]\n")
    kept = [t for t in trucks if any(f'id = "{name}"' in t for name in FEW)]
    kept = [
        t.replace('lanes = ["in", "out"]', 'lanes = ["in"]').replace("expect.out = ", "# expect.out = ") for t in kept
    ]
    path = tmp_path / "cast.toml"
    path.write_text(head + "".join(f"[[trucks]]\n{t}" for t in kept), "utf-8")
    return path


@pytest.mark.requirement("S0-45", "S0-68", "S0-71", "S0-73", "S0-97", "S0-98", "S0-101", "X-01")
@pytest.mark.timeout(600)
def test_three_trucks_end_as_the_cast_expects_and_nothing_stays_behind(small_cast: Path, tmp_path: Path):
    argv = [sys.executable, "-m", "tools.simulator.demo", "--headless", "--passes", "3", "--seed", "5", "--json"]
    argv += [
        "--cast",
        str(small_cast),
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
    assert figures["passes"] == 3 and figures["regulator_accepted"] == 3, told
    assert figures["missed_expectations"] == [] and demo.returncode == 0, told
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout.split()
    assert left == [], "a program of the site outlived it"
