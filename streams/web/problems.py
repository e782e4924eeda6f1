"""Problem details (RFC 9457): what every request that is refused is answered with."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path

from domain.config import InvalidConfig
from domain.errors import ClockConflict, InvalidWall
from streams.client.errors import ClientError
from streams.views.answers import NotThere
from streams.web.models import BadPlace, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI
    from starlette.requests import Request

MEDIA_TYPE = "application/problem+json"
MOST_PLACES = 1_000
RETRY = {"Retry-After": "1"}


class Refusal(Exception):
    """A request is not answered as asked."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[BadPlace] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Say why.

        Args:
            status: HTTP status.
            detail: What was wrong, where, and what would be right.
            errors: Every bad place, if there are several.
            headers: More headers for the answer.
        """
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors) if errors is not None else None
        self.headers = dict(headers or {})


def unavailable(reason: str) -> Refusal:
    """What can't be answered just now, but in a moment."""
    return Refusal(503, f"{reason}; ask again in a moment", headers=RETRY)


def problem(
    status: int,
    detail: str,
    instance: str,
    errors: list[BadPlace] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer."""
    body = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=instance,
        errors=errors,
    )
    return Response(
        body.model_dump_json(exclude_none=True),
        status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def register(app: FastAPI) -> None:
    """Answer whatever goes wrong in the app with a problem."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:
        return problem(error.status, error.detail, _path(request), error.errors, error.headers)

    @app.exception_handler(NotThere)
    async def not_there(request: Request, error: NotThere) -> Response:
        return problem(404, str(error), _path(request))

    @app.exception_handler(InvalidConfig)
    async def bad_config(request: Request, error: InvalidConfig) -> Response:
        places = [
            BadPlace(line=p.line, column=p.column, where=None, detail=p.text)
            for p in error.problems[:MOST_PLACES]
        ]
        count = len(error.problems)
        detail = f"the config has {count:,} bad {'place' if count == 1 else 'places'}"
        if count > MOST_PLACES:
            detail += f"; these are the first {MOST_PLACES:,}"
        return problem(422, detail, _path(request), places)

    @app.exception_handler(InvalidWall)
    async def invalid(request: Request, error: InvalidWall) -> Response:
        return problem(422, str(error), _path(request))

    @app.exception_handler(ClockConflict)
    async def conflict(request: Request, error: ClockConflict) -> Response:
        return problem(409, str(error), _path(request))

    @app.exception_handler(ClientError)
    async def broker(request: Request, error: ClientError) -> Response:
        return problem(503, str(error), _path(request), headers=RETRY)

    @app.exception_handler(KafkaException)
    async def kafka(request: Request, error: KafkaException) -> Response:
        detail = f"the broker did not answer as it should: {error.args[0].str()}"
        return problem(503, detail, _path(request), headers=RETRY)

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> Response:
        places = [_place(found) for found in error.errors()]
        wrong_body = all(
            found["loc"][0] == "body" and found["type"] != "json_invalid"
            for found in error.errors()
        )
        status = 422 if wrong_body else 400
        detail = "; ".join(f"{place.where}: {place.detail}" for place in places[:3])
        return problem(status, detail, _path(request), places[:100])

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        detail = str(error.detail)
        if error.status_code == 404:
            detail = f"there is nothing at {_path(request)}; /api/ lists what there is"
        elif error.status_code == 405:
            # The router names the methods of the first route that it finds, not of all.
            allowed = ", ".join(_methods_at(request)) or (error.headers or {}).get("Allow", "")
            detail = f"{request.method} is not for {_path(request)}; it takes {allowed}"
            return problem(405, detail, _path(request), headers={"Allow": allowed})
        return problem(error.status_code, detail, _path(request), headers=error.headers)

    @app.exception_handler(Exception)
    async def bug(request: Request, _error: Exception) -> Response:
        # The server logs it.
        return problem(500, "the web process has a fault; its log says more", _path(request))


def _methods_at(request: Request) -> list[str]:
    """The methods that the description has for a path."""
    found: set[str] = set()
    for path, operations in request.app.openapi()["paths"].items():
        pattern, _, _ = compile_path(path)
        if pattern.match(request.url.path):
            found |= {method.upper() for method in operations}
    return sorted(found)


def _path(request: Request) -> str:
    return request.url.path[:200]


def _place(found: Any) -> BadPlace:
    where = ".".join(str(part) for part in found["loc"])
    return BadPlace(line=None, column=None, where=where[:200], detail=found["msg"])


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of a route, for its OpenAPI description."""
    reference = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: reference}}
        for status in sorted(statuses)
    }
