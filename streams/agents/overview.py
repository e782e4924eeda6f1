"""Overview: add up the profiles of each wall.

Reads `wall.totals`, which is partitioned by wall. The table holds the totals and the curve of each
profile as last published, so that the worker that owns a wall answers every question about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.batching import Message, Messages, Outcome
from streams.contract.records import ProfileTotals, WallOverview

if TYPE_CHECKING:
    from streams.batching import BatchApp, BatchStream, BatchTable, RecordBatch, Rows
    from streams.context import StageContext


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the overview an agent of the app."""

    @app.batch_agent(context.topics.totals.name)
    async def overview(batches: BatchStream) -> None:
        async for batch in batches:
            rows = table.rows(batch.partition)
            await batch.deliver(add_up(batch, rows, context), rows)


def add_up(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Take in a batch of profile totals and send the overviews of their walls."""
    state = context.state(rows, ProfileTotals)
    events = context.events(batch, ProfileTotals)
    walls: dict[str, None] = {}
    for _, totals in events:
        key = f"{totals.wall}/{totals.profile}"
        before = state.get(key)
        if before is None or before.is_older_than(totals):
            state.put(key, totals)
        walls[totals.wall] = None
    messages = Messages()
    topic = context.topics.overview
    for wall in walls:
        overview = wall_overview(wall, [row for _, row in state.scan(wall)])
        # Its key is the one that brought it here: the row belongs on this partition.
        messages.append(
            Message(topic.name, wall.encode(), None, batch.partition)
            if overview is None
            else context.message(topic, wall, overview, batch.partition)
        )
    messages.extend(events.dead_letters)
    return Outcome(messages)


def wall_overview(wall: str, rows: list[ProfileTotals]) -> WallOverview | None:
    """The overview of a wall from the totals of its profiles; None if it has none left."""
    profiles = [row for row in rows if not row.withdrawn]
    if not profiles:
        return None
    latest = max(rows, key=lambda row: row.version)
    return WallOverview(
        wall=wall,
        state="COMPLETE" if all(row.state == "COMPLETE" for row in rows) else "BUILDING",
        mode=latest.mode,
        crews=latest.crews,
        material=latest.material,
        profiles=len(profiles),
        sections=sum(row.sections for row in profiles),
        days=max(row.days for row in profiles),
        ice=sum(row.ice for row in profiles),
        cost=sum(row.cost for row in profiles),
    )
