"""A real lane behind a relay that fails in nine ways, at both brokers over mutual TLS. `lvzha bench link` is the long form."""

import pytest

from tools.bench.link import run

FAULTS = 13


@pytest.mark.requirement("X-04", "X-05")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
def test_a_failing_network_hangs_nothing_and_loses_nothing(broker, tmp_path):
    if broker == "mosquitto" and not run.has_mosquitto():
        pytest.skip("mosquitto is not installed (apt-get install mosquitto)")
    figures = run.faults(FAULTS, broker, 5, tmp_path)
    assert run.troubles(figures) == [], figures
    assert figures["faults"] == FAULTS and min(figures["faults_by_kind"].values()) >= 1
    assert figures["connects"] > 2, "one connection each of the two lanes, and others after faults"
    assert figures["steps_in_motion"] > 0
