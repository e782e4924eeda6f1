"""The way of one submitted event: from its topic to rows, or to a dead letter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path

from domain.errors import InvalidWall
from domain.rules import FULL_HEIGHT_FT
from streams.agents.submissions import event_of
from streams.context import StageContext
from streams.contract.codecs import BadRecord
from streams.contract.topics import OFFSETS_PER_VERSION, partition_of
from streams.views.answers import NotThere
from streams.web.models import Step, Way, WayState
from streams.web.problems import Refusal, documented
from streams.web.producer import Sent
from streams.web.replica import SETTINGS, split_key
from streams.web.state import Here, Web
from streams.web.tails import time_of
from streams.web.topics import topic_named

if TYPE_CHECKING:
    from confluent_kafka import Message

    from streams.web.replica import WallRows

router = APIRouter(prefix="/api/topics", tags=["topics"])

Number = Annotated[int, Path(ge=0, le=2**63 - 1)]


@router.get("/{topic}/{partition}/{offset}/way", responses=documented(400, 404, 503))
async def way(web: Here, topic: str, partition: Number, offset: Number) -> Way:
    """Where a submitted event has come to: each station with its offset and time.

    The counts of records are those of the event's own profile, as the domain has them.
    """
    generation = web.generation
    declared = topic_named(generation, topic)
    if declared not in generation.topics.doors:
        raise Refusal(400, f"{declared.name} is not an input topic: nothing begins there")
    message = None
    if partition < declared.partitions(generation.settings):
        message = await web.reader.record(declared.name, partition, offset)
    if message is None:
        raise NotThere(f"there is no record at offset {offset} of {declared.name}[{partition}]")
    first = Step(
        topic=declared.name,
        partition=partition,
        offset=offset,
        time=time_of(message),
        count=1,
        about="submitted" if declared.records else "a line of JSON",
    )
    letter = web.dead_letter_of(Sent(declared.name, partition, offset))
    if letter is not None:
        last = Step(
            topic=generation.topics.dead_letters.name,
            partition=letter.partition,
            offset=letter.offset,
            time=letter.time,
            count=1,
            about="dead letter",
        )
        return Way(
            state="DEAD_LETTER", wall=None, profile=None, version=None, reason=letter.reason,
            steps=[first, last],
        )  # fmt: skip
    if declared is generation.topics.submissions:
        event = await _event_of_line(web, message)
        if event is None:
            return Way(
                state="WAITING", wall=None, profile=None, version=None, reason=None, steps=[first]
            )
        rest = await way(web, event.topic() or "", event.partition() or 0, event.offset() or 0)
        return rest.model_copy(update={"steps": [first, *rest.steps]})
    wall, profile = split_key((message.key() or b"").decode(errors="replace"))
    of_profile = None if profile == SETTINGS else profile
    accepted = await _accepted(web, wall, message)
    if accepted is None:
        return Way(
            state="WAITING", wall=wall, profile=of_profile, version=None, reason=None,
            steps=[first],
        )  # fmt: skip
    version = (generation.settings.version - 1) * OFFSETS_PER_VERSION + (accepted.offset or 0)
    rows = web.wall(wall)
    state = _state(rows, profile, partition, offset)
    steps = [first, accepted]
    if state != "REPLACED" and of_profile is not None:
        steps += _stations(web, rows, of_profile, complete=state == "COMPLETE")
    return Way(
        state=state, wall=wall, profile=of_profile, version=version, reason=None, steps=steps
    )


async def _event_of_line(web: Web, line: Message) -> Message | None:
    """The event that a line became: it came to its topic after the line."""
    generation = web.generation
    context = StageContext(generation.topics, generation.codecs, web.partitions)
    try:
        meant = event_of(line.value(), context)
    except (BadRecord, InvalidWall):
        return None  # its dead letter is not there yet

    def wanted(message: Message) -> Message | None:
        return message if (message.key(), message.value()) == (meant.key, meant.value) else None

    partition = partition_of((meant.key or b"").decode(), web.partitions)
    return await web.reader.first_since(meant.topic, partition, line.timestamp()[1], wanted)


def _state(rows: WallRows, profile: int, partition: int, offset: int) -> WayState:
    plan = rows.plans.get(profile)
    if plan is None:
        return "WAITING"
    at = (plan.record.source_partition, plan.record.source_offset)
    if at[0] == partition and at[1] > offset:
        return "REPLACED"
    done = rows.complete if profile == SETTINGS else rows.is_complete(profile)
    return "COMPLETE" if done else "BUILDING"


async def _accepted(web: Web, wall: str, submitted: Message) -> Step | None:
    """The event on its wall's log: it came there after it was submitted."""
    generation = web.generation
    topic = generation.topics.accepted
    place = (submitted.partition(), submitted.offset())

    def wanted(message: Message) -> Step | None:
        if message.key() != wall.encode():
            return None
        try:
            event = generation.codecs.decode_any(message.value() or b"", *topic.records)
        except BadRecord:
            return None
        of_same_topic = hasattr(event, "profile") == (
            submitted.topic() == generation.topics.profiles.name
        )
        if not of_same_topic or (event.source_partition, event.source_offset) != place:
            return None
        return Step(
            topic=topic.name,
            partition=message.partition(),
            offset=message.offset(),
            time=time_of(message),
            count=1,
            about="accepted",
        )

    partition = partition_of(wall, web.partitions)
    return await web.reader.first_since(topic.name, partition, submitted.timestamp()[1], wanted)


def _stations(web: Web, rows: WallRows, profile: int, *, complete: bool) -> list[Step]:
    """What comes of a profile's event, behind its wall's log."""
    topics = web.generation.topics
    plan = rows.plans[profile].record
    heights = plan.heights or b""
    orders = len(heights) - heights.count(FULL_HEIGHT_FT)
    key_partition = partition_of(f"{rows.wall}/{profile}", web.partitions)
    steps = [
        Step(topic=topics.build_commands.name, count=orders, about="orders to crews"),
        Step(
            topic=topics.progress.name,
            partition=key_partition,
            count=1,
            about="the plan, and reports of what is built",
        ),
    ]
    if not complete:
        return steps
    totals = rows.totals[profile]
    days = sum(after - first for first, after, _ in totals.record.curve.spans())
    published = rows.published.get(profile)
    return [
        *steps,
        Step(
            topic=topics.events.name, partition=key_partition, count=orders + 1,
            about="audit: sections and the profile completed",
        ),
        Step(
            topic=topics.daily.name, partition=key_partition, count=days,
            about="rows of days with work",
        ),
        Step(
            topic=topics.totals.name, partition=partition_of(rows.wall, web.partitions),
            count=1, about="totals and curve",
        ),
        Step(
            topic=topics.overview.name,
            partition=key_partition,
            offset=published.source.offset if published else None,
            count=1,
            about="the profile's overview",
        ),
    ]  # fmt: skip
