"""What stands before the page and the API: the door, sizes, and the headers of every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from streams.views import door
from streams.views.door import MOST_BYTES, Door, Refused
from streams.web.problems import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from streams.settings import Settings

MOST_CONFIG_BYTES = 8 * 1024 * 1024
"""Largest config, in bytes: a wall of a million sections takes 3 MB."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = door.HEADERS | {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """The outermost part of the app."""

    def __init__(self, app: ASGIApp, settings: Settings, age_s: Callable[[], float | None]) -> None:
        """Guard an app.

        Args:
            app: What is behind it.
            settings: Which names, which token, how many writes.
            age_s: How old what is shown is at most, in seconds.
        """
        self._app = app
        self._age_s = age_s
        names = settings.page_names.split(",")
        self._door = Door(settings, settings.page_host, names, "THEWALL_PAGE_NAMES")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-cache")
                age = self._age_s()
                if age is not None:
                    headers["Thewall-Age"] = f"{age:.3f}"
            await send(message)

        client = (scope.get("client") or ("nobody",))[0]
        kind = "text/plain" if _is_config(scope) else door.JSON
        try:
            self._door.check(scope["method"], Headers(scope=scope), client, kind)
            limited = await self._read(scope, receive, client)
        except Refused as error:
            path = scope["path"][:200]
            answer = problem(error.status, error.text, path, headers=error.headers)
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, limited, send_with_headers)

    async def _read(self, scope: Scope, receive: Receive, client: str) -> Receive:
        """Read the body as far as it may go; what hands it on."""
        most = MOST_CONFIG_BYTES if _is_config(scope) else MOST_BYTES
        too_large = Refused(413, f"the body is larger than {most:,} bytes")
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > most:
            raise too_large
        if scope["method"] in ("GET", "HEAD"):
            return receive
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return receive
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > most:
                raise too_large
        self._door.charge(client, len(body))
        given = False

        async def hand_on() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        return hand_on


def _is_config(scope: Scope) -> bool:
    return bool(scope["path"].rstrip("/").endswith("/config"))
