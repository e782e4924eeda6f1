"""What stands before a worker's views: the door, sizes, and the headers of every answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web, web_response

from streams import metrics
from streams.views.door import HEADERS, MOST_BYTES, Door, Refused

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

    from streams.batching import BatchApp
    from streams.settings import Settings

OWN_HEADERS = HEADERS | {
    # What a worker answers is nothing that a browser draws.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def guard(app: BatchApp, settings: Settings) -> None:
    """Put the door before the views of a worker's app.

    Args:
        app: The app.
        settings: Names, token and limits.
    """
    names = (settings.advertised_host, *settings.web_names.split(","))
    door = Door(settings, settings.web_host, names, "THEWALL_WEB_NAMES")

    @web.middleware
    async def pass_the_door(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        client = request.remote or "nobody"
        try:
            door.check(request.method, request.headers, client)
            door.charge(client, len(await request.read()))
        except Refused as error:
            answer = _problem(error.status, error.text, error.headers)
        except web.HTTPRequestEntityTooLarge:
            answer = _problem(413, f"the body is larger than {MOST_BYTES:,} bytes")
        else:
            return await _answer(request, handler)
        # Views count what they answer themselves.
        route = request.match_info.route.resource
        path = route.canonical.rstrip("/") + "/" if route else metrics.NO_ROUTE
        metrics.count_request(request.method, path, answer.status, time.monotonic() - began)
        return answer

    async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(OWN_HEADERS)
        response.headers.setdefault("Cache-Control", "no-cache")

    # aiohttp names itself, Python and both versions, where there is no request yet, too.
    vars(web_response)["SERVER_SOFTWARE"] = "thewall"
    server: web.Application = cast("Any", app.web).web_app
    server.middlewares.append(pass_the_door)
    server.on_response_prepare.append(add_headers)


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The answer of a view; where there is none, a sentence."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return _problem(404, f"there is nothing at {request.path[:200]}")
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        text = f"{request.method} is not for {request.path[:200]}; it takes {allowed}"
        return _problem(405, text, {"Allow": allowed})


def _problem(status: int, text: str, headers: Any = None) -> web.Response:
    return web.json_response({"error": text}, status=status, headers=headers)
