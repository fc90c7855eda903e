"""How long data is kept: classes with terms in calendar months, and the moment before which a class is over."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.records import CHINA, LEDGERS

DATA_CLASSES = (
    *LEDGERS,
    "photographs",
    "documents",
    "clips",
    "video",
    "lane_events",
    "readings",
    "upload_log",
    "telemetry",
    "labels",
)


class RetentionRefused(ValueError):
    """Terms, a hold or a request for deletion are not acceptable; the message says what and what is allowed."""


@dataclass(frozen=True)
class Terms:
    """months: class -> calendar months. alarm_days: warn when the disk will be full within so many days."""

    months: Mapping[str, int]
    alarm_days: int

    def cutoff_ms(self, data_class: str, now_ms: int) -> int:
        """What is older than this is over; the same day and time of the month `months` ago, Asia/Shanghai."""
        now = datetime.fromtimestamp(now_ms / 1000, CHINA)
        index = now.year * 12 + now.month - 1 - self.months[data_class]
        year, month = index // 12, index % 12 + 1
        if year < 1971:
            return 0
        day = min(now.day, monthrange(year, month)[1])
        return int(now.replace(year=year, month=month, day=day).timestamp() * 1000)


def terms_from(doc: Mapping[str, Any]) -> Terms:
    """Terms from the parsed retention.toml. Raises RetentionRefused naming the class and what is allowed."""
    if extra := sorted(set(doc) - {"classes", "space"}):
        raise RetentionRefused(f"retention: {extra[0]!r} is not known; allowed are classes, space")
    classes = doc.get("classes", {})
    months = {}
    for name in DATA_CLASSES:
        row = classes.get(name)
        if not isinstance(row, dict) or set(row) != {"months", "least", "source"}:
            raise RetentionRefused(f"classes.{name}: months, least and source are required, nothing else")
        least = row["least"]
        if type(row["months"]) is not int or not least <= row["months"] <= 1200:
            raise RetentionRefused(
                f"classes.{name}.months {row['months']!r}: allowed are {least} to 1200 ({row['source']})"
            )
        months[name] = row["months"]
    if extra := sorted(set(classes) - set(DATA_CLASSES)):
        raise RetentionRefused(f"classes.{extra[0]}: not known; allowed are {', '.join(DATA_CLASSES)}")
    alarm_days = doc.get("space", {}).get("alarm_days")
    if type(alarm_days) is not int or not 1 <= alarm_days <= 365:
        raise RetentionRefused(f"space.alarm_days {alarm_days!r}: allowed are 1 to 365")
    return Terms(months, alarm_days)


@dataclass(frozen=True)
class Space:
    """Bytes, and days until the disk is full at the pace of the last 30 days; None while there is no pace."""

    free_bytes: int
    bytes_per_day: int
    days_left: int | None

    def is_short(self, terms: Terms) -> bool:
        return self.days_left is not None and self.days_left < terms.alarm_days
