"""What a request has to pass before any route sees it, and the headers of every answer.

Browsers send requests to loopback for any site that asks them to. So a name that is not ours is
refused (DNS rebinding), a write that another site has begun is, too, and beyond loopback writes
take the token.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from streams.addresses import is_loopback
from streams.web.problems import Refusal, problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from streams.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
MOST_BYTES = 64 * 1024
"""Largest body, in bytes: a profile of 2,000 sections takes 8 KB."""
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
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """The outermost part of the app."""

    def __init__(self, app: ASGIApp, settings: Settings, age_s: Callable[[], float | None]) -> None:
        """Guard an app.

        Args:
            app: What is behind it.
            settings: Which names, which token.
            age_s: How old what is shown is at most, in seconds.
        """
        self._app = app
        self._settings = settings
        self._age_s = age_s
        self._names = {"localhost", socket.gethostname().lower(), settings.page_host.lower()}
        self._names |= {name.strip().lower() for name in settings.page_names.split(",")}
        self._names.discard("")

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

        try:
            self._check(scope)
            limited = await self._read(scope, receive)
        except Refusal as error:
            path = scope["path"][:200]
            answer = problem(error.status, error.detail, path, error.errors, error.headers)
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, limited, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Refusal(
                421, f"this is not {host[:100]!r}; names that it is reached by are set in "
                "THEWALL_PAGE_NAMES",
            )  # fmt: skip
        if scope["method"] in SAFE:
            return
        self._check_browser(headers, host)
        self._check_token(headers)
        self._check_kind(headers, _is_config(scope))

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            # A number is nobody's name: whoever is asked for by address can't have been rebound.
            ipaddress.ip_address(name)
        except ValueError:
            return host.rpartition(":")[0].lower() in self._names or host.lower() in self._names
        return True

    def _check_browser(self, headers: Headers, host: str) -> None:
        site = headers.get("sec-fetch-site", "same-origin")
        origin = headers.get("origin")
        if site not in ("same-origin", "none") or (
            origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        ):
            raise Refusal(403, "another site has sent this: only its own page may write")

    def _check_token(self, headers: Headers) -> None:
        token = self._settings.api_token
        if token is not None:
            given = headers.get("authorization", "")
            expected = f"Bearer {token.get_secret_value()}"
            if not hmac.compare_digest(given.encode(), expected.encode()):
                raise Refusal(
                    401,
                    "send the token of THEWALL_API_TOKEN as Authorization: Bearer …",
                    headers={"WWW-Authenticate": "Bearer"},
                )
        elif not is_loopback(self._settings.page_host):
            raise Refusal(
                403,
                "this process is reachable beyond loopback and takes writes only with a token: "
                "set THEWALL_API_TOKEN",
            )

    @staticmethod
    def _check_kind(headers: Headers, is_config: bool) -> None:
        # A form of another site can't be JSON. Without a body there is no kind, or it is ours.
        right = "text/plain" if is_config else "application/json"
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        if kind != right and (kind or has_body):
            raise Refusal(415, f"send it as {right}, not as {kind[:60] or 'nothing'}")

    async def _read(self, scope: Scope, receive: Receive) -> Receive:
        """Read the body as far as it may go; what hands it on."""
        most = MOST_CONFIG_BYTES if _is_config(scope) else MOST_BYTES
        too_large = Refusal(413, f"the body is larger than {most:,} bytes")
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
