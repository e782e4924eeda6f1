"""Overview: add up the profiles of each wall.

Reads `wall.totals`, which is partitioned by wall. The table holds the totals and the curve of each
profile as last published, so that the worker that owns a wall answers every question about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.batching import Message, Outcome
from streams.contract.codecs import BadRecord

if TYPE_CHECKING:
    from streams.batching import BatchApp, BatchStream, BatchTable, RecordBatch, Rows
    from streams.context import StageContext
    from streams.contract.codecs import Record


def add_up(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Take in a batch of profile totals and send the overviews of their walls."""
    outcome = Outcome()
    codec = context.codecs["ProfileTotals"]
    walls: dict[str, None] = {}
    for record in batch.records:
        try:
            _, totals = context.codecs.decode_any(record.value or b"", "ProfileTotals")
        except BadRecord as error:
            outcome.messages.append(context.dead_letter(batch, record, str(error)))
            continue
        key = f"{totals['wall']}/{totals['profile']}".encode()
        value = rows.get(key)
        if value is None or _age(codec.decode(value)) < _age(totals):
            rows.put(key, codec.encode(totals))
        walls[totals["wall"]] = None
    for wall in walls:
        overview = wall_overview(wall, [codec.decode(row) for _, row in rows.scan(wall.encode())])
        # Its key is the one that brought it here: the row belongs on this partition.
        outcome.messages.append(
            Message(context.topics.overview.name, wall.encode(), None, batch.partition)
            if overview is None
            else context.message(
                context.topics.overview, wall, "WallOverview", overview, batch.partition
            )
        )
    return outcome


def _age(totals: Record) -> tuple[int, bool]:
    """A complete plan is later than the announcement that it is being built."""
    return totals["version"], totals["state"] == "COMPLETE"


def wall_overview(wall: str, rows: list[Record]) -> Record | None:
    """The overview of a wall from the totals of its profiles; None if it has none left."""
    profiles = [row for row in rows if not row["withdrawn"]]
    if not profiles:
        return None
    latest = max(rows, key=lambda row: row["version"])
    return {
        "wall": wall,
        "state": "COMPLETE" if all(row["state"] == "COMPLETE" for row in rows) else "BUILDING",
        "mode": latest["mode"], "crews": latest["crews"], "material": latest["material"],
        "profiles": len(profiles),
        "sections": sum(row["sections"] for row in profiles),
        "days": max(row["days"] for row in profiles),
        "ice": sum(row["ice"] for row in profiles),
        "cost": sum(row["cost"] for row in profiles),
    }  # fmt: skip


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the overview an agent of the app."""

    @app.batch_agent(context.topics.totals.name)
    async def overview(batches: BatchStream) -> None:
        async for batch in batches:
            rows = table.rows(batch.partition)
            await batch.deliver(add_up(batch, rows, context), table, rows)
