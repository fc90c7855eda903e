"""The command line. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway import __version__, installer_commands
from gateway.adapter_commands import app as adapters
from gateway.adapters.technician.commands import app as lane
from gateway.audit_commands import app as audit
from gateway.confirm_commands import app as confirm
from gateway.evidence_commands import app as evidence
from gateway.ledger_commands import app as ledger
from gateway.model_commands import labels
from gateway.model_commands import models as reading_models
from gateway.policy_commands import app as policy
from gateway.query_commands import app as query
from gateway.register_commands import app as register

app = typer.Typer(
    help="绿闸 Lvzha: 环保门禁网关 environmental access gate (HJ 1321-2023)", no_args_is_help=True, add_completion=False
)
bench = typer.Typer(help="性能与故障测量 Measurements; slow, not part of the tests", no_args_is_help=True)
app.add_typer(bench, name="bench")
app.add_typer(evidence)
app.add_typer(query)
app.add_typer(lane, name="lane")
lane.command("update")(installer_commands.update)
app.add_typer(installer_commands.firmware, name="firmware")
app.command("flash")(installer_commands.flash)
app.command("commission")(installer_commands.commission)
app.add_typer(policy, name="policy")
app.add_typer(confirm, name="confirm")
app.add_typer(ledger, name="ledger")
app.add_typer(register, name="register")
app.add_typer(audit, name="audit")
app.add_typer(adapters, name="adapters")
app.add_typer(reading_models, name="models")
app.add_typer(labels, name="labels")
adapters.command("sign")(installer_commands.sign_adapter)
pki = typer.Typer(help="证书 Certificates: who may connect to the broker", no_args_is_help=True)
app.add_typer(pki, name="pki")

ConfigOption = Annotated[Path, typer.Option("--config", help="站点配置文件 the site's settings (TOML)")]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON print JSON")]


@app.command()
def version() -> None:
    """版本 Print the version."""
    typer.echo(__version__)


@app.command()
def run(config: ConfigOption = Path("site.toml")) -> None:
    """运行网关 Run the gateway until it is told to stop."""
    from gateway.app import run_gateway

    raise typer.Exit(run_gateway(config))


@app.command()
def broker(config: ConfigOption = Path("site.toml")) -> None:
    """运行内置消息代理 Run the embedded MQTT broker (one gate, trusted network; mosquitto in production)."""
    from gateway.app import run_site_broker

    raise typer.Exit(run_site_broker(config))


@app.command()
def vision(config: ConfigOption = Path("site.toml")) -> None:
    """识别进程 Name vehicles for lanes whose gateway is silent; runs beside the gateway."""
    from gateway.vision_host import run_vision

    raise typer.Exit(run_vision(config))


@app.command("import")
def import_registers(
    document: Path,
    accepted_by: Annotated[
        str,
        typer.Option(
            help="谁认可文件中已审核的车辆 who accepts its vehicles with is_audited; default: they wait for their audit"
        ),
    ] = "",
    config: ConfigOption = Path("site.toml"),
) -> None:
    """导入登记数据 Import vehicles, over-limit list and response level from a JSON document; all of it or nothing."""
    from gateway.data_actions import import_document

    raise typer.Exit(import_document(config, document, accepted_by))


@app.command()
def read(
    pictures: Annotated[list[Path], typer.Argument(help="图片 pictures (JPEG, PNG)")], as_json: JsonOption = False
) -> None:
    """识别图片中的号牌 Read the plates in pictures."""
    from gateway.adapters.vision.command import read_pictures

    raise typer.Exit(read_pictures(pictures, as_json))


@app.command("read-code")
def read_code(
    pictures: Annotated[list[Path], typer.Argument(help="图片 pictures (JPEG, PNG)")],
    data: Annotated[
        Path | None, typer.Option("--data", help="数据目录，对照登记 data directory, to compare with its register")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """识别机械环保登记编码 Read a machine's environmental code: the best three, their form, and what the register knows."""
    from gateway.code_actions import read_codes

    raise typer.Exit(read_codes(pictures, data, as_json))


