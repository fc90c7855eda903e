"""Which alarms of the plant the regulator is told, from gateway/dictionary/alarms.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from gateway.domain.dictionary import FOLDER

IRREGULAR, UNREAD = "AL03", "AL05"


@dataclass(frozen=True)
class AlarmKinds:
    """kinds: code -> (Chinese, English). verdicts: reason code -> kind. conditions: begin of a condition's code -> kind."""

    kinds: Mapping[str, tuple[str, str]]
    verdicts: Mapping[str, str]
    conditions: Mapping[str, str]

    def of_condition(self, code: str) -> str:
        """The kind of a condition; "" = the regulator is not told of it."""
        return next((kind for begin, kind in self.conditions.items() if code.startswith(begin)), "")


@cache
def alarm_kinds() -> AlarmKinds:
    """Raises ValueError naming what is assigned to a kind that there is not."""
    doc = tomllib.loads((FOLDER / "alarms.toml").read_text("utf-8"))
    kinds = {code: (words[0], words[1]) for code, words in doc["kinds"].items()}
    for name, kind in (doc["verdicts"] | doc["conditions"]).items():
        if kind not in kinds:
            raise ValueError(f"alarms.toml: {name} = {kind!r}; allowed: {', '.join(kinds)}")
    return AlarmKinds(kinds, doc["verdicts"], doc["conditions"])
