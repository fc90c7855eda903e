"""The real mosquitto takes new rights and revocations by a reload: a stolen key is out, a new lane is in, nothing is restarted."""

from __future__ import annotations

import shutil
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from broker_bench import LANES, SITE, BrokerProcess, Client, eventually, free_port

from firmware.lane import contract
from gateway import access_actions
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


@pytest.mark.requirement("X-12")
def test_a_new_lane_is_let_in_by_one_command_without_a_restart(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from tests.unit.test_config import GOOD

    port = free_port()
    site = tmp_path / "site.toml"
    first = f'{GOOD}\n[broker]\nhost = "127.0.0.1"\nport = {port}\n'
    site.write_text(first, "utf-8")
    assert access_actions.write_broker_rights(site, None, "root", True) == 2, "nothing runs yet"
    assert "mosquitto -c" in capsys.readouterr().err
    keys = pki.SiteKeys(tmp_path / "data/keys", SITE)
    folder = tmp_path / "data/mosquitto"
    program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    mosquitto = subprocess.Popen([str(program), "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
    broker: Any = SimpleNamespace(keys=keys, port=port)
    try:
        old = Client(broker, "g1-b01")
        eventually(lambda: old.attempt()[0] == 0, "mosquitto listens", 20)
        lane = GOOD[GOOD.index("[[lanes]]") :]
        second = lane.replace("g1-b01", "g1-b02").replace('barrier_code = "01"', 'barrier_code = "02"')
        site.write_text(first + second, "utf-8")
        assert access_actions.write_broker_rights(site, None, "root", True) == 0
        assert "2 车道" in capsys.readouterr().out
        new, gateway = Client(broker, "g1-b02"), Client(broker, "gateway")
        assert new.attempt()[0] == gateway.attempt()[0] == 0
        topic = contract.topic(SITE, "g1-b02", "event")
        gateway.subscribe(topic)
        eventually(lambda: (new.publish(topic, b"{}"), gateway.payloads())[1], "what the new lane says", 20)
        assert not old.gone.is_set(), "a reload ends no connection"
        for client in (old, new, gateway):
            client.close()
    finally:
        mosquitto.kill()
        mosquitto.wait()
