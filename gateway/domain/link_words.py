"""Why a connection ended, in Chinese: the reasons that our links give in English, known ones by their words.

A reason that nobody foresaw is shown as it is, behind a Chinese word: a guard reads that much, a technician the rest.
"""

from __future__ import annotations

import re

# the English words (a whole reason, or its begin) -> Chinese; the rest of the reason follows in brackets
_KNOWN: tuple[tuple[str, str], ...] = (
    ("the broker did not grant the subscriptions", "代理未批准订阅"),
    ("the broker refused a subscription", "代理拒绝订阅"),
    ("the broker refused the connection", "代理拒绝连接"),
    ("connection lost", "连接中断"),
    ("sending failed", "发送失败"),
    ("the desk has not taken", "网关来不及处理车道消息"),
    ("stopped", "已停止"),
    ("connect timeout", "连接超时"),
    ("read timeout", "应答超时"),
    ("TLS failed", "TLS 证书或协议不被接受"),
    ("answer broke off", "应答中断"),
    ("connection refused, lost or not possible", "连接被拒绝、中断或不可达"),
    ("HTTP status", "平台返回 HTTP 状态"),
    ("answer over", "应答过大"),
    ("answer not complete within", "应答未按时完成"),
    ("answer is not JSON", "应答不是 JSON"),
    ("answer is not a JSON object", "应答不是 JSON 对象"),
    ("answer has no code", "应答缺少状态码"),
    ("answer belongs to another request", "应答与请求不符"),
    ("answer is not signed", "应答未签名"),
    ("signature of the answer", "应答签名不符"),
    ("data of the answer", "应答数据格式不符"),
    ("request of", "请求过大"),
    ("ConnectionRefusedError", "连接被拒绝，对方未运行或端口不通"),
    ("ConnectionResetError", "连接被对方断开"),
    ("BrokenPipeError", "连接被对方断开"),
    ("TimeoutError", "连接超时"),
    ("timeout", "连接超时"),
    ("gaierror", "域名无法解析"),
    ("SSLCertVerificationError", "证书校验不通过"),
    ("SSLError", "TLS 握手失败"),
    ("OSError", "网络不可用"),
)
_MISSING = re.compile(r".+ is missing")


def reason_zh(reason: str) -> str:
    """Chinese first, the figures or the words of the other side behind it; "" stays ""."""
    if not reason:
        return ""
    if _MISSING.fullmatch(reason):
        return f"缺少文件（{reason.removesuffix(' is missing')}）"
    for words, zh in _KNOWN:
        if reason.startswith(words) or reason.startswith(f"unexpected {words}"):
            rest = reason.removeprefix("unexpected ").removeprefix(words).strip(" :,")
            return f"{zh}（{rest}）" if rest else zh
    if re.search(r"[\u4e00-\u9fff]", reason):
        return reason  # the platform's own words
    return f"原因（{reason}）"
