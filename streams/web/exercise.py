"""The exercise's four paths, for the default wall and under /walls/{wall} for any."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from domain.rules import NAME
from streams.views.answers import WallAnswers
from streams.web.models import CostByDay, IceOnDay
from streams.web.problems import Refusal, documented
from streams.web.state import Here, Web

router = APIRouter(tags=["exercise"])
LARGEST_DAY = 10**9

# Only described: what is refused is refused in the words that a worker uses.
Number = Annotated[
    str,
    Path(
        description="A whole number from 1",
        examples=["1"],
        json_schema_extra={"pattern": "^0*[1-9][0-9]{0,8}$"},
    ),
]
Name = Annotated[
    str,
    Path(
        description="Wall id",
        examples=["default"],
        json_schema_extra={"pattern": f"^{NAME.pattern}$"},
    ),
]
PROBLEMS = documented(400, 404, 503)
ICE: dict[str, Any] = {"responses": PROBLEMS | {200: {"model": IceOnDay}}}
COST: dict[str, Any] = {"responses": PROBLEMS | {200: {"model": CostByDay}}}
UNLISTED: dict[str, Any] = {"include_in_schema": False}


@router.get("/profiles/{profile}/days/{day}", **UNLISTED)
@router.get("/profiles/{profile}/days/{day}/", **ICE)
async def ice_on_day(web: Here, profile: Number, day: Number) -> Response:
    """What a profile of the default wall uses on a day, in cubic yards."""
    return _ice(web, web.settings.default_wall, profile, day)


@router.get("/walls/{wall}/profiles/{profile}/days/{day}", **UNLISTED)
@router.get("/walls/{wall}/profiles/{profile}/days/{day}/", **ICE)
async def ice_on_day_of_wall(web: Here, wall: Name, profile: Number, day: Number) -> Response:
    """What a profile uses on a day, in cubic yards."""
    return _ice(web, wall, profile, day)


@router.get("/profiles/overview", **UNLISTED)
@router.get("/profiles/overview/", responses=documented(404, 503) | {200: {"model": CostByDay}})
async def cost(web: Here) -> Response:
    """What the default wall costs, in gold dragons."""
    return _wall_cost(web, web.settings.default_wall, None)


@router.get("/walls/{wall}/profiles/overview", **UNLISTED)
@router.get("/walls/{wall}/profiles/overview/", **COST)
async def cost_of_wall(web: Here, wall: Name) -> Response:
    """What a wall costs, in gold dragons."""
    return _wall_cost(web, wall, None)


@router.get("/profiles/overview/{day}", **UNLISTED)
@router.get("/profiles/overview/{day}/", **COST)
async def cost_by_day(web: Here, day: Number) -> Response:
    """What the default wall has cost by the end of a day, in gold dragons."""
    return _wall_cost(web, web.settings.default_wall, day)


@router.get("/walls/{wall}/profiles/overview/{day}", **UNLISTED)
@router.get("/walls/{wall}/profiles/overview/{day}/", **COST)
async def cost_by_day_of_wall(web: Here, wall: Name, day: Number) -> Response:
    """What a wall has cost by the end of a day, in gold dragons."""
    return _wall_cost(web, wall, day)


@router.get("/profiles/{profile}/overview/{day}", **UNLISTED)
@router.get("/profiles/{profile}/overview/{day}/", **COST)
async def profile_cost_by_day(web: Here, profile: Number, day: Number) -> Response:
    """What a profile of the default wall has cost by the end of a day, in gold dragons."""
    return _profile_cost(web, web.settings.default_wall, profile, day)


@router.get("/walls/{wall}/profiles/{profile}/overview/{day}", **UNLISTED)
@router.get("/walls/{wall}/profiles/{profile}/overview/{day}/", **COST)
async def profile_cost_by_day_of_wall(
    web: Here, wall: Name, profile: Number, day: Number
) -> Response:
    """What a profile has cost by the end of a day, in gold dragons."""
    return _profile_cost(web, wall, profile, day)


def _ice(web: Web, wall: str, profile: str, day: str) -> Response:
    of_profile, on_day = _number(profile, "profile"), _number(day, "day")
    ice = _answers(web, wall).ice_on(of_profile, on_day)
    return _as_the_exercise_writes_it({"day": str(on_day), "ice_amount": f"{ice:,}"})


def _profile_cost(web: Web, wall: str, profile: str, day: str) -> Response:
    of_profile, by_day = _number(profile, "profile"), _number(day, "day")
    spent = _answers(web, wall).cost_by(of_profile, by_day)
    return _as_the_exercise_writes_it({"day": str(by_day), "cost": f"{spent:,}"})


def _wall_cost(web: Web, wall: str, day: str | None) -> Response:
    by_day = None if day is None else _number(day, "day")
    spent = _answers(web, wall).wall_cost_by(by_day)
    shown = None if by_day is None else str(by_day)
    return _as_the_exercise_writes_it({"day": shown, "cost": f"{spent:,}"})


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:12]) <= LARGEST_DAY):
        raise Refusal(400, f"{what} {text[:20]!r} is not a whole number from 1 to {LARGEST_DAY:,}")
    return int(text)


def _answers(web: Web, wall: str) -> WallAnswers:
    rows = web.wall(wall)
    return WallAnswers(rows.wall, rows.all_totals, lambda: rows.sums)


def _as_the_exercise_writes_it(value: dict[str, str | None]) -> Response:
    """With a space after each comma and colon."""
    return Response(json.dumps(value), media_type="application/json")
