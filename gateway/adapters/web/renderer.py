"""Templates to HTML, with the words of one language and the addresses of our own files."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.adapters.web.texts import texts

_HERE = Path(__file__).parent

# The browser packages by the name they are served under; package.json pins them, tools/setup installs them.
VENDOR_FILES = {
    "htmx.min.js": _HERE / "node_modules/htmx.org/dist/htmx.min.js",
    "sse.min.js": _HERE / "node_modules/htmx-ext-sse/dist/sse.min.js",
}
STATIC_FOLDER = _HERE / "static"


class Renderer:
    """Renders templates; safe to share, holds no request."""

    def __init__(self, title: str) -> None:
        self._title = title
        self.sections: list[tuple[str, str]] = []  # (address, key under "nav"): links of the bar; none = no bar
        self.pass_parts: list[str] = []  # addresses of what stands below a passage, {} is its id
        self.has_requests = False  # drivers register themselves here
        self._environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @cached_property
    def are_packages_installed(self) -> bool:
        return all(path.is_file() for path in VENDOR_FILES.values())

    @cached_property
    def asset_version(self) -> str:
        """Changes when any file a browser caches changes, so that a page of an older gateway reloads itself."""
        digest = hashlib.sha256()
        for path in sorted([*STATIC_FOLDER.iterdir(), *VENDOR_FILES.values(), *(_HERE / "templates").rglob("*.j2")]):
            if path.is_file():
                digest.update(path.read_bytes())
        return digest.hexdigest()[:12]

    def html(self, template: str, language: str, **context: Any) -> str:
        return self._environment.get_template(template).render(
            t=texts(language),
            language=language,
            product_title=self._title,
            sections=self.sections,
            pass_parts=self.pass_parts,
            has_requests=self.has_requests,
            asset_version=self.asset_version,
            are_packages_installed=self.are_packages_installed,
            **context,
        )
