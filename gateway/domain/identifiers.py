"""Identifiers and their check digits. Every function returns what is wrong in Chinese and English, or None.

VIN: GB 16735. Unified social credit code: GB 32100. Division codes: GB/T 2260.
"""

from __future__ import annotations

import re

Problem = tuple[str, str]  # (Chinese, English)

_VIN_VALUES = {
    **{str(d): d for d in range(10)},
    **dict(zip("ABCDEFGH", range(1, 9), strict=True)),
    **dict(zip("JKLMN", range(1, 6), strict=True)), "P": 7, "R": 9,
    **dict(zip("STUVWXYZ", range(2, 10), strict=True)),
}  # fmt: skip
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_PROVINCE_DIVISIONS = frozenset(
    str(n)
    for n in (
        *range(11, 16),
        *range(21, 24),
        *range(31, 38),
        *range(41, 47),
        *range(50, 55),
        *range(61, 66),
        71,
        81,
        82,
    )
)


def vin_shape(vin: str) -> Problem | None:
    """17 characters without I, O and Q."""
    if len(vin) != 17:
        return f"应为17位，现为{len(vin)}位", f"has 17 characters, not {len(vin)}"
    if bad := sorted(set(vin) - _VIN_VALUES.keys()):
        return f"含有不允许的字符 {''.join(bad)}", f"characters not allowed: {''.join(bad)}"
    return None


def vin_check_digit(vin: str) -> str:
    """The check digit of a well-formed VIN: the ninth character ought to be it."""
    rest = sum(_VIN_VALUES[c] * w for c, w in zip(vin, _VIN_WEIGHTS, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


def uscc(code: str) -> Problem | None:
    """18 characters, a division code inside, a check character last."""
    if len(code) != 18:
        return f"应为18位，现为{len(code)}位", f"has 18 characters, not {len(code)}"
    if bad := sorted(set(code) - set(_USCC_ALPHABET)):
        return f"含有不允许的字符 {''.join(bad)}", f"characters not allowed: {''.join(bad)}"
    total = sum(_USCC_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
    right = _USCC_ALPHABET[(31 - total % 31) % 31]
    if right != code[17]:
        return f"校验位应为 {right}", f"check character should be {right}"
    return None


def division_code(code: str) -> Problem | None:
    """Six digits that begin with a province."""
    if not re.fullmatch(r"\d{6}", code):
        return "应为6位数字", "has 6 digits"
    if code[:2] not in _PROVINCE_DIVISIONS:
        return f"没有以 {code[:2]} 开头的省级区划", f"no province begins with {code[:2]}"
    return None


ENV_REG_CODE = re.compile(r"[X0-4D]-?[A-Z0-9]{8}")


def mein_shape(code: str) -> Problem | None:
    """17 capital letters and digits."""
    if not re.fullmatch(r"[A-Z0-9]{17}", code):
        return "应为17位大写字母或数字", "has 17 capital letters or digits"
    return None


def mobile(number: str) -> Problem | None:
    if not re.fullmatch(r"1\d{10}", number):
        return "应为1开头的11位手机号码", "is a mobile number of 11 digits beginning with 1"
    return None


def phone(number: str) -> Problem | None:
    """A mobile number, or a fixed line with or without its area code."""
    if mobile(number) and not re.fullmatch(r"(0\d{2,3}-?)?\d{7,8}(-\d{1,6})?", number):
        return "不是有效的手机或固定电话号码", "is neither a mobile nor a fixed-line number"
    return None


def masked(value: str) -> str:
    """A personal value as pages show it: 138****5678, 王*."""
    return f"{value[:3]}****{value[-4:]}" if len(value) >= 11 else value[:1] + "*" * (len(value) - 1)
