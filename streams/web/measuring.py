"""Counts requests by route, and times them until their answers begin."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from starlette.routing import Mount, Route

from streams import metrics
from streams.logs import Sparing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

told = Sparing(logging.getLogger(__name__))
SAFE = ("GET", "HEAD", "OPTIONS")


class Measuring:
    """What stands before all else. A stream has begun to be answered when it is open."""

    def __init__(self, app: ASGIApp, routes: FastAPI) -> None:
        """Measure an app.

        Args:
            app: What is behind it.
            routes: The app that has the routes.
        """
        self._app = app
        metrics.expect_requests(_routes_of(routes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                method, status = scope["method"], message["status"]
                seconds = time.monotonic() - began
                metrics.count_request(method, _route_of(scope), status, seconds)
                if method not in SAFE and status < 400:
                    client = (scope.get("client") or ("nobody",))[0]
                    told(logging.INFO, "%s %r by %s", method, scope["path"], client)
            await send(message)

        await self._app(scope, receive, send_and_note)


def _shown(path: str) -> str:
    """A route with and without its last slash is one."""
    last = path.rpartition("/")[2]
    return path if not last or "." in last else f"{path}/"


def _route_of(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return metrics.NO_ROUTE if path is None else _shown(path)


def _routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    yield "GET", metrics.NO_ROUTE
    for route in app.routes:
        if isinstance(route, Route):
            for method in route.methods or ():
                yield method, _shown(route.path)
        elif isinstance(route, Mount):
            yield "GET", _shown(route.path)
