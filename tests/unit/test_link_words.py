"""Why a link ended is told in Chinese first: every reason that our own links give is known."""

import re
from pathlib import Path

from gateway.domain.link_words import reason_zh

LINKS = (Path("gateway/adapters/uplink/transport.py"), Path("gateway/adapters/lanes_mqtt/session.py"))
GIVEN = re.compile(
    r'(?:TransportFailed|RequestTooLarge|LinkEnded)\(f?"([^"]+)"|(?:return|self\._ended =) f?"([^"{]+[^"]*)"'
)


def test_every_reason_of_our_links_has_chinese_words() -> None:
    reasons = [a or b for path in LINKS for a, b in GIVEN.findall(path.read_text("utf-8"))]
    assert len(reasons) > 15
    unknown = [r for r in reasons if reason_zh(re.sub(r"\{[^}]*\}", "7", r)).startswith("原因")]
    assert unknown == []


def test_what_the_system_said_stands_behind_and_a_platforms_chinese_is_left_alone() -> None:
    assert (
        reason_zh("ConnectionRefusedError: [Errno 111] refused")
        == "连接被拒绝，对方未运行或端口不通（[Errno 111] refused）"
    )
    assert reason_zh("HTTP status 502") == "平台返回 HTTP 状态（502）"
    assert reason_zh("平台维护中") == "平台维护中" and reason_zh("") == ""
    assert reason_zh("something new") == "原因（something new）"
