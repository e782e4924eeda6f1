"""What every stage needs to read and write: the topics and the codecs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams import metrics
from streams.batching import Message

# More than a partition has ever had, and few enough for 4,095 versions in the 53 bits of JSON.
OFFSETS_A_VERSION = 1 << 40

if TYPE_CHECKING:
    from streams.batching import Record as KafkaRecord
    from streams.batching import RecordBatch
    from streams.contract.codecs import Codecs, Record
    from streams.contract.topics import Topic, Topics


@dataclass(frozen=True)
class StageContext:
    """The topics and codecs that the stages share."""

    topics: Topics
    codecs: Codecs
    partitions: int
    app_version: int = 1

    def plan_version(self, offset: int) -> int:
        """The version of a plan that was last changed by the event at an offset of its wall's log.

        Another application version folds a log of its own, whose offsets begin again: its plans
        are all newer, for whoever compares versions on a topic that both have published to.
        """
        return (self.app_version - 1) * OFFSETS_A_VERSION + offset

    def message(
        self, topic: Topic, key: str, name: str, record: Record, partition: int = -1
    ) -> Message:
        """A record as a message; without a partition, the key decides."""
        return Message(topic.name, key.encode(), self.codecs.encode(name, record), partition)

    def dead_letter(self, batch: RecordBatch, record: KafkaRecord, reason: str) -> Message:
        """A record that could not be processed, untouched, and why."""
        metrics.DEAD_LETTERS.labels(topic=batch.topic).inc()
        value = self.codecs.encode(
            "DeadLetter",
            {
                "reason": reason,
                "topic": batch.topic,
                "partition": batch.partition,
                "offset": record.offset,
                "timestamp": record.timestamp,
                "key": record.key,
                "value": record.value,
                "headers": [{"name": name, "value": value} for name, value in record.headers],
            },
        )
        return Message(self.topics.dead_letters.name, record.key, value)
