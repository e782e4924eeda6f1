"""The pipeline's topics, and the records on them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from streams.contract.codecs import load_schema
from streams.views.answers import NotThere
from streams.web.log_reader import CURSOR
from streams.web.models import (
    PartitionEnds,
    SchemaOfRecord,
    TopicInfo,
    TopicList,
    TopicRecord,
    TopicRecords,
)
from streams.web.problems import Refusal, documented
from streams.web.records import topic_record
from streams.web.state import Here

if TYPE_CHECKING:
    from confluent_kafka import Message

    from streams.contract.topics import Topic
    from streams.web.following import Generation

router = APIRouter(prefix="/api/topics", tags=["topics"])


def topic_named(generation: Generation, name: str) -> Topic:
    """A topic of the pipeline, as `wall.daily` or `daily`.

    Raises:
        NotThere: It has none of that name.
    """
    for topic in generation.topics.all():
        if topic.name == name or topic.name.endswith(f".{name}"):
            return topic
    raise NotThere(f"the pipeline has no topic {name[:100]!r}; /api/topics lists those it has")


@router.get("", responses=documented(503))
async def topics(web: Here) -> TopicList:
    """The topics in the order in which an event passes them, the changelogs last."""
    listed = web.generation.topics.all()
    bounds = await asyncio.to_thread(web.pipeline.bounds, listed)
    return TopicList(
        topics=[
            TopicInfo(
                topic=topic.name,
                key=topic.key,
                about=topic.about,
                cleanup=topic.cleanup,
                retention_ms=topic.retention_ms,
                schemas=[_schema(topic, record) for record in topic.records],
                partitions=[
                    PartitionEnds(partition=partition, first_offset=first, end_offset=end)
                    for (name, partition), (first, end) in sorted(bounds.items())
                    if name == topic.name
                ],
            )
            for topic in listed
        ]
    )


def _schema(topic: Topic, record: type[Any]) -> SchemaOfRecord:
    name = record.__name__
    return SchemaOfRecord(
        record=name, subject=topic.subject(record), avro=json.loads(load_schema(name))
    )


@router.get("/{topic}", responses=documented(400, 404, 503))
async def topic_records(
    web: Here,
    topic: str,
    partition: Annotated[int | None, Query(ge=0, description="Of this partition alone")] = None,
    offset: Annotated[
        int | None, Query(ge=0, description="From this offset back; with a partition")
    ] = None,
    key: Annotated[str | None, Query(max_length=300, description="Of this key alone")] = None,
    after: Annotated[str, Query(pattern=CURSOR, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="Most that are answered")] = 100,
) -> TopicRecords:
    """Records of a topic, newest first, decoded; bytes are in base64."""
    generation = web.generation
    declared = topic_named(generation, topic)
    partitions = declared.partitions(generation.settings)
    if partition is not None and partition >= partitions:
        raise Refusal(400, f"partition {partition}: there are {partitions}, from 0")
    if offset is not None and partition is None:
        raise Refusal(400, "offset: an offset is of a partition; give that, too")
    only_key = None if key is None else key.encode()

    def wanted(message: Message) -> TopicRecord | None:
        if only_key is not None and message.key() != only_key:
            return None
        return topic_record(generation.codecs, message, *declared.records)

    if offset is not None and not after:
        after = ".".join(["0"] * (partition or 0) + [str(offset + 1)])
        after += ".0" * (web.partitions - (partition or 0) - 1)
    page = await web.reader.page(
        declared.name,
        wanted,
        after=after,
        limit=limit,
        partitions=range(partitions) if partition is None else [partition],
    )
    return TopicRecords(
        topic=declared.name, records=page.found, scanned=page.scanned, next=page.next
    )
