"""Questions to the API: asked of `thewall web` where it runs, and in this process where not.

The app is the same in both cases, and so is the answer: here it reads the topics first.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from streams.addresses import reachable_host, shown_host
from streams.cli.display import note, progress
from streams.client.errors import ClientError
from streams.operations.readiness import ready_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx2

    from streams.settings import Settings

# A comparison of many crews is computed for less, and the topics of a million sections are read.
LONGEST_S = 120.0
# What is shown grows old while the broker is down.
OLD_S = 5.0
PAGE_SIZE = 1000
# A stream says each second how old it is. One that says nothing is asked for again.
SILENT_S = 5.0
AGAIN_S = 1.0

Query: TypeAlias = "Mapping[str, str | int | None]"


def page_address(settings: Settings) -> str | None:
    """Address of the page of these settings' installation; None if none answers there."""
    found = ready_answer(settings.page_host, settings.page_port)
    if not found.get("ready") or found.get("installation") != settings.installation:
        return None
    if settings.app_version not in (0, found.get("version")):
        return None
    host = shown_host(reachable_host(settings.page_host))
    return f"http://{host}:{settings.page_port}"


def running_page(settings: Settings) -> str:
    """Address of the page of these settings' installation.

    Raises:
        ClientError: None answers there; the message says what to start.
    """
    address = page_address(settings)
    if address is None:
        host = shown_host(reachable_host(settings.page_host))
        raise ClientError(
            f"no page of this installation is at {host}:{settings.page_port}: start it with "
            "`thewall web`, or together with workers by `thewall worker`"
        )
    return address


def stream(address: str, wall: str, topics: str) -> Iterator[tuple[str, Any]]:
    """What changes about a wall, as it changes, for good: name and data of each event.

    A stream that breaks off goes on where it was; meanwhile there are events named `lost`, with
    nothing as their data.

    Raises:
        ClientError: The API refuses.
    """
    from httpx2 import Client, EventSource, HTTPError, Timeout

    headers: dict[str, str] = {}
    timeout = Timeout(5, read=SILENT_S)
    with Client(base_url=address, timeout=timeout, trust_env=False) as client:
        while True:
            asked = client.stream(
                "GET", "/api/stream", params={"wall": wall, "topics": topics}, headers=headers
            )
            with suppress(HTTPError), asked as found:
                if found.is_client_error:
                    found.read()
                    raise ClientError(_refusal(found))
                if found.is_success:
                    for event in EventSource(found):
                        if event.id:
                            headers["Last-Event-ID"] = event.id
                        yield event.event, json.loads(event.data)
            yield "lost", None
            time.sleep(AGAIN_S)


class Api:
    """The API, wherever it is answered."""

    def __init__(self, request: Callable[..., httpx2.Response]) -> None:
        """Name what sends a request, given its method, path and parameters."""
        self._request = request

    def ask(
        self,
        path: str,
        query: Query | None = None,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """Ask for a path below `/api/`; parameters that are None are left out.

        Raises:
            ClientError: The API refuses, or does not answer; the message says why.
        """
        from httpx2 import HTTPError

        given = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            found = self._request(method, f"/api/{path}", params=given, headers=headers)
        except HTTPError as error:
            raise ClientError(f"the page does not answer: {error!r}") from error
        if not found.is_success:
            raise ClientError(_refusal(found))
        if float(found.headers.get("Thewall-Age", 0)) > OLD_S:
            note(f"as of {float(found.headers['Thewall-Age']):,.0f} s ago")
        return found

    def all_of(
        self,
        path: str,
        of: str,
        most: float = math.inf,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> list[Any]:
        """What is in a field of a page and of those after it, up to so many."""
        found: list[Any] = []
        after: str | None = None
        while len(found) < most:
            limit = int(min(most - len(found), PAGE_SIZE))
            asked = {**(query or {}), "limit": limit, "after": after}
            page = self.ask(path, asked, headers=headers).json()
            found += page[of]
            after = page["next"]
            if after is None:
                break
        return found


@contextmanager
def api(settings: Settings) -> Iterator[Api]:
    """The API of these settings' installation.

    Raises:
        ClientError: The topics are not there, or can't be read.
    """
    address = page_address(settings)
    with _here(settings) if address is None else api_at(address, settings) as found:
        yield found


@contextmanager
def api_at(address: str, settings: Settings) -> Iterator[Api]:
    """The API of the page at an address."""
    from httpx2 import Client

    token = settings.api_token
    with Client(
        base_url=address,
        headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else {},
        timeout=LONGEST_S,
        trust_env=False,  # never through a proxy that the environment names
    ) as client:
        yield Api(client.request)


@contextmanager
def _here(settings: Settings) -> Iterator[Api]:
    from httpx2 import ASGITransport, AsyncClient

    # Only here: where a page runs, neither Kafka's client nor FastAPI is needed.
    from streams.client.kafka import existing_partitions
    from streams.contract.topics import Topics
    from streams.web.app import create_app

    if Topics.of(settings).versions.name not in existing_partitions(settings):
        raise ClientError("there is no wall yet; submit one with `thewall submit`")
    # What it would log again and again is said once, as the reason why there is no answer.
    logging.getLogger("streams.web").setLevel(logging.ERROR)
    failures: list[BaseException] = []
    app = create_app(settings, failures.append)
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        runner.run(stack.enter_async_context(app.router.lifespan_context(app)))
        try:
            with progress() as update:
                update("reading the topics", 0, 1)
                runner.run(_read_topics(app.state.web, failures))
            client = AsyncClient(transport=ASGITransport(app), base_url="http://here")
            yield Api(lambda *args, **more: runner.run(client.request(*args, **more)))
        finally:
            runner.run(stack.aclose())


async def _read_topics(web: Any, failures: list[BaseException]) -> None:
    from streams.client.kafka import REQUEST_TIMEOUT_S
    from streams.web.problems import Refusal

    begun = time.monotonic()
    while True:
        try:
            _ = web.generation  # refused until it has read to the ends
        except Refusal as refusal:
            if failures:
                raise ClientError(f"the topics can't be read: {failures[0]}") from failures[0]
            longest_s = LONGEST_S if web.following.problem is None else REQUEST_TIMEOUT_S
            if time.monotonic() - begun > longest_s:
                raise ClientError(web.following.not_ready) from refusal
            await asyncio.sleep(0.02)
        else:
            return


def _refusal(found: httpx2.Response) -> str:
    try:
        return str(found.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the page answers with status {found.status_code}"
