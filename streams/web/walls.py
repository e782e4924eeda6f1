"""Walls: which there are, and their totals."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from streams.web.caching import unchanged
from streams.web.models import ProfileRow, WallDetail, WallId, Walls, WallTotals
from streams.web.problems import documented
from streams.web.state import Here
from streams.web.summaries import profile_summaries, wall_summary

router = APIRouter(prefix="/api/walls", tags=["walls"])

Limit = Annotated[int, Query(ge=1, le=1000, description="Most that are answered at once")]


@router.get("", responses=documented(400, 503))
async def walls(
    web: Here,
    after: Annotated[str, Query(description="Begin after this wall")] = "",
    limit: Limit = 100,
) -> Walls:
    """The walls, in the order of their ids."""
    replica = web.generation.replica
    found = list(islice((r for r in replica.live_walls() if r.wall > after), limit + 1))
    more = len(found) > limit
    page = found[:limit]
    return Walls(walls=[wall_summary(r) for r in page], next=page[-1].wall if more else None)


@router.get("/{wall}", responses=documented(400, 404, 503) | {304: {"description": "Unchanged"}})
async def wall(
    web: Here,
    wall: WallId,
    request: Request,
    response: Response,
    after: Annotated[int, Query(ge=0, description="Begin after this profile")] = 0,
    limit: Limit = 1000,
) -> WallDetail:
    """A wall's totals, and those of its profiles."""
    rows = web.wall(wall)
    if (answer := unchanged(request, response, rows.tag)) is not None:
        return answer  # type: ignore[return-value]
    numbers = [number for number in rows.profiles if number > after]
    page = numbers[:limit]
    return WallDetail(
        **wall_summary(rows).model_dump(),
        profiles=profile_summaries(rows, page),
        next=str(page[-1]) if len(numbers) > limit else None,
    )


@router.get("/{wall}/totals", responses=documented(400, 404, 503))
async def totals(
    web: Here,
    wall: WallId,
    after: Annotated[int, Query(ge=0, description="Begin after this profile")] = 0,
    limit: Limit = 1000,
    cache_control: Annotated[
        str | None,
        Header(description="With `no-cache`, what is on the topics at this moment is read first"),
    ] = None,
) -> WallTotals:
    """Totals of each profile, and how many of its sections are at work from which day on."""
    if cache_control == "no-cache":
        await web.following.read_to_now([web.generation.topics.changelog("overview").name])
    live = (record for record in web.wall(wall).live_totals if record.profile > after)
    found = list(islice(live, limit + 1))
    page = found[:limit]
    return WallTotals(
        totals=[ProfileRow.model_validate(of, from_attributes=True) for of in page],
        next=str(page[-1].profile) if len(found) > limit else None,
    )
