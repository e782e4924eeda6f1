"""The last audit events and dead letters, in memory; older ones are read from the topic."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from streams.contract.codecs import BadRecord
from streams.contract.records import (
    CrewRelieved,
    DayPassed,
    DeadLetter,
    PlanReplaced,
    ProfileCompleted,
    ProfileWithdrawn,
    SectionCompleted,
)
from streams.web.follower import Follower
from streams.web.models import AuditEvent, DeadLetterSummary, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Message

    from streams.contract.codecs import Codecs
    from streams.contract.topics import Topic, Topics
    from streams.settings import Settings
    from streams.web.follower import Jumps

MOST = 10_000
"""Records that are kept of a topic."""

E = TypeVar("E", AuditEvent, DeadLetterSummary)
RESUBMIT_OF = "thewall-resubmit-of"
"""Header of a resubmitted record: partition/offset of its dead letter."""

AUDIT = (
    SectionCompleted, CrewRelieved, PlanReplaced, ProfileCompleted, ProfileWithdrawn, DayPassed,
)  # fmt: skip


class Tail(Generic[E]):
    """The last records of a topic.

    Attributes:
        records: Those that are kept, oldest first.
    """

    def __init__(
        self,
        topic: Topic,
        settings: Settings,
        decode: Callable[[Message], E | None],
        on_records: Callable[[list[E], int], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        """Follow the end of a topic.

        Args:
            topic: The topic.
            settings: Where the broker is.
            decode: Makes a record of a message.
            on_records: Called with new records, and how many were passed over.
            on_failure: Called if it can't go on.
        """
        self.records: deque[E] = deque(maxlen=MOST)
        self._on_records: Callable[[list[E], int], None] = on_records
        self.follower = Follower(
            settings,
            [topic.name],
            decode,
            self._take,
            on_failure,
            tail=max(1, MOST // settings.partitions),
        )
        self.follower.start()

    @property
    def positions(self) -> dict[int, int]:
        """The offset that is read next, by partition."""
        return {partition: at for (_, partition), at in self.follower.positions.items()}

    def missed(self, since: Sequence[int]) -> tuple[list[E], int]:
        """The records from these offsets on, by partition, and how many of them are not kept."""
        found = [r for r in self.records if r.offset >= since[r.partition]]
        return found, max(0, sum(self.positions.values()) - sum(since) - len(found))

    def _take(self, found: list[E], jumps: Jumps) -> None:
        self.records.extend(found)
        self._on_records(found, sum(to - start for start, to in jumps.values()))


def time_of(message: Message) -> int | None:
    """Timestamp of a message, in milliseconds since the epoch."""
    _, at_ms = message.timestamp()
    return at_ms if at_ms >= 0 else None


def audit_event(codecs: Codecs, message: Message) -> AuditEvent | None:
    """The audit event that a message is; None if it can't be read."""
    try:
        record: Any = codecs.decode_any(message.value() or b"", *AUDIT)
    except BadRecord:
        return None
    of_record = {name: getattr(record, name) for name in record.__dataclass_fields__}
    return AuditEvent(
        kind=type(record).__name__,
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        time=time_of(message),
        **of_record,
    )


def dead_letter_of(codecs: Codecs, message: Message) -> DeadLetter | None:
    """The dead letter that a message is; None if it can't be read."""
    try:
        return codecs.decode_any(message.value() or b"", DeadLetter)
    except BadRecord:
        return None


def dead_letter_summary(topics: Topics, letter: DeadLetter, message: Message) -> DeadLetterSummary:
    """What is said of a dead letter in a list: its bytes, up to megabytes, stay on the topic."""
    headers = {header.name: header.value for header in letter.headers}
    return DeadLetterSummary(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        time=time_of(message),
        reason=letter.reason,
        source=Place(
            topic=letter.topic,
            partition=letter.partition,
            offset=letter.offset,
            time=letter.timestamp,
        ),
        key=None if letter.key is None else letter.key[:200].decode(errors="replace"),
        value_bytes=None if letter.value is None else len(letter.value),
        resubmittable=letter.topic in {topic.name for topic in topics.doors},
        resubmission_of=(headers.get(RESUBMIT_OF) or b"").decode(errors="replace") or None,
    )
