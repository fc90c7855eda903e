"""A whole gate in one command: real broker, real RTSP, real interpreter, real regulator, real SQLite; a few trucks."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the MicroPython interpreter's wheel exists for x86_64 only")
@pytest.mark.timeout(600)
@pytest.mark.requirement(
    "S0-45", "S0-73", "S0-74", "S0-76", "S0-77", "S0-80", "S0-97", "S3-33", "S3-34", "X-06", "X-28"
)
def test_trucks_are_read_judged_let_through_recorded_and_acknowledged(tmp_path):
    argv = [sys.executable, "-m", "tools.simulator.demo", "--headless", "--passes", "8", "--seed", "5", "--json",
            "--guard-scale", "0.3", "--dir", str(ROOT / "demo-data")]  # fmt: skip
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    figures = json.loads(done.stdout)
    assert figures["passes"] == 8 == figures["regulator_accepted"]
    assert (figures["lost"], figures["duplicates"], figures["invariant_violations"]) == (0, 0, 0)
    assert figures["misread"] <= 1
    assert figures["ledger_entries"] >= 3 * 8
