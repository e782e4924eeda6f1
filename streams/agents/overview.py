"""Overview: add up the profiles of each wall.

Reads `wall.totals`, which is partitioned by wall. The table holds the totals and the curve of each
profile as last published, so that the worker that owns a wall answers every question about it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from streams.batching import Message, Messages, Outcome
from streams.contract.records import ProfileTotals
from streams.contract.sums import WallSums

if TYPE_CHECKING:
    from streams.batching import BatchApp, BatchStream, BatchTable, RecordBatch, Rows
    from streams.context import StageContext, State

# Sums are made of all rows of a wall: those of the walls that changed last are kept.
WALLS_KEPT = 1_000


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the overview an agent of the app."""

    @app.batch_agent(context.topics.totals.name)
    async def overview(batches: BatchStream) -> None:
        async for batch in batches:
            await batch.handle(partial(add_up, context=context), table)


def add_up(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Take in a batch of profile totals and send the overviews of their walls."""
    state = context.state(rows, ProfileTotals)
    events = context.events(batch, ProfileTotals)
    walls: dict[str, WallSums] = {}
    for _, totals in events:
        sums = walls.get(totals.wall)
        if sums is None:
            sums = walls[totals.wall] = sums_of(totals.wall, rows, state)
        key = f"{totals.wall}/{totals.profile}"
        before = state.get(key)
        if before is None or before.is_older_than(totals):
            state.put(key, totals)
            sums.replace(before, totals)
    messages = Messages()
    topic = context.topics.overview
    for wall, sums in walls.items():
        _keep(sums, wall, rows)
        overview = sums.overview(wall)
        # Its key is the one that brought it here: the row belongs on this partition.
        messages.append(
            Message(topic.name, wall.encode(), None, batch.partition)
            if overview is None
            else context.message(topic, wall, overview, batch.partition)
        )
    messages.extend(events.dead_letters)
    return Outcome(messages)


def sums_of(wall: str, rows: Rows, state: State[ProfileTotals]) -> WallSums:
    """The sums of a wall: kept from an earlier batch, or made of its rows as they are now."""
    sums: WallSums | None = rows.cache.get(WallSums, {}).get(wall)
    if sums is None:
        sums = WallSums(totals for _, totals in state.scan(wall))
        if sums.has_rows:  # anybody may ask for any wall
            _keep(sums, wall, rows)
    return sums


def _keep(sums: WallSums, wall: str, rows: Rows) -> None:
    kept: dict[str, WallSums] = rows.cache.setdefault(WallSums, {})
    kept.pop(wall, None)
    kept[wall] = sums  # last in order, so last to be dropped
    if len(kept) > WALLS_KEPT:
        del kept[next(iter(kept))]
