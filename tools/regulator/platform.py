"""The supervising platform's side of the interface: checks a request, stores it once, answers.

Everything an answer promises is committed before the answer is made.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tools.regulator import master, reconcile, rules, things
from tools.regulator.faults import Faults
from tools.regulator.rsa2 import is_signed_by, sign_answer
from tools.regulator.rules import CHINA, Refused
from tools.regulator.storage import Storage

OPS = (
    "getToken",
    "enterprise",
    "barrierInfo",
    "cameraInfo",
    "heartBeat",
    "inOutRecord",
    "reconcile",
    *things.KEYS,
    *things.LISTS,
)
REMEMBER_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class Settings:
    """enterprise_codes: registered ones. token_lifetime_s, window_s: seconds. min_head_px: width, height."""

    enterprise_codes: frozenset[str]
    app_id: str = ""
    token_lifetime_s: int = 7200
    window_s: int = 300
    heartbeat_s: int = 60
    min_head_px: tuple[int, int] = (1280, 720)


@dataclass
class _Request:
    """One request after its envelope was believed."""

    op: str
    enterprise_code: str
    req_id: str
    data_text: str
    data: dict[str, Any] = field(default_factory=dict)


class Platform:
    """Answers requests; thread-safe through Storage's lock."""

    def __init__(
        self,
        storage: Storage,
        faults: Faults,
        *,
        settings: Settings,
        enterprise_key: rsa.RSAPublicKey,
        platform_key: rsa.RSAPrivateKey,
    ) -> None:
        self._storage, self._faults, self._settings = storage, faults, settings
        self._enterprise_key, self._platform_key = enterprise_key, platform_key
        self._tokens: dict[str, float] = {}  # token -> end, monotonic seconds; a restart forgets them on purpose

    def expire_tokens(self) -> None:
        """Every token given so far has ended."""
        for token in self._tokens:
            self._tokens[token] = 0.0

    def seed(self, content: dict[str, Any]) -> None:
        """Know an enterprise, its barriers and cameras from the start; keys as on the wire.

        Raises ValueError naming what is wrong with the seed.
        """
        code = str(content["enterprise"]["enterpriseCode"])
        with self._storage.write() as db:
            try:
                if set(content["enterprise"]) > {"enterpriseCode"}:
                    master.take_enterprise(db, code, {"rev": 1, **content["enterprise"]})
                for barrier in content.get("barriers", []):
                    master.take_part(db, "barrier", code, {"rev": 1, **barrier})
                for camera in content.get("cameras", []):
                    master.take_part(db, "camera", code, {"rev": 1, **camera})
            except Refused as refusal:
                raise ValueError(f"seed: {refusal.message}") from refusal

    # ------------------------------------------------------------------ envelope

    def answer(self, op: str, body: bytes, token: str | None) -> bytes:
        """The signed answer to one request; business errors are answers too."""
        req_id = ""
        try:
            envelope = self._parse(body)
            req_id = str(envelope.get("reqId") or "")
            request = self._check_envelope(op, envelope, token)
            if fault := self._faults.strike("error_200", op):
                return self._envelope(fault.code, fault.message, req_id, None)
            code, message, data = self._once(request)
        except Refused as refusal:
            self._note_refusal(op, req_id, refusal.code, refusal.message)
            return self._envelope(refusal.code, refusal.message, req_id, None)
        return self._envelope(code, message, req_id, data)

    @staticmethod
    def _parse(body: bytes) -> dict[str, Any]:
        try:
            envelope = json.loads(body.decode("utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise Refused(rules.BAD_ENVELOPE, "body is not JSON in UTF-8") from error
        if not isinstance(envelope, dict):
            raise Refused(rules.BAD_ENVELOPE, "body is not a JSON object")
        return envelope

    def _check_envelope(self, op: str, envelope: dict[str, Any], token: str | None) -> _Request:
        if op not in OPS:
            raise Refused(rules.OP_UNKNOWN, f"operation {op[:40]} unknown")
        for key in ("enterpriseCode", "reqId", "timestamp", "version", "signType", "data", "sign"):
            if not isinstance(envelope.get(key), str) or not envelope[key]:
                raise Refused(rules.BAD_ENVELOPE, f"{key}: required text")
        if len(envelope["reqId"]) != 26 or envelope["signType"] != "RSA2" or envelope["version"] != "1.0":
            raise Refused(rules.BAD_ENVELOPE, "reqId, signType or version wrong")
        code = envelope["enterpriseCode"]
        if code not in self._settings.enterprise_codes or self._faults.strike("disabled", op):
            raise Refused(rules.ENTERPRISE_DISABLED, "enterprise not registered or disabled")
        if not is_signed_by(envelope, self._enterprise_key):
            raise Refused(rules.SIGNATURE_WRONG, "signature wrong")
        self._check_time(envelope["timestamp"])
        if op != "getToken":
            self._check_token(token)
        try:
            data = json.loads(envelope["data"])
        except (json.JSONDecodeError, RecursionError) as error:
            raise Refused(rules.BAD_ENVELOPE, "data is not JSON") from error
        if not isinstance(data, dict):
            raise Refused(rules.BAD_ENVELOPE, "data is not a JSON object")
        return _Request(op, code, envelope["reqId"], envelope["data"], data)

    def _check_time(self, text: str) -> None:
        try:
            sent = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
        except ValueError as error:
            raise Refused(rules.BAD_ENVELOPE, "timestamp: yyyy-MM-dd HH:mm:ss expected") from error
        offset_s = sent.timestamp() - time.time()
        if abs(offset_s) > self._settings.window_s:
            raise Refused(rules.BAD_TIMESTAMP, f"timestamp {offset_s:+.0f} s off, at most {self._settings.window_s} s")

    def _check_token(self, token: str | None) -> None:
        ends = self._tokens.get(token or "")
        if ends is None:
            raise Refused(rules.TOKEN_WRONG, "token missing or unknown")
        if time.monotonic() >= ends:
            raise Refused(rules.TOKEN_EXPIRED, "token expired")

    def _envelope(self, code: int, message: str, req_id: str, data: str | None) -> bytes:
        envelope: dict[str, Any] = {
            "code": code,
            "msg": message,
            "reqId": req_id,
            "timestamp": _wire_now(),
            "data": data,
            "signType": "RSA2",
        }
        if self._faults.strike("no_code", ""):
            del envelope["code"]
        envelope["sign"] = sign_answer(envelope, self._platform_key)
        if self._faults.strike("wrong_sign", ""):
            envelope["sign"] = sign_answer({"code": 999}, self._platform_key)
        return json.dumps(envelope, ensure_ascii=False).encode("utf-8")

    # ------------------------------------------------------------------ once per request id

    def _once(self, request: _Request) -> tuple[int, str, str | None]:
        """Code, message and data of the answer: the first one if this request was answered within 24 hours."""
        digest = hashlib.sha256(request.data_text.encode("utf-8")).hexdigest()
        key = (request.enterprise_code, request.op, request.req_id)
        with self._storage.write() as db:
            db.execute("delete from request where received_at_ms < ?", (_now_ms() - REMEMBER_MS,))
            known = db.execute(
                "select data_sha256, code, message, answer from request"
                " where enterprise_code = ? and op = ? and req_id = ?",
                key,
            ).fetchone()
            if known is not None:
                if known["data_sha256"] != digest:
                    raise Refused(rules.CONFLICT, "same reqId with other data")
                db.execute(
                    "update request set times_received = times_received + 1"
                    " where enterprise_code = ? and op = ? and req_id = ?",
                    key,
                )
                if request.op == "inOutRecord":
                    for item in _items(request.data):
                        db.execute(
                            "update passage set times_received = times_received + 1 where record_no = ?",
                            (str(item.get("recordNo")),),
                        )
                return known["code"], known["message"], known["answer"]
            if self._faults.strike("lose", request.op):
                db.execute("savepoint lost")
                answer, _ = self._process(db, request)
                db.execute("rollback to lost")
                return rules.OK, "ok", json.dumps(answer)
            answer, is_final = self._process(db, request)
            text = json.dumps(answer)
            if is_final:
                db.execute(
                    "insert into request values (?, ?, ?, ?, ?, ?, ?, ?, 1)",
                    (*key, digest, rules.OK, "ok", text, _now_ms()),
                )
        return rules.OK, "ok", text

    def _process(self, db: sqlite3.Connection, request: _Request) -> tuple[dict[str, Any], bool]:
        """The business answer, and whether a repeat must get the same one (a parent may become known later)."""
        code, data = request.enterprise_code, request.data
        match request.op:
            case "getToken":
                return self._grant(data), False
            case "heartBeat":
                return self._heartbeat(db, code, data), False
            case "enterprise":
                master.take_enterprise(db, code, data)
                return {"enterpriseCode": code, "rev": data["rev"]}, True
            case "barrierInfo" | "cameraInfo":
                kind = "barrier" if request.op == "barrierInfo" else "camera"
                results = [master.result_of(db, kind, code, item) for item in _items(data)]
            case op if op in things.LISTS:
                return things.asked(db, op, data), False
            case "reconcile":
                return reconcile.answer(db, code, data), False
            case op if op in things.SINGLE:
                things.take(db, code, op, data)
                return {things.KEYS[op]: data[things.KEYS[op]], "accepted": True}, True
            case op if op in things.KEYS:
                results = [self._thing_result(db, code, op, item) for item in _items(data)]
            case _:
                results = [self._passage_result(db, code, item) for item in _items(data)]
        return {"results": results}, not any(result["code"] in rules.TRANSIENT_CODES for result in results)

    def _grant(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data.get("appId") or not data.get("nonce"):
            raise Refused(rules.FIELD_MISSING, "appId, nonce: required")
        if self._settings.app_id and data["appId"] != self._settings.app_id:
            raise Refused(rules.CREDENTIAL_WRONG, "appId not registered")
        token = "tk_" + secrets.token_hex(16)
        lifetime_s = self._settings.token_lifetime_s
        self._tokens[token] = time.monotonic() + lifetime_s
        ends = datetime.fromtimestamp(time.time() + lifetime_s, CHINA).strftime("%Y-%m-%d %H:%M:%S")
        return {"token": token, "expiresIn": lifetime_s, "expireTime": ends}

    def _heartbeat(self, db: sqlite3.Connection, code: str, data: dict[str, Any]) -> dict[str, Any]:
        if data.get("status") not in (0, 1):
            raise Refused(rules.FIELD_INVALID, "status: 0 or 1 expected")
        db.execute(
            "insert into heartbeat values (?, ?, 1, ?) on conflict (enterprise_code) do update set"
            " received_at_ms = excluded.received_at_ms, content = excluded.content, times_received = times_received + 1",
            (code, _now_ms(), json.dumps(data)),
        )
        return {
            "serverTime": _wire_now(),
            **{name: things.version_of(db, kind) for kind, name in things.VERSIONS.items()},
            "nextIntervalSec": self._settings.heartbeat_s,
        }

    # ------------------------------------------------------------------ things and lists

    @staticmethod
    def _thing_result(db: sqlite3.Connection, code: str, op: str, item: dict[str, Any]) -> dict[str, Any]:
        key = str(item.get(things.KEYS[op]) or "")
        try:
            dup = things.take(db, code, op, item)
        except Refused as refusal:
            _insert_refusal(db, op, key, refusal.code, refusal.message)
            return {things.KEYS[op]: key, "code": refusal.code, "msg": refusal.message}
        return {things.KEYS[op]: key, "code": rules.OK, "msg": "ok", "dup": dup}

    def publish(self, kind: str, items: list[dict[str, Any]]) -> int:
        """Add items, in wire words, to a list that the gateways ask for; its new version. Raises ValueError."""
        if kind not in things.LISTS or not items or not all(isinstance(item, dict) for item in items):
            raise ValueError(f"list {kind!r}: allowed are {' | '.join(things.LISTS)} with at least one object")
        with self._storage.write() as db:
            return things.publish(db, kind, items)

    # ------------------------------------------------------------------ passages

    def _passage_result(self, db: sqlite3.Connection, code: str, item: dict[str, Any]) -> dict[str, Any]:
        record_no = str(item.get("recordNo") or "")
        try:
            dup = self._store_passage(db, code, item)
        except Refused as refusal:
            _insert_refusal(db, "inOutRecord", record_no, refusal.code, refusal.message)
            return {"recordNo": record_no, "code": refusal.code, "msg": refusal.message}
        visit = db.execute(
            "select number from visit where enterprise_code = ? and visit_id = ?", (code, item["visitId"])
        ).fetchone()
        visit_id = f"P{visit['number']:08d}"
        return {"recordNo": record_no, "code": rules.OK, "msg": "ok", "dup": dup, "platformVisitId": visit_id}

    def _store_passage(self, db: sqlite3.Connection, code: str, item: dict[str, Any]) -> bool:
        """Whether this was known already. Raises Refused; then nothing of the item was stored."""
        rules.check_passage(item, now=datetime.now(CHINA))
        if db.execute("select 1 from enterprise where code = ?", (code,)).fetchone() is None:
            raise Refused(rules.PARENT_UNKNOWN, "enterprise data unknown")
        if not master.knows_barrier(db, code, item["barrierCode"]):
            raise Refused(rules.PARENT_UNKNOWN, f"barrier {item['barrierCode']} unknown")
        camera = item.get("cameraCode")
        if (
            camera
            and not db.execute(
                "select 1 from camera where enterprise_code = ? and camera_code = ?", (code, camera)
            ).fetchone()
        ):
            raise Refused(rules.PARENT_UNKNOWN, f"camera {camera} unknown")
        if told := item.get("platformVisitId"):
            known_visit = db.execute(
                "select number from visit where enterprise_code = ? and visit_id = ?", (code, item["visitId"])
            ).fetchone()
            if known_visit is None or told != f"P{known_visit['number']:08d}":
                raise Refused(rules.FIELD_INVALID, f"platformVisitId: {told!r} is not what this visit was given")
        photos = list(rules.decode_photos(item, min_head_px=self._settings.min_head_px))
        lasting = {key: value for key, value in item.items() if key not in ("uploadTime", "isBackfill")}
        digest = hashlib.sha256(json.dumps(lasting, sort_keys=True).encode("utf-8")).hexdigest()
        record_no, rev, now_ms = item["recordNo"], item["rev"], _now_ms()
        known = db.execute("select rev, content_sha256 from passage where record_no = ?", (record_no,)).fetchone()
        if known is not None and rev <= known["rev"]:
            if rev == known["rev"] and digest != known["content_sha256"]:
                raise Refused(rules.CONFLICT, f"rev {rev} is known with other content")
            db.execute("update passage set times_received = times_received + 1 where record_no = ?", (record_no,))
            return True
        content = {key: value for key, value in item.items() if key not in ("headPhoto", "bodyPhoto")}
        db.execute(
            "insert into passage values (?, ?, ?, ?, ?, ?, ?, ?, ?, 1) on conflict (record_no) do update set"
            " rev = excluded.rev, content = excluded.content, content_sha256 = excluded.content_sha256,"
            " pass_time = excluded.pass_time, is_backfill = excluded.is_backfill,"
            " changed_at_ms = excluded.changed_at_ms, times_received = times_received + 1",
            (
                record_no,
                code,
                rev,
                json.dumps(content),
                digest,
                item["passTime"],
                int(item["isBackfill"]),
                now_ms,
                now_ms,
            ),
        )
        things.note_revision(db, "inOutRecord", record_no, rev)
        for photo in photos:
            db.execute(
                "insert into photo (record_no, rev, kind, sha256, width_px, height_px, jpeg)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (
                    record_no,
                    rev,
                    photo.kind,
                    hashlib.sha256(photo.jpeg).hexdigest(),
                    photo.width_px,
                    photo.height_px,
                    photo.jpeg,
                ),
            )
        db.execute(
            "insert into visit (enterprise_code, visit_id) values (?, ?) on conflict do nothing",
            (code, item["visitId"]),
        )
        return False

    def _note_refusal(self, op: str, subject: str, code: int, message: str) -> None:
        with self._storage.write() as db:
            _insert_refusal(db, op[:40], subject[:60], code, message)


def _insert_refusal(db: sqlite3.Connection, op: str, subject: str, code: int, message: str) -> None:
    db.execute(
        "insert into refusal (received_at_ms, op, subject, code, message) values (?, ?, ?, ?, ?)",
        (_now_ms(), op, subject.encode("utf-8", "replace").decode("utf-8"), code, message),
    )


def _items(data: dict[str, Any]) -> list[dict[str, Any]]:
    items = data.get("list")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise Refused(rules.BAD_ENVELOPE, "list: a list of objects expected")
    if len(items) > 50:
        raise Refused(rules.TOO_LARGE, "list: at most 50 items")
    return items


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _wire_now() -> str:
    return datetime.now(CHINA).strftime("%Y-%m-%d %H:%M:%S")
