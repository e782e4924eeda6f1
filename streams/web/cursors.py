"""Where a stream of events stands: offsets by topic and partition, as the `id` of its events.

A browser that has lost its stream sends the last one as `Last-Event-ID`, to this process or to the
one after it, and gets what it has missed, by Kafka's own positions.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Kafka keeps tombstones for a day: a cursor older than half of one may have missed some.
OLDEST_S = 12 * 60 * 60

ROWS = ("plans", "totals", "published")
CLOCKS = ("clocks", "told")
PARTS = (*ROWS, *CLOCKS, "audit", "dead_letters")
"""The topics of a cursor, in its order."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a stream has told.

    Attributes:
        at: When, in seconds since the epoch.
        generation: Which replica it was of: positions mean nothing on other topics.
        positions: The offset of each partition that is told next, by part.
    """

    at: int
    generation: str
    positions: dict[str, tuple[int, ...]]

    def __str__(self) -> str:
        """As it is sent."""
        parts = [",".join(map(str, self.positions[part])) for part in PARTS]
        return ".".join([str(self.at), self.generation, *parts])

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """A cursor that was sent; None if it is none."""
        at, _, rest = text[:4096].partition(".")
        generation, *parts = rest.split(".")
        if len(parts) != len(PARTS):
            return None
        try:
            positions = {
                part: tuple(_number(offset) for offset in given.split(","))
                for part, given in zip(PARTS, parts, strict=True)
            }
            return cls(_number(at), generation, positions)
        except ValueError:
            return None

    def fits(self, other: Cursor) -> bool:
        """Whether a stream can go on from here that stands at the other one now."""
        return self.generation == other.generation and all(
            len(self.positions[part]) == len(now)
            and all(before <= at for before, at in zip(self.positions[part], now, strict=True))
            for part, now in other.positions.items()
        )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise ValueError(text)
    return int(text)


def name_of(topic_ids: Sequence[str]) -> str:
    """A short name for topics of these ids."""
    return blake2b("/".join(topic_ids).encode(), digest_size=6).hexdigest()
