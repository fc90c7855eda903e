"""Who may change something: the console's own pages and programs that say so, never a page of another site.

A browser sends neither `application/json` nor a custom header across origins without asking first (CORS preflight),
and the console answers no preflight; Origin and Sec-Fetch-Site are checked as well where the browser sends them.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.adapters.web.refusals import Refusal

# An answer is a few hundred bytes; anything near this bound is not one. Source: field bounds in pages.py and api.py.
MAX_BODY_BYTES = 16 * 1024
# Documents, photographs and tables of the registers. Source: bounds in services/register_documents.py, adapters/sheets.
MAX_UPLOAD_BYTES = 21_000_000
UPLOADS = ("/registers/", "/office/", "/policy/")

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

# Nothing of the console may come from elsewhere, be framed, or run inline.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def refusal_of(request: Request) -> Refusal | None:
    """Why this request may not change anything, or None."""
    if request.method in _SAFE_METHODS:
        return None
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none"):
        return Refusal(403, "cross_site", allowed=["same-origin"])
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        return Refusal(403, "cross_site", allowed=["same-origin"])
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and request.headers.get("hx-request") != "true":
        return Refusal(415, "media_type", allowed=["application/json"])
    length = request.headers.get("content-length", "")
    bound = MAX_UPLOAD_BYTES if request.url.path.startswith(UPLOADS) else MAX_BODY_BYTES
    if not length.isdigit() or int(length) > bound:
        return Refusal(413, "too_large", field="content-length", allowed=f"up to {bound} bytes, stated")
    return None


class OriginGuard:
    """ASGI middleware: refuses foreign changes, and adds the headers that keep the page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", _POLICY)
                headers.setdefault("x-content-type-options", "nosniff")
                headers.setdefault("referrer-policy", "same-origin")
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = refusal_of(Request(scope))
        answering = self._app if refusal is None else JSONResponse(refusal.body(), refusal.status)
        await answering(scope, receive, send_with_headers)
