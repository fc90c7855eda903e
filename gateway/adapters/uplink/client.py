"""HttpRegulator: services.ports.Regulator over HTTP, in the words of one profile.

Each answer becomes a Receipt. Besides the parsed answer, Receipt.data may hold what the relay needs to know about the
link as a whole under these keys, in every profile: `condition` ("offline": no believable answer; "credential": token,
key or registration refused; "clock": our time refused; "throttled": asked to wait; absent: nothing of the kind) and
`server_time_ms`.
"""

from __future__ import annotations

import json
import random
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from ulid import ULID

from gateway.adapters.uplink.mapping import PhotoFolder, RecordRefused, decode_answer, encode, read_wire_time, wire_time
from gateway.adapters.uplink.profile import Op, Profile, load_profile
from gateway.adapters.uplink.records import BarrierRecord, CameraRecord, EnterpriseRecord
from gateway.adapters.uplink.signing import load_private_key, load_public_key
from gateway.adapters.uplink.token import Grant, GrantRefused, TokenKeeper, TokenUnavailable
from gateway.adapters.uplink.transport import Answer, RequestTooLarge, Transport, TransportFailed
from gateway.services.ports import Clock, OutboxRow, Receipt

log = structlog.get_logger(__name__)

MOST_ITEMS = 50  # of a list without pictures (batch rule of the interface)


@dataclass(frozen=True)
class MasterData:
    """What must be known to the platform before a passage that names it."""

    enterprise: EnterpriseRecord
    barriers: Sequence[BarrierRecord] = ()
    cameras: Sequence[CameraRecord] = ()


@dataclass(frozen=True)
class _Outcome:
    """One exchange: the answer, or why there is none."""

    answer: Answer | None
    receipt: Receipt | None


