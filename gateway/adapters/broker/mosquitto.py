"""The same rights for Debian's mosquitto, which a site takes instead of the embedded broker when it grows.

mosquitto's own words are in mosquitto.conf(5), version 2.0. Two things it cannot do: compare O with the site (the
authority is the site's own, so that is implied) and refuse a retained command (the lane refuses it).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from gateway.adapters.broker import pki
from gateway.adapters.broker.access import GATEWAY, VISION, Access
from gateway.adapters.broker.delivery import MAX_QUEUED, WINDOW
from gateway.adapters.broker.streams import MAX_FIELD_BYTES

PID = "mosquitto.pid"


def write_mosquitto_files(folder: Path, access: Access, *, host: str, port: int, run_as: str = "mosquitto") -> Path:
    """Write mosquitto.conf and its list of rights into folder; returns the path of mosquitto.conf.

    A client's id is its certificate's name there, so one lane can never throw another one off. A technician has rights
    from the next writing and reload (SIGHUP) after his certificate was made, and none after it was taken away. A certificate that
    was replaced or taken away is on the CRL: from the next reload on its key gets in no more; a connection that stands ends when
    the new key's owner connects, since the client's id is the certificate's name.
    """
    keys, rights = access.keys, folder / "rights"
    revoked = folder / "revoked.crl"
    folder.mkdir(parents=True, exist_ok=True)
    _replace(revoked, pki.revocation_list(keys))
    lines: list[str] = []
    for name in (GATEWAY, VISION, *access.lanes, *access.technicians()):
        publish, read = access.topics(name)
        lines.append(f"user {name}")
        lines += [f"topic write {topic}" for topic in sorted(publish - read)]
        lines += [f"topic read {topic}" for topic in sorted(read - publish)]
        lines += [f"topic readwrite {topic}" for topic in sorted(read & publish)]
    _replace(rights, ("\n".join(lines) + "\n").encode())
    config = folder / "mosquitto.conf"
    _replace(
        config,
        f"""# Written by lvzha from the site file; changes here are lost.
per_listener_settings false
user {run_as}
listener {port} {host}
cafile {keys.ca_crt}
crlfile {revoked}
certfile {keys.crt(pki.BROKER)}
keyfile {keys.key(pki.BROKER)}
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
use_username_as_clientid true
acl_file {rights}
max_inflight_messages {WINDOW}
max_queued_messages {MAX_QUEUED}
max_packet_size {MAX_FIELD_BYTES}
persistent_client_expiration 1d
persistence false
pid_file {folder / PID}
log_dest stderr
""".encode(),
    )
    return config


def reload(folder: Path) -> int | None:
    """Have the mosquitto that was started with the files of `folder` read rights and revocations again; its process id. None: it does
    not run. A reload ends no connection. Raises PermissionError for another user's mosquitto."""
    try:
        pid = int((folder / PID).read_text())
        if Path(f"/proc/{pid}/comm").read_text().strip() != "mosquitto":
            return None
        os.kill(pid, signal.SIGHUP)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    return pid


def _replace(path: Path, content: bytes) -> None:
    """The file is whole at every moment: a reload may come between."""
    new = path.with_name(path.name + ".new")
    new.write_bytes(content)
    new.replace(path)
