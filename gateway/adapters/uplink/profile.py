"""Mapping profiles: how one authority wants to be spoken to, as data, checked when it is loaded.

A profile is a TOML file with the parts meta, transport, auth, sign, envelope, photos, schedule, codes, lists, ops and
capabilities; profiles/yunnan-v1.toml is the commented example. There is no expression language: a field is renamed,
formatted, looked up or left out; anything else is a named check in mapping.py. Keys that nobody reads are refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from gateway.adapters.uplink.token import TokenRules

KINDS: Final = (
    "text", "texts", "integer", "decimal", "time", "date", "code", "flag", "flag_number", "photo", "document", "documents",
    "list",
)  # fmt: skip
PICTURES: Final = ("photo", "document", "documents")
ACTIONS: Final = (
    "park", "retry", "retry_slow", "renew_token", "credential", "sign_again", "clock", "parent", "wait",
)  # fmt: skip
CHECKS: Final = ("unread_plate",)
BUILT_IN: Final = Path(__file__).with_name("profiles")
MESSAGES: Final = (
    "getToken", "heartBeat", "enterprise", "barrierInfo", "cameraInfo", "vehicleInfo", "inOutRecord", "inPlantVehicle",
    "nonRoadMachinery", "nonRoadRecord", "inPlantRecord", "exceedVehicle", "basStrategy", "strategyConfirm", "alarmVehicle",
    "exceedConfirm", "alarmReport", "dailyReport", "reconcile", "reconcileRecords",
)  # fmt: skip
"""Every message that the gateway can exchange; a profile states of each whether its platform has it. reconcileRecords is the
second question of reconcile."""


class ProfileError(ValueError):
    """A profile cannot be used; the message names the file, the key, its value and what is allowed."""


_Part = TypeVar("_Part", bound=Any)


@dataclass(frozen=True)
class Field:
    """One wire field of an operation; required: None = never, {} = always, else every condition must hold."""

    wire: str
    source: str
    kind: str
    required: Mapping[str, tuple[str, ...]] | None
    max_chars: int | None
    pattern: re.Pattern[str] | None
    codes: Mapping[str, str] | None
    minimum: float | None
    maximum: float | None
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class AnswerField:
    """One field of a platform's answer and the canonical name it becomes."""

    wire: str
    target: str
    kind: str


@dataclass(frozen=True)
class Op:
    """One operation. list_key "" = the business data is one object, otherwise a list under that key.

    items_key: where the answer to a question has its list; "" = it has none. items_are: object | text.
    """

    name: str
    path: str
    fields: tuple[Field, ...]
    answer: tuple[AnswerField, ...]
    list_key: str
    results_key: str
    item_key: str
    checks: tuple[str, ...]
    items_key: str = ""
    items_are: str = "object"

    @property
    def has_pictures(self) -> bool:
        return any(field.kind in PICTURES for field in self.fields)


@dataclass(frozen=True)
class Schedule:
    """When the relay does what; seconds. backfill_duty: share of the time back-fill may keep the line busy, 0-1.

    pull_s: lists are asked for at least so often, pull_rows at a time. stale_s: a list not taken for so long is told.
    reconcile_s: counts by hour are compared so often; after nightly_minute of the day (Asia/Shanghai) those of the last
    reconcile_days days too, and day reports are made.
    """

    heartbeat_s: float = 60
    retry_waits_s: tuple[float, ...] = (5, 15, 60, 300, 600)
    retry_jitter: float = 0.2
    slow_wait_s: float = 600
    backfill_after_s: float = 60
    backfill_rows_per_s: float = 30
    backfill_duty: float = 0.5
    pull_s: float = 600
    pull_rows: int = 200
    stale_s: float = 1800
    reconcile_s: float = 3600
    nightly_minute: int = 30
    reconcile_days: int = 7

    def of(self, part: type[_Part]) -> _Part:
        """The settings of one part, a dataclass whose fields are named as here."""
        return part(**{f.name: getattr(self, f.name) for f in fields(part) if hasattr(self, f.name)})


