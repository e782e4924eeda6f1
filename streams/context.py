"""What every stage is given: the topics, records out of batches and rows, and messages to send."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from streams import metrics
from streams.batching import Message, Messages
from streams.batching.fetched import UnreadableRecord
from streams.contract.codecs import BadRecord
from streams.contract.dead_letters import dead_letter_of
from streams.contract.reasons import Reason
from streams.contract.topics import OFFSETS_PER_VERSION
from streams.logs import Sparing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.errors import InvalidWall
    from streams.batching import Record, RecordBatch, Rows
    from streams.contract.codecs import Codec, Codecs
    from streams.contract.topics import Topic, Topics

told = Sparing(logging.getLogger(__name__))

R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")


# What anybody may write takes any time to decode, and each record may name a schema that has to be
# asked for. So batches are small enough for one to be done soon, whatever is in it.
INPUT_COST_PER_BATCH = 1024 * 1024
INPUT_COST_PER_RECORD = 512


def input_cost(record: Record) -> int:
    """What a record that anybody may have written counts for in a batch, as bytes do."""
    return INPUT_COST_PER_RECORD + len(record.value or b"")


class Events(Generic[R]):
    """The records of a batch, decoded.

    Attributes:
        dead_letters: A message for each record that could not be decoded, so far.
    """

    def __init__(
        self, context: StageContext, batch: RecordBatch, types: tuple[type[Any], ...]
    ) -> None:
        """Read a batch whose records should be of these types."""
        self.dead_letters = Messages()
        self._context = context
        self._batch = batch
        self._types = types

    def __iter__(self) -> Iterator[tuple[Record, R]]:
        """Yield each record that can be decoded, as read and decoded."""
        for record in self._batch.records:
            event = self.decode(record)
            if event is not None:
                yield record, event

    def decode(self, record: Record) -> R | None:
        """Decode a record of the batch; None if it can't be, and is a dead letter."""
        try:
            event: R = self._context.codecs.decode_any(record.value or b"", *self._types)
        except BadRecord as error:
            self.dead_letters.append(self._context.refusal(self._batch, record, error))
            return None
        return event


class State(Generic[R]):
    """The rows of one partition as records, for one batch. Keys are text."""

    def __init__(self, rows: Rows, codec: Codec[R]) -> None:
        """View rows that all have one type."""
        self._rows = rows
        self._codec = codec
        self._decoded: dict[str, R] = {}
        # Lasts from batch to batch, and goes away when the rows may be others.
        self._kept: dict[str, R] = rows.cache.setdefault(State, {})

    def get(self, key: str) -> R | None:
        """The row of a key; None if there is none."""
        row = self._decoded.get(key) or self._kept.get(key)
        if row is None:
            value = self._rows.get(key.encode())
            if value is None:
                return None
            row = self._decoded[key] = self._codec.decode(value)
        return row

    def put(self, key: str, row: R, *, keep: bool = False) -> None:
        """Write a row; keep it decoded for the next batches if they are likely to ask for it."""
        self._rows.put(key.encode(), self._codec.encode(row))
        self._decoded[key] = row
        if keep:
            self._kept[key] = row
        else:
            self._kept.pop(key, None)

    def keys(self, prefix: str) -> Iterator[str]:
        """As `scan`, without the rows."""
        for key, _ in self._rows.scan(prefix.encode()):
            yield key.decode()[len(prefix) + 1 :]

    def scan(self, prefix: str) -> Iterator[tuple[str, R]]:
        """The rows whose keys are `prefix`/something without another slash, by that something."""
        for key, value in self._rows.scan(prefix.encode()):
            text = key.decode()
            row = self._decoded.get(text) or self._codec.decode(value)
            yield text[len(prefix) + 1 :], row


@dataclass(frozen=True)
class StageContext:
    """The topics and codecs that the stages share."""

    topics: Topics
    codecs: Codecs
    partitions: int
    app_version: int = 1

    def plan_version(self, offset: int) -> int:
        """The version of a plan that was last changed by the event at an offset of its wall's log.

        Another application version reads a log of its own, whose offsets begin again. All its
        plans are newer, for consumers of a topic that both have published to.
        """
        return (self.app_version - 1) * OFFSETS_PER_VERSION + offset

    @overload
    def events(self, batch: RecordBatch, one: type[R], /) -> Events[R]: ...
    @overload
    def events(self, batch: RecordBatch, one: type[R], other: type[S], /) -> Events[R | S]: ...
    @overload
    def events(
        self, batch: RecordBatch, one: type[R], two: type[S], three: type[T], four: type[U], /
    ) -> Events[R | S | T | U]: ...
    def events(self, batch: RecordBatch, /, *types: type[Any]) -> Events[Any]:
        """The records of a batch, decoded as one of these types."""
        return Events(self, batch, types)

    def state(self, rows: Rows, row_type: type[R]) -> State[R]:
        """The rows of a table as records."""
        return State(rows, self.codecs.of(row_type))

    def message(self, topic: Topic, key: str, record: object, partition: int = -1) -> Message:
        """A record as a message; without a partition, the key decides."""
        return Message(topic.name, key.encode(), self.codecs.encode(record), partition)

    def refusal(
        self, batch: RecordBatch, record: Record, error: BadRecord | InvalidWall
    ) -> Message:
        """The dead letter of a record that can't be decoded, or says what no wall can have."""
        kind = error.kind if isinstance(error, BadRecord) else Reason.CONTENT
        return self.dead_letter(batch, record, str(error), kind)

    def dead_letter(
        self, batch: RecordBatch, record: Record, reason: str, kind: Reason = Reason.FAILED
    ) -> Message:
        """A record that could not be processed, untouched, and why."""
        if isinstance(record, UnreadableRecord):
            kind = Reason.UNREADABLE
        metrics.DEAD_LETTERS.labels(batch.topic, kind).inc()
        told(
            logging.WARNING, "%s/%d@%d is a dead letter (%s): %.300a",
            batch.topic, batch.partition, record.offset, kind, reason,
        )  # fmt: skip
        letter = dead_letter_of(batch, record, reason)
        return Message(self.topics.dead_letters.name, letter.key, self.codecs.encode(letter))