class HttpRegulator:
    """The authority's platform through one profile (services.ports.Regulator). Thread-safe by one lock.

    enterprise_code: as issued. app_id: the platform's name of this installation. master: sent when the platform does
    not know a parent (barrier, camera, enterprise) of a record. new_req_id, new_nonce: injected by golden tests.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        base_url: str,
        enterprise_code: str,
        app_id: str,
        private_key: RSAPrivateKey,
        platform_key: RSAPublicKey | None,
        data_dir: Path,
        clock: Clock,
        master: Callable[[], MasterData | None] = lambda: None,
        secrets_of: Callable[[str], Mapping[str, str]] = lambda op: {},
        ca_file: str | None = None,
        rng: random.Random | None = None,
        new_req_id: Callable[[], str] | None = None,
        new_nonce: Callable[[], str] | None = None,
    ) -> None:
        self._profile, self._enterprise_code, self._app_id = profile, enterprise_code, app_id
        self._clock, self._master, self._secrets_of = clock, master, secrets_of
        self._photos = PhotoFolder(
            data_dir, max_bytes=profile.photo_max_bytes, document_max_bytes=profile.document_max_bytes
        )
        self._transport = Transport(
            profile, base_url=base_url, private_key=private_key, platform_key=platform_key, ca_file=ca_file
        )
        self._new_req_id = new_req_id or (lambda: str(ULID.from_timestamp(clock.wall_ms() / 1000)))
        self._new_nonce = new_nonce or (lambda: secrets.token_hex(6))
        self._tokens = TokenKeeper(
            self._fetch_token, mono_s=clock.mono_s, rules=profile.token_rules, rng=rng or random.Random()
        )
        self._lock = threading.Lock()

    @property
    def profile(self) -> Profile:
        return self._profile

    def close(self) -> None:
        """Drop the kept connection; a later call opens a new one."""
        self._transport.close()

    # ------------------------------------------------------------------ services.ports.Regulator

    def send(self, row: OutboxRow) -> Receipt:
        """Upload one row; never raises for network or platform trouble, which is a Receipt too.

        row.upload_at_ms must be set (Outbox.begin_attempt does): it is part of the bytes that every retry repeats.
        """
        op = self._profile.ops.get(row.op)
        if op is None or row.op in (self._profile.token_op, "heartBeat"):
            return Receipt("parked", self._profile.invalid_code, f"op {row.op!r} not in profile {self._profile.id}")
        record = {
            **row.record,
            **self._secrets_of(row.op),
            "upload_at_ms": row.upload_at_ms,
            "is_backfill": row.is_backfill,
        }
        with self._lock:
            receipt = self._upload(op, [record], row.req_id)
            if self._action(receipt.code) == "parent" and (master := self._master()) is not None:
                refusal = self._send_master(master)
                if refusal is not None:
                    return refusal
                receipt = self._upload(op, [record], row.req_id)
            return receipt

    def heartbeat(self, status: dict[str, Any]) -> Receipt:
        """One heartBeat; Receipt.data carries the parsed answer (server_time_ms, strategy_version, …).

        status: records.SiteStatus; its own status may also be the text "1" or "0", as codes are elsewhere.
        """
        op = self._profile.ops["heartBeat"]
        record = {"status": 1, **status, "send_time_ms": self._clock.wall_ms()}
        if record["status"] in ("0", "1"):
            record["status"] = int(record["status"])
        with self._lock:
            return self._upload(op, [record], self._new_req_id())

    def can(self, op: str) -> bool:
        """Whether the profile has this operation."""
        return op in self._profile.ops

    def pull(self, op: str, question: dict[str, Any]) -> Receipt:
        """Ask for a list. Receipt.data: `items` (objects or texts) in the platform's words, and what the profile reads of the answer.

        question: since_version, page_no, page_size; the profile takes what it knows. Never raises for trouble.
        """
        known = self._profile.ops.get(op)
        if known is None or not known.items_key:
            return Receipt("parked", self._profile.invalid_code, f"op {op!r} is no list of profile {self._profile.id}")
        with self._lock:
            return self._upload(known, [question], self._new_req_id())

    def send_master(self) -> Receipt:
        """Send enterprise, barriers and cameras in that order; accepted, or the receipt of what was not taken."""
        master = self._master()
        if master is None:
            return Receipt("parked", self._profile.missing_code, "not sent: the enterprise is in no register")
        with self._lock:
            return self._send_master(master) or Receipt("accepted", self._profile.ok_codes[0], "")

    def business_text(self, op: Op, records: Sequence[Mapping[str, Any]]) -> str:
        """The text of `data` for these records, the same on every call. Raises RecordRefused."""
        return self._business(op, records)[0]

    def request_bytes(self, op: Op, data: str, req_id: str) -> bytes:
        """The exact body that a request with this business text would have now (golden files, conformance)."""
        return self._transport.body_of(self._envelope(data, req_id))

    # ------------------------------------------------------------------ one operation

    def _send_master(self, master: MasterData) -> Receipt | None:
        """The first refusal, None when everything was taken."""
        ops = self._profile.ops
        parts: list[tuple[str, Sequence[Any]]] = [
            ("enterprise", [master.enterprise]),
            ("barrierInfo", master.barriers),
            ("cameraInfo", [{**camera, **self._secrets_of("cameraInfo")} for camera in master.cameras]),
        ]
        for name, records in parts:
            for first in range(0, len(records) if name in ops else 0, MOST_ITEMS):
                receipt = self._upload(ops[name], records[first : first + MOST_ITEMS], self._new_req_id())
                if receipt.outcome != "accepted":
                    message = f"{name} before the record: {receipt.message}"
                    return Receipt("retry", receipt.code, message, receipt.data, self._profile.schedule.slow_wait_s)
        return None

    def _business(self, op: Op, records: Sequence[Mapping[str, Any]]) -> tuple[str, list[str]]:
        """The text of `data`, and the keys of its items ([] for an operation without a list)."""
        items = [encode(op, record, self._photos) for record in records]
        content: Any = {op.list_key: items} if op.list_key else items[0]
        keys = [str(item[op.item_key]) for item in items] if op.list_key else []
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")), keys

    def _upload(self, op: Op, records: Sequence[Mapping[str, Any]], req_id: str) -> Receipt:
        try:
            data, keys = self._business(op, records)
        except RecordRefused as refusal:
            code = self._profile.missing_code if refusal.is_missing else self._profile.invalid_code
            return Receipt("parked", code, f"not sent: {refusal}")
        outcome = self._with_token(op, data, req_id, has_photos=op.has_pictures)
        if outcome.receipt is not None:
            return outcome.receipt
        assert outcome.answer is not None
        return self._judge(op, outcome.answer, keys)

    def _with_token(self, op: Op, data: str, req_id: str, *, has_photos: bool) -> _Outcome:
        """Exchange with the token; renew it once and sign anew once where the platform asks for it, same reqId."""
        may_renew, may_sign_again = True, True
        while True:
            try:
                token = self._tokens.get()
            except TokenUnavailable as trouble:
                return _Outcome(None, self._no_token(trouble))
            outcome = self._exchange(op, data, req_id, token, has_photos=has_photos)
            action = self._action(outcome.answer.code) if outcome.answer else ""
            if action == "renew_token":
                self._tokens.discard(token)
                if may_renew:
                    may_renew = False
                    continue
            if action == "sign_again" and may_sign_again:
                may_sign_again = False
                continue
            return outcome

    def _exchange(self, op: Op, data: str, req_id: str, token: str | None, *, has_photos: bool) -> _Outcome:
        """One POST; logged without token, signature and content."""
        started_mono_s = self._clock.mono_s()
        line = log.bind(op=op.name, req_id=req_id, request_chars=len(data))
        try:
            answer = self._transport.post(
                op.path, self._envelope(data, req_id), token=token, has_photos=has_photos
            )  # fmt: skip
        except TransportFailed as failure:
            line.info("uplink request", failed=str(failure), took_ms=self._since_ms(started_mono_s))
            return _Outcome(None, Receipt("retry", 0, str(failure), {"condition": "offline"}))
        except RequestTooLarge as failure:
            return _Outcome(None, Receipt("parked", self._profile.invalid_code, f"not sent: {failure}"))
        line.info("uplink request", code=answer.code, took_ms=self._since_ms(started_mono_s))
        return _Outcome(answer, None)

    def _envelope(self, data: str, req_id: str) -> dict[str, str]:
        return {
            "enterpriseCode": self._enterprise_code,
            "reqId": req_id,
            "timestamp": wire_time(self._clock.wall_ms()),
            "version": self._profile.envelope_version,
            "signType": self._profile.sign_type,
            "data": data,
        }

    def _fetch_token(self) -> Grant:
        """One getToken. Raises GrantRefused."""
        op = self._profile.ops[self._profile.token_op]
        data = self.business_text(op, [{"app_id": self._app_id, "nonce": self._new_nonce()}])
        outcome = self._exchange(op, data, self._new_req_id(), None, has_photos=False)
        if outcome.answer is None:
            assert outcome.receipt is not None
            raise GrantRefused(0, outcome.receipt.message)
        answer = outcome.answer
        if answer.code not in self._profile.ok_codes:
            raise GrantRefused(answer.code, answer.message)
        fields = decode_answer(op.answer, answer.data)
        if not fields.get("token"):
            raise GrantRefused(0, "answer without a token")
        return Grant(fields["token"], fields.get("lifetime_s"))

    # ------------------------------------------------------------------ answers into receipts

    def _action(self, code: int) -> str:
        """What the profile says about a code; unknown ones: 4xxxx a person must look, everything else is repeated."""
        if code in self._profile.ok_codes:
            return ""
        return self._profile.actions.get(code, "park" if 40000 <= code < 50000 else "retry")

    def _judge(self, op: Op, answer: Answer, keys: Sequence[str]) -> Receipt:
        """The receipt of a believable answer; of several items, the first that was not taken decides."""
        if answer.code not in self._profile.ok_codes:
            return self._refused(answer.code, answer.message, answer.data, _read_time(answer.timestamp))
        fields = decode_answer(op.answer, answer.data)
        if server_time_ms := _read_time(answer.timestamp):
            fields.setdefault("server_time_ms", server_time_ms)
        if op.items_key:
            items = answer.data.get(op.items_key)
            wanted = str if op.items_are == "text" else dict
            if not isinstance(items, list) or not all(isinstance(item, wanted) for item in items):
                return Receipt("retry", 0, f"answer without a list {op.items_key}", {"condition": "offline"})
            fields["items"] = items
        results = answer.data.get(op.results_key) if op.list_key else []
        by_key = (
            {str(r.get(op.item_key)): r for r in results if isinstance(r, dict)} if isinstance(results, list) else {}
        )
        for key in keys:
            result = by_key.get(key, {})
            code = result.get("code")
            if isinstance(code, bool) or not isinstance(code, int):
                return Receipt("retry", 0, f"answer without a result for {op.item_key} {key}", {"condition": "offline"})
            if code not in self._profile.ok_codes:
                return self._refused(code, str(result.get("msg") or ""), result, None)
            fields.update(decode_answer(op.answer, result))
        return Receipt("accepted", answer.code, answer.message, fields)

    def _refused(self, code: int, message: str, data: Mapping[str, Any], server_time_ms: int | None) -> Receipt:
        slow_wait_s = self._profile.schedule.slow_wait_s
        more = {"server_time_ms": server_time_ms} if server_time_ms else {}
        match self._action(code):
            case "park":
                return Receipt("parked", code, message)
            case "credential" | "sign_again":
                return Receipt("retry", code, message, {"condition": "credential", **more}, slow_wait_s)
            case "renew_token":  # a renewed token was refused as well
                return Receipt("retry", code, message, {"condition": "credential", **more})
            case "retry_slow":
                return Receipt("retry", code, message, more, slow_wait_s)
            case "clock":
                return Receipt("retry", code, message, {"condition": "clock", **more})
            case "wait":
                wait = data.get("retryAfter")
                wait_s = float(wait) if isinstance(wait, (int, float)) and 0 < wait <= 86400 else None
                return Receipt("retry", code, message, {"condition": "throttled", **more}, wait_s)
            case _:
                return Receipt("retry", code, message, more)

    def _no_token(self, trouble: TokenUnavailable) -> Receipt:
        """Why no token could be had, as the answer to the request that wanted one."""
        action = self._action(trouble.code)
        condition = {"credential": "credential", "sign_again": "credential", "clock": "clock"}.get(action, "")
        if trouble.code == 0 and trouble.message:
            condition = "offline"
        elif not condition and trouble.is_alarming:
            condition = "credential"
        is_slow = condition == "credential" and trouble.was_asked
        wait_s = self._profile.schedule.slow_wait_s if is_slow else 0.0
        condition = condition or "throttled"
        message = f"no token: {trouble.message}" if trouble.message else "no token: asked for one a moment ago"
        return Receipt("retry", trouble.code, message, {"condition": condition}, max(wait_s, trouble.retry_after_s))

    def _since_ms(self, started_mono_s: float) -> int:
        return round((self._clock.mono_s() - started_mono_s) * 1000)


def open_regulator(
    profile_file: Path,
    *,
    base_url: str,
    enterprise_code: str,
    app_id: str,
    private_key_file: Path,
    platform_key_file: Path,
    data_dir: Path,
    clock: Clock,
    master: Callable[[], MasterData | None] = lambda: None,
    secrets_of: Callable[[str], Mapping[str, str]] = lambda op: {},
    ca_file: str | None = None,
) -> HttpRegulator:
    """An HttpRegulator from files. Raises ProfileError and KeyRefused, which name file, key and what is allowed."""
    profile = load_profile(profile_file)
    private_key = load_private_key(private_key_file)
    return HttpRegulator(
        profile,
        base_url=base_url,
        enterprise_code=enterprise_code,
        app_id=app_id,
        private_key=private_key,
        platform_key=load_public_key(platform_key_file, own=private_key),
        data_dir=data_dir,
        clock=clock,
        master=master,
        secrets_of=secrets_of,
        ca_file=ca_file,
    )


def _read_time(text: str) -> int | None:
    try:
        return read_wire_time(text)
    except ValueError:
        return None