@dataclass(frozen=True)
class Profile:
    """One authority's interface, ready to use."""

    id: str
    title: str
    version: str
    base_path: str
    connect_timeout_s: float
    read_timeout_s: float
    photo_read_timeout_s: float
    max_response_bytes: int
    max_request_bytes: int
    token_op: str
    token_header: str
    token_prefix: str
    token_rules: TokenRules
    leave_out_request: tuple[str, ...]
    leave_out_response: tuple[str, ...]
    responses_signed: bool
    envelope_version: str
    sign_type: str
    ok_codes: tuple[int, ...]
    missing_code: int
    invalid_code: int
    actions: Mapping[int, str]
    photo_max_bytes: int
    document_max_bytes: int
    schedule: Schedule
    ops: Mapping[str, Op]


class _Table:
    """One TOML table that is read key by key and complains with its full name."""

    def __init__(self, file: str, name: str, data: Any) -> None:
        self.file, self.name = file, name
        if not isinstance(data, dict):
            raise ProfileError(f"{file}: {name} = {data!r}, allowed: a table")
        self._left = dict(data)

    def refuse(self, key: str, value: object, allowed: str) -> ProfileError:
        where = f"{self.name}.{key}" if self.name else key
        return ProfileError(f"{self.file}: {where} = {value!r}, allowed: {allowed}")

    def take(self, key: str, default: Any = None) -> Any:
        if key not in self._left and default is None:
            where = f"{self.name}.{key}" if self.name else key
            raise ProfileError(f"{self.file}: {where} is missing")
        return self._left.pop(key, default)

    def text(self, key: str, default: str | None = None, *, one_of: tuple[str, ...] = ()) -> str:
        value = self.take(key, default)
        if not isinstance(value, str) or (one_of and value not in one_of):
            raise self.refuse(key, value, " | ".join(one_of) if one_of else "a text")
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        value = self.take(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise self.refuse(key, value, f"a number from {low:g} to {high:g}")
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        value = self.take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(key, value, f"a whole number from {low} to {high}")
        return value

    def flag(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise self.refuse(key, value, "true | false")
        return value

    def texts(
        self, key: str, default: tuple[str, ...] | None = None, *, one_of: tuple[str, ...] = ()
    ) -> tuple[str, ...]:
        value = self.take(key, list(default) if default is not None else None)
        if not isinstance(value, list) or not all(isinstance(v, str) and (not one_of or v in one_of) for v in value):
            raise self.refuse(key, value, f"a list of {' | '.join(one_of) if one_of else 'texts'}")
        return tuple(value)

    def numbers(self, key: str, low: float, high: float) -> tuple[float, ...]:
        value = self.take(key)
        is_good = (
            isinstance(value, list) and value and all(isinstance(v, (int, float)) and low <= v <= high for v in value)
        )
        if not is_good:
            raise self.refuse(key, value, f"a list of numbers from {low:g} to {high:g}")
        return tuple(value)

    def table(self, key: str) -> _Table:
        return _Table(self.file, f"{self.name}.{key}" if self.name else key, self.take(key))

    def tables(self, key: str, default: list[Any] | None = None) -> list[_Table]:
        value = self.take(key, default)
        if not isinstance(value, list):
            raise self.refuse(key, value, "a list of tables")
        return [_Table(self.file, f"{self.name}.{key}[{i}]", item) for i, item in enumerate(value)]

    def names(self) -> list[str]:
        return list(self._left)

    def done(self) -> None:
        for key, value in self._left.items():
            raise self.refuse(key, value, "nothing here; no part of the program reads this key")


def load_profile(path: Path) -> Profile:
    """The profile in path, checked. Raises ProfileError; names of built-in profiles are files under BUILT_IN."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProfileError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: {error}") from error
    root = _Table(path.name, "", data)
    meta, transport, auth = root.table("meta"), root.table("transport"), root.table("auth")
    sign, envelope, photos = root.table("sign"), root.table("envelope"), root.table("photos")
    meta.text("source")
    auth.text("kind", one_of=("rsa2-token",))
    sign.text("algorithm", one_of=("rsa2",))
    sign.text("data_as", one_of=("string",))
    photos.text("style", one_of=("inline",))
    token_header, token_prefix = _token_place(auth)
    codes = _codes(root.table("codes"))
    lists = _lists(root.table("lists"), codes)
    ops = _ops(root.table("ops"), codes, lists)
    token_op = auth.text("token_op", one_of=tuple(ops))
    capabilities = root.table("capabilities")
    able = _able(capabilities, ops)
    profile = Profile(
        id=meta.text("id"),
        title=meta.text("title"),
        version=meta.text("version"),
        base_path=transport.text("base_path"),
        connect_timeout_s=transport.number("connect_timeout_s", 0.1, 60),
        read_timeout_s=transport.number("read_timeout_s", 0.1, 300),
        photo_read_timeout_s=transport.number("photo_read_timeout_s", 0.1, 600),
        max_response_bytes=transport.whole("max_response_bytes", 1024, 64 << 20),
        max_request_bytes=transport.whole("max_request_bytes", 1024, 64 << 20),
        token_op=token_op,
        token_header=token_header,
        token_prefix=token_prefix,
        token_rules=TokenRules(
            default_lifetime_s=auth.number("default_lifetime_s", 1, 7 * 86400),
            renew_ratio=auth.number("renew_ratio", 0.1, 1),
            renew_before_s=auth.number("renew_before_s", 0, 86400),
            min_interval_s=auth.number("min_interval_s", 0, 3600),
        ),
        leave_out_request=sign.texts("leave_out_request"),
        leave_out_response=sign.texts("leave_out_response"),
        responses_signed=sign.flag("responses_signed"),
        envelope_version=envelope.text("version"),
        sign_type=envelope.text("sign_type"),
        ok_codes=tuple(int(code) for code in envelope.numbers("ok_codes", 0, 99999)),
        missing_code=envelope.whole("missing_code", 0, 99999),
        invalid_code=envelope.whole("invalid_code", 0, 99999),
        actions=_actions(envelope.table("actions")),
        photo_max_bytes=photos.whole("max_bytes", 1024, 16 << 20),
        document_max_bytes=photos.whole("document_max_bytes", 1024, 16 << 20),
        schedule=_schedule(root.table("schedule")),
        ops={name: ops[name] for name in able},
    )
    for table in (meta, transport, auth, sign, envelope, photos, capabilities, root):
        table.done()
    return profile


def _able(capabilities: _Table, ops: Mapping[str, Op]) -> tuple[str, ...]:
    """The messages that the platform has. Every one that there is stands in `ops` or in `without`, once."""
    able = capabilities.texts("ops", one_of=tuple(ops))
    without = capabilities.texts("without", one_of=MESSAGES)
    if twice := sorted(set(able) & set(without)):
        raise capabilities.refuse("without", twice, f"what is not in {capabilities.name}.ops")
    if unsaid := [name for name in MESSAGES if name not in able and name not in without]:
        raise capabilities.refuse("without", list(without), f"also {', '.join(unsaid)}, or in {capabilities.name}.ops")
    return able


def _token_place(auth: _Table) -> tuple[str, str]:
    """Header name and what stands before the token in it, from header:NAME or header:NAME:PREFIX."""
    text = auth.text("token_at")
    kind, _, rest = text.partition(":")
    name, _, prefix = rest.partition(":")
    if kind != "header" or not re.fullmatch(r"[A-Za-z0-9-]+", name):
        raise auth.refuse("token_at", text, "header:NAME | header:NAME:PREFIX")
    return name, prefix + " " if prefix else ""


def _actions(table: _Table) -> dict[int, str]:
    actions = {}
    for key in table.names():
        if not key.isdigit():
            raise table.refuse(key, "", "business codes (digits) as keys")
        actions[int(key)] = table.text(key, one_of=ACTIONS)
    return actions


def _schedule(table: _Table) -> Schedule:
    schedule = Schedule(
        heartbeat_s=table.number("heartbeat_s", 0.05, 3600),
        retry_waits_s=table.numbers("retry_waits_s", 0.01, 86400),
        retry_jitter=table.number("retry_jitter", 0, 0.9),
        slow_wait_s=table.number("slow_wait_s", 0.01, 86400),
        backfill_after_s=table.number("backfill_after_s", 1, 86400),
        backfill_rows_per_s=table.number("backfill_rows_per_s", 0.01, 10000),
        backfill_duty=table.number("backfill_duty", 0.01, 1),
        pull_s=table.number("pull_s", 1, 86400, 600),
        pull_rows=table.whole("pull_rows", 1, 10000, 200),
        stale_s=table.number("stale_s", 1, 7 * 86400, 1800),
        reconcile_s=table.number("reconcile_s", 60, 86400, 3600),
        nightly_minute=table.whole("nightly_minute", 1, 1439, 30),
        reconcile_days=table.whole("reconcile_days", 1, 31, 7),
    )
    table.done()
    return schedule


def _codes(table: _Table) -> dict[str, dict[str, str]]:
    result = {}
    for name in table.names():
        entries = table.table(name)
        result[name] = {canonical: entries.text(canonical) for canonical in entries.names()}
    return result


def _lists(table: _Table, codes: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[Field, ...]]:
    result = {}
    for name in table.names():
        entry = table.table(name)
        result[name] = _fields(entry, codes, {})
        entry.done()
    return result


def _ops(
    table: _Table, codes: Mapping[str, Mapping[str, str]], lists: Mapping[str, tuple[Field, ...]]
) -> dict[str, Op]:
    result = {}
    for name in table.names():
        entry = table.table(name)
        answer = []
        for item in entry.tables("answer", []):
            kind = item.text("type", one_of=("text", "integer", "time", "flag"))
            answer.append(AnswerField(item.text("wire"), item.text("to"), kind))
            item.done()
        list_key = entry.text("list_key", "")
        result[name] = Op(
            name=name,
            path=entry.text("path"),
            fields=_fields(entry, codes, lists),
            answer=tuple(answer),
            list_key=list_key,
            results_key=entry.text("results_key", "" if not list_key else None),
            item_key=entry.text("item_key", "" if not list_key else None),
            checks=entry.texts("checks", (), one_of=CHECKS),
            items_key=entry.text("items_key", ""),
            items_are=entry.text("items_are", "object", one_of=("object", "text")),
        )
        entry.done()
    return result


def _fields(
    entry: _Table, codes: Mapping[str, Mapping[str, str]], lists: Mapping[str, tuple[Field, ...]]
) -> tuple[Field, ...]:
    fields = []
    for item in entry.tables("fields"):
        kind = item.text("type", one_of=KINDS)
        # Each kind reads its own keys only, so that a length on a number is refused like any key nobody reads.
        pattern = item.text("pattern", "") if kind == "text" else ""
        try:
            compiled = re.compile(pattern) if pattern else None
        except re.error as error:
            raise item.refuse("pattern", pattern, f"a regular expression ({error})") from error
        bounded = kind == "decimal"
        fields.append(
            Field(
                wire=item.text("wire"),
                source=item.text("from"),
                kind=kind,
                required=_required(item),
                max_chars=(item.whole("max", 0, 1 << 20, 0) or None) if kind == "text" else None,
                pattern=compiled,
                codes=codes[item.text("codes", one_of=tuple(codes))] if kind == "code" else None,
                minimum=item.number("minimum", -1e12, 1e12, -1e12) if bounded else None,
                maximum=item.number("maximum", -1e12, 1e12, 1e12) if bounded else None,
                fields=lists[item.text("fields", one_of=tuple(lists))] if kind == "list" else (),
            )
        )
        item.done()
    return tuple(fields)


def _required(item: _Table) -> Mapping[str, tuple[str, ...]] | None:
    value = item.take("required", "never")
    if value == "never":
        return None
    if value == "always":
        return {}
    if not isinstance(value, dict):
        raise item.refuse("required", value, 'always | never | a table of field = ["value", ...]')
    conditions = _Table(item.file, f"{item.name}.required", value)
    return {key: conditions.texts(key) for key in conditions.names()}
