"""What the platform accepts: fields, forms, code tables, photographs. Independent of the gateway's profile.

Field and code tables are those of the interface's version 1 (HJ 1321-2023 table C.3 as laid out for this project).
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from PIL import Image

OK = 200
BAD_ENVELOPE, FIELD_MISSING, FIELD_INVALID, BAD_TIMESTAMP = 40001, 40002, 40003, 40004
TOKEN_WRONG, TOKEN_EXPIRED, CREDENTIAL_WRONG, SIGNATURE_WRONG = 40101, 40102, 40103, 40104
ENTERPRISE_DISABLED, OP_UNKNOWN, CONFLICT, TOO_LARGE = 40301, 40401, 40901, 41301
PHOTO_BAD, PARENT_UNKNOWN = 42201, 42401
TRANSIENT_CODES = {PARENT_UNKNOWN, 42901, 50001, 50301}

CHINA = timezone(timedelta(hours=8))
UNREAD = "未识别"
PHOTO_LIMIT_BYTES = 1 << 20


class Refused(Exception):
    """One request or item is refused with a code of the table and a text for people."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class Rule:
    """need: "A" always, "V" entries that passed (control result 0, 2, 4), "" never. form: a full-match pattern."""

    name: str
    need: str
    form: str
    is_whole_number: bool = False


def _text(limit: int) -> str:
    return rf"(?s).{{0,{limit}}}"


_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
_DEGREES = r"\d+\.\d{6}"

PASSAGE = (
    Rule("recordNo", "A", r"[0-9A-Za-z]{10,46}"),
    Rule("rev", "A", r"[1-9]\d{0,5}", True),
    Rule("visitId", "A", _text(50)),
    Rule("platformVisitId", "", _text(50)),
    Rule("passageState", "A", "[12]"),
    Rule("entranceCode", "A", _text(1)),
    Rule("barrierCode", "A", _text(3)),
    Rule("cameraCode", "", _text(15)),
    Rule("passTime", "A", _TIME),
    Rule("uploadTime", "A", _TIME),
    Rule("plateNo", "A", _text(20)),
    Rule("plateColor", "A", "[0-6]"),
    Rule("vehicleType", "V", "[HQBGKZDMNTJX][0-9][0-9A-Z]"),
    Rule("vin", "V", "[0-9A-HJ-NPR-Z]{17}"),
    Rule("registerDate", "V", r"\d{4}-\d\d-\d\d"),
    Rule("vehicleModel", "V", _text(100)),
    Rule("engineModel", "V", _text(50)),
    Rule("engineMaker", "V", _text(100)),
    Rule("engineNo", "V", _text(50)),
    Rule("fuelType", "V", "[ABCDEFLMNOYZ]"),
    Rule("emissionStage", "V", "[0-6DX]"),
    Rule("networkStatus", "V", "[01]"),
    Rule("useNature", "V", "[A-S]"),
    Rule("fleetName", "V", _text(100)),
    Rule("driverName", "", _text(50)),
    Rule("driverPhone", "", _text(20)),
    Rule("goodsName", "", _text(20)),
    Rule("quantity", "", r"\d+(\.\d+)?"),
    Rule("controlResult", "A", "[0-4]"),
    Rule("violatesPolicy", "A", "[01]"),
    Rule("violationReason", "", _text(200)),
    Rule("barrierAction", "A", "[012]"),
    Rule("strategyId", "", _text(50)),
    Rule("strategyVersion", "", r"\d{1,9}", True),
    Rule("responseLevel", "", "[0-3]"),
    Rule("photoMissing", "", "[01]"),
    Rule("isBackfill", "A", "[01]"),
    Rule("recordSource", "A", "auto|manual|paper"),
)

ENTERPRISE = (
    Rule("rev", "A", r"[1-9]\d{0,5}", True),
    Rule("enterpriseName", "A", _text(300)),
    Rule("uscc", "A", "[0-9A-HJ-NPQRTUWXY]{18}"),
    Rule("industryType", "A", r"\d\d"),
    Rule("performanceGrade", "A", "A|B|B-|C|D|Y|N"),
    Rule("divisionCode", "A", r"\d{6}"),
    Rule("address", "A", _text(200)),
    Rule("longitude", "A", _DEGREES),
    Rule("latitude", "A", _DEGREES),
    Rule("principal", "A", _text(50)),
    Rule("principalPhone", "A", _text(20)),
    Rule("operatorUnit", "A", _text(100)),
    Rule("operatorHead", "A", _text(50)),
    Rule("operatorPhone", "A", _text(20)),
    Rule("entranceCount", "A", r"\d{1,4}", True),
    Rule("barrierCount", "A", r"\d{1,4}", True),
)

