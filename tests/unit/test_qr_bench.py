"""QR codes of environmental lists as a phone photographs them: the bench's own photographs, a part of them."""

import json

import pytest

from gateway.adapters.papers import qr
from tools.bench.qr import STRATA, measure


@pytest.mark.requirement("S3-30")
def test_of_fifty_photographs_with_every_trouble_at_least_98_in_100_are_read_and_none_wrongly(
    capsys, monkeypatch
) -> None:
    monkeypatch.setattr(qr, "BUDGET_S", 20.0)  # a busy machine has the same time for each photograph as an idle one
    assert measure(50, 1, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["share"] >= found["target_share"] == 0.98 and found["wrong"] == 0
    assert set(found["strata"]) == set(STRATA) and all(of["of"] == 5 for of in found["strata"].values())
