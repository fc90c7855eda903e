"""`lvzha commission`: the measured values and photographs of a lane become its document. Asked one by one, or from a TOML file."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.adapters.store.commissioning import CommissioningFiles
from gateway.config import ConfigRefused, load
from gateway.domain import commissioning
from gateway.domain.records import CHINA
from tools.flash import label, provision, sheet
from tools.flash.answers import Ask
from tools.flash.image import ImageError


def run(config: Path, lane: str, answers: Path | None, out: Path, question: Ask) -> tuple[dict[str, Any], list[Path]]:
    """The accepted document and the papers. Raises ImageError with every reason why the lane may not go live; nothing is stored then."""
    try:
        settings = load(config)
    except ConfigRefused as error:
        raise ImageError(str(error)) from None
    data_dir = settings.site.data_dir
    record = provision.read_record(data_dir, lane)
    if record is None:
        raise ImageError(
            f"{lane}: 没有安装记录，先运行 lvzha flash was not flashed from this site; run lvzha flash first"
        )
    given, folder = (_from_file(answers), answers.parent) if answers else (_ask(question), Path())
    files, photos = CommissioningFiles(data_dir), {}
    doc: dict[str, Any] = {
        "v": 1, "site": record.site, "lane": lane, "board": record.board, "board_id": record.board_id,
        "date": str(given.get("date") or datetime.now(CHINA).date()), "is_simulated": False, "meter": given.get("meter", {}),
        "checks": {},
    }  # fmt: skip
    doc["meter"] = {key: str(value) for key, value in doc["meter"].items()}
    for check_id, check in given.get("checks", {}).items():
        if check_id not in {c.id for c in commissioning.CHECKS}:
            raise ImageError(
                f"checks.{check_id}: 未知检查 unknown; allowed are {', '.join(c.id for c in commissioning.CHECKS)}"
            )
        photos[check_id] = folder / str(check["photo"]) if check.get("photo") else None
        doc["checks"][check_id] = {
            "by": str(check.get("by", "")), "is_passed": check.get("is_passed") is True, "photo_sha256": "",
            "numbers": dict(check.get("numbers", {})), "yes": dict(check.get("yes", {})),
        }  # fmt: skip
    for check_id, photo in photos.items():
        if photo is not None and photo.is_file():
            doc["checks"][check_id]["photo_sha256"] = files.put_photo(lane, photo)
    wrong = commissioning.problems(doc, datetime.now(CHINA).date())
    if record.io_missing is None:
        wrong.append(
            commissioning.Problem(
                "io", "输入测试未做，重新运行 lvzha flash", "the I/O test was not made; run lvzha flash again"
            )
        )
    elif record.io_missing:
        names = "，".join(record.io_missing)
        wrong.append(commissioning.Problem("io", f"端子无反应：{names}", f"terminals without reaction: {names}"))
    if wrong:
        raise ImageError("不予放行 refused:\n" + "\n".join(f"  {p.check}: {p.zh}；{p.en}" for p in wrong))
    stored = files.put(doc)
    out.mkdir(parents=True, exist_ok=True)
    picture = label.draw(record, out / f"label-{lane}.png")
    return doc, [stored, sheet.write(out / f"commissioning-{lane}.html", record, doc, picture)]


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImageError(f"{path}: not valid TOML: {error}") from None


def _ask(question: Ask) -> dict[str, Any]:
    given: dict[str, Any] = {"checks": {}, "meter": {}}
    by = question("姓名 your name", "")
    given["meter"]["serial"] = question("力计编号 force meter, serial number", "")
    given["meter"]["calibrated"] = question("力计校准日期 calibrated on, YYYY-MM-DD", "")
    for n, check in enumerate(commissioning.CHECKS, 1):
        head = f"[{n}/{len(commissioning.CHECKS)}] {check.zh} {check.en} ({check.expected})"
        numbers: dict[str, list[float]] = {}
        for key, (highest, count) in check.numbers.items():
            typed = question(f"{head}\n  {key} ≤ {highest}，{count} 个读数，空格分开 {count} readings", "")
            numbers[key] = [_number(word) for word in typed.replace(",", " ").split()]
        yes = {key: _yes(question(f"{head}\n  {key} 是 yes / 否 no", "")) for key in check.yes}
        is_passed = _yes(question(f"{head}\n  通过 passed 是 yes / 否 no", ""))
        photo = question("  照片文件 photograph (path)", "")
        given["checks"][check.id] = {"by": by, "is_passed": is_passed, "photo": photo, "numbers": numbers, "yes": yes}
    return given


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ImageError(f"{word!r}: 不是数字 not a number") from None


def _yes(typed: str) -> bool:
    return typed.strip().lower() in ("是", "y", "yes", "1", "✓")
