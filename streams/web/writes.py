"""Writes: profiles, settings, whole walls. Each is on its topic when it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from domain.config import parse_profiles
from domain.errors import InvalidWall
from domain.settings import settings_for
from streams.views.answers import NotThere
from streams.web.models import (
    Accepted,
    Built,
    ConfigChecked,
    HeightsBody,
    ProfileBody,
    ProfileNumber,
    WallAccepted,
    WallBuilt,
    WallId,
    WallSettingsBody,
)
from streams.web.problems import documented
from streams.web.producer import Event
from streams.web.replica import SETTINGS
from streams.web.state import Here, Web
from streams.web.submitting import (
    clock_event,
    profile_event,
    settings_event,
    submitted,
    tombstone,
)
from streams.web.waiting import until_built

router = APIRouter(tags=["writes"])

Wait = Annotated[
    float,
    Query(
        ge=0,
        le=30,
        description="Seconds to wait until what this changes is built: then 200; 422 if it "
        "became a dead letter; 504 if it is still being built, and stays accepted",
    ),
]
WRITES = documented(400, 401, 403, 413, 415, 422, 429, 503, 504)
WITHDRAWALS = WRITES | documented(404)


@router.put(
    "/api/walls/{wall}/profiles/{profile}",
    status_code=202,
    responses=WRITES | {200: {"model": Built}},
)
async def put_profile(
    web: Here,
    wall: WallId,
    profile: ProfileNumber,
    body: HeightsBody,
    response: Response,
    wait: Wait = 0,
) -> Accepted | Built:
    """Submit a profile: a new one, or in place of the one of that number."""
    event = profile_event(web.generation, wall, profile, body.heights)
    return await _send(web, wall, profile, event, response, wait)


@router.post("/api/profiles", include_in_schema=False, status_code=202)
@router.post("/api/profiles/", status_code=202, responses=WRITES | {200: {"model": Built}})
async def post_profile(
    web: Here, body: ProfileBody, response: Response, wait: Wait = 0
) -> Accepted | Built:
    """Submit a profile, as to a worker."""
    wall = body.wall or web.settings.default_wall
    event = profile_event(web.generation, wall, body.profile, body.heights)
    return await _send(web, wall, body.profile, event, response, wait)


@router.delete(
    "/api/walls/{wall}/profiles/{profile}",
    status_code=202,
    responses=WITHDRAWALS | {200: {"model": Built}},
)
async def delete_profile(
    web: Here, wall: WallId, profile: ProfileNumber, response: Response, wait: Wait = 0
) -> Accepted | Built:
    """Withdraw a profile."""
    await _read_inputs(web)
    if profile not in submitted(web.generation, wall):
        raise NotThere(f"wall {wall} has no profile {profile} to withdraw")
    event = tombstone(web.generation, wall, profile)
    return await _send(web, wall, profile, event, response, wait)


@router.put("/api/walls/{wall}", status_code=202, responses=WRITES | {200: {"model": Built}})
async def put_settings(
    web: Here, wall: WallId, body: WallSettingsBody, response: Response, wait: Wait = 0
) -> Accepted | Built:
    """Say how a wall is to be built, before or after its profiles."""
    settings = settings_for(body.crews, body.material, body.mode)
    event = settings_event(web.generation, wall, settings)
    return await _send(web, wall, SETTINGS, event, response, wait)


async def _send(
    web: Web, wall: str, number: int, event: Event, response: Response, wait: float
) -> Accepted | Built:
    (sent,) = await web.producer.send([event])
    of_profile = f"?profile={number}" if number != SETTINGS else ""
    accepted = Accepted(
        topic=sent.topic,
        partition=sent.partition,
        offset=sent.offset,
        see=f"/api/walls/{wall}",
        events=f"/api/walls/{wall}/events{of_profile}",
    )
    response.headers["Location"] = accepted.see
    if not wait:
        return accepted
    built = await until_built(web, wall, {number: sent}, wait)
    response.status_code = 200
    return Built(**accepted.model_dump(), built=built)


@router.delete(
    "/api/walls/{wall}", status_code=202, responses=WITHDRAWALS | {200: {"model": WallBuilt}}
)
async def delete_wall(
    web: Here, wall: WallId, response: Response, wait: Wait = 0
) -> WallAccepted | WallBuilt:
    """Withdraw a wall: all of its profiles, its settings and its clock."""
    await _read_inputs(web)
    going = submitted(web.generation, wall)
    rows = web.generation.replica.walls.get(wall)
    has_clock = rows is not None and rows.clock is not None
    if not going and not has_clock:
        raise NotThere(f"there is no wall {wall} to withdraw")
    # The settings last: what is left of the wall need not be planned again without them.
    going.sort(key=lambda number: number == SETTINGS)
    events = {number: tombstone(web.generation, wall, number) for number in going}
    clock = [clock_event(web.generation, wall, None)] if has_clock else []
    return await _send_all(web, wall, events, response, wait, clock)


@router.post(
    "/api/walls/{wall}/config",
    status_code=202,
    responses=WRITES | {200: {"model": WallBuilt | ConfigChecked}},
)
async def post_config(
    web: Here,
    wall: WallId,
    response: Response,
    text: Annotated[
        bytes, Body(media_type="text/plain", description="Heights of each profile on a line")
    ] = b"",
    crews: Annotated[int | None, Query(description="Crews in the pool")] = None,
    mode: Annotated[str | None, Query(description="Simulation mode")] = None,
    material: Annotated[str, Query(description="Building material")] = "ice",
    dry_run: Annotated[bool, Query(description="Check it, and send nothing")] = False,
    wait: Wait = 0,
) -> WallAccepted | WallBuilt | ConfigChecked:
    """Replace a wall by that of a config file: profiles that it does not have are withdrawn."""
    settings = settings_for(crews, material, mode)
    try:
        # Of megabytes it takes a second, in which others are to be answered.
        profiles = await asyncio.to_thread(parse_profiles, text.decode(), "config")
    except UnicodeDecodeError as error:
        raise InvalidWall(f"the config is not UTF-8 at byte {error.start}") from error
    await _read_inputs(web)
    generation = web.generation
    gone = sorted(set(submitted(generation, wall)) - {SETTINGS} - profiles.keys())
    if dry_run:
        response.status_code = 200
        sections = sum(map(len, profiles.values()))
        return ConfigChecked(wall=wall, profiles=len(profiles), sections=sections, withdrawn=gone)
    events = {SETTINGS: settings_event(generation, wall, settings)}
    for number, heights in profiles.items():
        events[number] = profile_event(generation, wall, number, list(heights))
    for number in gone:
        events[number] = tombstone(generation, wall, number)
    return await _send_all(web, wall, events, response, wait)


async def _send_all(
    web: Web,
    wall: str,
    events: dict[int, Event],
    response: Response,
    wait: float,
    clock: Sequence[Event] = (),
) -> WallAccepted | WallBuilt:
    all_sent = await web.producer.send([*events.values(), *clock])
    profiles = {number: event for number, event in events.items() if number != SETTINGS}
    accepted = WallAccepted(
        wall=wall,
        records=len(all_sent),
        profiles=[number for number, event in profiles.items() if event.value is not None],
        withdrawn=[number for number, event in profiles.items() if event.value is None],
        see=f"/api/walls/{wall}",
        events=f"/api/walls/{wall}/events",
    )
    response.headers["Location"] = accepted.see
    if not wait:
        return accepted
    built = await until_built(web, wall, dict(zip(events, all_sent, strict=False)), wait)
    response.status_code = 200
    return WallBuilt(**accepted.model_dump(), built=built)


async def _read_inputs(web: Web) -> None:
    """What was submitted a moment ago, by whomever, can be withdrawn."""
    topics = web.generation.topics
    await web.following.read_to_now([topics.walls.name, topics.profiles.name, topics.clock.name])
