"""Canonical record -> wire fields and wire answer -> canonical, as a profile says."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from gateway.adapters.uplink.pictures import fitted
from gateway.adapters.uplink.profile import PICTURES, AnswerField, Field, Op
from gateway.adapters.uplink.records import PLATE_UNREAD

WIRE_ZONE: Final = timezone(timedelta(hours=8))  # all wire times are UTC+8 without zone, second resolution
_WIRE_TIME: Final = "%Y-%m-%d %H:%M:%S"


class RecordRefused(ValueError):
    """A record cannot be said in this profile's words. is_missing: a required field is absent (else: bad value)."""

    def __init__(self, wire: str, source: str, problem: str, *, is_missing: bool = False) -> None:
        super().__init__(f"{wire} ({source}): {problem}")
        self.is_missing = is_missing


def wire_time(at_ms: int) -> str:
    """UTC ms as the wire's "yyyy-MM-dd HH:mm:ss" in UTC+8, cut to the second."""
    return datetime.fromtimestamp(at_ms // 1000, WIRE_ZONE).strftime(_WIRE_TIME)


def read_wire_time(text: str) -> int:
    """The inverse of wire_time, in UTC ms. Raises ValueError."""
    moment = datetime.strptime(text, _WIRE_TIME).replace(tzinfo=WIRE_ZONE)
    return round(moment.astimezone(UTC).timestamp()) * 1000


class PhotoFolder:
    """Reads the photographs of a record from below the data directory."""

    def __init__(self, data_dir: Path, *, max_bytes: int, document_max_bytes: int = 1 << 20) -> None:
        self._root, self._max_bytes, self._document_max_bytes = data_dir.resolve(), max_bytes, document_max_bytes

    def read(self, relative: str) -> bytes | None:
        """The file's bytes; None when the path is empty or nothing (or nothing readable) is there.

        Raises ValueError for a path that leaves the data directory or a file over the profile's limit.
        """
        content = self._content(relative)
        if content and len(content) > self._max_bytes:
            raise ValueError(f"{len(content)} bytes, allowed: {self._max_bytes}")
        return content

    def document(self, relative: str) -> bytes | None:
        """A paper's photograph as a JPEG that is small enough; None when there is none. Raises ValueError for no picture."""
        content = self._content(relative)
        return fitted(content, self._document_max_bytes) if content else None

    def _content(self, relative: str) -> bytes | None:
        if not relative:
            return None
        path = (self._root / relative).resolve()
        if not path.is_relative_to(self._root):
            raise ValueError("path outside the data directory")
        try:
            return path.read_bytes() or None
        except OSError:
            return None


def encode(op: Op, record: Mapping[str, Any], photos: PhotoFolder) -> dict[str, Any]:
    """The wire object of one record, fields in the profile's order.

    Fields that are None are left out. A photograph whose file is missing is left out and photo_missing becomes true.
    Raises RecordRefused for a missing required field, a value of the wrong form and a code that is in no table.
    """
    for check in op.checks:
        _CHECKS[check](record)
    values = dict(record)
    encoded: dict[str, Any] = {}
    for field in op.fields:
        if field.kind in PICTURES:
            try:
                pictures = _pictures(field, values.get(field.source), photos)
            except ValueError as error:
                raise RecordRefused(field.wire, field.source, str(error)) from error
            if not pictures:
                values["photo_missing"] = values.get("photo_missing") or field.kind == "photo" or None
            elif field.kind == "documents":
                encoded[field.wire] = pictures
            else:
                encoded[field.wire] = pictures[0]
    return _encode_fields(op.fields, values, encoded)


def _pictures(field: Field, value: Any, photos: PhotoFolder) -> list[str]:
    paths = value if field.kind == "documents" else [value]
    read = photos.read if field.kind == "photo" else photos.document
    found = [read(path or "") for path in paths or ()]
    return [base64.b64encode(content).decode("ascii") for content in found if content]


def _encode_fields(fields: tuple[Field, ...], values: Mapping[str, Any], ready: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for field in fields:
        if field.kind in PICTURES:
            if field.wire in ready:
                result[field.wire] = ready[field.wire]
            elif _is_required(field, values):
                raise RecordRefused(field.wire, field.source, "required but missing", is_missing=True)
            continue
        value = values.get(field.source)
        if value is None or value == "":
            if _is_required(field, values):
                raise RecordRefused(field.wire, field.source, "required but missing", is_missing=True)
            if value == "" and field.kind == "text" and field.pattern is None:
                result[field.wire] = ""
            continue
        result[field.wire] = _encode_value(field, value)
    return result


def _is_required(field: Field, values: Mapping[str, Any]) -> bool:
    if field.required is None:
        return False
    return all(values.get(name) in allowed for name, allowed in field.required.items())


def _encode_value(field: Field, value: Any) -> Any:
    def refuse(allowed: str) -> RecordRefused:
        return RecordRefused(field.wire, field.source, f"{value!r}, allowed: {allowed}")

    match field.kind:
        case "text":
            if not isinstance(value, str):
                raise refuse("a text")
            try:
                value.encode("utf-8")
            except UnicodeEncodeError as error:
                raise refuse("text that UTF-8 can carry") from error
            if field.max_chars is not None and len(value) > field.max_chars:
                raise refuse(f"at most {field.max_chars} characters")
            if field.pattern is not None and not field.pattern.fullmatch(value):
                raise refuse(f"the form {field.pattern.pattern}")
            return value
        case "texts":
            if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
                raise refuse("a list of texts")
            return list(value)
        case "integer":
            if isinstance(value, bool) or not isinstance(value, int):
                raise refuse("a whole number")
            return value
        case "decimal":
            return _encode_decimal(field, value, refuse)
        case "time":
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 43:
                raise refuse("UTC milliseconds since 1970")
            return wire_time(value)
        case "date":
            try:
                return date.fromisoformat(value).isoformat()
            except (TypeError, ValueError) as error:
                raise refuse("a date yyyy-MM-dd") from error
        case "code":
            codes = field.codes or {}
            if not isinstance(value, str) or value not in codes:
                raise refuse(" ".join(codes))
            return codes[value]
        case "flag" | "flag_number":
            if not isinstance(value, bool):
                raise refuse("true, false")
            return int(value) if field.kind == "flag_number" else str(int(value))
        case "list":
            if not isinstance(value, (list, tuple)):
                raise refuse("a list")
            return [_encode_fields(field.fields, item, {}) for item in value]
        case kind:
            raise AssertionError(f"no encoder for a field of kind {kind}")


def _encode_decimal(field: Field, value: Any, refuse: Callable[[str], RecordRefused]) -> str:
    """Decimal text as it was given: never through a float, so that what was weighed is what is sent."""
    form = r"-?[0-9]+(\.[0-9]+)?"
    if not isinstance(value, str) or not re.fullmatch(form, value):
        raise refuse("decimal text such as 31.46")
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise refuse("decimal text such as 31.46") from error
    low, high = field.minimum, field.maximum
    if (low is not None and number < Decimal(low)) or (high is not None and number > Decimal(high)):
        raise refuse(f"{low:g} to {high:g}")
    return value


def decode_answer(fields: tuple[AnswerField, ...], answer: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical names and values of a platform's answer; fields it lacks or that make no sense are left out."""
    result: dict[str, Any] = {}
    for field in fields:
        value = answer.get(field.wire)
        if value is None:
            continue
        try:
            match field.kind:
                case "text":
                    result[field.target] = str(value)
                case "integer":
                    result[field.target] = int(value)
                case "time":
                    result[field.target] = read_wire_time(str(value))
                case "flag":
                    result[field.target] = value is True or value in ("1", 1, "true")
        except (TypeError, ValueError):
            continue
    return result


def _check_unread_plate(record: Mapping[str, Any]) -> None:
    """An unread plate has colour 5 (other, unknown): domain specification 8.18."""
    if record.get("plate_no") == PLATE_UNREAD and record.get("plate_colour") != "5":
        raise RecordRefused(
            "plateColor", "plate_colour", f"{record.get('plate_colour')!r} with {PLATE_UNREAD}, allowed: 5"
        )


_CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any]], None]]] = {"unread_plate": _check_unread_plate}
