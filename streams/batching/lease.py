"""Until when the partitions that a worker has are its own for sure.

A group coordinator gives the partitions of a member away when it has heard no heartbeat for the
session timeout, or when the group has been forming anew for the rebalance timeout without it. A
worker that does not notice, because its event loop stood still or its host was suspended, would
write where another worker writes by then. So it asks here before it sends: what counts is what the
coordinator has answered, and the time at which that was asked, by a clock that goes on while the
host is suspended.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

NO_GENERATION = -1


class LostPartitions(RuntimeError):
    """The partitions may be another worker's by now: nothing more may be sent for them."""


def seconds_since_boot() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the host is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class _Term(NamedTuple):
    """What the coordinator has said last: of which generation, and until when it holds."""

    generation: int
    until: float


class Lease:
    """What the group coordinator has granted; read and written by any thread."""

    def __init__(
        self,
        session_timeout_s: float,
        rebalance_timeout_s: float,
        clock: Callable[[], float] = seconds_since_boot,
    ) -> None:
        """Begin with nothing granted.

        Args:
            session_timeout_s: After so long without a heartbeat a member is out, in seconds.
            rebalance_timeout_s: So long a group that forms anew waits for its members, in seconds.
            clock: The time, in seconds.
        """
        self._session_timeout_s = session_timeout_s
        self._rebalance_timeout_s = rebalance_timeout_s
        self.clock = clock
        self._term = _Term(NO_GENERATION, 0.0)
        self._stable_at = 0.0

    def renewed(self, generation: int, asked_at: float, *, rebalancing: bool = False) -> None:
        """Note that the coordinator knows us.

        Args:
            generation: Generation of the group that we are a member of.
            asked_at: When it was asked, by the clock: it answered later, never earlier.
            rebalancing: It also said that the group forms anew: our partitions are ours until we
                join, or until it waits no longer.
        """
        until = asked_at + self._session_timeout_s
        if rebalancing:
            until = min(until, self._stable_at + self._rebalance_timeout_s)
        else:
            self._stable_at = asked_at
        self._term = _Term(generation, until)

    def lost(self) -> None:
        """Note that the coordinator does not know us any more."""
        self._term = _Term(NO_GENERATION, 0.0)

    def check(self, generation: int | None) -> None:
        """Make sure that the partitions which were assigned in a generation are still ours.

        Raises:
            LostPartitions: They may be another worker's.
        """
        current, until = self._term
        if current != generation:
            raise LostPartitions(
                f"the partitions were assigned in generation {generation} of the group, which is "
                "over: they may be another worker's"
            )
        late = self.clock() - until
        if late > 0:
            raise LostPartitions(
                f"the group has not confirmed this worker in time, by {late:.1f} s: its partitions "
                "may be another worker's"
            )
