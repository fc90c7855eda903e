"""The lane's settings from the installer's answers: asked one by one, Chinese first, or read from a TOML file. Checked by the
lane's own check (firmware/lane/config.py), so that what is written is what the lane accepts."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware.lane import config
from firmware.lane.contract import ContractError
from tools.flash.image import ImageError

ASKED: dict[str, str] = tomllib.loads(Path(__file__).with_name("answers.toml").read_text("utf-8"))
FIXED = ("site", "lane", "board", "commissioned", "force_test", "config_version", "ca", "cert", "key")

Ask = Callable[[str, str], str]
"""(question, default shown) -> what was typed; empty means the default."""


def from_file(path: Path) -> dict[str, Any]:
    """Answers of a TOML file: keys of the lane's settings. Raises ImageError."""
    try:
        answers = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ImageError(f"{path}: not valid TOML: {error}") from None
    for key in answers:
        if key in FIXED:
            raise ImageError(f"{path}: {key}: 由工具填写，不能自定 is filled in by the tool")
    return answers


def ask(given: dict[str, Any], question: Ask, tell: Callable[[str], None]) -> dict[str, Any]:
    """Answers to everything in ASKED that is not given. A bad one is asked again with what is allowed."""
    answers = dict(given)
    for key, zh in ASKED.items():
        if key in answers or key not in config.KEYS:
            continue
        kind, default, low, _high, en = config.KEYS[key]
        if default is config.REQUIRED:
            default = {
                "means": ["drive_force", "beam"],
                "lane_class": "III",
                "sntp_host": answers.get("broker_host", ""),
            }.get(key, "")
        shown = " ".join(default) if isinstance(default, list) else str(default)
        choices = f" [{' / '.join(low)}]" if kind in ("choice", "roles") else ""
        while True:
            typed = question(f"{zh} {en}{choices}", shown).strip() or shown
            try:
                answers[key] = _value(kind, typed)
                _try(key, answers[key])
                break
            except (ValueError, ContractError) as error:
                tell(f"  {error}")
    return answers


def _value(kind: str, typed: str) -> Any:
    if kind == "int":
        return int(typed)
    return typed.replace(",", " ").split() if kind == "roles" else typed


def _try(key: str, value: Any) -> None:
    """Raises ContractError for a value that the lane would refuse by itself, whatever the others are."""
    filler = {"site": "x", "lane": "g1-b01", "board": "sim", "broker_host": "10.0.0.1", "sntp_host": "10.0.0.1",
              "lane_class": "III", "means": ["drive_force", "beam"]}  # fmt: skip
    config.check({**filler, key: value})


def settings(answers: dict[str, Any], *, site: str, lane: str, board: str) -> dict[str, Any]:
    """The document for config.json. Raises ImageError naming key, value and what is allowed."""
    document = {**answers, "site": site, "lane": lane, "board": board}
    try:
        config.check(document)
    except ContractError as error:
        raise ImageError(f"配置 settings: {error.where}: {error.allowed}") from None
    return document
