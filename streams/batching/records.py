"""What a stage is given and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.cells import Array


class Record(Protocol):
    """One record of a batch as the consumer read it: raw bytes, and their offset."""

    @property
    def offset(self) -> int:
        """Its offset in the partition."""

    @property
    def timestamp(self) -> int:
        """Its timestamp, in milliseconds since the epoch."""

    @property
    def key(self) -> bytes | None:
        """Its key, untouched."""

    @property
    def value(self) -> bytes | None:
        """Its value, untouched; None for a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Its headers, in order."""


@dataclass
class RecordBatch:
    """Records of one partition, in the order of their offsets, not necessarily without gaps."""

    topic: str
    partition: int
    records: Sequence[Record]

    def __len__(self) -> int:
        return len(self.records)


class Position(NamedTuple):
    """A partition, and the offset before which all its records are done."""

    tp: Any
    offset: int


class Message(NamedTuple):
    """A message to send; without a partition, its key decides, as in Java's partitioner."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int = -1


DeadLetter = Callable[[RecordBatch, Record, str], Message]
"""Makes a message with a record that can't be processed, and the reason in one sentence."""


class Column(NamedTuple):
    """Messages of one topic, keys and values side by side; partition as in `Message`, or of each.

    Keys and values that are both `Cells` are sent without an object for each.
    """

    topic: str
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    partition: int | Array = -1

    @property
    def size(self) -> int:
        """How many messages it has."""
        return len(self.keys)

    def made(self) -> Column:
        """The messages themselves."""
        return self


class LaterColumn(NamedTuple):
    """Messages of one topic that are made when it is their turn to be sent.

    All messages of a batch together may be more than there is memory for, and take longer to make
    than the event loop may stand still.

    Attributes:
        topic: Name of the topic.
        size: How many messages there will be.
        make: Makes them; what it raises ends the worker.
    """

    topic: str
    size: int
    make: Callable[[], Column]

    def made(self) -> Column:
        """Make the messages."""
        return self.make()


class Messages:
    """Messages in the order in which they are to be sent, kept in columns.

    An object for each message would cost more than its encoding.
    """

    def __init__(self, *messages: Message) -> None:
        """Start with some messages."""
        self.columns: list[Column | LaterColumn] = []
        for message in messages:
            self.append(message)

    def append(self, message: Message) -> None:
        """Add one message."""
        topic, key, value, partition = message
        self.columns.append(Column(topic, (key,), (value,), partition))

    def add(
        self,
        topic: str,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        partition: int | Array = -1,
    ) -> None:
        """Add messages of one topic; an array has the partition of each."""
        self.columns.append(Column(topic, keys, values, partition))

    def extend(self, messages: Messages) -> None:
        """Append messages."""
        self.columns.extend(messages.columns)

    def __iter__(self) -> Iterator[Message]:
        for column in self.columns:
            topic, keys, values, partition = column.made()
            of_each = (
                repeat(partition, len(keys)) if isinstance(partition, int) else partition.tolist()
            )
            for key, value, number in zip(keys, values, of_each, strict=True):
                yield Message(topic, key, value, number)

    def __len__(self) -> int:
        return sum(column.size for column in self.columns)


@dataclass(slots=True)
class Outcome:
    """What a stage returns for a batch.

    Attributes:
        messages: Sent first.
        announcements: Sent once all `messages` are acknowledged: what announces them.
        on_acknowledged: Called once all that, and the rows, are acknowledged.
    """

    messages: Messages = field(default_factory=Messages)
    announcements: Messages = field(default_factory=Messages)
    on_acknowledged: list[Callable[[], None]] = field(default_factory=list)

    def extend(self, outcome: Outcome) -> None:
        """Append the outcome of another part of the batch."""
        self.messages.extend(outcome.messages)
        self.announcements.extend(outcome.announcements)
        self.on_acknowledged += outcome.on_acknowledged
