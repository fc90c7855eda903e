"""What a technician may ask and do at a lane: on the real MicroPython interpreter, the short cases on CPython too."""

import sys
from pathlib import Path

import pytest
from test_scenarios import MICROPYTHON, run_on

HERE = Path(__file__).parent


def names() -> list[str]:
    text = (HERE / "diagnostics_cases.py").read_text("utf-8")
    return [line[4 : line.index("(")] for line in text.splitlines() if line.startswith("def case_")]


@pytest.mark.requirement("X-10", "X-32")
def test_questions_orders_and_what_they_may_never_do(tmp_path):
    done = run_on(MICROPYTHON, "diagnostics_cases.py", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed ") == len(names())


def test_the_same_answers_on_cpython(tmp_path):
    short = [name for name in names() if "from_afar" not in name]
    done = run_on(sys.executable, "diagnostics_cases.py", str(tmp_path), *short)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("passed ") == len(short)
