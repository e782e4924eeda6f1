"""Builds the web process from the settings, and runs it."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from streams import logs, metrics
from streams.web import (
    clocks,
    compare,
    crews,
    dead_letters,
    events,
    exercise,
    explain,
    health,
    page,
    pictures,
    pipeline,
    problems,
    proof,
    reference,
    rules,
    sections,
    stream,
    timeline,
    topics,
    walls,
    way,
    writes,
)
from streams.web.guard import Guard
from streams.web.measuring import Measuring
from streams.web.models import Comparison, Problem
from streams.web.state import Web

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable
    from types import FrameType

    from starlette.types import ASGIApp

    from streams.settings import Settings

log = logging.getLogger(__name__)

# A stream that is open when the process is told to end is closed at once; what else is being
# answered has so long, in seconds.
LAST_ANSWERS_S = 3
BROKEN = 70

GROUPS = (
    exercise, walls, writes, clocks, pictures, timeline, sections, crews, explain, events, proof,
    compare, stream, dead_letters, topics, way, pipeline, rules, health,
)  # fmt: skip

DESCRIPTION = """\
Walls of ice, built by crews and accounted for by a stream-processing pipeline. Amounts are whole
numbers: ice in cubic yards, cost in gold dragons. What is shown is a replica of the pipeline's
compacted topics: every answer says in `Thewall-Age` how old it is at most, in seconds. Whatever is
refused is answered with problem details (RFC 9457).
"""


def create_app(settings: Settings, on_failure: Callable[[BaseException], None]) -> FastAPI:
    """Make the app.

    Args:
        settings: Where the broker and the registry are, and by which names the page is reached.
        on_failure: Called if the replica can't be kept up to date.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        web = Web(settings, on_failure)
        app.state.web = web
        web.start()
        _export(web)
        watching = asyncio.create_task(metrics.watch_event_loop())
        yield
        watching.cancel()
        await web.stop()

    app = FastAPI(
        title="The Wall",
        version=version("the-wall"),
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    problems.register(app)
    for group in GROUPS:
        app.include_router(group.router)
    reference.register(app)
    page.register(app)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def _export(web: Web) -> None:
    """Let metrics that are looked up know where to look."""
    metrics.note_build(web.settings.version)
    metrics.READY.set_function(lambda: web.following.generation is not None)
    metrics.REPLICA_AGE.set_function(lambda: web.following.age_s or 0.0)
    metrics.STREAM_CLIENTS.set_function(lambda: len(web.hub.listeners))


def guarded(app: FastAPI, settings: Settings) -> ASGIApp:
    """The app as it is served: behind the checks that every request has to pass."""

    def age_s() -> float | None:
        web: Web | None = getattr(app.state, "web", None)
        return web.following.age_s if web is not None else None

    return Measuring(Guard(app, settings, age_s), app)


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, with our problems instead of the framework's."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        schemas = found["components"]["schemas"]
        # What no route names as its model: problems, and the lines of a comparison.
        for model in (Problem, Comparison):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
        for operations in found["paths"].values():
            for operation in operations.values():
                answer = operation["responses"].get("422", {}).get("content", {})
                if "HTTPValidationError" in str(answer.get("application/json")):
                    del operation["responses"]["422"]
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        app.openapi_schema = found
    return app.openapi_schema


class _Server(uvicorn.Server):
    """Ends the streams first: it would wait for them, and they have no end of their own."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        web: Web | None = getattr(self._app.state, "web", None)
        if web is not None:
            web.hub.close()
        await super().shutdown(sockets)


def run_web(settings: Settings) -> int:
    """Serve the page and the API until told to stop; the process's exit status."""
    failed = False

    def on_failure(error: BaseException) -> None:
        nonlocal failed
        log.error("the replica can't go on", exc_info=error)
        failed = True
        server.should_exit = True

    logs.set_up(settings.log_level, settings.log_format)
    app = create_app(settings, on_failure)
    config = uvicorn.Config(
        guarded(app, settings),
        host=settings.page_host,
        port=settings.page_port,
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_ANSWERS_S,
    )
    server = _Server(config, app)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        web: Web | None = getattr(app.state, "web", None)
        if web is not None:
            web.is_stopping = True
        server.should_exit = True

    # The server raises again, at its end, the signal that ended it: with these, that is exit 0.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    log.info(
        "the page starts at %s, port %d: version %s, settings %s",
        settings.page_host, settings.page_port, version("the-wall"), json.dumps(settings.shown()),
    )  # fmt: skip
    server.run()
    return BROKEN if failed else 0
