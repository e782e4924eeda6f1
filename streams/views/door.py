"""What a request has to pass before anything sees it: the same at a worker and at `thewall web`.

Browsers send requests to loopback for any site that asks them to. So a name that is not ours is
refused (DNS rebinding), a write that another site has begun is, too, and beyond loopback writes
take the token. Nobody writes more often than is set, and nobody guesses tokens faster.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from streams.addresses import is_loopback
from streams.views.rate import WriteRate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
JSON = "application/json"
MOST_BYTES = 64 * 1024
"""Largest body, in bytes: a profile of 2,000 sections takes 8 KB."""
HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What every answer says to browsers; a Content-Security-Policy is each door's own."""


class Refused(Exception):
    """A request is not let in."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        """Say why.

        Args:
            status: HTTP status.
            text: What was wrong, and what would be right.
            headers: More headers for the answer.
        """
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = dict(headers or {})


class Door:
    """Who may ask, and who may write."""

    def __init__(self, settings: Settings, host: str, names: Iterable[str], variable: str) -> None:
        """Make a door.

        Args:
            settings: The token, and how often one may write.
            host: What the process listens on.
            names: Names that it is reached by, beside its own; empty ones are none.
            variable: The environment variable that adds to them.
        """
        self._token = settings.api_token
        self._is_local = is_loopback(host)
        self._names = {"localhost", socket.gethostname().lower(), host.lower()}
        self._names |= {name.strip().lower() for name in names}
        self._names.discard("")
        self._variable = variable
        self._per_s = settings.writes_per_s
        self._rate = WriteRate(settings.writes_per_s)

    def check(self, method: str, headers: Mapping[str, str], client: str, kind: str = JSON) -> None:
        """Let a request in, by what is known before its body is read.

        Args:
            method: Its method.
            headers: Its headers; their names in any case.
            client: The address that it comes from.
            kind: The media type that its body has to be of.

        Raises:
            Refused: It is not let in.
        """
        host = headers.get("host", "")
        if not self._is_ours(host):
            raise Refused(
                421, f"this is not {host[:100]!r}; names that it is reached by are set in "
                f"{self._variable}",
            )  # fmt: skip
        if method in SAFE:
            return
        _check_browser(headers, host)
        wait_s = self._rate.take(client)
        if wait_s:
            raise Refused(
                429, f"{client} writes more often than {self._per_s:g} times per second, a body "
                f"counting once per 8 KiB; go on in {math.ceil(wait_s)} s (THEWALL_WRITES_PER_S)",
                {"Retry-After": str(math.ceil(wait_s))},
            )  # fmt: skip
        self._check_token(headers)
        _check_kind(headers, kind)

    def charge(self, client: str, size: int) -> None:
        """Count the body of a write, of so many bytes, once it was read."""
        self._rate.charge(client, size)

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            # A number is nobody's name: whoever is asked for by address can't have been rebound.
            ipaddress.ip_address(name)
        except ValueError:
            return host.rpartition(":")[0].lower() in self._names or host.lower() in self._names
        return True

    def _check_token(self, headers: Mapping[str, str]) -> None:
        if self._token is not None:
            given = headers.get("authorization", "")
            expected = f"Bearer {self._token.get_secret_value()}"
            if not hmac.compare_digest(given.encode(), expected.encode()):
                raise Refused(
                    401,
                    "send the token of THEWALL_API_TOKEN as Authorization: Bearer …",
                    {"WWW-Authenticate": "Bearer"},
                )
        elif not self._is_local:
            raise Refused(
                403,
                "this process is reachable beyond loopback and takes writes only with a token: "
                "set THEWALL_API_TOKEN",
            )


def _check_browser(headers: Mapping[str, str], host: str) -> None:
    site = headers.get("sec-fetch-site", "same-origin")
    origin = headers.get("origin")
    if site not in ("same-origin", "none") or (
        origin is not None and urlsplit(origin).netloc.lower() != host.lower()
    ):
        raise Refused(403, "another site has sent this: only its own page may write")


def _check_kind(headers: Mapping[str, str], right: str) -> None:
    # A form of another site can't be JSON. Without a body there is no kind, or it is ours.
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if kind != right and (kind or has_body):
        raise Refused(415, f"send it as {right}, not as {kind[:60] or 'nothing'}")
