"""What a driver's phone may ask: field checks, a code, photographs, a request to be registered, and how it stands.

A request is in the ledger, with photographs synced before it, when the phone is told "received"; it is in no register
until a clerk accepts it (services/driver_requests.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gateway.domain import driver_requests as dr
from gateway.domain.driver_requests import DriverRefused, SentPhoto
from gateway.domain.field_shapes import ERROR
from gateway.domain.papers import list_code
from gateway.domain.records import CHINA, local_text
from gateway.services.driver_port import DriverShelf, QrCodes
from gateway.services.phone_codes import HOUR_MS, PhoneCodes
from gateway.services.ports import Change, Clock, Ledger, Sides

DAY_MS = 86_400_000
MINUTE_MS = 60_000


class DriverDesk:
    """entrances: code -> name, those that have a poster. picture_size: (width, height) from a JPEG's head, None for no JPEG."""

    def __init__(self, *, ledger: Ledger, sides: Sides, shelf: DriverShelf, codes: PhoneCodes, reader: QrCodes, clock: Clock,
                 entrances: Mapping[str, str], picture_size: Callable[[bytes], tuple[int, int] | None],
                 tell: Callable[[], None] = lambda: None) -> None:  # fmt: skip
        self._ledger, self._sides, self._shelf, self.codes, self._reader, self._clock = (
            ledger,
            sides,
            shelf,
            codes,
            reader,
            clock,
        )
        self.entrances, self._picture_size, self._tell = dict(entrances), picture_size, tell
        self._one_code_at_a_time = asyncio.Semaphore(
            1
        )  # a list's code may take seconds of one core; the gate comes first
        self._checked: dict[str, list[int]] = {}

    # ------------------------------------------------------------ fields

    def check(self, values: Mapping[str, Any], address: str) -> list[dict[str, str]]:
        """Findings of the register's own rules: field, level, zh, en. Raises DriverRefused."""
        now_ms = self._clock.wall_ms()
        times = [t for t in self._checked.get(address, []) if t > now_ms - MINUTE_MS]
        if len(times) >= dr.limits().checks_per_address_min:
            raise DriverRefused("too_many", "请稍候再试", "wait a moment")
        if len(self._checked) > 1000:
            self._checked.clear()
        self._checked[address] = [*times, now_ms]
        found = dr.findings_of(dr.cleaned(values), self._today(), is_whole=False)
        return [{"field": f.field, "level": f.level, "zh": f.zh, "en": f.en} for f in found]

    # ------------------------------------------------------------ photographs

    async def put_photo(self, token: str, draft: str, kind: str, jpeg: bytes) -> dict[str, str]:
        """The photograph is kept; what the list's code says, by field. Raises DriverRefused."""
        phone, limits, now_ms = self.codes.phone_of(token), dr.limits(), self._clock.wall_ms()
        if kind not in dr.form().photos or not dr.DRAFT.fullmatch(draft):
            raise DriverRefused("photo", "没有这种照片", f"allowed are {', '.join(dr.form().photos)}", field=kind[:20])
        if len(jpeg) > limits.photo_bytes:
            raise DriverRefused("photo", "照片太大", f"at most {limits.photo_bytes} bytes", field=kind)
        size = self._picture_size(jpeg)
        if size is None or size[0] * size[1] > limits.photo_pixels:
            raise DriverRefused("photo", "不是可用的照片（JPEG）", "is no usable photograph (JPEG)", field=kind)
        if self._shelf.count("photo", phone, now_ms - HOUR_MS) >= limits.photos_per_phone_h:
            raise DriverRefused("too_many", "照片发送过多，请一小时后再试", "too many photographs; try again in an hour", field=kind)  # fmt: skip
        texts: list[str] = []
        if kind == dr.form().scanned:
            async with self._one_code_at_a_time:
                texts = await asyncio.to_thread(self._codes_in, jpeg, kind)
        self._shelf.note("photo", phone, now_ms)
        try:
            sent = await asyncio.to_thread(self._shelf.put_photo, phone, draft, kind, jpeg, texts, now_ms)
        except ValueError:
            raise DriverRefused("draft", "这份登记属于另一部手机", "this request is another phone's") from None
        return _scanned([sent])[0]

    def _codes_in(self, jpeg: bytes, kind: str) -> list[str]:
        try:
            return self._reader.codes_in(jpeg)
        except ValueError:
            raise DriverRefused(
                "photo", "不是可用的照片（JPEG）", "is no usable photograph (JPEG)", field=kind
            ) from None

    # ------------------------------------------------------------ the request

    async def send(self, token: str, draft: str, phone: str, name: str, entrance: str, values: Mapping[str, Any]) -> dict[str, str]:  # fmt: skip
        """The request is durable in the ledger, once however often it is sent; its state. Raises DriverRefused, LedgerUnavailable."""
        owner, limits, now_ms = self.codes.phone_of(token), dr.limits(), self._clock.wall_ms()
        if self._shelf.phone_digest(phone) != owner:
            raise DriverRefused("phone", "手机号码与验证时不同", "the number is not the one that was confirmed", field="driver_phone")  # fmt: skip
        if not dr.DRAFT.fullmatch(draft) or entrance not in self.entrances:
            raise DriverRefused("entrance", "请重新扫描入口处的二维码", "scan the code at the entrance again")
        if known := self._sides.one(dr.KIND, draft):
            if known.values["driver_phone"] != phone:
                raise DriverRefused("draft", "这份登记属于另一部手机", "this request is another phone's")
            self._shelf.link(owner, draft, now_ms)
            return self._state(draft)
        clean = dr.cleaned(values)
        photos = self._shelf.photos(owner, draft)
        scan, raw, number = _scanned(photos)
        fields = dr.sourced(clean, scan)
        self._refuse_if_bad({n: f["value"] for n, f in fields.items()}, {p.kind for p in photos})
        if len(self._sides_since(owner, now_ms - DAY_MS)) >= limits.requests_per_phone_day:
            raise DriverRefused("too_many", "今天登记次数已满，请找门卫", "no more requests today; ask the guard")
        if self.waiting_count() >= limits.waiting_most:
            raise DriverRefused("full", "待审核的登记已满，请找门卫", "too many requests wait; ask the guard")
        doc: dict[str, Any] = {
            "state": dr.WAITING, "entrance": entrance, "fields": fields, "list_code": raw[:500], "list_number": number,
            "photos": {p.kind: {"path": p.path, "sha256": p.sha256, "size_bytes": p.size_bytes} for p in photos},
            "driver_phone": phone, "driver_name": " ".join(name.split())[: dr.NAME_MAX], "confirmed_by": self.codes.sender.name,
            "entered_at_ms": now_ms,
        }  # fmt: skip
        self._shelf.link(owner, draft, now_ms)
        await self._ledger.commit(Change(sides=[dr.side_row(draft, now_ms, doc)]))
        self._tell()
        return self._state(draft)

    def _refuse_if_bad(self, values: Mapping[str, str], photos: set[str]) -> None:
        errors = [f for f in dr.findings_of(values, self._today(), is_whole=True) if f.level == ERROR]
        if errors:
            field = dr.form_register().field(errors[0].field)
            raise DriverRefused("field", f"{field.zh}：{errors[0].zh}", f"{field.en}: {errors[0].en}", field=field.name)
        if missing := [kind for kind in dr.form().needed_photos if kind not in photos]:
            raise DriverRefused("photo", "缺少照片", "a photograph is missing", field=missing[0])

    def states(self, token: str) -> list[dict[str, str]]:
        """The requests of this phone, newest first: id, plate, state, why, at."""
        return [s for r in self._shelf.requests_of(self.codes.phone_of(token)) if (s := self._state(r))]

    def _state(self, request_id: str) -> dict[str, str]:
        row = self._sides.one(dr.KIND, request_id)
        if row is None:
            return {}
        plate = row.values["fields"].get("plate_no", {}).get("value", "")
        return {"id": request_id, "plate": plate, "state": row.values["state"], "why": row.values.get("why", ""),
                "at": local_text(row.at_ms)[:16]}  # fmt: skip

    def waiting_count(self) -> int:
        now_ms = self._clock.wall_ms()
        return sum(
            r.values["state"] == dr.WAITING for r in self._sides.between(dr.KIND, now_ms - 90 * DAY_MS, now_ms + 1)
        )

    def _sides_since(self, owner: str, since_ms: int) -> list[str]:
        rows = [
            self._sides.one(dr.KIND, r) for r in self._shelf.requests_of(owner)[: dr.limits().requests_per_phone_day]
        ]
        return [r.side_id for r in rows if r and r.at_ms > since_ms]

    def _today(self):
        return datetime.fromtimestamp(self._clock.wall_ms() / 1000, CHINA).date()


def _scanned(photos: list[SentPhoto]) -> tuple[dict[str, str], str, str]:
    """(fields of the form that the list's code names, its raw text, its information number)"""
    for text in (text for photo in photos for text in photo.codes):
        found = list_code(text)
        if found.is_of_a_list:
            asked = {n: v for n, v in found.values.items() if n in dr.form().fields}
            return asked, found.raw, found.information_number
    return {}, "", ""
