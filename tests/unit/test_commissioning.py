"""The commissioning gate: what is missing or over its limit is named, and the lane gets its document only when nothing is."""

import copy
from datetime import date

import pytest

from gateway.adapters.store.commissioning import CommissioningFiles
from gateway.domain import commissioning

DAY = date(2026, 11, 24)


def good() -> dict:
    doc = commissioning.simulated(site="5303020007", lane="g1-b01", day=DAY)
    doc |= {"board": "kc868_a16", "board_id": "30aea4", "is_simulated": False}
    doc["meter"] = {"serial": "FM-1", "calibrated": "2026-02-01"}
    for check in doc["checks"].values():
        check |= {"by": "李工", "photo_sha256": "ab" * 32}
    return doc


def changed(path: str, value: object) -> dict:
    doc = copy.deepcopy(good())
    at = doc
    *way, last = path.split("/")
    for key in way:
        at = at[key]
    if value is KeyError:
        del at[last]
    else:
        at[last] = value
    return doc


@pytest.mark.requirement("X-12")
def test_twelve_checks_and_all_of_them_count():
    assert len(commissioning.CHECKS) == 12
    assert commissioning.problems(good(), DAY) == []
    for check in commissioning.CHECKS:
        found = commissioning.problems(changed(f"checks/{check.id}", KeyError), DAY)
        assert [p.check for p in found] == [check.id], check.id
        for key, value in (("by", " "), ("is_passed", False), ("photo_sha256", "")):
            found = commissioning.problems(changed(f"checks/{check.id}/{key}", value), DAY)
            assert [p.check for p in found] == [check.id], (check.id, key)


@pytest.mark.requirement("X-12")
@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("checks/force/numbers/peak_n", [380, 401, 390], "peak_n = 401, allowed 400"),
        ("checks/force/numbers/at_750_ms_n", [150.5, 100, 100], "at_750_ms_n = 150.5, allowed 150"),
        ("checks/force/numbers/at_5_s_n", [26, 20, 20], "at_5_s_n = 26, allowed 25"),
        ("checks/force/numbers/peak_n", [380, 390], "2 readings of 3"),
        ("checks/force/numbers/peak_n", ["380", 390, None], "1 readings of 3"),
        ("checks/presence_body/yes/far_dark", False, "far_dark"),
        ("checks/two_means/yes/second_means", KeyError, "second_means"),
        ("checks/reversal/numbers/reversal_s", [2.1], "reversal_s = 2.1, allowed 2"),
        ("meter/serial", "", "serial number"),
        ("meter/calibrated", "2025-11-23", "is over"),
        ("meter/calibrated", "2026-11-25", "is over"),
        ("date", "2026-11-25", "no day up to today"),
        ("date", "24.11.2026", "no day up to today"),
        ("is_simulated", True, "cannot be commissioned by simulation"),
        ("board_id", "", "board_id is missing"),
    ],
)
def test_what_is_missing_or_over_is_named(path, value, named):
    found = commissioning.problems(changed(path, value), DAY)
    assert any(named in p.en for p in found), found


def test_the_limits_themselves_pass():
    doc = changed("checks/force/numbers", {"peak_n": [400] * 3, "at_750_ms_n": [150] * 3, "at_5_s_n": [25] * 3})
    assert commissioning.problems(doc, DAY) == []


def test_a_changed_document_is_none(tmp_path):
    files = CommissioningFiles(tmp_path)
    assert files.newest("g1-b01") is None
    first = files.put(good())
    assert files.put(good()) == first
    assert files.newest("g1-b01") == good()
    second = files.put(changed("checks/force/by", "王工"))
    assert files.newest("g1-b01")["checks"]["force"]["by"] == "王工"
    second.write_text(second.read_text("utf-8").replace("王工", "张工"), "utf-8")
    assert files.newest("g1-b01") == good(), "a forged one does not count"
