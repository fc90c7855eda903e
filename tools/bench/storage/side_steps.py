"""One round of what belongs to no passage, through the services and stores that the gateway uses for it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.holds import SqliteHolds
from gateway.adapters.store.labels import FOLDER, SqliteLabels
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.misuse_reads import mark_photos
from gateway.adapters.store.offline import SqliteOfflineLists
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.tasks import SqliteTasks
from gateway.domain.exceptions import exception_from
from gateway.domain.labels import PLATE, Label, Pictures, Sample
from gateway.domain.records import to_json
from gateway.domain.side_records import SideRow
from gateway.domain.tasks import NewTask
from gateway.services.ports import Change, NewEntry
from gateway.services.register_book import RegisterBook
from tools.bench.storage.walks import LABELS, LEDGER, NOW_MS, At, Tell, file_of, patiently, some_passages
from tools.bench.traffic_years import changes_of

VEHICLE = {"plate_colour": "1", "vehicle_type": "Q11", "emission_stage": "6", "register_date": "2021-03-15", "fuel_type": "B",
           "fleet_name": "个体", "driver_phone": "13800001234", "engine_model": "MC11.44-60", "engine_maker": "中国重汽",
           "engine_no": "160217041234"}  # fmt: skip
PAPER = b"\xff\xd8\xff\xe0 a licence "


async def round_of(file: LedgerFile, labels: SqliteLabels, tell: Tell, number: int) -> None:
    clock, day_ms = At(NOW_MS + number * 3_600_000), 86_400_000
    plate = f"云A{40000 + number}"

    async def step(action: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        return await patiently(asyncio.to_thread, action, *arguments, **named)

    def stands(what: str, sql: str, *values: Any, database: str = LEDGER) -> None:
        tell({"stands": [what, database, sql, list(values)]})

    # ------------------------------------------------------------ registers and their documents
    rows = SqliteRegisterRows(file)
    book = RegisterBook(rows, clock)
    said = dict(source="typed", by="张", origin="faults", is_partial=True)
    key = await step(book.state, "vehicle", VEHICLE | {"plate_no": plate}, **said)
    row_is = "select 1 from register_row where register = 'vehicle' and row_key = ?"
    if key:
        stands("register row", row_is, key)
        document = await step(book.attach, "vehicle", [key], kind="driving_licence", content=PAPER + plate.encode(),
                              suffix=".jpg", by="张")  # fmt: skip
        if document:
            stands("document", "select 1 from register_document where document_id = ? and row_key = ?", document, key)
            tell(file_of(file.data_dir, rows.document(document)["path"]))  # type: ignore[index]
        if await step(lambda: book.check("vehicle", key, ["fuel_type"], "verified", by="李") or True):
            stands("check", row_is + " and json_extract(doc, '$.fields.fuel_type.check.state') = 'verified'", key)
        if number % 2 and await step(lambda: book.remove("vehicle", key, by="李", why="sold") or True):
            stands("row out of use", row_is + " and is_removed = 1", key)
    if await step(SqliteRegisters(file).import_document, {"over_limit": [
            {"exceed_id": f"E{number}", "plate_no": plate, "plate_colour": "1", "reason": "超标", "effective_from": "2022-01-01 00:00:00"}]}):  # fmt: skip
        stands("over-limit", "select 1 from over_limit where exceed_id = ?", f"E{number}")

    # ------------------------------------------------------------ what people decide about policy
    policies = SqlitePolicies(file)

    def entry(kind: str, **body: Any) -> NewEntry:
        return NewEntry(kind, "", "", clock.wall_ms(), body)

    granted = exception_from(f"X{number}", plate_no=plate, plate_colour="1", reason_kind="medical", reason="急救", approver="王",
                             from_ms=NOW_MS, hours=5)  # fmt: skip
    if await step(
        lambda: policies.add_exception(granted, entry("exception", state="granted", id=granted.exception_id)) or True
    ):
        stands("exception", "select 1 from pass_exception where exception_id = ?", granted.exception_id)
    if number % 2 and await step(lambda: policies.revoke_exception(granted.exception_id, "王", entry("exception", state="revoked", id=granted.exception_id)) or True):  # fmt: skip
        stands(
            "revoked", "select 1 from pass_exception where exception_id = ? and revoked_by = '王'", granted.exception_id
        )
    if await step(
        lambda: (
            policies.put_blacklist(plate, "1", "冲卡", "王", NOW_MS, None, entry("blacklist", plate_no=plate)) or True
        )
    ):
        stands("blacklist", "select 1 from blacklist where plate_no = ?", plate)
    if await step(
        lambda: policies.set_level("2", NOW_MS + number, "王", "预警", entry("response_level", level="2")) or True
    ):
        stands("level", "select 1 from response_level where from_ms = ?", NOW_MS + number)

    # ------------------------------------------------------------ a passage without photographs, and records beside it
    ledger = SqliteLedger(file)
    passage = some_passages()[20 + number]
    for change in changes_of(passage):
        if (seqs := await patiently(ledger.commit, change)) is None:
            break  # the lane goes on with a step only when the one before it is durable
        tell({"entries": seqs})
    records = [SideRow("goods", f"G{number}", f"{plate}/1", NOW_MS, passage.pass_id, {"goods_name": "煤", "quantity_t": 20.5}),
               SideRow("use", f"U{number}", plate, NOW_MS, "", {"hours": 3}, "machine"),
               SideRow("paper", f"P{number}", "sheet-1", NOW_MS, "", {"state": "issued"})]  # fmt: skip
    if seqs := await patiently(ledger.commit, Change(sides=records)):
        tell({"entries": seqs})
        for record in records:
            stands(record.kind, "select 1 from side_record where kind = ? and side_id = ? and doc = ?", record.kind, record.side_id, to_json(record.body()))  # fmt: skip
    tasks = SqliteTasks(file)
    task = await step(tasks.open, NewTask("misuse", f"faults {number}", passage.lane, NOW_MS, "臂杆常开", "arm held open", {"n": number}, "held_open"), NOW_MS)  # fmt: skip
    if task and await step(tasks.close, task.task_id, by="李", reason="看过了", now_ms=NOW_MS):
        stands("task", "select 1 from task where task_id = ? and state = 'closed' and by = '李'", task.task_id)
    holds = SqliteHolds(file)
    if hold := await patiently(
        holds.place_hold, by="李", why="调查", now_ms=NOW_MS, from_ms=NOW_MS - day_ms, until_ms=NOW_MS + day_ms
    ):
        stands("hold", "select 1 from hold where hold_id = ?", hold)
    if await patiently(
        _saved, SqliteOfflineLists(file), passage.lane, number + 1, entry("lane_config", version=number + 1)
    ):
        stands("offline list", "select 1 from offline_list where lane = ? and version = ?", passage.lane, number + 1)

    # ------------------------------------------------------------ marks of photographs
    photo = await patiently(ledger.write_photo, passage.pass_id, "head", "C", _jpeg(number), NOW_MS)
    if photo and (
        seqs := await patiently(ledger.commit, Change(photos=[photo], entries=[entry("recovery", note="a photograph")]))
    ):
        tell({"entries": seqs, "photos": [photo.photo_id]})
        if await step(mark_photos, file, NOW_MS - day_ms):
            stands("mark", "select 1 from photo_mark where photo_id = ?", photo.photo_id)

    await _labels(labels, tell, step, number, stands)


async def _saved(lists: SqliteOfflineLists, lane: str, version: int, entry: NewEntry) -> bool:
    await lists.save(lane, version, bytes(9 * 20), entry)
    return True


async def _labels(labels: SqliteLabels, tell: Tell, step: Any, number: int, stands: Any) -> None:
    """Two samples are kept, one is labelled, the other erased again."""
    pictures = Pictures(_jpeg(number), (64, 48), (), _jpeg(number + 1), (64, 48), ())
    for name in ("keep", "erase"):
        sample = Sample(
            f"S{number}-{name}", f"{number:08x}-{name}", "g1-b01", "C", NOW_MS, "", NOW_MS, "unread", "", (0, 0)
        )
        kept = await step(labels.add, sample, pictures)
        if kept is None:
            continue
        if name == "keep":
            stands("sample", "select 1 from sample where sample_id = ?", sample.sample_id, database=LABELS)
            for path in (kept.frame, kept.cut):
                tell(file_of(labels.folder.parent, f"{FOLDER}/{path}"))
            label = Label(
                f"L{number}", sample.sample_id, "李", NOW_MS, PLATE, f"云A{50000 + number}", "yellow_single", (), False
            )
            if await step(labels.put, label):
                stands("label", "select 1 from label where label_id = ?", label.label_id, database=LABELS)
        elif await step(labels.erase, [sample.pass_id], []):
            stands("erased", "select 1 where not exists (select 1 from sample where sample_id = ?)", sample.sample_id, database=LABELS)  # fmt: skip
            for path in (kept.frame, kept.cut):
                tell({"gone": f"{FOLDER}/{path}"})


def _jpeg(number: int) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").rotate(number * 37).resize((64, 48)).save(out, "JPEG")
    return out.getvalue()
