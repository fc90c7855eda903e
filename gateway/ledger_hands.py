"""Joins the desks that persons change the ledger with: for the running gateway, and for a command while none runs.

`change` hands a command to the gateway that runs on the directory; where none runs it opens the ledger itself. Refusals
are exceptions of REFUSALS with a sentence, the same either way.
"""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import Any

from gateway.adapters.control.client import ControlRefused, NobodyRuns, ask
from gateway.adapters.papers.lookup_site import LookupSite
from gateway.adapters.papers.qr import QrReader
from gateway.adapters.policies.files import DEFAULT_PACK, SHIPPED, load_pack, over_limit_terms, read_document
from gateway.adapters.policies.looking_back import apart
from gateway.adapters.store.connection import LedgerFile
from gateway.adapters.store.counters import SqliteCounters
from gateway.adapters.store.erase import SqlitePersonalData
from gateway.adapters.store.heads import LedgerKey, SqliteHeads
from gateway.adapters.store.holds import SqliteHolds
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.ledger_query import LedgerReader, SqliteLedgerQueries
from gateway.adapters.store.policy import SqlitePolicies
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.reading import StoreRefused
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.adapters.store.rebuild import rebuild
from gateway.adapters.store.register_lookups import SqliteLookups
from gateway.adapters.store.register_rows import SqliteRegisterRows
from gateway.adapters.store.registers import SqliteRegisters
from gateway.adapters.store.sides import SqliteSides
from gateway.adapters.store.tasks import SqliteTasks
from gateway.clock import SystemClock
from gateway.config import ConfigRefused, Settings, load
from gateway.domain.ledger_filter import LedgerFilter
from gateway.domain.policy import Policy
from gateway.domain.policy_pack import PackRefused
from gateway.services.audit_desk import AuditDesk
from gateway.services.by_hand import ByHand, commands_of
from gateway.services.evidence_desk import EvidenceDesk
from gateway.services.exceptions import Exceptions
from gateway.services.goods_desk import GoodsDesk
from gateway.services.over_limit_desk import OverLimitDesk
from gateway.services.policy_book import PolicyBook
from gateway.services.policy_desk import PolicyDesk
from gateway.services.policy_figures import response_page
from gateway.services.policy_rehearsal import bookings_of, forecast_next_day, rehearse_days, report
from gateway.services.ports import Clock, LedgerUnavailable
from gateway.services.quality import day_quality
from gateway.services.quality_desk import QualityDesk, closed_rows
from gateway.services.register_book import RegisterBook
from gateway.services.register_hands import audit_commands, goods_commands, register_commands, task_commands
from gateway.services.two_person import TwoPersons
from gateway.two_person_acts import evidence_acts, policy_acts, register_acts, two_person_commands

STATED_KINDS = ("correction", "use", "goods", "paper", "misuse", "exception", "deleted", "erased")
REFUSALS = (
    StoreRefused,
    ConfigRefused,
    ControlRefused,
    LedgerUnavailable,
    ValueError,
)  # every other refusal is a ValueError


# ---------------------------------------------------------------- for a command


def change(data: Path, name: str, arguments: Mapping[str, Any], settings: Settings | None = None) -> Any:
    """Do one command of services/by_hand.py. settings: needed for those of the policy while no gateway runs."""
    if not (data / "ledger.sqlite3").is_file():
        raise StoreRefused(f"{data}: there is no ledger.sqlite3 here 此目录没有账本")
    try:
        return ask(data, name, arguments)
    except NobodyRuns:
        pass
    with closing(LedgerFile(data)) as file:
        return asyncio.run(_hands(file, settings).do(name, arguments))


def asked_or(done: Any, text: str) -> str:
    """What is told of a command: that another person has to confirm it, or that it is done."""
    if isinstance(done, dict) and "asked" in done:
        return f"已申请，须另一人确认 asked for; another person confirms: lvzha confirm give {done['asked']}"
    return text


def settings_of(config: Path) -> Settings:
    """Raises ConfigRefused."""
    return load(config)


def _hands(file: LedgerFile, settings: Settings | None) -> ByHand:
    clock = SystemClock()
    policy = None
    if settings is not None:
        pack = load_pack(settings.site.policy_pack or DEFAULT_PACK)
        book = PolicyBook(SqlitePolicies(file), SqliteRegisters(file), clock,
                          enterprise_code=settings.site.enterprise_code, site_packs=[pack])  # fmt: skip
        policy = policy_desk(file, book, OverLimitDesk(SqlitePolicies(file), clock, over_limit_terms()), clock)
    ledger, queries, book = SqliteLedger(file), SqliteQueries(file), RegisterBook(SqliteRegisterRows(file), clock)
    site = LookupSite(settings.lookup.base_url) if settings and settings.lookup.base_url else None
    audit = AuditDesk(book, SqliteLookups(file), clock, reader=QrReader(), site=site)
    goods = GoodsDesk(ledger=ledger, sides=SqliteSides(file), queries=queries, clock=clock)
    evidence = evidence_desk(file, ledger, queries, clock)
    two = two_persons(file, ledger, clock, evidence, policy, book)
    return by_hand(evidence, policy, book, audit, goods, SqliteTasks(file), clock, two, SqliteRegisters(file))


