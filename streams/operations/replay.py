"""Replay: reset the group's offsets on the input topics, with the tables kept or wiped."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from confluent_kafka.admin import OffsetSpec

from streams.client.group import Group
from streams.client.kafka import ClientError, produce
from streams.contract.topics import create_topics, delete_topics, truncate_topics

if TYPE_CHECKING:
    from streams.client.client import Client
    from streams.client.group import Offsets


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

    def wipe(self) -> None:
        """Delete all state: changelogs, published rows, and records of intermediate topics.

        A wall's log must not be read from before its tables went: plans would have versions that
        the ledger has seen already. So the topics between the stages are emptied. They are not
        made anew: an offset is a version, and another plan must never have the same.

        Raises:
            ClientError: The broker did not take the tombstones.
            KafkaException: The broker did not empty, delete or create the topics.
        """
        client, topics = self.client, self.client.topics
        tombstones = [
            (topic.name, key, None, partition)
            for topic in (topics.daily, topics.overview)
            for partition, key in client.values(topic)
        ]
        produce(client.settings, tombstones)
        truncate_topics(client.settings, [topic.name for topic in topics.intermediate])
        delete_topics(client.settings, [topic.name for topic in topics.changelogs])
        create_topics(client.settings)
        self.group.commit(self.group.offsets(topics.intermediate, OffsetSpec.earliest()))


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError as error:
        raise ClientError(
            f"{text[:40]!r} is not earliest, an offset, or a date and time such as 2026-01-31T12:00"
        ) from error
