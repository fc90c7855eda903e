"""The ledger on real files while writes and syncs fail, the disk fills, processes are killed and the power is cut.

The short form of `lvzha bench storage-faults`: every 60th write and every 7th sync; the long form runs every n.
"""

import shutil

import pytest

from tools.bench.storage.faults import CASES, Plan, run

pytestmark = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc builds the library that fails the calls")


@pytest.mark.requirement("S0-68", "S0-80", "S3-02")
def test_whatever_write_or_sync_fails_nothing_acknowledged_is_lost_and_check_and_verify_are_clean():
    result = run(Plan(150, existing=True))
    assert len(result["cases"]) == 2 * len(CASES) and all(row["runs"] for row in result["cases"])
    assert (result["lost"], result["findings"]) == (0, 0), result["examples"]


def test_the_power_cut_finds_a_sync_that_was_left_out():
    result = run(Plan(200, existing=True, walks=("passages",), plant=True))
    assert any("power cut" in text and "photograph" in text for text in result["examples"])
