"""Who listens to what changes, and what each of them has still to be told.

What a listener is told of rows is coalesced: of a wall that changes a hundred times between two
events it is told once. Audit events and dead letters wait in a queue; what does not fit is counted,
and the listener is told the number. So a listener that does not read costs a bounded amount of
memory, and nothing is ever missing without a word.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streams.web.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.web.models import AuditEvent, DeadLetterSummary

MOST_STREAMS = 100
MOST_OF_AN_ADDRESS = 10
MOST_QUEUED = 256
MOST_PROFILES = 10_000
KINDS = ("rows", "clock", "audit", "deadletter", "pipeline")


@dataclass
class Queue:
    """Events that wait, oldest first, and how many did not fit."""

    events: deque[Any] = field(default_factory=deque)
    skipped: int = 0
    most: int = MOST_QUEUED

    def add(self, events: Sequence[Any], skipped: int) -> None:
        """Queue events; the oldest make room."""
        self.skipped += skipped
        self.events.extend(events)
        while len(self.events) > self.most:
            self.events.popleft()
            self.skipped += 1

    def take(self, most: int) -> tuple[list[Any], int]:
        """Up to so many of the events, and how many were skipped before them."""
        found = [self.events.popleft() for _ in range(min(most, len(self.events)))]
        skipped, self.skipped = self.skipped, 0
        return found, skipped

    def told(self, positions: dict[int, int]) -> tuple[int, ...]:
        """The offset of each partition that is told next, of what was read up to positions."""
        found = dict(positions)
        for event in self.events:
            found[event.partition] = min(event.offset, found[event.partition])
        return tuple(found[partition] for partition in sorted(found))

    def __bool__(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.events or self.skipped)


@dataclass(eq=False)
class Listener:
    """One stream.

    Attributes:
        wall: Told of this wall alone; of all, without their profiles, if None.
        kinds: What it is told of.
        profiles: Profiles that changed, by wall.
        clocks: Walls whose clock was set, or days of it told.
        audit: Audit events that it has still to be told.
        dead_letters: Dead letters, likewise.
        reset: Why it has to ask for everything anew; None if it has not.
        wake: Set when there is something to tell.
    """

    wall: str | None
    kinds: frozenset[str]
    profiles: dict[str, set[int]] = field(default_factory=dict)
    clocks: set[str] = field(default_factory=set)
    audit: Queue = field(default_factory=Queue)
    dead_letters: Queue = field(default_factory=Queue)
    reset: str | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def rows_changed(self, touched: dict[str, set[int]]) -> None:
        """Rows of walls have changed."""
        if "rows" not in self.kinds:
            return
        for wall, profiles in touched.items():
            if self.wall is None:
                self.profiles.setdefault(wall, set())
            elif wall == self.wall:
                self.profiles.setdefault(wall, set()).update(profiles)
        if sum(len(profiles) + 1 for profiles in self.profiles.values()) > MOST_PROFILES:
            self.start_anew("more has changed than can be told")
        elif self.profiles:
            self.wake.set()

    def clocks_changed(self, walls: set[str]) -> None:
        """Clocks were set, or days of them told."""
        if "clock" not in self.kinds:
            return
        self.clocks |= walls if self.wall is None else walls & {self.wall}
        if self.clocks:
            self.wake.set()

    def audit_came(self, events: Sequence[AuditEvent], skipped: int) -> None:
        """There are new audit events; so many others were passed over."""
        if "audit" in self.kinds:
            wanted = [e for e in events if self.wall is None or e.wall == self.wall]
            self.audit.add(wanted, skipped)
            if self.audit:
                self.wake.set()

    def dead_letters_came(self, letters: Sequence[DeadLetterSummary], skipped: int) -> None:
        """There are new dead letters; so many others were passed over."""
        if "deadletter" in self.kinds:
            self.dead_letters.add(letters, skipped)
            if self.dead_letters:
                self.wake.set()

    def start_anew(self, reason: str) -> None:
        """What it was told so far no longer holds."""
        self.reset = reason
        self.profiles.clear()
        self.clocks.clear()
        self.wake.set()


class Hub:
    """All listeners."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self.closing = asyncio.Event()
        self._addresses: Counter[str] = Counter()

    def listen(self, listener: Listener, address: str) -> None:
        """Add a listener.

        Raises:
            Refusal: There are as many as there may be, in all or from this address.
        """
        if self.closing.is_set():
            raise Refusal(503, "the web process is ending", headers={"Retry-After": "2"})
        if len(self.listeners) >= MOST_STREAMS or self._addresses[address] >= MOST_OF_AN_ADDRESS:
            raise Refusal(
                429,
                f"there are {len(self.listeners)} streams, {self._addresses[address]} of them from "
                f"{address}; there may be {MOST_STREAMS}, and {MOST_OF_AN_ADDRESS} of one",
                headers={"Retry-After": "10"},
            )
        self.listeners.add(listener)
        self._addresses[address] += 1

    def leave(self, listener: Listener, address: str) -> None:
        """Remove a listener."""
        self.listeners.discard(listener)
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]

    async def pause(self, seconds: float) -> None:
        """Wait, and no longer than until the streams have to end."""
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            pass

    def close(self) -> None:
        """End all streams."""
        self.closing.set()
        for listener in self.listeners:
            listener.wake.set()
