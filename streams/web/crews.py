"""Crews, and what each of them builds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from streams.views.answers import NotThere
from streams.web.models import CrewLog, Crews, CrewSummary, CrewTask, WallId
from streams.web.picture import CrewWork, crews_of
from streams.web.problems import documented
from streams.web.state import Here, Web

router = APIRouter(prefix="/api/walls", tags=["walls"])


@router.get("/{wall}/crews", responses=documented(400, 404, 503))
async def crews(
    web: Here,
    wall: WallId,
    after: Annotated[
        str, Query(pattern=r"^\d{0,9}$", description="`next` of the page before")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="Most that are answered")] = 100,
) -> Crews:
    """The crews that get a section, in the order of their numbers, or of their sections."""
    start = int(after or 0)
    version, found, count = await _crews(web, wall, start, limit)
    more = start + len(found) < count
    return Crews(
        wall=wall,
        version=version,
        crew_count=count,
        crews=[_summary(work) for work in found],
        next=str(start + len(found)) if more else None,
    )


@router.get("/{wall}/crews/{crew}", responses=documented(400, 404, 503))
async def crew(
    web: Here,
    wall: WallId,
    crew: Annotated[str, Path(max_length=40, description="Crew id, as `2.5` or `7`")],
) -> CrewLog:
    """The sections that a crew builds, in the order in which it builds them."""
    version, found, _ = await _crews(web, wall, 0, 1, crew)
    if not found:
        raise NotThere(f"no crew {crew!r} gets a section of wall {wall}")
    log = [CrewTask(**task._asdict()) for task in found[0].tasks]
    return CrewLog(**_summary(found[0]).model_dump(), wall=wall, version=version, log=log)


async def _crews(
    web: Web, wall: str, after: int, limit: int, only: str | None = None
) -> tuple[int, list[CrewWork], int]:
    rows = web.wall(wall)
    planned, _ = await web.plans.of(rows)
    found, count = await web.computer.compute(crews_of, planned, after, limit, only)
    return rows.version, found, count


def _summary(work: CrewWork) -> CrewSummary:
    return CrewSummary(
        crew=work.crew,
        sections=len(work.tasks),
        first_day=work.tasks[0].first_day,
        last_day=work.tasks[-1].last_day,
        relieved_on=work.relieved_on,
    )
