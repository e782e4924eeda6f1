"""The web views of a worker: the exercise's paths, submitting, and metrics."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from typing import TYPE_CHECKING, Any, cast

from aiohttp import ClientError
from aiohttp.web import HTTPTemporaryRedirect
from faust.web import View
from faust.web.base import BlueprintManager

from domain.errors import InvalidWall
from domain.wall import checked_heights, checked_profile_number, checked_wall_id
from streams import metrics
from streams.agents.overview import sums_of
from streams.batching import Messages
from streams.batching.sending import LostMessage
from streams.contract.records import ProfileSubmitted, ProfileTotals
from streams.contract.topics import partition_of
from streams.logs import Sparing
from streams.views.answers import NotThere, StoredTotals, WallAnswers
from streams.views.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from faust.assignor.partition_assignor import PartitionAssignor
    from faust.web import Request, Response

    from streams.batching import BatchApp, BatchTable
    from streams.context import StageContext
    from streams.settings import Settings

told = Sparing(logging.getLogger(__name__))

LARGEST_DAY = 10**9
# Set on a question that a worker passed on: the one that gets it answers or says that it can't.
FORWARDED = "Thewall-Forwarded"


def register(
    app: BatchApp, table: BatchTable, context: StageContext, settings: Settings
) -> list[tuple[str, str]]:
    """Add the views to the app; returns the method and the path of each."""
    routes: list[tuple[str, str]] = []
    guard(app, settings)

    async def answer(
        view: View, request: Request, wall: str, question: Callable[[WallAnswers], Any]
    ) -> Response:
        try:
            checked_wall_id(wall)
        except InvalidWall as error:
            return _problem(view, 400, str(error))
        partition = partition_of(wall, settings.partitions)
        totals = context.topics.totals.name
        if not any(
            (tp.topic, tp.partition) == (totals, partition) for tp in app.consumer.assignment()
        ):
            return await _forward(app, view, request, totals, wall, partition)
        reason = app.not_ready()
        if reason is not None:  # a part of the rows would be a wrong answer
            return _problem(view, 503, f"{reason}; ask again in a moment")
        try:
            rows = table.rows(partition)
            state = context.state(rows, ProfileTotals)
            answers = WallAnswers(
                wall, StoredTotals(wall, state), lambda: sums_of(wall, rows, state)
            )
            return _json(view, question(answers))
        except NotThere as error:
            return _problem(view, 404, str(error))

    def page(path: str) -> Callable[[Any], type[View]]:
        """Serve a view at a path, with its last slash and without."""

        def add(handler: Any) -> type[View]:
            bare = path.rstrip("/")
            view = app.page(f"{bare}/", name=f"{bare}/")(handler)
            routes.append(("POST" if isinstance(handler, type) else "GET", f"{bare}/"))
            return app.page(bare, name=bare)(view)

        return add

    def question(path: str, ask: Callable[[WallAnswers, int | None, int | None], Any]) -> None:
        """Serve a path for the default wall, and under /walls/{wall} for any."""
        for prefix in ("", "/walls/{wall}"):

            @page(prefix + path)
            async def view(
                view: View,
                request: Request,
                wall: str = settings.default_wall,
                profile: str | None = None,
                day: str | None = None,
            ) -> Response:
                try:
                    profile_number = None if profile is None else _number(profile, "profile")
                    day_number = None if day is None else _number(day, "day")
                except InvalidWall as error:
                    return _problem(view, 400, str(error))
                return await answer(
                    view, request, wall, lambda known: ask(known, profile_number, day_number)
                )

    question(
        "/profiles/{profile}/days/{day}/",
        lambda wall, profile, day: {
            "day": str(day),
            "ice_amount": f"{wall.ice_on(profile or 0, day or 0):,}",
        },
    )
    question(
        "/profiles/{profile}/overview/{day}/",
        lambda wall, profile, day: {
            "day": str(day),
            "cost": f"{wall.cost_by(profile or 0, day or 0):,}",
        },
    )
    question(
        "/profiles/overview/{day}/",
        lambda wall, _, day: {"day": str(day), "cost": f"{wall.wall_cost_by(day):,}"},
    )
    question(
        "/profiles/overview/",
        lambda wall, _, __: {"day": None, "cost": f"{wall.wall_cost_by(None):,}"},
    )

    @page("/api/profiles/")
    class Submit(View):
        """Submit a profile: `{"wall": "default", "profile": 1, "heights": [21, 25, 28]}`."""

        async def post(self, request: Request) -> Response:
            try:
                wall, profile, heights = _submission(await request.read(), settings.default_wall)
            except InvalidWall as error:
                return _problem(self, 400, str(error))
            key = f"{wall}/{profile}"
            submitted = ProfileSubmitted(wall, profile, list(heights))
            message = context.message(context.topics.profiles, key, submitted)
            told(logging.INFO, "%s submitted by %s over HTTP", key, cast("Any", request).remote)
            try:
                await app.output.send(Messages(message))
            except LostMessage as error:
                return _problem(self, 503, f"the broker did not take the profile: {error}")
            self_link = f"/walls/{wall}/profiles/{profile}/overview/1/"
            return _json(self, {"accepted": key, "see": self_link}, 202)

    # Faust has a page of its own there.
    app.web.blueprints = BlueprintManager()

    @app.page("/", name="page")
    async def to_the_page(_view: View, request: Request) -> Response:
        """Lead to the page, which is the web process's."""
        raise HTTPTemporaryRedirect(request.url.with_port(settings.page_port).with_path("/"))

    @page("/ready/")
    async def ready_page(view: View, _request: Request) -> Response:
        """Whether the worker processes its partitions: 200, or 503 and why not yet."""
        # While it waits, it answers from its tables: questions are not refused.
        reason = app.not_ready() or app.waits_for()
        if reason is not None:
            return _json(view, {"ready": False, "reason": reason}, 503)
        # Whoever starts workers on a machine with others knows its own by the process id.
        return _json(view, {"ready": True, "pid": os.getpid()})

    @page("/health/")
    async def health_page(view: View, _request: Request) -> Response:
        """Whether the process answers at all."""
        return _json(view, {"status": "ok"})

    @page("/metrics/")
    async def metrics_page(view: View, _request: Request) -> Response:
        """Metrics in Prometheus' text format."""
        text = await asyncio.to_thread(metrics.exposition, metrics.EVERY, metrics.WORKER)
        return view.bytes(text, headers={"Content-Type": metrics.CONTENT_TYPE})

    return routes


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= LARGEST_DAY):
        raise InvalidWall(f"{what} {text[:20]!r} is not a whole number from 1 to {LARGEST_DAY:,}")
    return int(text)


