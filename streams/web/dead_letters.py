"""Dead letters: looked at, and sent again to where they came from."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query, Response

from streams.contract.codecs import BadRecord
from streams.contract.records import DeadLetter
from streams.views.answers import NotThere
from streams.web.log_reader import CURSOR
from streams.web.models import (
    Accepted,
    DeadLetterDetail,
    DeadLetters,
    DeadLetterSummary,
)
from streams.web.problems import Refusal, documented
from streams.web.producer import Event
from streams.web.records import decoded, headers_of, in_base64
from streams.web.replica import split_key
from streams.web.state import Here, Web
from streams.web.tails import RESUBMIT_OF, dead_letter_of, dead_letter_summary

if TYPE_CHECKING:
    from confluent_kafka import Message

router = APIRouter(prefix="/api/deadletters", tags=["dead letters"])

Partition = Annotated[int, Path(ge=0, description="Partition of the dead letter")]
Offset = Annotated[int, Path(ge=0, le=2**63 - 1, description="Offset of the dead letter")]


@router.get("", responses=documented(400, 503))
async def dead_letters(
    web: Here,
    reason: Annotated[str, Query(description="Whose reason has this in it")] = "",
    after: Annotated[str, Query(pattern=CURSOR, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="Most that are answered")] = 100,
) -> DeadLetters:
    """Records that could not be processed, newest first."""
    topics, codecs = web.generation.topics, web.generation.codecs

    def wanted(message: Message) -> DeadLetterSummary | None:
        letter = dead_letter_of(codecs, message)
        if letter is None or reason.lower() not in letter.reason.lower():
            return None
        return dead_letter_summary(topics, letter, message)

    page = await web.reader.page(topics.dead_letters.name, wanted, after=after, limit=limit)
    return DeadLetters(dead_letters=page.found, scanned=page.scanned, next=page.next)


@router.get("/{partition}/{offset}", responses=documented(400, 404, 503))
async def dead_letter(web: Here, partition: Partition, offset: Offset) -> DeadLetterDetail:
    """A dead letter with its bytes, decoded where they can be."""
    message, letter = await _letter(web, partition, offset)
    topics, codecs = web.generation.topics, web.generation.codecs
    name, fields = None, None
    source = next((topic for topic in topics.all() if topic.name == letter.topic), None)
    if source is not None and letter.value is not None:
        with suppress(BadRecord):  # that may be why it is here
            name, fields = decoded(codecs, letter.value, *source.records)
    return DeadLetterDetail(
        **dead_letter_summary(topics, letter, message).model_dump(),
        key_base64=in_base64(letter.key),
        value_base64=in_base64(letter.value),
        headers=headers_of((header.name, header.value) for header in letter.headers),
        record=name,
        decoded=fields,
    )


@router.post(
    "/{partition}/{offset}/resubmit",
    status_code=202,
    responses=documented(400, 401, 403, 404, 409, 415, 429, 503),
)
async def resubmit(
    web: Here,
    partition: Partition,
    offset: Offset,
    response: Response,
    again: Annotated[
        bool, Query(description="Although it was resubmitted, or something newer is on its key")
    ] = False,
) -> Accepted:
    """Send a dead letter to its input topic again: the same key, bytes and headers."""
    _, letter = await _letter(web, partition, offset)
    topics = web.generation.topics
    doors = [topic.name for topic in topics.doors]
    if letter.topic not in doors:
        raise Refusal(
            409,
            f"it came from {letter.topic}, which only stages write to; only what was on "
            f"{', '.join(doors[:-1])} or {doors[-1]} can be submitted again",
        )
    if letter.shortened:
        parts = " and ".join(part.part for part in letter.shortened)
        raise Refusal(409, f"it was too long to be kept whole: of its {parts}, only a part is here")
    if letter.topic in web.generation.followed:
        await web.following.read_to_now([letter.topic])
    if not again and (why := _superseded(web, partition, offset, letter)):
        raise Refusal(409, f"{why}; `again` sends it all the same")
    headers = [(h.name, h.value) for h in letter.headers if h.name != RESUBMIT_OF]
    marked = (*headers, (RESUBMIT_OF, f"{partition}/{offset}".encode()))
    (sent,) = await web.producer.send([Event(letter.topic, letter.key, letter.value, marked)])
    web.resubmitted(partition, offset)
    see = f"/api/topics/{sent.topic}/{sent.partition}/{sent.offset}/way"
    events = "/api/stream"
    if letter.topic != topics.submissions.name:  # whose keys say nothing
        wall, _ = split_key((letter.key or b"").decode(errors="replace"))
        events = f"/api/walls/{wall}/events"
    response.headers["Location"] = see
    return Accepted(
        topic=sent.topic,
        partition=sent.partition,
        offset=sent.offset,
        see=see,
        events=events,
    )


def _superseded(web: Web, partition: int, offset: int, letter: DeadLetter) -> str | None:
    """Why it should not be sent again; None if nothing speaks against it."""
    if web.was_resubmitted(partition, offset):
        return "it was resubmitted already"
    if letter.topic == web.generation.topics.submissions.name:
        return None  # its key says nothing
    wall, number = split_key((letter.key or b"").decode(errors="replace"))
    topics, rows = web.generation.topics, web.generation.replica.walls.get(wall)
    if rows is None or letter.topic == topics.ticks.name:  # any tick may come at any time
        return None
    event = (rows.clocks if letter.topic == topics.clock.name else rows.submitted).get(number)
    source = event.source if event is not None else None
    if source and source.partition == letter.partition and source.offset > letter.offset:
        place = f"offset {source.offset} of {letter.topic}[{letter.partition}]"
        return f"something newer is on its key, at {place}: this would replace it"
    return None


async def _letter(web: Web, partition: int, offset: int) -> tuple[Message, DeadLetter]:
    topic = web.generation.topics.dead_letters.name
    message = None
    if partition < web.partitions:
        message = await web.reader.record(topic, partition, offset)
    letter = dead_letter_of(web.generation.codecs, message) if message is not None else None
    if message is None or letter is None:
        raise NotThere(f"there is no dead letter at offset {offset} of {topic}[{partition}]")
    return message, letter
