"""Crews: build the sections that each crew is told to, and report them by profile.

Reads `wall.build-commands`, which is partitioned by crew. The table holds the last order of each
crew. What a batch built is gathered per profile before it goes on: a record for each profile
instead of one for each section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams import metrics
from streams.avro import BadRecord
from streams.batching import Outcome

if TYPE_CHECKING:
    from streams.avro import Record
    from streams.batching import BatchApp, Batches, BatchTable, RecordBatch, Rows
    from streams.pipeline import Pipeline


def build(batch: RecordBatch, rows: Rows, pipeline: Pipeline) -> Outcome:
    """Carry out a batch of orders."""
    outcome = Outcome()
    messages, topics = outcome.messages, pipeline.topics
    built: dict[tuple[str, int, int], Record] = {}
    last_orders: dict[str, Record] = {}
    for record in batch.records:
        try:
            name, order = pipeline.codecs.read(record.value or b"", "BuildSection", "RelieveCrew")
        except BadRecord as error:
            messages.append(pipeline.dead_letter(record, str(error)))
            continue
        wall, crew, version = order["wall"], order["crew"], order["version"]
        crew_key = f"{wall}/{crew}"
        if name == "RelieveCrew":
            last_orders[crew_key] = _last_order(crew_key, rows, pipeline, last_orders) | {
                "version": version,
                "relieved_on": order["day"],
            }
            messages.append(
                pipeline.message(topics.events, f"{wall}/crew/{crew}", "CrewRelieved", order)
            )
            continue
        profile, section = order["profile"], order["section"]
        first_day, days = order["first_day"], order["days"]
        report = built.get((wall, profile, version))
        if report is None:
            report = built[wall, profile, version] = {
                "wall": wall, "profile": profile, "version": version,
                "sections": [], "first_days": [], "days": [],
            }  # fmt: skip
        report["sections"].append(section)
        report["first_days"].append(first_day)
        report["days"].append(days)
        completed_on = first_day + days - 1
        relieved_on = completed_on + 1 if order["relieves"] else None
        last_orders[crew_key] = {
            "version": version, "profile": profile, "section": section,
            "busy_until": completed_on, "relieved_on": relieved_on,
        }  # fmt: skip
        messages.append(
            pipeline.message(
                topics.events, f"{wall}/{profile}/{section}", "SectionCompleted",
                {
                    "wall": wall, "profile": profile, "section": section, "crew": crew,
                    "version": version, "day": completed_on, "crew_relieved_on": relieved_on,
                },
            )
        )  # fmt: skip
    for report in built.values():
        metrics.SECTIONS_BUILT.inc(len(report["sections"]))
        key = f"{report['wall']}/{report['profile']}"
        messages.append(pipeline.message(topics.progress, key, "SectionsBuilt", report))
    codec = pipeline.codecs["CrewRow"]
    for crew_key, order in last_orders.items():
        rows.put(crew_key.encode(), codec.encode(order))
    return outcome


def _last_order(
    crew_key: str, rows: Rows, pipeline: Pipeline, last_orders: dict[str, Record]
) -> Record:
    if crew_key in last_orders:
        return last_orders[crew_key]
    value = rows.get(crew_key.encode())
    if value is None:
        return {"profile": 0, "section": 0, "busy_until": 0}
    return pipeline.codecs["CrewRow"].decode(value)


def register(app: BatchApp, table: BatchTable, pipeline: Pipeline) -> None:
    """Make the crews an agent of the app."""

    @app.batch_agent(pipeline.topics.build_commands.name)
    async def crews(batches: Batches) -> None:
        async for batch in batches:
            rows = table.rows(batch.partition)
            await batch.deliver(build(batch, rows, pipeline), table, rows)
