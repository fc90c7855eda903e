"""A stolen key at the real mosquitto: out with the next writing of its files and reload, while the new key gets in."""

from __future__ import annotations

import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from broker_bench import LANES, SITE, BrokerProcess, Client, eventually

from gateway.adapters.broker import pki
from gateway.adapters.broker.access import Access
from gateway.adapters.broker.mosquitto import write_mosquitto_files

pytestmark = pytest.mark.skipif(
    not shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin"),
    reason="mosquitto is not installed (apt-get install mosquitto)",
)


def gets_in(broker: BrokerProcess, keys: pki.SiteKeys) -> bool:
    client = Client(broker, LANES[0], keys=keys)
    try:
        return client.attempt()[0] == 0
    finally:
        client.close()


@pytest.mark.requirement("X-39")
def test_a_replaced_key_is_refused_after_the_files_are_written_and_mosquitto_reloads(tmp_path: Path):
    keys = pki.ensure_site_keys(tmp_path / "keys", site_code=SITE, lanes=LANES)
    stolen = replace(keys, folder=tmp_path / "stolen")
    shutil.copytree(keys.folder, stolen.folder)
    broker = BrokerProcess("mosquitto", keys, tmp_path)
    try:
        assert gets_in(broker, stolen), "before the theft is known"
        pki.reissue(keys.folder, site_code=SITE, name=LANES[0])
        write_mosquitto_files(tmp_path, Access(keys, SITE, LANES), host="127.0.0.1", port=broker.port, run_as="root")
        thief = Client(broker, LANES[0], keys=stolen)
        assert thief.attempt()[0] == 0, "before mosquitto knows"
        assert broker.process is not None
        broker.process.send_signal(signal.SIGHUP)
        eventually(lambda: not gets_in(broker, stolen), "the stolen key is refused", 60)
        assert gets_in(broker, keys), "the lane with its new key"
        eventually(thief.gone.is_set, "the thief's connection, taken over by the lane's", 10)
        thief.close()
    finally:
        broker.end()
