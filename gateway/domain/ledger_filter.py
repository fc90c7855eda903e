"""A combined question about the in/out ledger: read from texts, checked, and what each of its words takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.ledger_facts import FACTS, PARTIAL
from gateway.domain.records import CHINA

TIME_GROUPS = ("hour", "day", "month")
WAYS = ("newer", "older")
STOPS_MONTHS = 24  # S3 l.18: the history of stops can be looked at; as long as the ledger is kept at least (HJ 1321)
ANY = "*"  # stands for any text in a partial value: 云A*, *123, *A12*


class QueryRefused(ValueError):
    """The question cannot be asked; the message names the field, the value and what is allowed."""


@dataclass(frozen=True)
class LedgerFilter:
    """Rows that arrived in [from_ms, until_ms) and have one of these words for each name. Words of PARTIAL may hold ANY."""

    from_ms: int | None = None
    until_ms: int | None = None
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def filter_from(given: Mapping[str, str | None]) -> LedgerFilter:
    """A filter from texts, as a form or a command line gives them: from, until, and any name of FACTS; a comma is "or".

    from and until: yyyy-MM-dd or yyyy-MM-dd HH:mm[:ss], Asia/Shanghai; a date alone as `until` is the whole day.
    Raises QueryRefused naming field, value and what is allowed.
    """
    texts = {name: text.strip() for name, text in given.items() if text and text.strip()}
    if unknown := texts.keys() - FACTS.keys() - {"from", "until"}:
        raise QueryRefused(f"{min(unknown)}: 允许 allowed from, until, {', '.join(FACTS)}")
    from_ms = _time("from", texts["from"], is_end=False) if "from" in texts else None
    until_ms = _time("until", texts["until"], is_end=True) if "until" in texts else None
    if from_ms is not None and until_ms is not None and until_ms <= from_ms:
        raise QueryRefused(f"until {texts['until']}: 须晚于 must be later than from {texts['from']}")
    return LedgerFilter(from_ms, until_ms, {name: _words(name, texts[name]) for name in FACTS if name in texts})


def stops(now_ms: int) -> dict[str, str]:
    """The texts of the question for every vehicle that was stopped in the last STOPS_MONTHS, for filter_from."""
    now = datetime.fromtimestamp(now_ms / 1000, CHINA)
    months = now.year * 12 + now.month - 1 - STOPS_MONTHS
    return {"control_result": "1", "from": f"{months // 12}-{months % 12 + 1:02d}-{min(now.day, 28):02d}"}


def _words(name: str, text: str) -> tuple[str, ...]:
    words = tuple(_normal(name, word) for word in text.replace("，", ",").split(",") if word.strip())
    if not words or len(text) > 500:
        raise QueryRefused(f"{name} {text[:40]!r}: 允许 allowed words with a comma between, at most 500 characters")
    for word in words:
        if ANY in word and name not in PARTIAL:
            raise QueryRefused(f"{name} {word!r}: {ANY} 只用于 is for {', '.join(PARTIAL)}")
        if not word.strip(ANY):
            raise QueryRefused(f"{name} {word!r}: 须有文字 needs a letter or digit beside {ANY}")
    return words


def _normal(name: str, word: str) -> str:
    word = word.strip()
    if name in ("plate", "vin"):
        return "".join(c for c in word.upper() if c not in " ·.-•")
    return "" if word == "-" else word if name in PARTIAL or name in ("lane", "direction", "end", "decided_by", "source") else word.upper()  # fmt: skip


def _time(field_name: str, text: str, *, is_end: bool) -> int:
    for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"):
        try:
            at = datetime.strptime(text, form).replace(tzinfo=CHINA)
        except ValueError:
            continue
        if form == "%Y-%m-%d" and is_end:
            at += timedelta(days=1)
        return int(at.timestamp() * 1000)
    raise QueryRefused(f"{field_name} {text[:40]!r}: 允许 allowed yyyy-MM-dd, yyyy-MM-dd HH:mm")
