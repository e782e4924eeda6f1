"""The clock of a wall: read, started, paused, resumed, stopped; and the runs that there were."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Response

from domain.clock import Clock, paused, resumed, started, stopped
from domain.days import last_day
from streams.client.clocks import new_run
from streams.contract.codecs import BadRecord
from streams.contract.records import DayPassed
from streams.contract.topics import partition_of
from streams.views.answers import NotThere
from streams.web.log_reader import CURSOR
from streams.web.models import (
    Accepted,
    ClockAccepted,
    ClockResume,
    ClockStart,
    ClockSummary,
    Runs,
    RunSummary,
    WallId,
)
from streams.web.problems import documented
from streams.web.state import Here, Web
from streams.web.submitting import clock_event, tick_event
from streams.web.summaries import clock_summary

if TYPE_CHECKING:
    from confluent_kafka import Message

    from streams.web.producer import Sent
    from streams.web.replica import WallRows

router = APIRouter(prefix="/api/walls/{wall}", tags=["clock"])

ACTS = documented(400, 401, 403, 404, 409, 415, 429, 503)
ACTS_WITH_BODY = ACTS | documented(413, 422)
# Days that are looked at for one page of runs.
DAYS_AT_A_TIME = 10_000


@router.get("/clock", responses=documented(400, 404, 503))
async def clock(web: Here, wall: WallId) -> ClockSummary:
    """A wall's clock, and which day it is by it."""
    return clock_summary(_rows(web, wall), _now_ms())


@router.delete("/clock", status_code=202, responses=documented(400, 401, 403, 404, 415, 429, 503))
async def delete_clock(web: Here, wall: WallId, response: Response) -> Accepted:
    """Withdraw the clock: the wall has none from there on."""
    await _read_clocks(web)
    if _rows(web, wall).clock is None:
        raise NotThere(f"wall {wall} has no clock to withdraw")
    (sent,) = await web.producer.send([clock_event(web.generation, wall, None)])
    await _read_clocks(web)
    return _accepted(wall, sent, response)


@router.post("/clock/start", status_code=202, responses=ACTS_WITH_BODY)
async def start(
    web: Here, wall: WallId, response: Response, body: ClockStart | None = None
) -> ClockAccepted:
    """Start a run: from there on each day is told when it is over."""
    web.wall(wall)  # refused if there is none
    how, run = body or ClockStart(), new_run()
    return await _set(
        web,
        wall,
        response,
        lambda clock, now, _: started(clock, run, now, how.ms_per_day, how.from_day),
    )


@router.post("/clock/pause", status_code=202, responses=ACTS)
async def pause(web: Here, wall: WallId, response: Response) -> ClockAccepted:
    """Pause the run; the day in progress begins anew when it is resumed."""
    return await _set(web, wall, response, paused)


@router.post("/clock/resume", status_code=202, responses=ACTS_WITH_BODY)
async def resume(
    web: Here, wall: WallId, response: Response, body: ClockResume | None = None
) -> ClockAccepted:
    """Go on with the run, as fast as before or at another speed."""
    speed = body.ms_per_day if body else None
    return await _set(web, wall, response, lambda clock, now, _: resumed(clock, now, speed))


@router.post("/clock/stop", status_code=202, responses=ACTS)
async def stop(web: Here, wall: WallId, response: Response) -> ClockAccepted:
    """Stop the run: it is over."""
    return await _set(web, wall, response, stopped)


async def _set(
    web: Web,
    wall: str,
    response: Response,
    how: Callable[[Clock | None, int, int], Clock],
) -> ClockAccepted:
    """Set the clock to what it is to be, by the clock before, the time, and the plan's last day."""
    await _read_clocks(web)
    rows = _rows(web, wall)
    before, last = rows.clock, last_day(rows.sums.days)
    # Refused before anything is sent, if it does not fit, whatever the time is.
    run = how(before, 0, last).run
    # The time is the broker's. A tick of the run asks for nothing that would not be told anyway.
    now_ms = await web.producer.stamp(tick_event(web.generation, wall, run))
    clock = how(before, now_ms, last)
    (sent,) = await web.producer.send([clock_event(web.generation, wall, clock)])
    await _read_clocks(web)
    accepted = _accepted(wall, sent, response)
    summary = clock_summary(_rows(web, wall), now_ms)
    return ClockAccepted(**accepted.model_dump(), clock=summary)


def _accepted(wall: str, sent: Sent, response: Response) -> Accepted:
    see = f"/api/walls/{wall}/clock"
    response.headers["Location"] = see
    events = f"/api/walls/{wall}/events"
    return Accepted(
        topic=sent.topic, partition=sent.partition, offset=sent.offset, see=see, events=events
    )


def _rows(web: Web, wall: str) -> WallRows:
    """The rows of a wall that has a profile, or a clock."""
    rows = web.generation.replica.walls.get(wall)
    return web.wall(wall) if rows is None or rows.clock is None else rows


async def _read_clocks(web: Web) -> None:
    """Whoever has set a clock a moment ago, it is known."""
    await web.following.read_to_now([web.generation.topics.clock.name])


def _now_ms() -> int:
    return int(time.time() * 1000)


@router.get("/runs", responses=documented(400, 404, 503))
async def runs(
    web: Here,
    wall: WallId,
    after: Annotated[str, Query(pattern=CURSOR, description="`next` of the page before")] = "",
) -> Runs:
    """The runs of the wall's clock, the latest first, from the days that were told of them.

    A run may go on in the next page with its earlier days.
    """
    rows = _rows(web, wall)
    codecs, key = web.generation.codecs, wall.encode()

    def wanted(message: Message) -> DayPassed | None:
        if message.key() != key:
            return None
        try:
            return codecs.decode_any(message.value() or b"", DayPassed)
        except BadRecord:
            return None

    page = await web.reader.page(
        web.generation.topics.events.name,
        wanted,
        after=after,
        limit=DAYS_AT_A_TIME,
        partitions=[partition_of(wall, web.partitions)],
    )
    days: dict[str, list[DayPassed]] = {}
    if rows.clock is not None and not after:
        days[rows.clock.run] = []
    for day in page.found:
        days.setdefault(day.run, []).append(day)
    found = [_run_summary(rows.clock, run, of_run) for run, of_run in days.items()]
    return Runs(wall=wall, runs=found, scanned=page.scanned, next=page.next)


def _run_summary(clock: Clock | None, run: str, days: list[DayPassed]) -> RunSummary:
    state = clock.state if clock is not None and clock.run == run else "STOPPED"
    if not days:
        return RunSummary(
            run=run, state=state, first_day=None, last_day=None, started=None, until=None, cost=None
        )
    first, last = min(days, key=_day_of), max(days, key=_day_of)
    return RunSummary(
        run=run,
        state=state,
        first_day=first.day,
        last_day=last.day,
        started=first.at_ms,
        until=last.at_ms,
        cost=last.cumulative_cost,
    )


def _day_of(passed: DayPassed) -> int:
    return passed.day
