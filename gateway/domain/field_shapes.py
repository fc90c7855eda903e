"""The shape of one value of a register or ledger: type, length, bounds, code. And what a finding is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from gateway.domain.dictionary import Field

ERROR, WARNING = "error", "warning"
"""An error refuses the row; a warning keeps it and asks a person to look."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. rule: its name for tests and statistics; zh, en: sentences naming what is allowed."""

    field: str
    rule: str
    level: str
    zh: str
    en: str


def as_day(text: str) -> date | None:
    """A day that exists, written yyyy-MM-dd; None otherwise."""
    try:
        return date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
    except ValueError:
        return None


def check_shape(field: Field, value: str) -> Finding | None:
    """Type, length, bounds and code of one value that is there."""
    name = field.name
    if field.type == "code":
        values = value.split(",") if field.many else [value]
        if bad := [v for v in values if not field.codes.has(v)]:
            allowed = "、".join(f"{code} {zh}" for code, (zh, _) in list(field.codes.values.items())[:12])
            codes = ", ".join(f"{code} {en}" for code, (_, en) in list(field.codes.values.items())[:12])
            return Finding(
                name, "code", ERROR, f"“{bad[0]}”不在代码表内，可用：{allowed}", f"{bad[0]!r}; allowed: {codes}"
            )
    elif field.type == "day":
        if as_day(value) is None:
            return Finding(
                name,
                "day",
                ERROR,
                f"“{value}”不是存在的日期，格式 yyyy-MM-dd",
                f"{value!r} is no day, write yyyy-MM-dd",
            )
    elif field.type == "time":
        try:
            datetime.strptime(value, "%Y-%m-%d %H:%M:%S")
        except ValueError:
            return Finding(
                name,
                "time",
                ERROR,
                f"“{value}”不是时间，格式 yyyy-MM-dd HH:mm:ss",
                f"{value!r}: write yyyy-MM-dd HH:mm:ss",
            )
    elif field.type in ("number", "whole"):
        pattern = r"-?\d{1,9}" if field.type == "whole" else r"-?\d{1,9}(\.\d{1,6})?"
        if not re.fullmatch(pattern, value):
            kind = ("整数", "a whole number") if field.type == "whole" else ("数字", "a number")
            return Finding(name, field.type, ERROR, f"“{value}”不是{kind[0]}", f"{value!r} is not {kind[1]}")
        number = float(value)
        if (field.min is not None and number < field.min) or (field.max is not None and number > field.max):
            bounds = f"{field.min:g}–{field.max:g}"
            return Finding(name, "bounds", ERROR, f"{value} 超出范围 {bounds}", f"{value} is outside {bounds}")
    elif field.max is not None and len(value) > field.max:
        most = int(field.max)
        return Finding(
            name, "length", ERROR, f"最多{most}字，现为{len(value)}字", f"at most {most} characters, has {len(value)}"
        )
    return None
