"""The ticker: a task of every worker that asks for the days that are due, on `wall.ticks`.

It decides nothing. The time is the broker's, which stamps the tick; what is told is a matter of the
wall's log. So ticks may be late, come twice or from several workers, and a host's clock may be
wrong: the ticker reads none. It measures how long it has waited since the last tick of the wall,
whose time it finds in the clock's table, and asks anew when the next day is due by that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from streams.batching import Messages
from streams.batching.crash import crash
from streams.clock.telling import running_clocks
from streams.contract.records import ClockTicked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.clock import Clock, Telling
    from streams.batching import BatchApp, BatchTable
    from streams.context import StageContext

EVERY_S = 0.1
# A tick that does not come back may have been lost, or waits behind much else.
ASK_AGAIN_S = 5.0


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the ticker a task of the app; the table is the clock's."""
    ticker = Ticker()

    async def tick() -> None:
        while not app.should_stop:
            try:
                await app.output.send(_ticks(app, table, context, ticker))
            except Exception as error:  # noqa: BLE001 - ends the worker
                crash("ticks could not be sent", error)
            await app.sleep(EVERY_S)

    app.task(tick)


def _ticks(app: BatchApp, table: BatchTable, context: StageContext, ticker: Ticker) -> Messages:
    if app.not_ready() is not None:
        ticker.forget()
        return Messages()
    accepted, ticks = context.topics.accepted.name, context.topics.ticks
    owned = [tp.partition for tp in app.consumer.assignment() if tp.topic == accepted]
    clocks: dict[str, Telling] = {}
    for partition in owned:
        clocks |= running_clocks(table.rows(partition), context)
    return Messages(
        *(context.message(ticks, wall, ClockTicked(wall, run)) for wall, run in ticker.due(clocks))
    )


class _Asked(NamedTuple):
    """A tick that was sent: of which clock, when by our own measure, and what had passed then."""

    clock: Clock
    at_s: float
    passed_ms: int


class Ticker:
    """Knows which clocks to ask for."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Measure time by a clock that only goes forward, in seconds from anywhere."""
        self._monotonic = monotonic
        self._asked: dict[str, _Asked] = {}

    def forget(self) -> None:
        """Ask for every clock anew: what was sent may have been for another worker."""
        self._asked.clear()

    def due(self, clocks: Mapping[str, Telling]) -> list[tuple[str, str]]:
        """The walls to ask for now, with their runs, of clocks that run; they are taken as asked.

        Args:
            clocks: What is told of each wall whose clock runs.
        """
        now_s = self._monotonic()
        due = []
        for wall, telling in clocks.items():
            clock = telling.clock
            if clock is not None and not telling.owes and self._is_due(wall, clock, telling, now_s):
                self._asked[wall] = _Asked(clock, now_s, telling.passed_ms)
                due.append((wall, clock.run))
        for wall in self._asked.keys() - clocks.keys():
            del self._asked[wall]
        return due

    def _is_due(self, wall: str, clock: Clock, telling: Telling, now_s: float) -> bool:
        asked = self._asked.get(wall)
        if asked is None or asked.clock != clock:
            return True
        waited_s = now_s - asked.at_s
        if telling.passed_run != clock.run or telling.passed_ms == asked.passed_ms:
            return waited_s > ASK_AGAIN_S
        # The tick came back: when it was sent, it was at most `passed_ms`.
        next_day_ms = clock.due_ms(clock.day_at(telling.passed_ms) + 1)
        return waited_s * 1000 >= next_day_ms - telling.passed_ms
