"""Colours of the console reach WCAG 2.1 AA in both themes, and verdicts differ in lightness as well as in hue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = Path("gateway/adapters/web/static/tokens.css").read_text("utf-8")

# (ink, ground) as the style sheets combine them; 4.5:1 for text.
TEXT_PAIRS = [
    ("text", "panel"), ("text", "back"), ("text", "well"), ("quiet", "panel"), ("quiet", "well"), ("quiet", "back"),
    ("allow", "panel"), ("deny", "panel"), ("hold", "panel"), ("busy", "panel"), ("allow", "well"), ("deny", "well"),
    ("allow", "allow-soft"), ("deny", "deny-soft"), ("hold", "hold-soft"), ("busy", "busy-soft"),
    ("text", "allow-soft"), ("text", "deny-soft"), ("text", "hold-soft"),
    ("quiet", "allow-soft"), ("quiet", "deny-soft"), ("quiet", "hold-soft"), ("quiet", "busy-soft"),
    ("on-allow", "allow"), ("on-deny", "deny"), ("on-hold", "hold-fill"), ("bar-text", "bar"), ("bar-quiet", "bar"),
    ("panel", "text"),
]  # fmt: skip
# 3:1 for the edges of controls and the focus ring (1.4.11).
EDGE_PAIRS = [("focus", "panel"), ("focus", "well"), ("focus", "back")]


def block(selector: str) -> dict[str, str]:
    body = TOKENS.partition(selector)[2].partition("{")[2].partition("}")[0]
    return dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6})", body))


THEMES = {"light": block(":root"), "dark": block(":root") | block(':root[data-theme="dark"]')}


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.requirement("X-29")
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground"), TEXT_PAIRS)
def test_text_reaches_4_5_to_1(theme: str, ink: str, ground: str) -> None:
    colours = THEMES[theme]
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("edge", "ground"), EDGE_PAIRS)
def test_focus_ring_reaches_3_to_1(theme: str, edge: str, ground: str) -> None:
    colours = THEMES[theme]
    assert contrast(colours[edge], colours[ground]) >= 3


def test_system_dark_and_chosen_dark_are_the_same_colours() -> None:
    system = TOKENS.partition("prefers-color-scheme: dark")[2].partition(":root")[2]
    assert dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6})", system.partition("}")[0])) == block(
        ':root[data-theme="dark"]'
    )