@app.command()
def check(
    data: Annotated[Path, typer.Option(help="数据目录 data directory")] = Path("data"), as_json: JsonOption = False
) -> None:
    """检查账本 Check the ledger: hash chain, photographs, commands, closed passes. Stop the gateway first."""
    from gateway.data_actions import check_data

    raise typer.Exit(check_data(data, as_json))


@app.command()
def compliance(
    data: Annotated[
        Path | None, typer.Option(help="账本目录，另判 95% 各项 a ledger whose rates are judged too")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """合规 Each clause of the standard with its source: fields, format, retention, time, rates; 1 when one is broken."""
    from gateway import compliance_actions

    raise typer.Exit(compliance_actions.compliance(data, as_json))


@app.command()
def coverage(as_json: JsonOption = False, root: Annotated[Path, typer.Option(help="project folder")] = Path()) -> None:
    """需求覆盖 Which requirement is proven by which test or benchmark, and which are open."""
    from tools.coverage import report

    raise typer.Exit(report(root, as_json))


@pki.command()
def technician(
    name: Annotated[str, typer.Argument(help="姓名拼音，小写 name in lower-case letters, e.g. li")],
    host: Annotated[str, typer.Option(help="技术员电脑所用的代理地址 the broker's address as the laptop sees it")] = "",
    out: Annotated[Path, typer.Option(help="写到哪里 folder to write into")] = Path(),
    config: ConfigOption = Path("site.toml"),
) -> None:
    """签发技术员凭据 Make a technician's access: a folder to put on the laptop."""
    from gateway.access_actions import issue_technician

    raise typer.Exit(issue_technician(config, name, host, out))


@pki.command()
def revoke(
    name: Annotated[str, typer.Argument(help="technician-li")], config: ConfigOption = Path("site.toml")
) -> None:
    """收回凭据 Take a technician's access away; his connection ends within seconds."""
    from gateway.access_actions import revoke_technician

    raise typer.Exit(revoke_technician(config, name))


@pki.command()
def rights(
    out: Annotated[Path | None, typer.Option(help="写到哪里 folder; default: mosquitto in the data directory")] = None,
    run_as: Annotated[str, typer.Option(help="mosquitto 以谁运行 the user that mosquitto becomes")] = "mosquitto",
    reload: Annotated[
        bool, typer.Option("--reload", help="让运行中的 mosquitto 重读 the running mosquitto reads them")
    ] = False,
    config: ConfigOption = Path("site.toml"),
) -> None:
    """写 mosquitto 的权限 Write mosquitto.conf, rights and revocations from the site file: after a new lane, technician or key."""
    from gateway.access_actions import write_broker_rights

    raise typer.Exit(write_broker_rights(config, out, run_as, reload))


@bench.command()
def link(
    faults: Annotated[int, typer.Option(min=2, help="number of faults, half at each broker")] = 1000,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    as_json: JsonOption = False,
) -> None:
    """网络故障 Break the link between a real lane and both brokers in nine ways: hangs, losses, jitter, reconnect time."""
    from tools.bench.link.run import measure

    raise typer.Exit(measure(faults, seed, as_json))


@bench.command()
def offline(as_json: JsonOption = False) -> None:
    """离线名单与日志 The offline list and the journal on flash: look-up time, power cuts, capacity and wear per board."""
    from tools.bench.flash import measure

    raise typer.Exit(measure(as_json))


@bench.command()
def recovery(
    kills: Annotated[int, typer.Option(min=1, help="number of kills")] = 50,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    as_json: JsonOption = False,
) -> None:
    """随机断电 Kill parts of a whole running site at random moments and count what was lost."""
    from tools.bench.recovery import measure

    raise typer.Exit(measure(kills, seed, as_json))


@bench.command()
def failpoints(
    point: Annotated[list[str] | None, typer.Option(help="walk point; default: all")] = None,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    as_json: JsonOption = False,
) -> None:
    """逐点断电 At each named point of the walk kill each kind of part in turn."""
    from gateway.services.walk import POINTS
    from tools.bench.recovery import measure_points

    raise typer.Exit(measure_points(tuple(point or POINTS), seed, as_json))


@bench.command("lane")
def bench_lane(
    sequences: Annotated[int, typer.Option(min=3, help="序列数 random sequences on the road; long: 10000")] = 3_000,
    checks: Annotated[int, typer.Option(min=1, help="of each: reboots, reconnects, bad orders of each kind")] = 1_000,
    boards: Annotated[str, typer.Option(help="板名, comma separated; default: all")] = "",
    hours: Annotated[int, typer.Option(min=1, help="断网小时 virtual hours of outage")] = 72,
    passes: Annotated[int, typer.Option(min=1, help="trucks during the outage")] = 300,
    resets: Annotated[int, typer.Option(min=1, help="resets during the outage")] = 100,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    processes: Annotated[int, typer.Option(min=1, max=16, help="interpreters at a time")] = 2,
    update: Annotated[
        Literal["whole", "sampled", "small", "none"],
        typer.Option(
            help="升级断电 power cuts: of a whole image at every flash operation, at each seventh; of a small image; none"
        ),
    ] = "whole",
    plot: Annotated[Path | None, typer.Option(help="图 also draw the sensor-to-stop times: an SVG file")] = None,
    parts: Annotated[
        str, typer.Option(help="部分 comma separated, of sequences, movements, outage, heap, update; default: all")
    ] = "",
    keep: Annotated[
        Path | None,
        typer.Option(help="续跑 folder of finished runs: go on where a run was stopped, add sequences to it"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """道闸固件 The lane's firmware in virtual time on the real interpreter, under each board's stalls."""
    from tools.bench.lane.run import PARTS, command

    status = command(
        as_json,
        boards=[name for name in boards.split(",") if name],
        count=sequences,
        checks=checks,
        hours=hours,
        passes=passes,
        resets=resets,
        seed=seed,
        processes=processes,
        update="" if update == "none" else update,
        plot=plot,
        parts=[name for name in parts.split(",") if name] or PARTS,
        keep=keep,
    )
    raise typer.Exit(status)


@bench.command("policy")
def bench_policy(
    rules: Annotated[int, typer.Option(min=1, max=500, help="number of rules")] = 200,
    days: Annotated[int, typer.Option(min=2, help="days of history")] = 30,
    per_day: Annotated[int, typer.Option(min=1, help="passages a day")] = 2230,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    as_json: JsonOption = False,
) -> None:
    """策略引擎 Decisions per second with many rules, checks of a pack, a rehearsal on a ledger, the forecast's error."""
    from tools.bench.policy import measure

    raise typer.Exit(measure(rules, days, per_day, seed, as_json))


@bench.command("qr")
def bench_qr(
    photos: Annotated[int, typer.Option(min=10, help="照片数 rendered photographs")] = 200,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    as_json: JsonOption = False,
) -> None:
    """随车清单二维码 QR codes of environmental lists as a phone photographs them: share read, by trouble, and time."""
    from tools.bench.qr import measure

    raise typer.Exit(measure(photos, seed, as_json))


@bench.command("codes")
def bench_codes(
    pictures: Annotated[int, typer.Option(min=10, help="图片数 drawn pictures")] = 200,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    as_json: JsonOption = False,
) -> None:
    """环保登记编码 Drawn environmental codes of machines in fonts and wear not trained on: read first, among three, by chance."""
    from tools.bench.codes import measure

    raise typer.Exit(measure(pictures, seed, as_json))


@bench.command("plausibility")
def bench_plausibility(
    vehicles: Annotated[int, typer.Option(min=10, help="车辆数 registered vehicles")] = 300,
    days: Annotated[int, typer.Option(min=1, help="天数 days of traffic")] = 10,
    clones: Annotated[int, typer.Option(min=5, help="套牌通行数 staged passages of cloned plates")] = 400,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    as_json: JsonOption = False,
) -> None:
    """套牌嫌疑 Staged traffic with cloned plates, judged by the rules of plausibility: precision, recall, by reason."""
    from tools.bench.plausibility import measure

    raise typer.Exit(measure(vehicles, days, clones, seed, as_json))


@bench.command("storage-faults")
def bench_storage_faults(
    every: Annotated[int, typer.Option(min=1, help="每隔几个 every n-th write; 1 is all of them")] = 1,
    offset: Annotated[int, typer.Option(min=0, help="从第几个起 from which on: slices of one run")] = 0,
    existing: Annotated[
        bool, typer.Option(help="已有账本 start from a ledger that exists, not from an empty folder")
    ] = False,
    walks: Annotated[str, typer.Option(help="写入内容 what is written: passages, sides")] = "passages,sides",
    results: Annotated[
        Path | None, typer.Option(help="结果文件 finished runs, one a line; gone on with where it is there")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """存储故障 The n-th write or sync fails, fills the disk, is torn, killed or cut off; count what was lost. Needs gcc."""
    from tools.bench.storage.faults import Plan, measure

    raise typer.Exit(measure(Plan(every, offset, existing, tuple(walks.split(","))), results, as_json))


@bench.command("plates")
def bench_plates(
    set_dir: Annotated[
        Path, typer.Option("--set", help="数据集目录 folder with labels.csv and, for vehicles, passes.csv")
    ],
    mode: Annotated[
        str, typer.Option(help="评测方式，逗号分隔 of crops,scenes,passes,negatives; default: all of them")
    ] = "",
    split: Annotated[
        str | None, typer.Option(help="数据划分 val, train or all; default: val where there is one, else all")
    ] = None,
    models: Annotated[
        Path | None, typer.Option(help="模型目录 folder with plate-detector/ and plate-reader/; default: the product's")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="图 folder for the failures and the mistaken characters as pictures (PNG)")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="每种方式最多几个 at most this many of each mode")] = None,
    leave_out_seen: Annotated[
        bool, typer.Option("--leave-out-seen", help="去掉训练过的图片 leave out pictures that trained the model")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """号牌识别评测 Score the plate models on labelled pictures, one thread.

    识别率 = 给出号牌的 ÷ 全部；准确率 = 其中正确的 ÷ 给出号牌的（另计号牌和颜色均正确的）。两项分别计算，标准要求各不低于 99.5 %；
    总正确率 = 正确的 ÷ 全部，未识别的计为不正确。训练过模型的图片拒绝评测。

    Recognition rate: plates for which a number was given, of all. Accuracy: right ones of those given, number alone and
    number with colour. They are never mixed; HJ 1321 asks for at least 99.5 % of each. Right of all counts unread ones
    against it. Bounds: Wilson, 95 %, two-sided, and the one-sided lower one. A set that trained the model is refused.
    """
    from tools.bench.plates.command import measure

    raise typer.Exit(measure(set_dir, mode, split, models, plot, limit, leave_out_seen, as_json))


@reading_models.command("gauge")
def gauge_models(
    new: Annotated[str, typer.Argument(help="新模型的哈希前几位 the first digits of the new model's hash")],
    set_dir: Annotated[
        Path, typer.Option("--set", help="数据集目录 folder with labels.csv, as `lvzha labels export` writes it")
    ],
    against: Annotated[str, typer.Option(help="旧模型的哈希，或 shipped; default: the one in use")] = "",
    split: Annotated[
        str | None, typer.Option(help="数据划分 val, train or all; default: val where there is one")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="写 compare.html 的文件夹 folder for compare.html, with pictures")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="每种方式最多几个 at most this many of each mode")] = None,
    data: Annotated[Path, typer.Option("--data", help="数据目录 data directory")] = Path("data"),
    as_json: JsonOption = False,
) -> None:
    """新旧比较 Two models side by side on labelled pictures: what is fixed, broken, newly wrong, and whether that is chance."""
    from gateway.model_actions import pair_for_gauge
    from tools.bench.plates.compare import measure

    raise typer.Exit(measure(lambda: pair_for_gauge(new, against, data), set_dir, split, out, limit, as_json))


@bench.command("passes")
def bench_passes(
    trucks: Annotated[int, typer.Option(min=1, help="车辆数 vehicles")] = 2000,
    lanes: Annotated[int, typer.Option(min=1, max=8, help="同时几个车道 lanes at once")] = 8,
    seed: Annotated[int, typer.Option(help="种子 seed")] = 1,
    work: Annotated[
        Path, typer.Option(help="工作目录，中断后继续 folder of what is measured; a later call goes on from it")
    ] = Path("passes-bench"),
    models: Annotated[
        Path | None, typer.Option(help="模型目录 folder with plate-detector/ and plate-reader/; default: the product's")
    ] = None,
    keep_clips: Annotated[bool, typer.Option("--keep-clips", help="保留视频 keep the drawn clips")] = False,
    as_json: JsonOption = False,
) -> None:
    """通行识别 Drawn vehicles through real RTSP: read, right, wrong, unread per weather and plate kind, first read, times."""
    from tools.bench.passes.run import measure

    raise typer.Exit(measure(trucks, lanes, seed, work, models, keep_clips, as_json))


@bench.command("near-pairs")
def bench_near_pairs(
    out: Annotated[Path, typer.Option(help="工作目录 folder that keeps what was run; a later run goes on")],
    count: Annotated[int, typer.Option("--pairs", min=1, help="号牌对数 pairs in all")] = 10_000,
    limit: Annotated[int | None, typer.Option(min=1, help="本次最多 at most this many in this run")] = None,
    models: Annotated[Path | None, typer.Option(help="模型目录 folder with the models; default: the product's")] = None,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    as_json: JsonOption = False,
) -> None:
    """易混号牌 Lorries one mistakable character away from a registered one, through reader, vote and policy: wrong openings."""
    from tools.bench.plates.near_pairs import measure

    raise typer.Exit(measure(out, count, seed, limit, models, as_json))


@bench.command("pairing")
def bench_pairing(
    visits: Annotated[int, typer.Option(min=100, help="进出对数 visits")] = 100_000,
    misread: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="误识率 chance that a plate is misread, per pass")
    ] = 0.01,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    as_json: JsonOption = False,
) -> None:
    """进出配对 Entries and exits paired by the product's rule and store: share of right pairs, wrong pairs."""
    from tools.bench.pairing import measure

    raise typer.Exit(measure(visits, misread, seed, as_json))


@bench.command("ledger")
def bench_ledger(
    rows: Annotated[int, typer.Option(min=1000, help="台账行数 rows of the in/out ledger, one a passage")] = 4_000_000,
    data: Annotated[
        Path | None, typer.Option(help="保留并复用的目录 folder that is kept and used again; default: a temporary one")
    ] = None,
    seed: Annotated[int, typer.Option(help="random seed")] = 1,
    photographs: Annotated[int, typer.Option(min=0, help="照片数 photographs of 300 KB to read")] = 400,
    only: Annotated[str, typer.Option(help="只测 parts: queries, insert, verify, backup; default: all")] = "",
    as_json: JsonOption = False,
) -> None:
    """账本 Years of passages: build (gone on with after a kill), file size, combined queries, insert at FULL, verify, backup."""
    from tools.bench.ledger import measure

    raise typer.Exit(measure(rows, data, seed, photographs, as_json, only))


def main() -> None:
    try:
        app()
    except BrokenPipeError:
        sys.exit(141)


if __name__ == "__main__":
    main()
