"""A real browser (Debian's chromium) on the real console over a scenario."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gateway.adapters.web.renderer import VENDOR_FILES
from tests.e2e.gate import Gate

CHROMIUM = Path("/usr/bin/chromium")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Generous because a loaded build machine is slow; what must be quick states its own bound in its test.
expect.set_options(timeout=30_000)

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for this folder only: while it runs, no test of another folder could use an event loop."""
    missing = [str(path) for path in (CHROMIUM, *VENDOR_FILES.values()) if not path.exists()]
    if missing:
        message = f"the console's browser tests need {', '.join(missing)}: run tools/setup"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield running
        running.close()


@dataclass
class Watched:
    """What a page did that a person would not see: addresses it asked for, errors it logged."""

    hosts: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    running = Gate(tmp_path)
    running.start()
    yield running
    running.end()


@pytest.fixture
def watched() -> Watched:
    return Watched()


class Visitors:
    """Opens pages; each in a fresh browser profile."""

    def __init__(self, browser: Browser, gate: Gate, watched: Watched) -> None:
        self._browser, self._gate, self._watched = browser, gate, watched
        self._contexts = []

    def open(self, path: str = "/", *, size: dict[str, int] = DESK, language: str = "zh", theme: str = "auto") -> Page:
        context = self._browser.new_context(viewport=size)
        self._contexts.append(context)
        context.set_default_timeout(60_000)
        context.add_cookies(
            [
                {"name": "lvzha_language", "value": language, "url": self._gate.url},
                {"name": "lvzha_theme", "value": theme, "url": self._gate.url},
            ]
        )
        page = context.new_page()
        page.on("request", lambda request: self._watched.hosts.add(urlsplit(request.url).hostname or request.url[:5]))
        page.on("pageerror", lambda error: self._watched.errors.append(f"page error: {error}"))
        page.on("console", self._heard)
        page.goto(self._gate.url + path)
        page.wait_for_function("() => document.getElementById('clock').textContent !== ''")
        return page

    def _heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self._watched.errors.append(f"{message.type}: {message.text}")

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def visit(browser: Browser, gate: Gate, watched: Watched) -> Iterator[Visitors]:
    visitors = Visitors(browser, gate, watched)
    yield visitors
    visitors.close()