def _json(view: View, value: Any, status: int = 200) -> Response:
    """An answer as the exercise writes it, with a space after each comma and colon."""
    return view.bytes(json.dumps(value).encode(), content_type="application/json", status=status)


def _problem(view: View, status: int, text: str) -> Response:
    return _json(view, {"error": text}, status)


def _submission(body: bytes, default_wall: str) -> tuple[str, int, bytes]:
    example = '{"wall": "default", "profile": 1, "heights": [21, 25, 28]}'
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidWall(f"the body is not JSON: {error}; send for example {example}") from error
    if not isinstance(given, dict) or not {"profile", "heights"} <= given.keys() <= {
        "wall", "profile", "heights",
    }:  # fmt: skip
        raise InvalidWall(
            f"the body has to have profile, heights and perhaps wall, as in {example}"
        )
    wall, profile, heights = given.get("wall", default_wall), given["profile"], given["heights"]
    if not isinstance(wall, str) or not isinstance(heights, list):
        raise InvalidWall(f"wall has to be a string and heights a list, as in {example}")
    return checked_wall_id(wall), checked_profile_number(profile), checked_heights(heights)


async def _forward(
    app: BatchApp, view: View, request: Request, topic: str, wall: str, partition: int
) -> Response:
    """Pass a question on to the worker that owns the wall's partition."""
    nobody = f"no worker has wall {wall} just now; ask again in a moment"
    if FORWARDED in request.headers:
        return _problem(view, 503, nobody)
    owner = _owner(app, topic, partition)
    if owner is None:
        return _problem(view, 503, nobody)
    try:
        async with app.http_client.get(
            f"{owner.rstrip('/')}{request.url.raw_path}", headers={FORWARDED: "1"}
        ) as response:
            return _json(view, await response.json(), response.status)
    except (OSError, ValueError, ClientError):
        return _problem(view, 503, nobody)


def _owner(app: BatchApp, topic: str, partition: int) -> str | None:
    """Address of the worker that has a partition, as the group's leader has told all members."""
    members = cast("PartitionAssignor", app.assignor).external_topic_distribution
    for address, partitions in members.items():
        if partition in partitions.get(topic, ()):
            return address
    return None
