"""What a lane does while the gateway is silent: the list on its flash, the policy, who the vehicle is."""

import json
import os
import subprocess
import sys

import pytest
from test_scenarios import HERE, MICROPYTHON, ROOT, run_on

INTERPRETERS = {"cpython": sys.executable, "micropython": MICROPYTHON}


@pytest.mark.requirement("X-02")
def test_the_list_survives_five_hundred_power_cuts_and_holds_twenty_thousand_plates():
    env = dict(os.environ, MICROPYPATH=f"{ROOT / 'firmware'}:.frozen")
    argv = [str(MICROPYTHON), "-X", "heapsize=8M", str(HERE / "roster_cases.py"), "500", "20000"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    figures = json.loads(done.stdout)
    assert figures["power_cuts"]["cuts"] == 500 and figures["power_cuts"]["updates"] > 10
    size = figures["size"]
    assert size["entries"] == 20000
    assert size["ram_bytes"] < 12000 and size["flash_read_bytes_max"] < 4096, "bounded, however long the list"


@pytest.mark.requirement("X-03")
@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_the_offline_policy(interpreter):
    done = run_on(INTERPRETERS[interpreter], "offline_cases.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed ") == (HERE / "offline_cases.py").read_text("utf-8").count("\ndef case_")
