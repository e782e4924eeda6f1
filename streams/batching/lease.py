"""Until when a worker certainly owns its partitions.

The group coordinator reassigns a member's partitions when it has received no heartbeat for the
session timeout, or when the member has not rejoined a rebalance within the rebalance timeout. A
worker that does not notice, because its event loop was blocked or its host suspended, would write
where another worker writes by then. So it checks the lease before it sends. What counts is the
coordinator's last answer, and the time of the request, by a clock that goes on while the host is
suspended.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from streams.batching.crash import Circumstance

if TYPE_CHECKING:
    from collections.abc import Callable

NO_GENERATION = -1


class LostPartitions(Circumstance):
    """The partitions may belong to another worker by now: nothing more may be sent for them."""


def seconds_since_boot() -> float:
    """Seconds on a clock that is never adjusted, and goes on while the host is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class _Term(NamedTuple):
    """The coordinator's last answer: for which generation it holds, and until when."""

    generation: int
    until: float


class Lease:
    """What the group coordinator has confirmed; any thread may use it."""

    def __init__(
        self,
        session_timeout_s: float,
        rebalance_timeout_s: float,
        clock: Callable[[], float] = seconds_since_boot,
    ) -> None:
        """Begin with nothing granted.

        Args:
            session_timeout_s: Session timeout of the consumer group, in seconds.
            rebalance_timeout_s: How long a rebalance waits for members to join, in seconds.
            clock: The time, in seconds.
        """
        self._session_timeout_s = session_timeout_s
        self._rebalance_timeout_s = rebalance_timeout_s
        self.clock = clock
        self._term = _Term(NO_GENERATION, 0.0)
        self._stable_at = 0.0

    def renewed(self, generation: int, asked_at: float, *, rebalancing: bool = False) -> None:
        """Note that the coordinator has confirmed this worker as a member.

        Args:
            generation: Generation of the group in which it is a member.
            asked_at: Time of the request, by the clock; the answer came later, never earlier.
            rebalancing: The answer was that a rebalance has begun: the partitions stay with this
                worker until it rejoins, or until the rebalance timeout.
        """
        until = asked_at + self._session_timeout_s
        if rebalancing:
            until = min(until, self._stable_at + self._rebalance_timeout_s)
        else:
            self._stable_at = asked_at
        self._term = _Term(generation, until)

    def lost(self) -> None:
        """Note that this worker is no longer a member."""
        self._term = _Term(NO_GENERATION, 0.0)

    def check(self, generation: int | None) -> None:
        """Make sure that partitions assigned in a generation still belong to this worker.

        Raises:
            LostPartitions: They may belong to another worker.
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
