"""Replay: reset the group's offsets on the input topics, with the tables kept or wiped."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from confluent_kafka.admin import OffsetSpec

from streams.client.errors import ClientError
from streams.client.group import Group
from streams.client.kafka import ANY_PARTITION, produce
from streams.client.versions import topics_key, wipe_key
from streams.contract.records import VersionSwitched
from streams.contract.topics import create_topics, delete_topics, truncate_topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.client.client import Client
    from streams.client.group import Offsets
    from streams.contract.topics import Topic


class Replay:
    """Moves the offsets of a group that has no workers."""

    def __init__(self, client: Client) -> None:
        """Name the group of the client's settings."""
        self.client = client
        self.group = Group(client.settings, client.topics)

    def reset(self, to: str) -> Offsets:
        """Set the committed offsets of the input topics.

        Args:
            to: `earliest`, an offset, or a date and time in ISO format.

        Returns:
            The new offsets.
        """
        group, inputs = self.group, self.client.topics.inputs
        if to == "earliest":
            wanted = group.offsets(inputs, OffsetSpec.earliest())
        elif to.isascii() and to.isdecimal():
            low = group.offsets(inputs, OffsetSpec.earliest())
            high = group.ends(inputs)
            wanted = {tp: min(max(int(to), low[tp]), high[tp]) for tp in low}
        else:
            at_ms = int(_moment(to).timestamp() * 1000)
            found = group.offsets(inputs, OffsetSpec.for_timestamp(at_ms))
            high = group.ends(inputs)
            wanted = {tp: high[tp] if offset < 0 else offset for tp, offset in found.items()}
        self.group.commit(wanted)
        return wanted

    def wipe(self, digest: str) -> None:
        """Delete all state: changelogs, published rows, and records of intermediate topics.

        A wall's log must not be read from before its tables went: plans would have versions that
        the ledger has seen already. So the topics between the stages are emptied. They are not
        made anew: an offset is a version, and another plan must never have the same.

        A record on `wall.versions` says so until all is gone and the offsets are set: until then no
        worker runs, and the same again does all of it.

        Args:
            digest: Of the rows before it; empty if nothing should be the same again.

        Raises:
            ClientError: The broker did not take what was sent, or a worker has started.
            KafkaException: The broker did not empty, delete or create the topics.
        """
        client, topics = self.client, self.client.topics
        version = client.settings.version
        mark = client.codecs.encode(VersionSwitched(version, version, digest))
        self._record(wipe_key(client.settings), mark)
        with self.group.fenced():  # a worker that has read `wall.versions` before that
            produce_tombstones(client, (topics.daily, topics.overview))
            truncate_topics(client.settings, [topic.name for topic in topics.intermediate])
            delete_topics(client.settings, [topic.name for topic in topics.changelogs])
            create_topics(client.settings)
        read = (*topics.inputs, *topics.intermediate)
        self.group.commit(self.group.offsets(read, OffsetSpec.earliest()))
        self._record(topics_key(client.settings), None)  # the next worker records those of now
        self._record(wipe_key(client.settings), None)

    def before_clocks(self) -> Offsets:
        """Where the clocks and their ticks begin: read no further, a worker has plans alone.

        What is told on a clock is told by the plan at that place on the wall's log. After a wipe
        the topics are read in any order: of a plan with half of its profiles, things would be told
        that never happened.
        """
        topics = self.client.topics
        return self.group.offsets((topics.clock, topics.ticks), OffsetSpec.earliest())

    def _record(self, key: str, value: bytes | None) -> None:
        client = self.client
        produce(client.settings, [(client.topics.versions.name, key, value, ANY_PARTITION)])


def produce_tombstones(client: Client, topics: Iterable[Topic]) -> None:
    """Delete all rows of compacted topics."""
    produce(
        client.settings,
        ((t.name, key, None, partition) for t in topics for partition, key in client.values(t)),
    )


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise ClientError(
            f"{text[:40]!r} is not earliest, an offset, or a date and time such as 2026-01-31T12:00"
        ) from error
