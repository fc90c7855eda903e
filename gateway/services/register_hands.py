"""What of the registers, audits, goods and tasks the command line changes: JSON in, JSON out, in a thread (services/by_hand.py)."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.domain.goods import GoodsRefused
from gateway.domain.register_rows import RegisterRefused
from gateway.services.audit_desk import AuditDesk
from gateway.services.goods_desk import GoodsDesk
from gateway.services.ports import Clock
from gateway.services.register_book import RegisterBook
from gateway.services.register_exchange import import_table
from gateway.services.task_port import Tasks

Command = Callable[..., Any]


def register_commands(book: RegisterBook) -> dict[str, Command]:
    async def state(*, name: str, values: Mapping[str, str], by: str, partial: bool) -> str:
        return await asyncio.to_thread(book.state, name, values, source="typed", by=by, origin="lvzha register set", is_partial=partial)  # fmt: skip

    async def decide(*, name: str, key: str, values: Mapping[str, str], by: str, why: str) -> None:
        await asyncio.to_thread(book.decide, name, key, values, by=by, why=why)

    async def attach(*, name: str, keys: Sequence[str], kind: str, by: str, content: str, suffix: str, number: str, valid_from: str,
                     valid_to: str, origin: str) -> str:  # fmt: skip
        return await asyncio.to_thread(book.attach, name, keys, kind=kind, content=bytes_of(content), suffix=suffix, number=number,
                                       valid_from=valid_from, valid_to=valid_to, by=by, origin=origin)  # fmt: skip

    async def load(*, name: str, headings: Sequence[str], rows: Sequence[Sequence[Any]], by: str, origin: str) -> dict[str, Any]:  # fmt: skip
        lines = [(int(line), list(texts)) for line, texts in rows]
        done = await asyncio.to_thread(import_table, book, name, headings, lines, by=by, origin=origin)
        result = done.result
        return {"change_id": result.change_id, "loaded": result.loaded, "unchanged": result.unchanged,
                "warnings": sum(map(len, result.warnings.values())), "errors": [[line, found] for line, found in done.errors.items()]}  # fmt: skip

    return {"register.state": state, "register.decide": decide, "register.attach": attach,
            "register.import": load}  # fmt: skip


def audit_commands(audit: AuditDesk) -> dict[str, Command]:
    def stands(key: str) -> dict[str, Any]:
        detail = audit.book.detail("vehicle", key)
        return {"audit": detail.audit, "conflicts": list(detail.conflicts)}

    async def accept(*, key: str, by: str, why: str, items: Sequence[int]) -> dict[str, Any]:
        await asyncio.to_thread(audit.accept, key, by=by, why=why, items=items)
        return stands(key)

    async def reject(*, key: str, by: str, why: str, items: Sequence[int]) -> None:
        await asyncio.to_thread(audit.reject, key, items, by=by, why=why)

    async def scan(*, key: str, picture: str, suffix: str, by: str) -> dict[str, Any]:
        found = await asyncio.to_thread(audit.scan, key, bytes_of(picture), suffix, by=by)
        return {"raw": found.raw, "information_number": found.information_number, "values": dict(found.values)} | stands(key)  # fmt: skip

    async def lookup(*, key: str, way: str, by: str, now: bool) -> dict[str, Any]:
        """Queue a question about a vehicle, "" for none; now: ask what is due. The question as it stands, how many were answered."""
        if key:
            await asyncio.to_thread(audit.ask, key, way, by=by)
        answered = await asyncio.to_thread(audit.run_due) if now else 0
        return {"lookup": audit.lookups.of_row(key)[0] if key else {}, "answered": answered}

    return {"audit.accept": accept, "audit.reject": reject, "audit.scan": scan, "audit.lookup": lookup}


def goods_commands(goods: GoodsDesk) -> dict[str, Command]:
    async def load(*, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """rows: (line, values of domain/goods.py); the good ones are kept, each bad one comes back with its error."""
        loaded, refused = 0, []
        for line, values in rows:
            try:
                await goods.record(values)
                loaded += 1
            except GoodsRefused as error:
                refused.append({"line": line, "error": str(error)})
        return {"loaded": loaded, "refused": refused}

    return {"goods.load": load}


def task_commands(tasks: Tasks, clock: Clock) -> dict[str, Command]:
    async def close(*, task_id: str, by: str, reason: str) -> str:
        done = await asyncio.to_thread(tasks.close, task_id, by=by, reason=reason, now_ms=clock.wall_ms())
        return done.task_id

    return {"task.close": close}


def text_of(content: bytes) -> str:
    """Bytes on the line to the gateway."""
    return base64.b64encode(content).decode("ascii")


def bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RegisterRefused("文件内容不是 base64 the content of the file is not base64") from None
