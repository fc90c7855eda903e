"""Whole pages and told lines in the language and theme of a request's cookies; shared by the pages beside the live one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, Response

from gateway.adapters.web.board import Board
from gateway.adapters.web.pages import language_of, theme_of
from gateway.adapters.web.renderer import Renderer


class PageMaker:
    def __init__(self, board: Board, renderer: Renderer) -> None:
        self._board, self._renderer = board, renderer

    def page(self, request: Request, template: str, **context: Any) -> HTMLResponse:
        """A page with the bar and the conditions above it. section: the address whose link in the bar is marked."""
        language = language_of(request)
        html = self._renderer.html(
            template, language, theme=theme_of(request), path=request.url.path,
            top_html=self._board.top(language), conditions_html=self._board.conditions(language), **context,
        )  # fmt: skip
        return HTMLResponse(html)

    def told(self, request: Request, text: str, tone: str = "refused", status: int = 200) -> HTMLResponse:
        """A line beside the button; the form stays as it was typed."""
        return HTMLResponse(
            self._renderer.html("fragments/told.html.j2", language_of(request), tone=tone, text=text), status
        )

    def fragment(self, request: Request, template: str, **context: Any) -> HTMLResponse:
        return HTMLResponse(self._renderer.html(template, language_of(request), **context))

    def reload(self) -> Response:
        """What was asked is done: the page shows it."""
        return Response(status_code=200, headers={"HX-Refresh": "true"})

    def refusing(self, refusals: tuple[type[Exception], ...]) -> type[APIRoute]:
        """The route class of a router whose requests may be refused with a sentence: it is told beside the button, 422."""
        told = self.told

        class Refusing(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                answer = super().get_route_handler()

                async def answered(request: Request) -> Response:
                    try:
                        return await answer(request)
                    except refusals as refused:
                        return told(request, str(refused), status=422)

                return answered

        return Refusing
