"""SIGKILL of each kind of part of a whole running site, with a pass open, at a named point of the walk.

The short form of `lvzha bench failpoints`; that one kills every kind of part at every point.
"""

import json
import platform

import pytest

from tests.small_cast import write_small_cast
from tools.bench.recovery import is_clean, kills_at_points

PLAN = (
    ("arrival.received", "gateway"),
    ("frames.picked", "camera"),
    ("verdict.durable", "gateway"),
    ("command.sent", "lane"),
    ("crossing.started", "broker"),
    ("upload.answered", "regulator"),
)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the MicroPython interpreter's wheel exists for x86_64 only")
@pytest.mark.timeout(600)
@pytest.mark.requirement("S0-57", "S0-80", "X-01", "X-06")
async def test_parts_killed_in_the_middle_of_a_pass_lose_double_and_move_nothing(tmp_path):
    figures = await kills_at_points(PLAN, seed=11, cast_file=write_small_cast(tmp_path / "cast.toml"))
    assert is_clean(figures), json.dumps(figures, ensure_ascii=False, indent=1)
    assert figures["kills"] == len(PLAN)
    assert figures["passes"] >= 3
