"""What the parts of the batch delivery need of the app that they are part of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from faust.types import TP

    from streams.batching.lease import Lease
    from streams.batching.producer import BatchProducer
    from streams.batching.records import DeadLetter, Outcome, Record, RecordBatch


class Host(Protocol):
    """The app, as its batch stream, its tables and its consumer see it.

    Attributes:
        output: What the agents send with.
        prepare: Awaited with the records of a batch before its agent gets it.
        handle: Lets a stage work on a batch; what it makes of it, and the rows of its tables.
        on_batch: Called with a computed batch, the agent's name and the seconds that it took.
        dead_letter: Makes the dead letter of a record; None if there is to be none.
        lease: Until when the worker's partitions are its own.
        check_assignment: Raises if the worker must not process what it is assigned.
        on_recovered: Called with a table's name and the changelog messages applied to it.
        read_until: The offset of a partition from which on nothing is read.
        consumer: Faust's consumer.
        consumer_generation_id: The generation of the consumer group.
    """

    output: BatchProducer
    prepare: Callable[[Sequence[Record]], Awaitable[None]]
    handle: Callable[..., tuple[Outcome, list[Any]]]
    on_batch: Callable[[RecordBatch, str, float], None]
    dead_letter: DeadLetter | None
    lease: Lease
    check_assignment: Callable[[], None]
    on_recovered: Callable[[str, int], None]
    read_until: Mapping[tuple[str, int], int]
    consumer: Any
    consumer_generation_id: int

    def checkpoint(self) -> Callable[[int], None]:
        """What to call once an offset is committed, with the generation that it shows current."""

    def count_progress(self, partition: TP) -> None:
        """Note that messages which came of a partition are acknowledged."""
