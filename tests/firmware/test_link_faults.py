"""A real lane behind a relay that fails in nine ways, at both brokers over mutual TLS. `lvzha bench link` is the long form."""

import time

import pytest

from tools.bench.link import run
from tools.bench.link.host import HostWatch

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


def test_a_lane_that_waited_for_a_processor_is_told_from_one_that_hangs(tmp_path):
    account = tmp_path / "77" / "schedstat"
    account.parent.mkdir()
    account.write_text("5 1000000 9")
    host, began = HostWatch(tmp_path), time.monotonic()
    host.lane_pid = 77
    time.sleep(0.2)
    assert not host.has_stalled_since(began), "it waits for something else: that is its own hanging"
    account.write_text("5 1901000000 10")
    for _ in range(100):
        if host.has_stalled_since(began):
            break
        time.sleep(0.05)
    host.close()
    assert host.has_stalled_since(began), "1.9 s without a processor in one piece"
