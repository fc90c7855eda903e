"""The golden files of the uplink profile: canonical input, exact wire bytes, signed text, answer.

`python tests/contract/uplink_golden.py` writes them anew from golden_uplink/*.input.json; a change of the wire shows
as a change of these files. The keys there are throw-away ones, made for this and used for nothing else.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.adapters.uplink.client import HttpRegulator
from gateway.adapters.uplink.mapping import read_wire_time
from gateway.adapters.uplink.profile import BUILT_IN, load_profile
from gateway.adapters.uplink.signing import canonical_text, parse_private_key, parse_public_key
from gateway.services.ports import Clock, OutboxRow, Receipt
from tools.regulator.rsa2 import read_private_key, sign_answer

FOLDER = Path(__file__).with_name("golden_uplink")
# Reading a private key checks its primes and takes its time: once is enough.
ENTERPRISE_KEY = parse_private_key((FOLDER / "throwaway-enterprise.key").read_bytes(), name="golden")
PLATFORM_KEY = read_private_key(FOLDER / "throwaway-platform.key")
CASES = ("getToken", "heartBeat", "entry", "exit", "refused", "unread_hold", "new_energy")
NOW_MS = read_wire_time("2026-11-22 12:00:01")
REQ_ID = "01JD9Z8Q0V6T4N2M8K7H5F3C1A"
NONCE = "9f1c2ab47e6d"


class FixedClock:
    def wall_ms(self) -> int:
        return NOW_MS

    def mono_s(self) -> float:
        return 1000.0


@dataclass(frozen=True)
class Post:
    """One request as the platform's socket saw it."""

    path: str
    headers: dict[str, str]
    body: bytes


class Listener:
    """A platform that keeps every byte it gets and answers what it was told to."""

    def __init__(self, *, tls_files: tuple[Path, Path] | None = None) -> None:
        self.posts: list[Post] = []
        self._cuts_left = 0
        self.answers: dict[str, bytes | Callable[[], tuple[int, bytes]]] = {}
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.posts.append(Post(self.path, dict(self.headers.items()), body))
                if listener._cuts_left:
                    listener._cuts_left -= 1
                    self.close_connection = True
                    return
                told = listener.answers[self.path.rsplit("/", 1)[1]]
                status, answer = told() if callable(told) else (200, told)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "https" if tls_files else "http"
        if tls_files is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls_files)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def cut_next(self) -> None:
        """Close the connection instead of answering the next request."""
        self._cuts_left = 1

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def golden_input(case: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{case}.input.json").read_text(encoding="utf-8"))


def self_signed_certificate(folder: Path) -> tuple[Path, Path]:
    """Certificate and key files for 127.0.0.1, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "tls.crt").write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "tls.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return folder / "tls.crt", folder / "tls.key"


def client_for(
    listener: Listener, *, clock: Clock | None = None, ca_file: str | None = None, suffix: str = ""
) -> HttpRegulator:
    return _client(listener.url + suffix, clock or FixedClock(), ca_file)


def offline_client() -> HttpRegulator:
    """A client that only makes request bytes: nothing listens at its address."""
    return _client("http://127.0.0.1:9", FixedClock())


def _client(url: str, clock: Clock, ca_file: str | None = None) -> HttpRegulator:
    return HttpRegulator(
        load_profile(BUILT_IN / "yunnan-v1.toml"),
        base_url=url,
        enterprise_code="5303020007",
        app_id="yn-gate-0007",
        private_key=ENTERPRISE_KEY,
        platform_key=parse_public_key((FOLDER / "throwaway-platform.pub").read_bytes(), name="golden"),
        data_dir=FOLDER,
        clock=clock,
        ca_file=ca_file,
        new_req_id=lambda: REQ_ID,
        new_nonce=lambda: NONCE,
    )


def exchange(case: str, listener: Listener) -> tuple[Post, Receipt]:
    """Run one case through the real client against listener; the request of that case and the receipt."""
    given = golden_input(case)
    op = given["op"]
    listener.posts.clear()
    for other in ("getToken", "heartBeat", case):
        listener.answers[golden_input(other)["op"]] = signed_answer(golden_input(other)["answer"])
    client = client_for(listener)
    if op in ("getToken", "heartBeat"):  # a token is never asked for alone: the heartbeat needs one first
        receipt = client.heartbeat(golden_input("heartBeat")["status"])
    else:
        receipt = client.send(
            OutboxRow(
                id=1, op=op, key=given["record"]["record_no"], rev=given["record"]["rev"], req_id=REQ_ID,
                record=given["record"], created_at_ms=NOW_MS, attempts=1,
                upload_at_ms=read_wire_time(given["upload_time"]), is_backfill=given["is_backfill"],
            )
        )  # fmt: skip
    client.close()
    return next(post for post in listener.posts if post.path.endswith(f"/{op}")), receipt


def signed_answer(business: dict[str, Any] | None, *, code: int = 200, message: str = "ok") -> bytes:
    """The platform's answer to REQ_ID with this business part, signed with the throw-away platform key."""
    envelope: dict[str, Any] = {
        "code": code,
        "msg": message,
        "reqId": REQ_ID,
        "timestamp": "2026-11-22 12:00:02",
        "data": None if business is None else json.dumps(business, ensure_ascii=False, separators=(",", ":")),
        "signType": "RSA2",
    }
    envelope["sign"] = sign_answer(envelope, PLATFORM_KEY)
    return json.dumps(envelope, ensure_ascii=False).encode("utf-8")


def signed_text(body: bytes) -> str:
    return canonical_text(json.loads(body), leave_out=["sign"])


def signature_of(body: bytes) -> bytes:
    return base64.b64decode(json.loads(body)["sign"], validate=True)


def write_golden() -> None:
    listener = Listener()
    for case in CASES:
        post, _ = exchange(case, listener)
        (FOLDER / f"{case}.request.json").write_bytes(post.body)
        (FOLDER / f"{case}.signed.txt").write_bytes(signed_text(post.body).encode("utf-8"))
        (FOLDER / f"{case}.answer.json").write_bytes(signed_answer(golden_input(case)["answer"]))
    listener.close()


if __name__ == "__main__":
    write_golden()
