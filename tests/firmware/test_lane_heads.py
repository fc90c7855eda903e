"""The lane keeps the ledger's newest signed heads on flash, on a real MicroPython interpreter."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
from lane.heads import KEPT, Heads
heads = Heads()
for n in range(40):
    heads.take(str(n) + ":" + "ab" * 32)
    heads.take(str(n) + ":" + "ab" * 32)
assert len(heads.texts) == KEPT and heads.texts[-1].startswith("39:")
assert Heads().texts == [], "nothing is written before the lane is at rest"
heads.save()
assert Heads().texts == heads.texts
with open("heads.new", "w") as f:
    f.write("half a he")
assert Heads().texts == heads.texts, "a write cut by the supply leaves the file of before"
print("ok")
"""


@pytest.mark.requirement("S3-02")
def test_the_newest_heads_survive_a_power_cut_of_the_lane(tmp_path):
    interpreter = ROOT / ".venv/bin/micropython"
    if not interpreter.exists():
        pytest.skip("the micropython interpreter of the bench group is not installed")
    done = subprocess.run([interpreter, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False,
                          env=os.environ | {"MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"})  # fmt: skip
    assert done.stdout == "ok\n", done.stderr
