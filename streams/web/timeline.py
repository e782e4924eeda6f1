"""What was used day by day."""

from __future__ import annotations

import io
import json
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Protocol

from arro3.core import Array, DataType, Table
from arro3.io import write_parquet
from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from domain.materials import material_named
from domain.rules import FEET_PER_DAY, MAX_CREWS
from domain.what_if import with_crews
from streams.views.answers import NotThere
from streams.web.caching import unchanged
from streams.web.models import DayRow, Run, Timeline, WallId
from streams.web.problems import Refusal, documented
from streams.web.state import Here, Web

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streams.web.replica import WallRows

router = APIRouter(prefix="/api/walls", tags=["walls"])

COLUMNS = tuple(DayRow.model_fields)
ROWS_AT_A_TIME = 4096


class Usage(Protocol):
    """What a profile uses: how many of its sections are at work, and what each foot takes."""

    @property
    def step_days(self) -> Sequence[int]:
        """Days on which the number of sections at work changes."""

    @property
    def steps(self) -> Sequence[int]:
        """The changes on those days."""

    @property
    def yd3_per_ft(self) -> int:
        """Material that a foot takes, in cubic yards."""

    @property
    def gd_per_ft(self) -> int:
        """Cost of a foot, in gold dragons."""


class Supposed(NamedTuple):
    """What a wall would use."""

    step_days: Sequence[int]
    steps: Sequence[int]
    yd3_per_ft: int
    gd_per_ft: int


def runs_of(totals: Iterable[Usage]) -> list[Run]:
    """The runs of equal days of profiles together, in order; days without work are left out."""
    changes: dict[int, list[int]] = {}
    for record in totals:
        yd3_per_ft, gd_per_ft = record.yd3_per_ft, record.gd_per_ft
        for day, change in zip(record.step_days, record.steps, strict=True):
            at = changes.setdefault(day, [0, 0, 0])
            feet = change * FEET_PER_DAY
            at[0] += change
            at[1] += feet * yd3_per_ft
            at[2] += feet * gd_per_ft
    at_work = ice = cost = cumulative_ice = cumulative_cost = 0
    runs: list[Run] = []
    for day, after in pairwise(sorted(changes)):
        more_at_work, more_ice, more_cost = changes[day]
        at_work, ice, cost = at_work + more_at_work, ice + more_ice, cost + more_cost
        if not at_work:
            continue
        cumulative_ice += ice * (after - day)
        cumulative_cost += cost * (after - day)
        runs.append(
            Run(
                first_day=day,
                last_day=after - 1,
                sections_at_work=at_work,
                ice=ice,
                cost=cost,
                cumulative_ice=cumulative_ice,
                cumulative_cost=cumulative_cost,
            )
        )
    return runs


def rows_of(runs: Iterable[Run], first: int, last: int) -> Iterator[tuple[int, ...]]:
    """A row for each day with work, in order, from one day to another; as COLUMNS."""
    for run in runs:
        for day in range(max(run.first_day, first), min(run.last_day, last) + 1):
            left = run.last_day - day
            yield (
                day,
                run.sections_at_work,
                run.ice,
                run.cost,
                run.cumulative_ice - run.ice * left,
                run.cumulative_cost - run.cost * left,
            )


def _within(runs: Iterable[Run], first: int, last: int) -> list[Run]:
    """The runs from one day to another, cut at the ends."""
    found = []
    for run in runs:
        if run.first_day <= last and run.last_day >= first:
            left = max(0, run.last_day - last)
            update = {
                "first_day": max(run.first_day, first),
                "last_day": min(run.last_day, last),
                "cumulative_ice": run.cumulative_ice - run.ice * left,
                "cumulative_cost": run.cumulative_cost - run.cost * left,
            }
            found.append(run.model_copy(update=update))
    return found


