"""A site for a technician: real broker, real gateway process, a lane on the real interpreter, and a slow line to it.

No cameras and no regulator answer: the gateway runs without them, as it must.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "firmware"))
import rig
from click.testing import Result
from rig import LANE, SITE, Broker, LaneBoard, Plant, free_port, until
from typer.testing import CliRunner

from gateway.__main__ import app
from tools.regulator.rsa2 import make_keys as make_regulator_keys

ROOT = Path(__file__).parents[2]
NAME = "technician-li"


class SlowLine:
    """A TCP relay with a rate each way, in bits per second; it can also lose bytes' connection or hold still."""

    def __init__(self, port: int, bits_per_s: int) -> None:
        self._target, self.bits_per_s = port, bits_per_s
        self.bytes = [0, 0]  # towards the broker, back
        self.is_held = False
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            for n, (a, b) in enumerate(((near, far), (far, near))):
                threading.Thread(target=self._carry, args=(a, b, n), daemon=True).start()

    def _carry(self, a: socket.socket, b: socket.socket, way: int) -> None:
        free_at = time.monotonic()
        try:
            while data := a.recv(256):
                free_at = max(free_at, time.monotonic()) + len(data) * 8 / self.bits_per_s
                time.sleep(max(0.0, free_at - time.monotonic()))
                while self.is_held:
                    time.sleep(0.05)
                self.bytes[way] += len(data)
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        self._server.close()


class TechnicianSite:
    def __init__(self, folder: Path, *, bits_per_s: int = 64_000) -> None:
        self.folder = folder
        self.port, self.web_port, sntp, regulator, camera = (free_port() for _ in range(5))
        make_regulator_keys(folder / "regulator-keys")
        (folder / "site.toml").write_text(_settings(self.port, self.web_port, sntp, regulator, camera), "utf-8")
        self.keys = rig.make_keys(folder / "data" / "keys")
        self.line = SlowLine(self.port, bits_per_s)
        issued = self.lvzha("pki", "technician", "li", "--out", str(folder), "--config", str(folder / "site.toml"))
        assert issued.exit_code == 0, issued.output
        self.access = folder / NAME / "access.toml"
        self._point_at(self.line.port)
        self.broker = Broker(self.keys, self.port)
        self.plant = Plant()
        self.board = LaneBoard(folder / "flash", self.keys, self.plant, self.port, heap="1M", sntp_port=sntp)
        self.gateway: subprocess.Popen[bytes] | None = None
        self.start_gateway()

    def _point_at(self, port: int) -> None:
        text = self.access.read_text("utf-8")
        self.access.write_text(text.replace(f"port = {self.port}", f"port = {port}"), "utf-8")

    def start_gateway(self) -> None:
        with open(self.folder / "gateway.log", "ab") as log:
            self.gateway = subprocess.Popen(
                [sys.executable, "-m", "gateway", "run", "--config", str(self.folder / "site.toml")],
                cwd=ROOT, env=self._env(), stdout=log, stderr=log,
            )  # fmt: skip

    def stop_gateway(self) -> None:
        if self.gateway:
            self.gateway.terminate()
            self.gateway.wait(20)
            self.gateway = None

    def wait_ready(self) -> None:
        """Until the gateway hears the lane live and can time it."""
        until(lambda: _answers(self.web_port), 60, "the gateway's console listens")
        until(
            lambda: self.lane("set-mode", LANE, "automatic", "--why", "ready?")[0] == 0, 60, "an order is carried out"
        )

    @staticmethod
    def _env() -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}

    @staticmethod
    def lvzha(*arguments: str) -> Result:
        """The command line, in this process."""
        done = CliRunner().invoke(app, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    def lane(self, *arguments: str) -> tuple[int, dict]:
        """`lvzha lane ... --json`: (exit status, the printed document)."""
        done = self.lvzha("lane", *arguments, "--access", str(self.access), "--json")
        printed = [line for line in done.stdout.splitlines() if line.startswith("{")]
        assert printed, f"{arguments}: {done.output}"
        return done.exit_code, json.loads(printed[-1])

    def entries(self) -> list[dict]:
        """Every entry of the ledger, oldest first."""
        import sqlite3

        with sqlite3.connect(f"file:{self.folder / 'data' / 'ledger.sqlite3'}?mode=ro", uri=True) as conn:
            conn.row_factory = sqlite3.Row
            rows = [dict(r) for r in conn.execute("select * from entry order by seq")]
        return [row | {"body": json.loads(row["body"])} for row in rows]

    def close(self) -> None:
        self.stop_gateway()
        self.board.kill()
        self.plant.close()
        self.broker.kill()
        self.line.close()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _settings(broker: int, web: int, sntp: int, regulator: int, camera: int) -> str:
    return f"""
[site]
enterprise_code = "{SITE}"
name = "试验厂"
data_dir = "data"
[broker]
port = {broker}
[web]
port = {web}
[sntp]
port = {sntp}
[uplink]
base_url = "http://127.0.0.1:{regulator}/"
app_id = "test"
private_key = "regulator-keys/enterprise.key"
platform_key = "regulator-keys/platform.pub"
[[cameras]]
code = "C01"
name = "车头"
url = "rtsp://127.0.0.1:{camera}/head"
[[cameras]]
code = "C02"
name = "车身"
url = "rtsp://127.0.0.1:{camera}/body"
[[lanes]]
id = "{LANE}"
name = "东门进1道"
entrance_code = "1"
barrier_code = "01"
direction = "in"
head_camera = "C01"
body_camera = "C02"
"""
