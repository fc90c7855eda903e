"""The console's words: one catalogue per language, loaded once from TOML.

`Texts("zh")("page.live")` is the text; an unknown key raises MissingText, so that a hole is found by a test and never
shown. Codes that come from outside (a lane's fault, a new sensor role) go through `label`, which falls back to the code.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

LANGUAGES = ("zh", "en")
DEFAULT_LANGUAGE = "zh"

_FOLDER = Path(__file__).with_name("texts")


class MissingText(KeyError):
    """The catalogue has no such key; a mistake in a template or in the catalogue."""


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of a language, flat, keyed `section.key`. Raises ValueError for a language that is not carried."""
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r}: allowed are {', '.join(LANGUAGES)}")
    sections = tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8"))
    return {f"{section}.{key}": text for section, keys in sections.items() for key, text in keys.items()}


class Texts:
    """Looks texts up in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = catalogue(language)

    def __call__(self, key: str) -> str:
        try:
            return self._texts[key]
        except KeyError:
            raise MissingText(key) from None

    def label(self, table: str, code: object) -> str:
        """The text of a code, or the code itself where the table does not know it."""
        return self._texts.get(f"{table}.{code}", str(code))

    def codes(self, table: str) -> list[str]:
        """The codes of a table in catalogue order."""
        return [key.partition(".")[2] for key in self._texts if key.partition(".")[0] == table]

    def choose(self, zh: str, en: str) -> str:
        """The text in this language, the other one where it is empty."""
        return (zh or en) if self.language == "zh" else (en or zh)

    def vehicle_type(self, code: str) -> str:
        """GA/T 16.4 code by its longest known prefix: H17 is shown as heavy goods vehicle."""
        for length in range(len(code), 0, -1):
            for table in ("vehicle_choice", "vehicle_type"):
                if (text := self._texts.get(f"{table}.{code[:length]}")) is not None:
                    return text
        return code


@cache
def texts(language: str) -> Texts:
    return Texts(language)
