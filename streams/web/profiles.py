# ruff: noqa: ARG001
"""Writes: profiles, settings, whole walls. Each is on its topic when it is answered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from domain.config import parse_profiles
from domain.errors import InvalidWall
from domain.settings import settings_for
from domain.wall import checked_wall_id
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
from streams.web.replica import SETTINGS
from streams.web.state import Here, Web
from streams.web.writing import profile_event, settings_event, submitted, tombstone

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
WRITES = documented(400, 401, 403, 404, 413, 415, 422, 503, 504)


@router.put(
    "/api/walls/{wall}/profiles/{profile}",
    status_code=202,
    responses=WRITES | {200: {"model": Built}},
)
async def put_profile(
    web: Here, wall: WallId, profile: ProfileNumber, body: HeightsBody, response: Response,
    wait: Wait = 0,
) -> Accepted | Built:  # fmt: skip
    """Submit a profile: a new one, or in place of the one of that number."""
    return await _submit(web, wall, profile, body.heights, response, wait)


@router.post("/api/profiles", include_in_schema=False, status_code=202)
@router.post("/api/profiles/", status_code=202, responses=WRITES | {200: {"model": Built}})
async def post_profile(
    web: Here, body: ProfileBody, response: Response, wait: Wait = 0
) -> Accepted | Built:
    """Submit a profile, as to a worker."""
    wall = body.wall or web.settings.default_wall
    return await _submit(web, wall, body.profile, body.heights, response, wait)


async def _submit(
    web: Web, wall: str, profile: int, heights: list[int], response: Response, wait: float
) -> Accepted | Built:
    event = profile_event(web.generation, wall, profile, heights)
    (sent,) = await web.producer.send([event])
    accepted = Accepted(
        topic=sent.topic,
        partition=sent.partition,
        offset=sent.offset,
        see=f"/api/walls/{wall}",
        events=f"/api/walls/{wall}/events?profile={profile}",
    )
    response.headers["Location"] = accepted.see
    return accepted


@router.delete(
    "/api/walls/{wall}/profiles/{profile}",
    status_code=202,
    responses=WRITES | {200: {"model": Built}},
)
async def delete_profile(
    web: Here, wall: WallId, profile: ProfileNumber, response: Response, wait: Wait = 0
) -> Accepted | Built:
    """Withdraw a profile."""
    await web.following.read_to_now([web.generation.topics.profiles.name])
    if profile not in submitted(web.generation, wall):
        raise NotThere(f"wall {wall} has no profile {profile} to withdraw")
    (sent,) = await web.producer.send([tombstone(web.generation, wall, profile)])
    return Accepted(
        topic=sent.topic,
        partition=sent.partition,
        offset=sent.offset,
        see=f"/api/walls/{wall}",
        events=f"/api/walls/{wall}/events?profile={profile}",
    )


@router.put("/api/walls/{wall}", status_code=202, responses=WRITES | {200: {"model": Built}})
async def put_settings(
    web: Here, wall: WallId, body: WallSettingsBody, response: Response, wait: Wait = 0
) -> Accepted | Built:
    """Say how a wall is to be built, before or after its profiles."""
    settings = settings_for(body.crews, body.material, body.mode)
    (sent,) = await web.producer.send([settings_event(web.generation, wall, settings)])
    response.headers["Location"] = f"/api/walls/{wall}"
    return Accepted(
        topic=sent.topic,
        partition=sent.partition,
        offset=sent.offset,
        see=f"/api/walls/{wall}",
        events=f"/api/walls/{wall}/events",
    )


@router.delete("/api/walls/{wall}", status_code=202, responses=WRITES | {200: {"model": WallBuilt}})
async def delete_wall(web: Here, wall: WallId, wait: Wait = 0) -> WallAccepted | WallBuilt:
    """Withdraw a wall: all of its profiles, and its settings."""
    await _read_inputs(web)
    going = submitted(web.generation, wall)
    if not going:
        raise NotThere(f"there is no wall {wall} to withdraw")
    # The settings last: a plan of what is left would be made for nothing.
    going.sort(key=lambda number: number == SETTINGS)
    await web.producer.send([tombstone(web.generation, wall, number) for number in going])
    return WallAccepted(
        wall=wall,
        records=len(going),
        profiles=[],
        withdrawn=[number for number in going if number != SETTINGS],
        see=f"/api/walls/{wall}",
        events=f"/api/walls/{wall}/events",
    )


@router.post(
    "/api/walls/{wall}/config",
    status_code=202,
    responses=WRITES | {200: {"model": WallBuilt | ConfigChecked}},
)
async def post_config(
    web: Here,
    wall: WallId,
    text: Annotated[
        bytes, Body(media_type="text/plain", description="Heights of each profile on a line")
    ],
    response: Response,
    crews: Annotated[int | None, Query(description="Crews in the pool")] = None,
    mode: Annotated[str | None, Query(description="Simulation mode")] = None,
    material: Annotated[str, Query(description="Building material")] = "ice",
    dry_run: Annotated[bool, Query(description="Check it, and send nothing")] = False,
    wait: Wait = 0,
) -> WallAccepted | WallBuilt | ConfigChecked:
    """Replace a wall by that of a config file: profiles that it does not have are withdrawn."""
    settings = settings_for(crews, material, mode)
    try:
        profiles = parse_profiles(text.decode(), "config")
    except UnicodeDecodeError as error:
        raise InvalidWall(f"the config is not UTF-8 at byte {error.start}") from error
    await _read_inputs(web)
    generation = web.generation
    gone = sorted(set(submitted(generation, checked_wall_id(wall))) - {SETTINGS} - profiles.keys())
    if dry_run:
        response.status_code = 200
        sections = sum(map(len, profiles.values()))
        return ConfigChecked(wall=wall, profiles=len(profiles), sections=sections, withdrawn=gone)
    events = [
        settings_event(generation, wall, settings),
        *(profile_event(generation, wall, n, list(h)) for n, h in profiles.items()),
        *(tombstone(generation, wall, number) for number in gone),
    ]
    await web.producer.send(events)
    response.headers["Location"] = f"/api/walls/{wall}"
    return WallAccepted(
        wall=wall,
        records=len(events),
        profiles=list(profiles),
        withdrawn=gone,
        see=f"/api/walls/{wall}",
        events=f"/api/walls/{wall}/events",
    )


async def _read_inputs(web: Web) -> None:
    topics = web.generation.topics
    await web.following.read_to_now([topics.walls.name, topics.profiles.name])
