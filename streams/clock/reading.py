"""Reading `wall.clock`: the clock that a record sets, by the rules of intake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.clock import checked_clock
from streams.contract.codecs import BadRecord
from streams.contract.reasons import Reason
from streams.contract.records import ClockSet

if TYPE_CHECKING:
    from domain.clock import Clock
    from streams.contract.codecs import Codecs


def clock_of(codecs: Codecs, wall: str, value: bytes, recorded_ms: int) -> Clock:
    """The clock that a record sets.

    Args:
        codecs: Decodes it.
        wall: The record's key.
        value: Its value.
        recorded_ms: Its timestamp, in milliseconds since the epoch.

    Raises:
        BadRecord: It is no clock, or of another wall.
        InvalidWall: It is out of bounds.
    """
    submitted = codecs.decode_any(value, ClockSet)
    check_wall(submitted.wall, wall, "clock is")
    return checked_clock(
        submitted.run,
        submitted.state,
        submitted.day,
        submitted.at_ms,
        submitted.ms_per_day,
        recorded_ms,
    )


def check_wall(submitted: str, wall: str, what: str) -> None:
    """Make sure that a record is of the wall that its key names.

    Raises:
        BadRecord: It is of another.
    """
    if submitted != wall:
        raise BadRecord(
            f"the key is {wall}, but the {what} of {submitted[:100]!r}; they must be the same",
            Reason.KEY,
        )
