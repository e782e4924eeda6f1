"""The sections of a profile at the end of a day."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from domain.rules import FEET_PER_DAY, FULL_HEIGHT_FT
from streams.views.answers import NotThere
from streams.web.models import ProfileNumber, ProfileOnDay, SectionOnDay, SectionState, WallId
from streams.web.picture import PlannedWall
from streams.web.problems import documented
from streams.web.state import Here

router = APIRouter(prefix="/api/walls", tags=["walls"])


@router.get("/{wall}/days/{day}/profiles/{profile}", responses=documented(400, 404, 503))
async def sections_on_day(
    web: Here,
    wall: WallId,
    day: Annotated[int, Path(ge=0, le=10**9, description="Day, from 1; 0 is before the first")],
    profile: ProfileNumber,
) -> ProfileOnDay:
    """Each section of a profile at the end of a day, by the plan as last accepted."""
    rows = web.wall(wall)
    heights = rows.heights.get(profile)
    if heights is None:
        raise NotThere(f"wall {wall} has no profile {profile}")
    planned, _ = await web.plans.of(rows)
    start = planned.start_of(profile)
    return ProfileOnDay(
        wall=wall,
        profile=profile,
        day=day,
        version=rows.due_versions[profile],
        sections=[
            _on_day(planned, start + index, profile, index + 1, day)
            for index in range(len(heights))
        ],
    )


def _on_day(planned: PlannedWall, place: int, profile: int, section: int, day: int) -> SectionOnDay:
    start_height, first_day = planned.heights[place], planned.first_days[place]
    last_day = planned.last_day(place)
    state: SectionState = "FINISHED"
    if first_day and day < first_day:
        state = "WAITING"
    elif first_day and day <= last_day:
        state = "AT_WORK"
    worked = max(0, day - first_day + 1) if first_day else 0
    return SectionOnDay(
        section=section,
        start_height_ft=start_height,
        height_ft=min(FULL_HEIGHT_FT, start_height + worked * FEET_PER_DAY),
        state=state,
        crew=planned.crew_of(place, profile, section),
        first_day=first_day,
        last_day=last_day,
    )
