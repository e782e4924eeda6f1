"""The app, as the other parts of the library see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from faust.types import TP, Message

    from streams.batching.lease import Lease
    from streams.batching.observer import Observer
    from streams.batching.producer import BatchProducer
    from streams.batching.records import DeadLetter, Outcome, Record


class Buffer(Protocol):
    """Messages that were fetched for an agent, and that it has not begun."""

    @property
    def has_room(self) -> bool:
        """Whether more may be fetched for the agent."""

    def put(self, message: Message) -> None:
        """Buffer a message, whose value is a record batch."""

    def clear(self) -> None:
        """Drop what is buffered."""


class Host(Protocol):
    """What batch stream, tables and consumer need from their app.

    Attributes:
        output: What the agents send with.
        prepare: Awaited with records before an agent gets them, and rows before Faust applies them.
        handle: Lets a stage process a batch; returns its outcome and the rows of its tables.
        dead_letter: Makes the dead letter of a record; None to make none.
        lease: Until when the worker owns its partitions.
        fault: Why nothing may be fetched at the moment, as a sentence; None if it may.
        in_recovery: Whether tables are being recovered.
        observer: Is told what is done.
        buffers: By topic, what is fetched for the agent that reads it.
        read_until: For a partition, the offset at which reading ends.
        consumer: Faust's consumer.
        consumer_generation_id: The generation of the consumer group.
    """

    output: BatchProducer
    prepare: Callable[[Sequence[Record]], Awaitable[None]]
    handle: Callable[..., tuple[Outcome, list[Any]]]
    dead_letter: DeadLetter | None
    lease: Lease
    fault: str | None
    in_recovery: bool
    observer: Observer
    buffers: Mapping[str, Buffer]
    read_until: Mapping[tuple[str, int], int]
    consumer: Any
    consumer_generation_id: int

    def check_assignment(self) -> None:
        """Raise if the worker must not process what it is assigned; blocks."""

    def checkpoint(self) -> Callable[[int], None]:
        """A function to call after a commit, with the generation that the commit has confirmed."""

    def count_progress(self, partition: TP) -> None:
        """Note that messages derived from a partition are acknowledged."""
