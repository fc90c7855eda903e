"""Readiness reaches systemd's socket, by path and by abstract name."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gateway.adapters import systemd


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_state_reaches_the_socket(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(tmp_path / "notify") if kind == "path" else f"@lvzha-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemds:
        systemds.bind("\0" + name[1:] if kind == "abstract" else name)
        systemds.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert systemd.notify("READY=1")
        assert systemds.recv(100) == b"READY=1"


def test_nobody_listening_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not systemd.notify("READY=1")
