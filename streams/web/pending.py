# ruff: noqa: ARG001
"""Routes that are described, and not answered yet."""

from __future__ import annotations

from typing import Annotated, Never

from fastapi import APIRouter, Query

from streams.web.models import (
    AuditEvents,
    Comparison,
    CrewLog,
    Crews,
    DeadLetterDetail,
    DeadLetters,
    Explanation,
    ProfileNumber,
    ProfileOnDay,
    Proof,
    TopicList,
    TopicRecords,
    WallId,
    Way,
)
from streams.web.problems import Refusal, documented

router = APIRouter()
READS = documented(400, 404, 503)


def _not_yet() -> Never:
    raise Refusal(501, "not yet")


@router.get("/api/walls/{wall}/days/{day}/profiles/{profile}", responses=READS, tags=["walls"])
async def sections_on_day(wall: WallId, day: int, profile: ProfileNumber) -> ProfileOnDay:
    """Each section of a profile at the end of a day: height, crew, state."""
    _not_yet()


@router.get("/api/walls/{wall}/crews", responses=READS, tags=["walls"])
async def crews(
    wall: WallId,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Crews:
    """The crews that get a section, in their order."""
    _not_yet()


@router.get("/api/walls/{wall}/crews/{crew}", responses=READS, tags=["walls"])
async def crew(wall: WallId, crew: str) -> CrewLog:
    """The sections that a crew builds, in their order."""
    _not_yet()


@router.get("/api/walls/{wall}/explain", responses=READS, tags=["walls"])
async def explain(
    wall: WallId,
    profile: Annotated[int, Query(ge=1)],
    day: Annotated[int, Query(ge=1, le=10**9)],
) -> Explanation:
    """Where the amounts of a profile on a day come from."""
    _not_yet()


@router.get("/api/walls/{wall}/events", responses=READS, tags=["events"])
async def events(
    wall: WallId,
    profile: int | None = None,
    section: int | None = None,
    crew: str | None = None,
    day: int | None = None,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> AuditEvents:
    """Audit events of a wall, newest first."""
    _not_yet()


@router.get("/api/walls/{wall}/proof", responses=documented(400, 404, 429, 503), tags=["walls"])
async def proof(wall: WallId) -> Proof:
    """The published rows of a wall beside what the domain computes."""
    _not_yet()


@router.get("/api/compare", responses=documented(400, 404, 422, 429, 503), tags=["walls"])
async def compare(
    wall: WallId,
    crews: Annotated[str, Query(pattern=r"^\d{1,7}(\.\.\d{1,7})?$")] = "1..40",
    by_day: Annotated[int | None, Query(ge=1)] = None,
) -> Comparison:
    """What other numbers of crews would make of a wall: a JSON object a line."""
    _not_yet()


@router.get("/api/deadletters", responses=documented(400, 503), tags=["dead letters"])
async def dead_letters(
    after: str = "",
    reason: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> DeadLetters:
    """Records that could not be processed, newest first."""
    _not_yet()


@router.get("/api/deadletters/{partition}/{offset}", responses=READS, tags=["dead letters"])
async def dead_letter(partition: int, offset: int) -> DeadLetterDetail:
    """A dead letter with its bytes."""
    _not_yet()


@router.get("/api/topics", responses=documented(503), tags=["topics"])
async def topics() -> TopicList:
    """The pipeline's topics."""
    _not_yet()


@router.get("/api/topics/{topic}", responses=READS, tags=["topics"])
async def topic_records(
    topic: str,
    partition: int | None = None,
    offset: int | None = None,
    key: str | None = None,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> TopicRecords:
    """Records of a topic, newest first, decoded."""
    _not_yet()


@router.get("/api/topics/{topic}/{partition}/{offset}/way", responses=READS, tags=["topics"])
async def way(topic: str, partition: int, offset: int) -> Way:
    """The way of a submitted event, from its topic to rows or to a dead letter."""
    _not_yet()
