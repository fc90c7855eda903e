"""What `lvzha models` and `lvzha labels` do; imported by the command that needs it."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gateway.adapters.store.labels import FOLDER, SqliteLabels
from gateway.adapters.store.model_registry import ModelRegistry
from gateway.adapters.store.reading import StoreRefused
from gateway.adapters.vision import cutouts
from gateway.adapters.vision.model_check import described
from gateway.adapters.vision.pipeline import MODELS_FOLDER
from gateway.config import ConfigRefused, load
from gateway.domain.labels import LabelRefused
from gateway.domain.models import Choice, Manifest, ModelRefused, chosen
from gateway.domain.records import local_text
from gateway.services.label_export import export
from gateway.services.ports import LedgerUnavailable

REFUSALS = (ModelRefused, LabelRefused, StoreRefused, ConfigRefused, LedgerUnavailable, OSError)
TAKEN_WITHIN_S = 30.0
"""A running gateway looks every 2 s and needs some seconds to start the new process."""


def _refusing(what: str, action: Callable[[], int]) -> int:
    try:
        return action()
    except REFUSALS as refusal:
        print(f"{what}:\n{refusal}", file=sys.stderr)
        return 2


def registry(data: Path) -> ModelRegistry:
    """Raises StoreRefused where there is no data directory."""
    if not data.is_dir():
        raise StoreRefused(f"{data}: 没有此数据目录 there is no such data directory")
    return ModelRegistry(data, MODELS_FOLDER)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


# ---------------------------------------------------------------- models


def list_models(data: Path, as_json: bool) -> int:
    def action() -> int:
        models, rows = registry(data), []
        choices, told = models.choices(), models.told("gateway")
        for kind in models.kinds():
            wanted = chosen(choices, kind)
            for manifest in [models.shipped(kind), *models.known(kind)]:
                is_shipped = not manifest.added_at_ms
                rows.append({
                    "kind": kind, "sha256": manifest.sha256, "size_bytes": manifest.size_bytes, "is_shipped": is_shipped,
                    "is_chosen": manifest.sha256 == wanted or (is_shipped and not wanted),
                    "is_read_by_gateway": told.get("in_use", {}).get(kind) == manifest.sha256,
                    "files": manifest.files, "trained_on": manifest.trained_on, "added_by": manifest.added_by, "added_at_ms": manifest.added_at_ms,
                })  # fmt: skip
        document = {"models": rows, "choices": [asdict(c) for c in choices], "refused": told.get("refused", {})}
        if as_json:
            print(json.dumps(document, ensure_ascii=False, indent=2))
        else:
            _show(document)
        return 0

    return _refusing("无法列出 cannot list", action)


def _show(document: dict[str, Any]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table("", "模型 kind", "哈希 hash", "KB", "来源 from", "训练数据 trained on")
    for row in document["models"]:
        source = "随附 shipped" if row["is_shipped"] else f"{row['added_by']} {local_text(row['added_at_ms'])[:16]}"
        mark = "●" if row["is_chosen"] else ""
        table.add_row(mark, row["kind"], row["sha256"][:12], str(row["size_bytes"] // 1024), source, row["trained_on"])
    console.print(table)
    for choice in document["choices"]:
        what = "回退 back to" if choice["undoes"] else "换用 use"
        print(
            f"{local_text(choice['at_ms'])}  {choice['kind']}  {what} {choice['sha256'][:12] or '随附 shipped'}  {choice['by']}：{choice['why']}"
        )
    for kind, (sha256, zh, en) in document["refused"].items():
        print(f"被拒 refused: {kind} {sha256[:12]}: {zh} {en}")


def add(source: Path, by: str, trained_on: str, data: Path, as_json: bool) -> int:
    def action() -> int:
        manifest = registry(data).add(source, by=by, now_ms=_now_ms(), described=described, trained_on=trained_on)
        if as_json:
            print(json.dumps(asdict(manifest), ensure_ascii=False, indent=2))
        else:
            print(
                f"已登记 added: {manifest.kind} {manifest.sha256[:12]}；尚未使用 it does not read yet: lvzha models use {manifest.sha256[:12]}"
            )
        return 0

    return _refusing("未登记 not added", action)


def use(name: str, by: str, why: str, data: Path) -> int:
    return _refusing(
        "未换用 not changed", lambda: _chosen(data, lambda m: m.use(name, by=by, why=why, now_ms=_now_ms()))
    )


def rollback(kind: str, by: str, why: str, data: Path) -> int:
    return _refusing(
        "未回退 not changed", lambda: _chosen(data, lambda m: m.roll_back(kind, by=by, why=why, now_ms=_now_ms()))
    )


def _chosen(data: Path, choose: Callable[[ModelRegistry], Choice]) -> int:
    """0 when it is chosen, and taken by the gateway where one runs; 1 when the gateway has not taken it yet."""
    models = registry(data)
    choice = choose(models)
    wanted = choice.sha256 or models.shipped(choice.kind).sha256
    was = choice.was or models.shipped(choice.kind).sha256
    print(f"{choice.kind}: {was[:12]} → {wanted[:12]}")
    if not _gateway_runs(data):
        print("网关未运行，下次启动时换用 no gateway runs here; it reads with this model from its next start")
        return 0
    until = time.monotonic() + TAKEN_WITHIN_S
    while time.monotonic() < until:
        told = models.told("gateway")
        if told.get("last_choice", "") >= choice.choice_id:  # ULIDs: later ones are larger
            if told["in_use"].get(choice.kind) == wanted:
                print("网关已换用 the gateway reads with it now")
                return 0
            sha256, zh, en = told["refused"].get(choice.kind, ("", "", ""))
            print(f"网关拒用 the gateway refuses it: {sha256[:12]} {zh} {en}", file=sys.stderr)
            return 1
        time.sleep(0.3)
    print(
        f"{TAKEN_WITHIN_S:.0f} 秒内网关未换用，请看控制台告警 the gateway has not taken it within {TAKEN_WITHIN_S:.0f} s; see its conditions",
        file=sys.stderr,
    )
    return 1


def _gateway_runs(data: Path) -> bool:
    try:
        handle = os.open(data / "gateway.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(handle)


def pair_for_gauge(new: str, against: str, data: Path) -> tuple[Manifest, Path, Manifest, Path]:
    """The two models of `lvzha models gauge`, each with a folder in which it reads. Raises ModelRefused."""
    models = registry(data)
    one = models.find(new)
    if not against:
        other = models.in_use(one.kind)
    else:
        other = models.shipped(one.kind) if against == "shipped" else models.find(against)
    if other.kind != one.kind:
        raise ModelRefused(f"--against {against}: 是 is a {other.kind}; {one.kind} is compared with its own kind")
    if other.sha256 == one.sha256:
        raise ModelRefused(
            f"{one.kind} {one.sha256[:12]}: 与自身比较 is compared with itself; name another with --against"
        )
    return one, models.with_model(one), other, models.with_model(other)


# ---------------------------------------------------------------- labels


def label_status(data: Path, as_json: bool) -> int:
    def action() -> int:
        if not (data / FOLDER / "labels.sqlite3").is_file():
            raise StoreRefused(
                f"{data / FOLDER}: 尚未留存任何图片 nothing was ever kept here; see [labelling] of the settings"
            )
        with closing(SqliteLabels(data)) as store:
            counts = store.counts()
        if as_json:
            print(
                json.dumps(
                    [{"state": s, "reason": r, "samples": n} for (s, r), n in sorted(counts.items())],
                    ensure_ascii=False,
                    indent=2,
                )
            )
            return 0
        by_state = Counter[str]()
        for (state, reason), n in sorted(counts.items()):
            by_state[state] += n
            print(f"{state:8} {reason:10} {n}")
        print(
            f"待标 waiting {by_state['open']}，待复核 second opinion {by_state['second']}，已定 settled {by_state['settled']}"
        )
        return 0

    return _refusing("无法列出 cannot list", action)


def export_labels(target: Path, config: Path, as_json: bool) -> int:
    def action() -> int:
        settings = load(config)
        with closing(SqliteLabels(settings.site.data_dir)) as store:
            done = export(store, cutouts, target, source=f"site {settings.site.enterprise_code}", licence=settings.labelling.licence.strip(),
                          progress=lambda n: print(f"\r{n}", end="", file=sys.stderr) if n % 50 == 0 else None)  # fmt: skip
        print(file=sys.stderr)
        document = {"folder": str(target), "licence": settings.labelling.licence.strip(), **done.document()}
        if as_json:
            print(json.dumps(document, ensure_ascii=False, indent=2))
        else:
            for name in ("rows", "types", "left_out"):
                print(f"{name}: " + (", ".join(f"{k} {v}" for k, v in document[name].items()) or "0"))
            print(f"已导出 exported: {target / 'labels.csv'}；许可 licence: {document['licence']}")
        return 0

    return _refusing("未导出 not exported", action)
