"""Command line of the evidence: verify, corrections, holds, deletion by two people, erasure. Joined to `lvzha`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.adapters.store.backup import Backup, backup, restore
from gateway.adapters.store.connection import LedgerFile, StoreRefused
from gateway.adapters.store.erase import SqlitePersonalData
from gateway.adapters.store.holds import SqliteHolds
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.rebuild import rebuild
from gateway.adapters.store.verify import Report, verify
from gateway.domain.records import CHINA, local_text
from gateway.domain.retention import RetentionRefused
from gateway.services.evidence import Correction, CorrectionRefused, correct
from gateway.services.ports import LedgerUnavailable

app = typer.Typer()
hold = typer.Typer(help="保留 Holds: what must not be deleted", no_args_is_help=True)
deletion = typer.Typer(help="提前删除 Deletion before the term, by two people", no_args_is_help=True)
app.add_typer(hold, name="hold")
app.add_typer(deletion, name="deletion")

DataOption = Annotated[Path, typer.Option("--data", help="数据目录 data directory")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]
ByOption = Annotated[str, typer.Option("--by", help="谁 who")]
WhyOption = Annotated[str, typer.Option("--why", help="为什么 why")]
REFUSALS = (StoreRefused, CorrectionRefused, RetentionRefused, LedgerUnavailable, ValueError)


class WallClock:
    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_s(self) -> float:
        return time.monotonic()


@contextmanager
def _refusing(what: str) -> Any:
    try:
        yield
    except REFUSALS as refusal:
        print(f"{what}:\n{refusal}", file=sys.stderr)
        raise typer.Exit(2) from None


def _with_ledger(data: Path, what: str, use: Callable[[LedgerFile], Coroutine[Any, Any, Any]]) -> Any:
    """Run use with the ledger of a stopped gateway; refused with a sentence while one runs."""
    with _refusing(what):
        if not (data / "ledger.sqlite3").is_file():
            raise StoreRefused(f"{data}: there is no ledger.sqlite3 here 此目录没有账本")
        file = LedgerFile(data)
        try:
            return asyncio.run(use(file))
        finally:
            file.close()


@app.command("verify")
def verify_command(
    data: DataOption = Path("data"),
    public_key: Annotated[
        Path | None, typer.Option(help="账本公钥 the ledger's public key; default: the one in the directory")
    ] = None,
    heads: Annotated[
        list[Path] | None, typer.Option(help="他处保存的链头 heads that others kept, one JSON object a line")
    ] = None,
    photographs: Annotated[bool, typer.Option(help="核对照片 read every photograph too")] = True,
    as_json: JsonOption = False,
) -> None:
    """核验证据 Verify every entry, row, photograph and signed head; reads only, a copy and the public key are enough."""
    with _refusing("无法核验 cannot verify"):
        report = verify(
            data, public_key=public_key, handed_heads=heads or (), with_photographs=photographs, progress=_tell
        )
    print(file=sys.stderr)
    if as_json:
        print(json.dumps(asdict(report), ensure_ascii=False, indent=2))
    else:
        print("\n".join([str(f) for f in report.findings] or [_sound(report)]))
        if report.found > len(report.findings):
            print(f"… 共 in all {report.found}")
    raise typer.Exit(1 if report.found else 0)


def _sound(report: Report) -> str:
    return (f"证据完好 the evidence is sound: {report.entries} entries, {report.passes} passes, {report.photographs} photographs,"
            f" {report.heads} heads, {report.tombstones} tombstones, {report.seconds} s; newest {report.newest_seq} {report.newest_hash}")  # fmt: skip


@app.command("correct")
def correct_command(
    pass_id: str,
    by: ByOption,
    why: WhyOption,
    field: Annotated[list[str], typer.Option("--set", help="字段=值 field=value, for example plate_no=云A12345")],
    data: DataOption = Path("data"),
) -> None:
    """更正台账 Correct a closed pass: one more entry with who, why, old and new value. Stop the gateway first."""
    values = {name: value for name, _, value in (text.partition("=") for text in field)}

    async def use(file: LedgerFile) -> int:
        return await correct(Correction(pass_id, values, by, why), ledger=SqliteLedger(file), queries=SqliteQueries(file),
                             clock=WallClock())  # fmt: skip

    seq = _with_ledger(data, "无法更正 cannot correct", use)
    print(f"已更正 corrected: entry {seq}")


@app.command("corrections")
def corrections(
    data: DataOption = Path("data"),
    since: Annotated[str, typer.Option(help="起始日 first day, yyyy-MM-dd")] = "1971-01-01",
    as_json: JsonOption = False,
) -> None:
    """更正报告 All corrections, oldest first: when, which pass, who, why, old and new value."""

    async def use(file: LedgerFile) -> list[dict[str, Any]]:
        return SqliteQueries(file).entries_of_kind("correction", since_ms=day_ms(since))

    rows = _with_ledger(data, "无法列出 cannot list", use)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        body = row["body"]
        changes = "，".join(f"{name}: {body['old'].get(name)} → {value}" for name, value in body["new"].items())
        print(f"{local_text(row['at_ms'])}  {row['pass_id']}  {body['by']}  {body['why']}  {changes}")
    print(f"共 in all {len(rows)}")


@app.command("erase")
def erase(
    by: ByOption,
    why: WhyOption,
    value: Annotated[list[str], typer.Option("--value", help="姓名或电话 a name or phone number")],
    data: DataOption = Path("data"),
) -> None:
    """删除个人信息 Erase a driver's name or phone number everywhere; the chain stays whole. Stop the gateway first."""

    async def use(file: LedgerFile) -> int:
        return await SqlitePersonalData(file).erase(value, by=by, why=why, now_ms=WallClock().wall_ms())

    print(f"已删除 erased in {_with_ledger(data, '无法删除 cannot erase', use)} places")


PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help="口令文件，加密备份 file with the passphrase; without it nothing is encrypted"
    ),
]


@app.command("backup")
def backup_command(
    target: Path, data: DataOption = Path("data"), passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """备份 Copy ledger and new photographs while the gateway runs, checked; private keys only under a passphrase."""
    _copying(
        "无法备份 cannot back up",
        lambda key: backup(data, target, passphrase=key, progress=_tell),
        passphrase_file,
        as_json,
    )


@app.command("restore")
def restore_command(
    source: Path, data: DataOption, passphrase_file: PassphraseOption = None, as_json: JsonOption = False
) -> None:
    """恢复 Make a new data directory from a backup and verify all of it."""
    _copying(
        "无法恢复 cannot restore",
        lambda key: restore(source, data, passphrase=key, progress=_tell),
        passphrase_file,
        as_json,
    )


def _copying(what: str, action: Callable[[bytes | None], Backup], passphrase_file: Path | None, as_json: bool) -> None:
    with _refusing(what):
        try:
            done = action(passphrase_file.read_bytes().strip() if passphrase_file else None)
        except OSError as error:
            raise StoreRefused(f"{error.filename}: {error.strerror}") from None
    print(file=sys.stderr)
    if as_json:
        print(json.dumps(asdict(done), ensure_ascii=False, indent=2))
    else:
        print(
            f"完成 done: {done.entries} entries, {done.photographs} photographs ({done.copied} new), newest {done.newest_seq} {done.newest_hash}"
        )


def _tell(text: str) -> None:
    print(f"\r{text}", end="", file=sys.stderr, flush=True)


@app.command("rebuild")
def rebuild_command(data: DataOption = Path("data")) -> None:
    """重建台账行 Make pass and visit rows anew from the entries where they differ. Stop the gateway and verify first."""

    async def use(file: LedgerFile) -> dict[str, int]:
        return await rebuild(file, WallClock().wall_ms())

    counts = _with_ledger(data, "无法重建 cannot rebuild", use)
    print(f"已重建 made anew: {counts['passes']} passes, {counts['visits']} visits")


@hold.command("place")
def hold_place(
    by: ByOption,
    why: WhyOption,
    pass_id: Annotated[str | None, typer.Option("--pass", help="一次通行 one pass")] = None,
    first: Annotated[str | None, typer.Option("--from", help="起始日 first day, yyyy-MM-dd")] = None,
    last: Annotated[str | None, typer.Option("--to", help="最后一日 last day, yyyy-MM-dd")] = None,
    data: DataOption = Path("data"),
) -> None:
    """保留 Keep a pass, or all passes of some days, until the hold is lifted."""

    async def use(file: LedgerFile) -> str:
        return await SqliteHolds(file).place_hold(
            by=by, why=why, now_ms=WallClock().wall_ms(), pass_id=pass_id, from_ms=day_ms(first) if first else None,
            until_ms=day_ms(last) + 86_400_000 if last else None,
        )  # fmt: skip

    print(f"已保留 held: {_with_ledger(data, '无法保留 cannot hold', use)}")


@hold.command("lift")
def hold_lift(hold_id: str, by: ByOption, why: WhyOption, data: DataOption = Path("data")) -> None:
    """解除保留 Lift a hold."""

    async def use(file: LedgerFile) -> None:
        await SqliteHolds(file).lift_hold(hold_id, by=by, why=why, now_ms=WallClock().wall_ms())

    _with_ledger(data, "无法解除 cannot lift", use)
    print("已解除 lifted")


@hold.command("list")
def hold_list(data: DataOption = Path("data")) -> None:
    """保留清单 Holds in force, as JSON."""

    async def use(file: LedgerFile) -> list[dict[str, Any]]:
        return SqliteHolds(file).holds()

    print(json.dumps(_with_ledger(data, "无法列出 cannot list", use), ensure_ascii=False, indent=2))


@deletion.command("request")
def deletion_request(pass_id: str, by: ByOption, why: WhyOption, data: DataOption = Path("data")) -> None:
    """申请提前删除 Ask that a pass be deleted before its term."""

    async def use(file: LedgerFile) -> str:
        return await SqliteHolds(file).request_deletion(pass_id, by=by, why=why, now_ms=WallClock().wall_ms())

    print(f"已申请 requested: {_with_ledger(data, '无法申请 cannot request', use)}")


@deletion.command("decide")
def deletion_decide(
    request_id: str,
    by: ByOption,
    why: WhyOption,
    approve: Annotated[bool, typer.Option("--approve/--refuse", help="批准或拒绝 approve or refuse")],
    data: DataOption = Path("data"),
) -> None:
    """审批提前删除 Another person approves or refuses; the gateway deletes at its next daily sweep."""

    async def use(file: LedgerFile) -> None:
        now_ms = WallClock().wall_ms()
        await SqliteHolds(file).decide_deletion(request_id, approve=approve, by=by, why=why, now_ms=now_ms)

    _with_ledger(data, "无法审批 cannot decide", use)
    print("已批准 approved" if approve else "已拒绝 refused")


@deletion.command("list")
def deletion_list(data: DataOption = Path("data")) -> None:
    """提前删除清单 Requests and what became of them, as JSON."""

    async def use(file: LedgerFile) -> list[dict[str, Any]]:
        return SqliteHolds(file).deletion_requests()

    print(json.dumps(_with_ledger(data, "无法列出 cannot list", use), ensure_ascii=False, indent=2))


def day_ms(text: str) -> int:
    """Midnight (Asia/Shanghai) of yyyy-MM-dd. Raises ValueError naming what is allowed."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=CHINA).timestamp() * 1000)
    except ValueError:
        raise ValueError(f"{text!r}: 日期格式 a day is written yyyy-MM-dd") from None
