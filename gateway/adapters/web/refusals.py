"""What the console refuses, as one small exception that becomes JSON or a line on the page."""

from __future__ import annotations

from typing import Any

from gateway.adapters.web.texts import texts
from gateway.services.desk_port import AnswerRefused

# Codes of services.ports.AnswerRefused that mean "no such thing" and "not in that state"; all others are bad input.
_NOT_FOUND = ("unknown_pass", "unknown_lane")
_FIELDS = {"plate": "plate_no", "plate_colour": "plate_colour", "vehicle": "vehicle", "decision": "decision"}
_UNAVAILABLE = ("ledger",)
_CONFLICT = ("not_waiting", "already_decided", "already_closed", "lane_offline", "not_open", "not_judged")


class Refusal(Exception):
    """A request that is answered with status and {"code", "zh", "en", "field", "allowed"}.

    allowed: the values or the bound that would have been taken, empty where there is no such list.
    """

    def __init__(
        self, status: int, code: str, *, field: str = "", allowed: Any = None, zh: str = "", en: str = ""
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.field = field
        self.allowed = allowed if allowed is not None else []
        self.zh = zh or texts("zh").label("refused", code)
        self.en = en or texts("en").label("refused", code)

    @classmethod
    def from_answer(cls, refused: AnswerRefused) -> Refusal:
        if refused.code in _NOT_FOUND:
            status = 404
        elif refused.code in _UNAVAILABLE:
            status = 503
        elif refused.code in _CONFLICT:
            status = 409
        else:
            status = 422
        field = refused.code.removesuffix("_required") if refused.code.endswith("_required") else ""
        field = _FIELDS.get(refused.code, field)
        return cls(status, refused.code, field=field, zh=refused.text_zh, en=refused.text_en)

    def body(self) -> dict[str, Any]:
        return {"code": self.code, "zh": self.zh, "en": self.en, "field": self.field, "allowed": self.allowed}

    def text(self, language: str) -> str:
        text = self.zh if language == "zh" else self.en
        return f"{text} ({self.field})" if self.field and self.code == "invalid_field" else text


def required_line(value: Any, field: str, *, max_characters: int) -> str:
    """One line of text a person typed, trimmed. Raises Refusal 422 naming the field and the bound."""
    if not isinstance(value, str):
        raise Refusal(422, "invalid_field", field=field, allowed=f"text of 1 to {max_characters} characters")
    line = " ".join(value.split())
    if not line:
        code = f"{field}_required" if field in ("reason", "by") else "invalid_field"
        raise Refusal(422, code, field=field, allowed=f"text of 1 to {max_characters} characters")
    if len(line) > max_characters or not line.isprintable():
        raise Refusal(422, "too_long", field=field, allowed=f"text of 1 to {max_characters} characters")
    return line


def one_of(value: Any, field: str, allowed: list[str] | tuple[str, ...]) -> str:
    """The value, if it is one of the allowed ones. Raises Refusal 422 naming field and values."""
    if value not in allowed:
        raise Refusal(422, "invalid_field", field=field, allowed=list(allowed))
    return str(value)
