"""What other numbers of crews would make of a wall: computed by the domain, nothing is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from starlette.responses import StreamingResponse

from domain.rules import MAX_CREWS
from domain.what_if import CrewsOutcome, fewest_crews, with_crews
from streams.web.models import Comparison, WallId
from streams.web.problems import Refusal, documented
from streams.web.state import Here, Web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from streams.web.replica import WallRows

router = APIRouter(prefix="/api/compare", tags=["walls"])

MOST_PLANNED = 10_000_000
"""Sections that may be planned for one answer, all numbers of crews together: some 20 s."""
CREWS = re.compile(r"([0-9]{1,7})(?:\.\.([0-9]{1,7}))?")
MEDIA_TYPE = "application/x-ndjson"


@router.get(
    "",
    response_class=StreamingResponse,
    responses=documented(400, 404, 422, 429, 503)
    | {
        200: {
            "description": "A line for each number of crews, as it is computed",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Comparison"}}},
        }
    },
)
async def compare(
    web: Here,
    wall: Annotated[WallId, Query(description="Wall id")],
    crews: Annotated[
        str | None,
        Query(
            pattern=f"^{CREWS.pattern}$",
            description="Numbers of crews, as 7 or 1..40; the fewest that are in time if left out",
        ),
    ] = None,
    by_day: Annotated[
        int | None, Query(ge=1, le=10**9, description="The day by which it has to be done")
    ] = None,
) -> StreamingResponse:
    """What pools of so many crews would make of a wall: a JSON object a line, as it is computed."""
    rows = web.wall(wall)
    try:
        numbers = numbers_of_crews(crews, by_day)
    except ValueError as error:
        raise Refusal(400, f"crews: {error}") from error
    sections = sum(map(len, rows.heights.values()))
    tries = len(numbers) or sections.bit_length() + 1
    if tries * sections > MOST_PLANNED:
        raise Refusal(
            422,
            f"{tries} plans of {sections:,} sections are too much for one answer: "
            f"ask for at most {MOST_PLANNED // max(1, sections)} numbers of crews",
        )
    if web.comparing:
        raise Refusal(429, "another comparison is being computed", headers={"Retry-After": "2"})
    if numbers:
        return StreamingResponse(_lines(web, rows, numbers, by_day), media_type=MEDIA_TYPE)
    web.comparing = True
    try:
        found = await web.computer.compute(
            fewest_crews, rows.heights, rows.settings.material, by_day
        )
    finally:
        web.comparing = False
    return StreamingResponse(iter([_line(found, by_day)]), media_type=MEDIA_TYPE)


def numbers_of_crews(crews: str | None, by_day: int | None) -> range:
    """The numbers of crews that are meant, as 7 or 1..40; none for the fewest in time.

    Raises:
        ValueError: They are no such numbers, or there is neither a number nor a day.
    """
    if crews is None:
        if by_day is None:
            raise ValueError("give numbers of crews, as 1..40, or the day by which")
        return range(0)
    found = CREWS.fullmatch(crews)
    numbers = range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)
    if not numbers or numbers[0] < 1 or numbers[-1] > MAX_CREWS:
        raise ValueError(
            f"{crews[:40]!r} is not from 1 to {MAX_CREWS:,}, as 7 or 1..40, the lower one first"
        )
    return numbers


async def _lines(
    web: Web, rows: WallRows, numbers: range, by_day: int | None
) -> AsyncIterator[bytes]:
    web.comparing = True
    try:
        heights, material = rows.heights, rows.settings.material
        for crews in numbers:
            # One at a time: in between, others get their plans.
            yield _line(await web.computer.compute(with_crews, heights, material, crews), by_day)
    finally:
        web.comparing = False


def _line(found: CrewsOutcome, by_day: int | None) -> bytes:
    return comparison(found, by_day).model_dump_json().encode() + b"\n"


def comparison(found: CrewsOutcome, by_day: int | None) -> Comparison:
    """What a number of crews makes of a wall, and whether it is done by a day."""
    return Comparison(
        crews=found.crews,
        days=found.days,
        ice=found.ice,
        cost=found.cost,
        crew_days=found.crew_days,
        idle_crew_days=found.idle_crew_days,
        utilisation=round(found.worked / found.crew_days, 4) if found.crew_days else 1.0,
        in_time=None if by_day is None else found.days <= by_day,
    )
