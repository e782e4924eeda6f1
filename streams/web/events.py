"""Audit events of a wall, page after page from the newest back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from streams.contract.topics import partition_of
from streams.web.log_reader import CURSOR
from streams.web.models import AuditEvent, AuditEvents, RunName, WallId
from streams.web.problems import documented
from streams.web.state import Here
from streams.web.tails import audit_event

if TYPE_CHECKING:
    from confluent_kafka import Message

router = APIRouter(prefix="/api/walls", tags=["events"])


@router.get("/{wall}/events", responses=documented(400, 503))
async def events(
    web: Here,
    wall: WallId,
    profile: Annotated[int | None, Query(ge=1, description="Of this profile alone")] = None,
    section: Annotated[int | None, Query(ge=1, description="Of this section")] = None,
    crew: Annotated[str | None, Query(max_length=40, description="Of this crew")] = None,
    day: Annotated[int | None, Query(ge=1, description="Of this day")] = None,
    run: Annotated[
        RunName | None, Query(description="Of this run of the wall's clock: as it happened")
    ] = None,
    after: Annotated[str, Query(pattern=CURSOR, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="Most that are answered")] = 100,
) -> AuditEvents:
    """What happened at a wall, newest first, as far back as the topic goes.

    Where few of a topic's events are wanted, a page may be short, or empty, and have a next one.
    """
    codecs = web.generation.codecs
    own, prefix = wall.encode(), f"{wall}/".encode()

    def wanted(message: Message) -> AuditEvent | None:
        key = message.key() or b""
        if key != own and not key.startswith(prefix):
            return None
        event = audit_event(codecs, message)
        if (
            event is None
            or event.wall != wall
            or profile not in (None, event.profile)
            or section not in (None, event.section)
            or crew not in (None, event.crew)
            or day not in (None, event.day)
            or run not in (None, event.run)
        ):
            return None
        return event

    # What is said of a profile is on one partition.
    partition = None if profile is None else partition_of(f"{wall}/{profile}", web.partitions)
    page = await web.reader.page(
        web.generation.topics.events.name,
        wanted,
        after=after,
        limit=limit,
        partitions=None if partition is None else [partition],
    )
    return AuditEvents(events=page.found, scanned=page.scanned, next=page.next)