BARRIER = (
    Rule("rev", "A", r"[1-9]\d{0,5}", True),
    Rule("entranceCode", "A", _text(1)),
    Rule("barrierCode", "A", _text(3)),
    Rule("barrierName", "A", _text(50)),
    Rule("barrierAddress", "A", _text(200)),
    Rule("direction", "A", "[12]"),
    Rule("longitude", "A", _DEGREES),
    Rule("latitude", "A", _DEGREES),
    Rule("op", "", "delete"),
)

CAMERA = (
    Rule("rev", "A", r"[1-9]\d{0,5}", True),
    Rule("cameraCode", "A", _text(15)),
    Rule("cameraName", "A", _text(20)),
    Rule("entranceCode", "A", _text(1)),
    Rule("barrierCode", "A", _text(3)),
    Rule("direction", "A", "[12]"),
    Rule("ip", "A", _text(15)),
    Rule("port", "A", r"\d{1,5}", True),
    Rule("username", "A", _text(15)),
    Rule("password", "A", _text(20)),
    Rule("liveUrl", "A", _text(200)),
    Rule("playbackUrl", "A", _text(200)),
    Rule("resolution", "A", r"\d{3,5}x\d{3,5}"),
    Rule("op", "", "delete"),
)


def check_fields(item: dict[str, Any], rules: tuple[Rule, ...]) -> None:
    """Returns if item obeys rules; unknown keys are ignored. Raises Refused naming the first field that does not."""
    is_full = item.get("passageState") == "1" and item.get("controlResult") in ("0", "2", "4")
    for rule in rules:
        value = item.get(rule.name)
        if value is None or value == "":
            if rule.need == "A" or (rule.need == "V" and is_full):
                raise Refused(FIELD_MISSING, f"{rule.name}: required")
            continue
        if isinstance(value, bool) or not isinstance(value, int if rule.is_whole_number else str):
            raise Refused(FIELD_INVALID, f"{rule.name}: wrong JSON type")
        if not re.fullmatch(rule.form, str(value)):
            raise Refused(FIELD_INVALID, f"{rule.name}: {str(value)[:40]!r} not in the code table or of the wrong form")


def check_passage(item: dict[str, Any], *, now: datetime) -> None:
    """The passage rules that look at more than one field. Raises Refused."""
    check_fields(item, PASSAGE)
    passed = _moment("passTime", item["passTime"])
    _moment("uploadTime", item["uploadTime"])
    if passed > now + timedelta(seconds=300):
        raise Refused(FIELD_INVALID, "passTime: in the future")
    if item["plateNo"] == UNREAD and item["plateColor"] != "5":
        raise Refused(FIELD_INVALID, f"plateColor: {item['plateColor']!r} with an unread plate, 5 expected")
    if item["controlResult"] == "1" and not item.get("violationReason"):
        raise Refused(FIELD_MISSING, "violationReason: required when the vehicle was refused")
    if item.get("quantity"):
        try:
            tonnes = Decimal(item["quantity"])
        except InvalidOperation as error:
            raise Refused(FIELD_INVALID, "quantity: not a number") from error
        if tonnes > 200:
            raise Refused(FIELD_INVALID, "quantity: over 200 t")
    has_both = bool(item.get("headPhoto")) and bool(item.get("bodyPhoto"))
    if not has_both and item.get("photoMissing") != "1":
        raise Refused(FIELD_MISSING, "headPhoto, bodyPhoto: required unless photoMissing is 1")


@dataclass(frozen=True)
class Photo:
    """One decoded photograph. kind: head | body; sizes in pixels."""

    kind: str
    jpeg: bytes
    width_px: int
    height_px: int


def decode_photos(item: dict[str, Any], *, min_head_px: tuple[int, int]) -> Iterator[Photo]:
    """The photographs of a passage, fully decoded. Raises Refused for what is no JPEG, too large or too small."""
    for key, kind in (("headPhoto", "head"), ("bodyPhoto", "body")):
        text = item.get(key)
        if not text:
            continue
        if not isinstance(text, str):
            raise Refused(FIELD_INVALID, f"{key}: not a text")
        try:
            jpeg = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Refused(PHOTO_BAD, f"{key}: damaged base64") from error
        if len(jpeg) > PHOTO_LIMIT_BYTES:
            raise Refused(TOO_LARGE, f"{key}: {len(jpeg)} bytes, at most {PHOTO_LIMIT_BYTES}")
        try:
            with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
                image.load()
                width_px, height_px = image.size
        except Exception as error:  # Pillow raises many kinds for damaged input
            raise Refused(PHOTO_BAD, f"{key}: cannot be decoded as JPEG") from error
        if kind == "head" and (width_px < min_head_px[0] or height_px < min_head_px[1]):
            raise Refused(PHOTO_BAD, f"{key}: {width_px}x{height_px}, at least {min_head_px[0]}x{min_head_px[1]}")
        yield Photo(kind, jpeg, width_px, height_px)


def _moment(name: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError as error:
        raise Refused(FIELD_INVALID, f"{name}: no such time") from error
