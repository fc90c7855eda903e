"""Command line of the evidence: verify, corrections, holds, deletion by two people, erasure. Joined to `lvzha`.

Changes are done by the gateway that runs on the directory, or on the ledger itself where none runs (ledger_hands.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.adapters.store.backup import Backup, backup, restore
from gateway.adapters.store.holds import SqliteHolds
from gateway.adapters.store.queries import SqliteQueries
from gateway.adapters.store.reading import StoreRefused
from gateway.adapters.store.readonly import ReadOnlyLedger
from gateway.adapters.store.verify import Report, verify
from gateway.domain.records import local_text
from gateway.ledger_hands import REFUSALS, change
from gateway.services.evidence_desk import day_ms

app = typer.Typer()
hold = typer.Typer(help="保留 Holds: what must not be deleted", no_args_is_help=True)
deletion = typer.Typer(help="提前删除 Deletion before the term, by two people", no_args_is_help=True)
app.add_typer(hold, name="hold")
app.add_typer(deletion, name="deletion")

DataOption = Annotated[Path, typer.Option("--data", help="数据目录 data directory")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]
ByOption = Annotated[str, typer.Option("--by", help="谁 who")]
WhyOption = Annotated[str, typer.Option("--why", help="为什么 why")]


@contextmanager
def _refusing(what: str) -> Any:
    try:
        yield
    except REFUSALS as refusal:
        print(f"{what}:\n{refusal}", file=sys.stderr)
        raise typer.Exit(2) from None


def _changed(data: Path, what: str, name: str, **arguments: Any) -> Any:
    """The answer of a command of services/by_hand.py; refused with a sentence."""
    with _refusing(what):
        return change(data, name, arguments)


def _listed(data: Path, use: Callable[[ReadOnlyLedger], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Read beside a running gateway, or with it stopped."""
    with _refusing("无法列出 cannot list"), closing(ReadOnlyLedger(data)) as file:
        return use(file)


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
    """更正台账 Correct a closed pass: one more entry with who, why, old and new value."""
    values = {name: value for name, _, value in (text.partition("=") for text in field)}
    seq = _changed(data, "无法更正 cannot correct", "correct", pass_id=pass_id, fields=values, by=by, why=why)
    print(f"已更正 corrected: entry {seq}")


@app.command("corrections")
def corrections(
    data: DataOption = Path("data"),
    since: Annotated[str, typer.Option(help="起始日 first day, yyyy-MM-dd")] = "1971-01-01",
    as_json: JsonOption = False,
) -> None:
    """更正报告 All corrections, oldest first: when, which pass, who, why, old and new value."""
    rows = _listed(data, lambda file: SqliteQueries(file).entries_of_kind("correction", since_ms=day_ms(since)))
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
    """删除个人信息 Erase a driver's name or phone number everywhere; the chain stays whole."""
    places = _changed(data, "无法删除 cannot erase", "erase", values=value, by=by, why=why)
    print(f"已删除 erased in {places} places")


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
    """重建台账行 Make pass and visit rows anew from the entries where they differ. Verify first."""
    counts = _changed(data, "无法重建 cannot rebuild", "rebuild")
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
    done = _changed(data, "无法保留 cannot hold", "hold.place", by=by, why=why, pass_id=pass_id, first=first, last=last)
    print(f"已保留 held: {done}")


@hold.command("lift")
def hold_lift(hold_id: str, by: ByOption, why: WhyOption, data: DataOption = Path("data")) -> None:
    """解除保留 Lift a hold."""
    _changed(data, "无法解除 cannot lift", "hold.lift", hold_id=hold_id, by=by, why=why)
    print("已解除 lifted")


@hold.command("list")
def hold_list(data: DataOption = Path("data")) -> None:
    """保留清单 Holds in force, as JSON."""
    print(json.dumps(_listed(data, lambda file: SqliteHolds(file).holds()), ensure_ascii=False, indent=2))


@deletion.command("request")
def deletion_request(pass_id: str, by: ByOption, why: WhyOption, data: DataOption = Path("data")) -> None:
    """申请提前删除 Ask that a pass be deleted before its term."""
    done = _changed(data, "无法申请 cannot request", "deletion.ask", pass_id=pass_id, by=by, why=why)
    print(f"已申请 requested: {done}")


@deletion.command("decide")
def deletion_decide(
    request_id: str,
    by: ByOption,
    why: WhyOption,
    approve: Annotated[bool, typer.Option("--approve/--refuse", help="批准或拒绝 approve or refuse")],
    data: DataOption = Path("data"),
) -> None:
    """审批提前删除 Another person approves or refuses; the gateway deletes at its next daily sweep."""
    _changed(data, "无法审批 cannot decide", "deletion.decide", request_id=request_id, approve=approve, by=by, why=why)
    print("已批准 approved" if approve else "已拒绝 refused")


@deletion.command("list")
def deletion_list(data: DataOption = Path("data")) -> None:
    """提前删除清单 Requests and what became of them, as JSON."""
    print(json.dumps(_listed(data, lambda file: SqliteHolds(file).deletion_requests()), ensure_ascii=False, indent=2))
