"""Auditing vehicles: what only a person can decide, scans of environmental lists, the national look-up and its age.

Nothing here is asked by the gate: a vehicle that is not verified yet is judged as such, at once.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ulid import ULID

from gateway.domain.papers import ListCode, LookupAnswer, best_way, list_code, lookup_terms, opens_at_ms, question
from gateway.domain.records import local_text
from gateway.domain.register_rows import RegisterRefused
from gateway.domain.verification import CONFLICT, FAILED, PENDING, Item
from gateway.services.papers_port import CodeReader, LookupStore, NationalLookup
from gateway.services.ports import Clock
from gateway.services.register_book import RegisterBook
from gateway.services.register_questions import RowDetail

VEHICLE = "vehicle"
TO_DO = (CONFLICT, FAILED, PENDING)
DAY_MS = 86_400_000
AT_ONCE = 20


@dataclass(frozen=True)
class Task:
    """One vehicle that waits for a person. items: those that are not good; way: how the look-up could help, "" = it cannot."""

    key: str
    plate_no: str
    audit: str
    items: tuple[Item, ...]
    way: str
    lookup: dict[str, Any] | None  # the newest question


class AuditDesk:
    """site: the national look-up; None where a person asks it by hand."""

    def __init__(self, book: RegisterBook, lookups: LookupStore, clock: Clock, *, reader: CodeReader,
                 site: NationalLookup | None = None) -> None:  # fmt: skip
        self.book, self.lookups, self._clock, self._reader, self._site = book, lookups, clock, reader, site
        self._asking = threading.Lock()

    # ------------------------------------------------------------ the queue

    def queue(self, *, limit: int = 50, cursor: str = "", audit: str = "") -> tuple[list[Task], str]:
        """Vehicles that are not verified: conflicts first, then failed, then the rest; and the cursor of the next page."""
        states = (audit,) if audit else TO_DO
        state, _, after = cursor.partition(":") if cursor else (states[0], "", "")
        tasks: list[Task] = []
        for here in states[states.index(state) if state in states else 0 :]:
            room = limit - len(tasks)
            if room == 0:
                return tasks, f"{here}:"
            rows, more = self.book.store.page(VEHICLE, limit=room, cursor=after, audit=here)
            tasks += [self._task(b.key) for b in rows]
            if more:
                return tasks, f"{here}:{more}"
            after = ""
        return tasks, ""

    def _task(self, key: str) -> Task:
        d = self.book.detail(VEHICLE, key)
        asked = self.lookups.of_row(key)
        values = self._values(d)
        return Task(
            key,
            values.get("plate_no", key),
            d.audit,
            tuple(i for i in d.items if not i.is_good),
            best_way(values),
            asked[0] if asked else None,
        )

    def _values(self, d: RowDetail) -> dict[str, str]:
        brief = self.book.store.brief(VEHICLE, d.key)
        values = dict(brief.values) if brief else {}
        codes = [
            doc["number"]
            for doc in d.row["documents"].values()
            if doc["kind"] == "environmental_list" and doc["number"]
        ]
        return values | ({"list_code": codes[-1]} if codes else {})

    # ------------------------------------------------------------ what persons decide

    def accept(self, key: str, *, by: str, why: str, items: Sequence[int] = ()) -> None:
        """A named person accepts items as they stand, all that are not good by default. Refused while sources differ."""
        d = self.book.detail(VEHICLE, key)
        chosen = [i for i in d.items if (i.number in items if items else not i.is_good)]
        if not chosen:
            raise RegisterRefused(f"{key}: 没有待审核的项 no item is left to accept")
        if torn := [i for i in chosen if i.conflicts]:
            named = "、".join(i.field.zh for i in torn)
            raise RegisterRefused(
                f"{key}: {named} 来源不一致，请先裁定 sources differ on {', '.join(n for i in torn for n in i.conflicts)}; decide first"
            )
        self.book.check(VEHICLE, key, [i.field.name for i in chosen], "accepted", by=by, why=why)

    def verify(self, key: str, items: Sequence[int], *, by: str) -> None:
        """A person compared these items with the papers."""
        d = self.book.detail(VEHICLE, key)
        self.book.check(VEHICLE, key, [i.field.name for i in d.items if i.number in items], "verified", by=by)

    def reject(self, key: str, items: Sequence[int], *, by: str, why: str) -> None:
        """These items are wrong as they stand; the vehicle is not audited until they change."""
        d = self.book.detail(VEHICLE, key)
        chosen = [i for i in d.items if i.number in items]
        if not chosen:
            raise RegisterRefused(f"items {list(items)}: 请选择 1-11 项 allowed: 1 to 11")
        self.book.check(VEHICLE, key, [i.field.name for i in chosen], FAILED, by=by, why=why)

    # ------------------------------------------------------------ the environmental list

    def scan(self, key: str, picture: bytes, suffix: str, *, by: str) -> ListCode:
        """Read the code of a photographed list; the picture, its raw text and the fields in it are kept. Raises RegisterRefused."""
        self.book.detail(VEHICLE, key)
        try:
            codes = [list_code(text) for text in self._reader.codes_in(picture)]
        except ValueError as error:
            raise RegisterRefused(f"不是图片 not a picture: {error}") from None
        found = next((c for c in codes if c.is_of_a_list), codes[0] if codes else None)
        if found is None:
            raise RegisterRefused(
                "没有读到二维码，请靠近、避开反光再拍 no QR code could be read; come closer, avoid glare"
            )
        return self._scanned(key, found, picture, suffix, by)

    def _scanned(self, key: str, found: ListCode, picture: bytes, suffix: str, by: str) -> ListCode:
        document = self.book.attach(VEHICLE, [key], kind="environmental_list", content=picture, suffix=suffix, number=found.raw[:500],
                                    by=by, origin=f"QR {found.information_number}".strip())  # fmt: skip
        if found.values:
            plate, _, colour = key.rpartition("/")
            self.book.state(VEHICLE, {"plate_no": plate, "plate_colour": colour} | found.values, source="scan", by=by,
                            origin=f"document {document}", is_partial=True, key=key)  # fmt: skip
        return found

    # ------------------------------------------------------------ the national look-up

    def ask(self, key: str, way: str = "", *, by: str) -> dict[str, Any]:
        """Queue a question; its row. Raises RegisterRefused naming what this way needs."""
        values = self._values(self.book.detail(VEHICLE, key))
        ways = lookup_terms().ways
        way = way or best_way(values) or "plate"
        if way not in ways:
            raise RegisterRefused(f"way {way!r}; allowed: {', '.join(ways)}")
        asked = question(ways[way], values)
        if isinstance(asked, list):
            raise RegisterRefused(f"{ways[way].zh}：缺少 missing for it: {', '.join(asked)}")
        now_ms = self._clock.wall_ms()
        state, note = ("waiting", "") if self._site else ("person", f"请人工查询：{ways[way].page}")
        lookup_id = str(ULID.from_timestamp(now_ms / 1000))
        self.lookups.add(lookup_id, key, way, state, by, now_ms, opens_at_ms(now_ms), note)
        return next(r for r in self.lookups.of_row(key) if r["lookup_id"] == lookup_id)

    def run_due(self) -> int:
        """Ask what is due, one after another; how many were answered. Blocking: for a thread of its own, no two at a time."""
        if self._site is None:
            return 0
        with self._asking:
            now_ms = self._clock.wall_ms()
            if opens_at_ms(now_ms) != now_ms:
                return 0
            return sum(self._try(row, self._site) for row in self.lookups.due(now_ms, AT_ONCE))

    def _try(self, row: dict[str, Any], site: NationalLookup) -> bool:
        key, way, terms = row["row_key"], lookup_terms().ways[row["way"]], lookup_terms()
        try:
            asked = question(way, self._values(self.book.detail(VEHICLE, key)))
        except RegisterRefused as gone:
            asked = [str(gone)]
        now_ms = self._clock.wall_ms()
        if isinstance(asked, list):
            self.lookups.finish(row["lookup_id"], "person", now_ms, f"缺少 missing: {', '.join(asked)}")
            return False
        answer = site.ask(way, asked)
        now_ms = self._clock.wall_ms()
        if answer.result in ("found", "unknown"):
            self._answered(row["lookup_id"], key, answer, by="lookup")
            return True
        if answer.result == "captcha" or row["attempts"] + 1 >= terms.give_up_after:
            self.lookups.finish(row["lookup_id"], "person", now_ms, answer.note or f"请人工查询：{way.page}")
        else:
            wait_s = terms.retry_s[min(row["attempts"], len(terms.retry_s) - 1)]
            self.lookups.postpone(
                row["lookup_id"], opens_at_ms(now_ms + wait_s * 1000), answer.note, is_attempt=answer.result != "closed"
            )
        return False

    def answer_by_hand(
        self, lookup_id: str, key: str, values: dict[str, str], evidence: bytes, suffix: str, *, by: str
    ) -> None:
        """What a person saw on the official site, with the screenshot, which is kept.

        Values that break a rule are not taken; the question then waits for a person with the reason. Raises
        RegisterRefused, and keeps nothing, where nobody asked or the screenshot is missing.
        """
        if not any(
            r["lookup_id"] == lookup_id and r["state"] in ("person", "waiting") for r in self.lookups.of_row(key)
        ):
            raise RegisterRefused(f"lookup {lookup_id!r}: 不在等待 is not waiting for an answer")
        if not evidence:
            raise RegisterRefused("须附查询结果截图 a screenshot of the answer is required")
        self._answered(
            lookup_id, key, LookupAnswer("found" if values else "unknown", values, evidence), by=by, suffix=suffix
        )

    def _answered(self, lookup_id: str, key: str, answer: LookupAnswer, *, by: str, suffix: str = ".json") -> None:
        now_ms = self._clock.wall_ms()
        document = self.book.attach(VEHICLE, [key], kind="lookup_answer", content=answer.raw, suffix=suffix, number=lookup_id,
                                    by=by, origin=f"look-up {lookup_id}")  # fmt: skip
        if answer.values:
            plate, _, colour = key.rpartition("/")
            try:
                self.book.state(VEHICLE, {"plate_no": plate, "plate_colour": colour} | answer.values, source="lookup", by=by,
                                origin=f"document {document}", is_partial=True, key=key)  # fmt: skip
            except RegisterRefused as refused:
                self.lookups.finish(
                    lookup_id, "person", now_ms, f"答复不合规则 the answer breaks a rule: {refused}"[:400]
                )
                return
        self.lookups.finish(lookup_id, "answered" if answer.values else "unknown", now_ms, "")

    def age_of_answer(self, key: str) -> dict[str, Any] | None:
        """at, days and is_old of the newest answer of the look-up; None if there is none: not yet verified there."""
        answered = [r for r in self.lookups.of_row(key) if r["state"] in ("answered", "unknown")]
        if not answered:
            return None
        newest = max(answered, key=lambda r: r["answered_at_ms"])
        days = (self._clock.wall_ms() - newest["answered_at_ms"]) // DAY_MS
        return {"at": local_text(newest["answered_at_ms"]), "days": days, "is_old": days > lookup_terms().answer_old_days,
                "way": newest["way"], "result": newest["state"]}  # fmt: skip