def by_hand(evidence: EvidenceDesk, policy: PolicyDesk | None, book: RegisterBook, audit: AuditDesk, goods: GoodsDesk,
            tasks: SqliteTasks, clock: Clock, two: TwoPersons, registers: SqliteRegisters) -> ByHand:  # fmt: skip
    """Every command of the command line that changes a ledger."""
    return ByHand(commands_of(evidence, policy) | register_commands(book) | audit_commands(audit) | goods_commands(goods)
                  | task_commands(tasks, clock) | two_person_commands(two, evidence, policy, book)
                  | {"import": registers.import_document})  # fmt: skip


def two_persons(file: LedgerFile, ledger: SqliteLedger, clock: Clock, evidence: EvidenceDesk, policy: PolicyDesk | None,
                book: RegisterBook, tell: Callable[[int], None] = lambda waiting: None) -> TwoPersons:  # fmt: skip
    acts = register_acts(book) | evidence_acts(evidence) | (policy_acts(policy) if policy else {})
    return TwoPersons(ledger, SqliteSides(file), clock, acts, tell)


# ---------------------------------------------------------------- desks


def evidence_desk(file: LedgerFile, ledger: SqliteLedger, queries: SqliteQueries, clock: Clock,
                  tell: Callable[[str], None] = lambda word: None) -> EvidenceDesk:  # fmt: skip
    return EvidenceDesk(ledger=ledger, queries=queries, holds=SqliteHolds(file), personal=SqlitePersonalData(file),
                        clock=clock, rebuild=partial(rebuild, file), tell=tell)  # fmt: skip


def policy_desk(file: LedgerFile, book: PolicyBook, over_limit: OverLimitDesk, clock: Clock,
                tell: Callable[[], None] = lambda: None) -> PolicyDesk:  # fmt: skip
    store = SqlitePolicies(file)
    return PolicyDesk(
        book, Exceptions(store, clock), over_limit, store, SqliteQueries(file), clock, tell=tell, read_pack=_pack_document, shipped=_shipped,
        rehearse=partial(apart, rehearsed, str(file.data_dir)), windows=partial(apart, windows_of, str(file.data_dir)),
    )  # fmt: skip


def quality_desk(file: LedgerFile, ledger: SqliteLedger, reader: LedgerReader, key: LedgerKey, heads: SqliteHeads,
                 audit: AuditDesk, clock: Clock) -> QualityDesk:  # fmt: skip
    return QualityDesk(
        ledger=ledger, queries=SqliteQueries(file), rows=SqliteLedgerQueries(reader), days=SqliteCounters(reader), registers=SqliteRegisters(file),
        heads=heads, clock=clock, age_of_answer=audit.age_of_answer, sign=key.sign, month=partial(apart, month_of, str(file.data_dir)),
    )  # fmt: skip


def rehearsed(data: str, policy: Policy, level: str | None, days: int, now_ms: int) -> dict[str, Any]:
    """policy_rehearsal.report and its forecast, of the ledger as it is now; runs in a process of its own."""
    with closing(ReadOnlyLedger(Path(data))) as file:
        result = rehearse_days(SqlitePolicies(file), policy, until_ms=now_ms, days=days, level=level)
        bookings = bookings_of(SqliteSides(file), until_ms=now_ms, days=days)
    return report(result) | {"forecast_24h": forecast_next_day(result, until_ms=now_ms, days=days, bookings=bookings)}


def windows_of(data: str, since_ms: int, until_ms: int) -> dict[str, Any]:
    with closing(ReadOnlyLedger(Path(data))) as file:
        return response_page(SqlitePolicies(file), since_ms, until_ms)


def month_of(data: str, from_ms: int, until_ms: int) -> dict[str, Any]:
    """Figures of a statement over a month: what was generated, accepted and complete, and what persons changed."""
    with closing(LedgerReader(Path(data))) as reader, closing(ReadOnlyLedger(Path(data))) as file:
        rows, of = SqliteLedgerQueries(reader), LedgerFilter(from_ms, until_ms)
        found = day_quality(closed_rows(rows, of))
        queries, registers = SqliteQueries(file), SqliteRegisterRows(file).counts()
        entered = {kind: len(queries.entries_of_kind(kind, from_ms, until_ms)) for kind in STATED_KINDS}
        by_result = {key[0]: n for key, n in sorted(rows.counts(of, ("control_result",)).items())}
    return {
        "rows": found["rows"], "by_control_result": by_result, "accepted": found["rows"] - len(found["not_transmitted"]),
        "score": found["score"], "transmission_percent": found["transmission_percent"], "completeness_percent": found["completeness_percent"],
        "recognition_percent": found["recognition_percent"], "lacks": {name: n["rows"] for name, n in found["lacks"].items()},
        "in_plant_vehicles": registers["in_plant_vehicle"]["rows"], "machines": registers["machine"]["rows"], "entries": entered,
    }  # fmt: skip


def _pack_document(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PackRefused(f"规则包不是有效的 TOML not valid TOML: {error}") from None


@cache
def _shipped() -> dict[str, dict[str, Any]]:
    return {path.stem: read_document(path) for path in sorted(SHIPPED.glob("*.toml"))}
