"""What a lane says is allowed where it refuses something, in Chinese.

The lane names the place and what is allowed in English words of firmware/lane/{config,shape,diagnostics}.py and firmware/boards/drivers:
it has no Chinese codec, and no room for two languages in a message of 1 KiB.
"""

from __future__ import annotations

import re

from gateway.domain.lane_words import ROLES

# The whole of what the lane says, and the same in Chinese; \1, \2: what it was said of.
_PHRASES: tuple[tuple[str, str], ...] = (
    # settings
    (r"integer, (\S+) to (\S+)", r"整数，\1 到 \2"),
    (r"text of (\S+) to (\S+) characters", r"文字，\1 到 \2 个字符"),
    (r"one of (.+)", r"只能是其中之一：\1"),
    (r"a list out of (.+)", r"列表，只能从中选：\1"),
    (r"an IPv4 address, or empty for DHCP", "IPv4 地址；留空为 DHCP"),
    (r"an IPv4 address", "IPv4 地址"),
    (r"a day as (\S+), or empty", r"日期，如 \1；或留空"),
    (r"steps such as (.+), of allow, hold, guard; all but the last with minutes",
     r"步骤，如 \1；只用 allow、hold、guard，除最后一步外都写分钟数"),
    (r"minutes ascending, 1 to (\d+)", r"分钟数逐步增大，1 到 \1"),
    (r"an object of texts, (.+)", r"文字对象，如 \1"),
    (r"a lane has its loops and both limits", "车道必须有三个地感和两个限位"),
    (r"a lane drives its arm", "车道必须有驱动闸杆的输出"),
    (r"without it (\S+) cannot be tested and must be absent too", r"没有它，\1 无法自检，须一并列为没有"),
    (r"means that this lane has", "只能填本车道实有的防夹措施"),
    (r"at most (\d+) in this travel class", r"此行程等级最多 \1"),
    (r"an arm at rest", "闸杆停稳后再改"),
    (r"g\{entrance\}-b\{barrier\}", "车道编号：g{出入口编号}-b{道闸编号}"),
    (r"1 to (\d+) letters and digits", r"1 到 \1 位字母和数字"),
    (r"required", "必填"),
    (r"a JSON object", "JSON 对象"),
    (r"a readable file", "可读的文件"),
    (r"lvzha commission", "只能由 lvzha commission（验收）写入"),
    (r"at least one key and value", "至少一项：键=值"),
    # messages
    (r"(\S+) to (\S+) characters", r"\1 到 \2 个字符"),
    (r"(\S+) to (\S+) lower-case hex digits, even", r"\1 到 \2 位小写十六进制数字，偶数位"),
    (r"lower-case hex digits", "小写十六进制数字"),
    (r"(-?\d+) to (-?\d+)", r"\1 到 \2"),
    (r"integer", "整数"), (r"text", "文字"), (r"list", "列表"), (r"object", "对象"), (r"true or false", "true 或 false"),
    (r"text, integer, true, false or null", "文字、整数、true、false 或 null"),
    (r"at most (\d+) items", r"最多 \1 项"),
    (r"at most (\d+) keys", r"最多 \1 个键"),
    (r"at most (\d+) bytes", r"最多 \1 字节"),
    (r"a known key", "没有这一项，只能用已知的项"),
    (r"boot-seq|eight hex digits, '-', a number without leading zero", "通行编号：八位十六进制、-、不带前导零的数字"),
    (r"g-<ULID>", "临时通行编号：g- 加 ULID"),
    (r"ULID(?:: 26 characters of Crockford base 32, upper case)?", "ULID：26 位大写字母和数字"),
    (r"UTC time|UTC as (\S+)", "UTC 时间，如 2026-11-22T04:12:09.114Z"),
    (r"a reason in words, for this operation", "此操作须写明原因"),
    (r"exactly one of lines and pages", "lines 和 pages 只能有一个"),
    # questions
    (r"(\S+): unknown; allowed: none", r"\1：没有这个参数，此问不带参数"),
    (r"(\S+): unknown; allowed: (.+)", r"\1：没有这个参数；可用：\2"),
    (r"(\S+): required", r"\1：必填"),
    (r"(\S+): int (\S+) to (\S+)", r"\1：整数，\2 到 \3"),
    (r"(\S+): str (\S+) to (\S+)", r"\1：文字，\2 到 \3 个字符"),
    (r"(\S+): bool (\S+) to (\S+)", r"\1：true 或 false"),
    (r"text: hex of GBK bytes", "text：GBK 字节的十六进制"),
    # a board's terminals
    (r"a role of this lane", "本车道的角色"),
    (r"LABEL, LABEL no or LABEL nc", "端子、端子 no 或 端子 nc"),
    (r"a terminal of its own \((\S+) is (\S+)\)", r"须用自己的端子（\1 已用于 \2）"),
    (r"a terminal of (.+) for (.+), or the role named absent; free: (.+)", r"\1 的端子，给：\2；或列为没有。空闲：\3"),
    (r"must name (\S+): this board has no such (?:input|output)", r"须列出 \1：此板没有它"),
    (r"0: (.+) has no line for a reader", r"0：\1 没有读卡器接口"),
    (r"another terminal, or the role absent: (\S+) is the reader's", r"换一个端子，或列为没有：\1 归读卡器用"),
    (r"(\S+)( nc)?: the motor interlock (?:drives|watches) it", r"\1\2：由电机联锁占用"),
    (r"the file of the board that this is \((.+)\)", r"须是这块板自己的文件（\1）"),
    (r"a file of boards/", "boards/ 里的板文件"),
)  # fmt: skip
_TABLE = [(re.compile(english), chinese) for english, chinese in _PHRASES]
_NOW = re.compile(r" \(is (.+)\)$")


def allowed_zh(text: str) -> str | None:
    """The lane's words of what is allowed, in Chinese; None for words that this table does not know.

    A trailing "(is 3)" becomes "（现为 3）". Names of roles stay, with their Chinese name behind where one stands alone.
    """
    now = _NOW.search(text)
    said = text[: now.start()] if now and not text.startswith("the file of") else text
    for english, chinese in _TABLE:
        if found := english.fullmatch(said):
            told = re.sub(r"\\(\d)", lambda n, found=found: _role(found[int(n[1])] or ""), chinese)
            return told + (f"（现为 {now[1]}）" if now and said is not text else "")
    return None


def _role(word: str) -> str:
    return f"{word} {ROLES[word]}" if word in ROLES else word


def detail_lines(answer: dict[str, object]) -> list[str]:
    """The details of a refusal as lines, Chinese first: where, what is allowed, what else was said."""
    lines = []
    if where := answer.get("where"):
        lines.append(f"位置 where: {where}")
    if allowed := answer.get("allowed"):
        zh = allowed_zh(str(allowed))
        lines.append(f"允许 allowed: {f'{zh}  ' if zh else ''}{allowed}")
    if detail := answer.get("detail"):
        lines.append(f"说明 detail: {detail}")
    return lines