@router.get(
    "/{wall}/timeline",
    responses=documented(400, 404, 503)
    | {
        200: {
            "model": Timeline | list[DayRow],
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/vnd.apache.parquet": {
                    "schema": {"type": "string", "format": "binary"}
                },
            },
        },
        304: {"description": "Unchanged"},
    },
)
async def timeline(
    web: Here,
    wall: WallId,
    request: Request,
    response: Response,
    profile: Annotated[int | None, Query(ge=1, description="Of this profile alone")] = None,
    crews: Annotated[
        int | None,
        Query(ge=1, le=MAX_CREWS, description="As a pool of so many crews would build the wall"),
    ] = None,
    first: Annotated[int, Query(alias="from", ge=1, description="From this day")] = 1,
    last: Annotated[int, Query(alias="to", ge=1, description="To this day")] = 10**9,
    kind: Annotated[
        Literal["json", "rows", "csv", "parquet"],
        Query(
            alias="format",
            description="json: runs of equal days; rows: a JSON row a day; csv and parquet: the "
            "same",
        ),
    ] = "json",
) -> Response:
    """What was used day by day, as published: ice, cost, and both by the end of the day.

    With `crews` it is computed for a pool of so many, from the wall as last accepted.
    """
    rows = web.wall(wall)
    totals: Sequence[Usage]
    if crews is not None:
        if profile is not None:
            raise Refusal(400, "crews: a pool builds the whole wall: leave out the profile")
        totals = [await _supposed(web, rows, crews)]
    elif profile is not None:
        totals = [record for record in rows.live_totals if record.profile == profile]
        if not totals:
            raise NotThere(f"wall {wall} has no profile {profile}")
    else:
        totals = rows.live_totals
    if (seen := unchanged(request, response, rows.tag)) is not None:
        return seen
    runs = _within(runs_of(totals), first, last)
    headers = dict(response.headers)
    if kind == "csv":
        lines = _csv(rows_of(runs, first, last))
        return StreamingResponse(lines, media_type="text/csv", headers=headers)
    if kind == "rows":
        lines = _json_rows(rows_of(runs, first, last))
        return StreamingResponse(lines, media_type="application/json", headers=headers)
    if kind == "parquet":
        return _parquet(rows_of(runs, first, last), headers)
    answer = Timeline(
        wall=wall,
        profile=profile,
        crews=crews,
        version=rows.version,
        days=max((record.step_days[-1] - 1 for record in totals if record.step_days), default=0),
        runs=runs,
    )
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


async def _supposed(web: Web, rows: WallRows, crews: int) -> Supposed:
    used = material_named(rows.settings.material)
    found = await web.computer.compute(with_crews, rows.heights, used.name, crews)
    days, changes = zip(*found.curve.steps, strict=True) if found.curve.steps else ((), ())
    return Supposed(days, changes, used.yd3_per_ft, used.yd3_per_ft * used.gd_per_yd3)


def _csv(rows: Iterator[tuple[int, ...]]) -> Iterator[str]:
    yield ",".join(COLUMNS) + "\r\n"
    for some in batched(rows):
        yield "".join(",".join(map(str, row)) + "\r\n" for row in some)


def _json_rows(rows: Iterator[tuple[int, ...]]) -> Iterator[str]:
    before = "["
    for some in batched(rows):
        yield before + ",".join(
            json.dumps(dict(zip(COLUMNS, row, strict=True)), separators=(",", ":")) for row in some
        )
        before = ","
    yield "[]" if before == "[" else "]"


def batched(rows: Iterator[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    """Rows, many at a time: a piece of an answer each costs more than the rows in it."""
    while some := list(islice(rows, ROWS_AT_A_TIME)):
        yield some


def _parquet(rows: Iterator[tuple[int, ...]], headers: dict[str, str]) -> Response:
    columns = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    arrays: dict[str, Any] = {
        name: Array(column, DataType.int64()) for name, column in zip(COLUMNS, columns, strict=True)
    }
    out = io.BytesIO()
    write_parquet(Table.from_pydict(arrays), out)
    return Response(out.getvalue(), media_type="application/vnd.apache.parquet", headers=headers)
