"""One signed POST and its checked answer: bytes, limits, signatures. Knows no operation and no business rule."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError

from gateway.adapters.uplink.profile import Profile
from gateway.adapters.uplink.signing import RawNumber, SignatureRefused, canonical_text, sign, verify

_CHUNK_BYTES = 64 * 1024


class TransportFailed(Exception):
    """No answer that can be believed; the platform may or may not have stored the request. Repeat it as it is."""


class RequestTooLarge(Exception):
    """The request is over the profile's limit and was not sent."""


@dataclass(frozen=True)
class Answer:
    """A platform's answer, signature checked where the profile asks for it. data: the parsed business part."""

    code: int
    message: str
    timestamp: str
    data: dict[str, Any]


class Transport:
    """Keeps one connection alive to one platform. Not thread-safe: one thread at a time.

    ca_file: certificate authority for https, None = the system's. platform_key may be None only if the profile says
    that responses are not signed.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        base_url: str,
        private_key: RSAPrivateKey,
        platform_key: RSAPublicKey | None,
        ca_file: str | None = None,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url = {base_url!r}, allowed: http://… or https://…")
        if profile.responses_signed and platform_key is None:
            raise ValueError(f"profile {profile.id} has signed responses: the platform's public key is needed")
        self._profile, self._private_key, self._platform_key = profile, private_key, platform_key
        # The address is given with or without the profile's path; both are common in the papers that come with it.
        self._root = base_url.rstrip("/").removesuffix(profile.base_path.rstrip("/")) + profile.base_path
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no netrc from the environment: the line is a dedicated one
        self._session.verify = ca_file or True
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=4, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        self._session.close()

    def body_of(self, envelope: Mapping[str, str]) -> bytes:
        """The exact bytes of a request: the envelope in the given order with its signature as the last key."""
        text = canonical_text(envelope, leave_out=self._profile.leave_out_request)
        signed = {**envelope, "sign": sign(text, self._private_key)}
        return json.dumps(signed, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

    def post(self, path: str, envelope: Mapping[str, str], *, token: str | None, has_photos: bool) -> Answer:
        """Send one request and give its answer. Raises TransportFailed, RequestTooLarge."""
        profile = self._profile
        body = self.body_of(envelope)
        if len(body) > profile.max_request_bytes:
            raise RequestTooLarge(f"request of {len(body)} bytes, allowed: {profile.max_request_bytes}")
        headers = {"Content-Type": "application/json; charset=UTF-8", "Accept": "application/json"}
        if token is not None:
            headers[profile.token_header] = profile.token_prefix + token
        read_timeout_s = profile.photo_read_timeout_s if has_photos else profile.read_timeout_s
        raw = self._exchange(self._root + path, body, headers, read_timeout_s)
        return self._read(raw, req_id=envelope["reqId"])

    def _exchange(self, url: str, body: bytes, headers: Mapping[str, str], read_timeout_s: float) -> bytes:
        profile = self._profile
        started_mono_s = time.monotonic()  # real time also under a test clock: it bounds a real socket
        deadline_mono_s = started_mono_s + profile.connect_timeout_s + read_timeout_s
        try:
            with self._open(url, body, headers, read_timeout_s) as response:
                if response.status_code != 200:
                    raise TransportFailed(f"HTTP status {response.status_code}")
                content = bytearray()
                for chunk in response.iter_content(_CHUNK_BYTES):
                    content += chunk
                    if len(content) > profile.max_response_bytes:
                        raise TransportFailed(f"answer over {profile.max_response_bytes} bytes")
                    if time.monotonic() > deadline_mono_s:
                        raise TransportFailed(f"answer not complete within {read_timeout_s:g} s")
                return bytes(content)
        except requests.RequestException as error:
            raise TransportFailed(_short(error)) from error

    def _open(self, url: str, body: bytes, headers: Mapping[str, str], read_timeout_s: float) -> requests.Response:
        """The answer's head. Repeats once, at once, when a kept connection turns out to have been closed meanwhile:
        the bytes are the same, and the platform knows a repeat by its reqId."""
        for is_last in (False, True):
            try:
                return self._session.post(
                    url,
                    data=body,
                    headers=dict(headers),
                    timeout=(self._profile.connect_timeout_s, read_timeout_s),
                    stream=True,
                    allow_redirects=False,
                )
            except requests.ConnectionError as error:
                was_closed = bool(error.args) and isinstance(error.args[0], ProtocolError)
                if is_last or not was_closed:
                    raise
        raise AssertionError("the second try returns or raises")

    def _read(self, raw: bytes, *, req_id: str) -> Answer:
        try:
            envelope = json.loads(raw.decode("utf-8-sig"), parse_int=RawNumber, parse_float=RawNumber)
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise TransportFailed("answer is not JSON in UTF-8") from error
        if not isinstance(envelope, dict):
            raise TransportFailed("answer is not a JSON object")
        try:
            code = int(envelope["code"])
        except (KeyError, TypeError, ValueError) as error:
            raise TransportFailed("answer has no code") from error
        if self._profile.responses_signed:
            self._check_signature(envelope)
        echoed = envelope.get("reqId")
        if echoed not in (None, "", req_id):
            raise TransportFailed("answer belongs to another request (reqId)")
        return Answer(code, str(envelope.get("msg") or ""), str(envelope.get("timestamp") or ""), _business(envelope))

    def _check_signature(self, envelope: Mapping[str, Any]) -> None:
        signature = envelope.get("sign")
        if not isinstance(signature, str) or not signature:
            raise TransportFailed("answer is not signed")
        assert self._platform_key is not None  # __init__ refuses a signing profile without it
        try:
            text = canonical_text(envelope, leave_out=self._profile.leave_out_response)
            verify(text, signature, self._platform_key)
        except SignatureRefused as error:
            raise TransportFailed(f"signature of the answer: {error}") from error


def _business(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The business part, {} when there is none. Raises TransportFailed when it is not a JSON object in a string."""
    data = envelope.get("data")
    if data is None or data == "":
        return {}
    if not isinstance(data, str):
        raise TransportFailed("data of the answer is not a string")
    try:
        parsed = json.loads(data)
    except (json.JSONDecodeError, RecursionError) as error:
        raise TransportFailed("data of the answer is not JSON") from error
    if not isinstance(parsed, dict):
        raise TransportFailed("data of the answer is not a JSON object")
    return parsed


def _short(error: requests.RequestException) -> str:
    """What happened in a few words; never the request, which carries the token."""
    if isinstance(error, requests.ConnectTimeout):
        return "connect timeout"
    if isinstance(error, requests.Timeout):
        return "read timeout"
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed: certificate or protocol not accepted"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "answer broke off"
    if isinstance(error, requests.ConnectionError):
        return "connection refused, lost or not possible"
    return type(error).__name__
