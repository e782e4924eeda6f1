"""Ledger: account for each profile, and publish its rows when a plan is complete.

Reads `wall.progress`: what is planned for a profile, and which of its sections are built, in any
order and however often. A row has the plan that is published and the one that is being built.
When all sections of the latter are in, the profile's rows change over to it, from one complete
version to the next: days that it no longer has are tombstoned, and a withdrawn profile keeps its
row as a marker, so that no late record brings it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.daily import SectionsAtWork, curve_of, daily_columns
from domain.materials import material_named
from streams import metrics
from streams.batching import Message, Outcome
from streams.contract.codecs import BadRecord

if TYPE_CHECKING:
    from streams.batching import BatchApp, BatchStream, BatchTable, RecordBatch, Rows
    from streams.context import StageContext
    from streams.contract.codecs import Record

NOTHING: Record = {
    "published": -1, "material": None, "sections": 0, "step_days": [], "steps": [],
    "building": -1, "planned": None, "built_sections": [], "built_first_days": [], "built_days": [],
}  # fmt: skip


def account(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Apply a batch of plans and reports, and publish what they complete."""
    outcome = Outcome()
    codec = context.codecs["LedgerRow"]
    touched: dict[tuple[str, int], Record] = {}
    # Plans that are being built, decoded: the next report is most likely of one of them.
    building: dict[tuple[str, int], Record] = rows.cache
    announced: set[tuple[str, int]] = set()
    for record in batch.records:
        try:
            name, event = context.codecs.decode_any(
                record.value or b"", "ProfilePlanned", "SectionsBuilt"
            )
        except BadRecord as error:
            outcome.messages.append(context.dead_letter(batch, record, str(error)))
            continue
        wall, profile = event["wall"], event["profile"]
        row = touched.get((wall, profile)) or building.get((wall, profile))
        if row is None:
            value = rows.get(f"{wall}/{profile}".encode())
            row = codec.decode(value) if value is not None else NOTHING
        row = _apply(row, name, event)
        # At the record that completes it, not at the end of the batch: if we die having sent some
        # of these rows, the same record makes us send them again before a later one replaces them.
        if _is_complete(row):
            row = _publish(wall, profile, row, batch.partition, context, outcome)
            building.pop((wall, profile), None)
        elif name == "ProfilePlanned" and row["planned"] is event:
            announced.add((wall, profile))
        touched[wall, profile] = row
    for (wall, profile), row in touched.items():
        if (wall, profile) in announced and row["planned"] is not None:
            _announce(wall, profile, row, batch.partition, context, outcome)
        if row["building"] > row["published"]:
            building[wall, profile] = row
        rows.put(f"{wall}/{profile}".encode(), codec.encode(row))
    return outcome


def _is_complete(row: Record) -> bool:
    planned = row["planned"]
    return planned is not None and len(row["built_sections"]) == planned["unfinished"]


def _apply(row: Record, name: str, event: Record) -> Record:
    version = event["version"]
    if version <= row["published"] or version < row["building"]:
        return row  # of a plan that is published or was replaced
    if version > row["building"]:
        row = row | {
            "building": version, "planned": None,
            "built_sections": [], "built_first_days": [], "built_days": [],
        }  # fmt: skip
    if name == "ProfilePlanned":
        return row | {"planned": event}
    known = set(row["built_sections"])
    for section, first_day, days in zip(
        event["sections"], event["first_days"], event["days"], strict=True
    ):
        if section not in known:
            known.add(section)
            row["built_sections"].append(section)
            row["built_first_days"].append(first_day)
            row["built_days"].append(days)
    return row


def _publish(
    wall: str, profile: int, row: Record, partition: int, context: StageContext, outcome: Outcome
) -> Record:
    """Send the rows of the plan that is complete; the row that says so."""
    topics, key = context.topics, f"{wall}/{profile}"
    version, planned = row["building"], row["planned"]
    before = SectionsAtWork(tuple(zip(row["step_days"], row["steps"], strict=True)))
    curve = curve_of(zip(row["built_first_days"], row["built_days"], strict=True))
    daily = daily_columns(curve, material_named(planned["material"]))
    encode_days = context.codecs["DailyUsage"].encoder("day", "ice", "cost", "cumulative_cost")
    subject = {"wall": wall, "profile": profile, "version": version}
    day_keys = key.encode() + b"/%d"
    outcome.messages.add(
        topics.daily.name, [day_keys % day for day in daily.days],
        encode_days(subject, *daily), partition,
    )  # fmt: skip
    gone = sorted({day for day, _, _ in before.rows()}.difference(daily.days))
    outcome.messages.add(
        topics.daily.name, [day_keys % day for day in gone], [None] * len(gone), partition
    )
    metrics.DAILY_ROWS.inc(len(daily.days) + len(gone))
    amounts = {
        "sections": planned["sections"], "days": curve.last_day(), "ice": sum(daily.ice),
        "cost": sum(daily.cost),
    }  # fmt: skip
    step_days, steps = [d for d, _ in curve.steps], [change for _, change in curve.steps]
    if planned["withdrawn"]:
        audit = "ProfileWithdrawn"
        overview = Message(topics.overview.name, key.encode(), None, partition)
    else:
        audit = "ProfileCompleted"
        overview = context.message(
            topics.overview, key, "ProfileOverview",
            {"wall": wall, "profile": profile, "version": version, "state": "COMPLETE"} | amounts,
            partition,
        )  # fmt: skip
    if row["published"] >= 0 and not planned["withdrawn"]:
        replaced = subject | {"old_version": row["published"]}
        outcome.messages.append(context.message(topics.events, key, "PlanReplaced", replaced))
    outcome.messages.append(
        context.message(topics.events, key, audit, subject | {"day": amounts["days"]})
    )
    # What announces the rows is sent once they can be read.
    curve_fields = {"step_days": step_days, "steps": steps}
    outcome.announcements.append(overview)
    outcome.announcements.append(
        _totals(subject | amounts | curve_fields | {"state": "COMPLETE"}, planned, context)
    )
    metrics.PROFILES_COMPLETED.inc()
    return NOTHING | curve_fields | {
        "published": version, "building": version, "material": planned["material"],
        "sections": planned["sections"],
    }  # fmt: skip


def _announce(
    wall: str, profile: int, row: Record, partition: int, context: StageContext, outcome: Outcome
) -> None:
    """Say that a plan is being built; the amounts stay those of the published one."""
    curve = SectionsAtWork(tuple(zip(row["step_days"], row["steps"], strict=True)))
    planned = row["planned"]
    used = material_named(row["material"] or planned["material"])
    ice = curve.feet() * used.yd3_per_ft
    amounts = {
        "sections": row["sections"] if row["published"] >= 0 else planned["sections"],
        "days": curve.last_day(), "ice": ice, "cost": ice * used.gd_per_yd3,
    }  # fmt: skip
    subject = {"wall": wall, "profile": profile, "state": "BUILDING"}
    outcome.announcements.append(
        context.message(
            context.topics.overview, f"{wall}/{profile}", "ProfileOverview",
            subject | amounts | {"version": row["published"]}, partition,
        )
    )  # fmt: skip
    curve_fields = {"step_days": row["step_days"], "steps": row["steps"]}
    outcome.announcements.append(
        _totals(subject | amounts | curve_fields | {"version": row["building"]}, planned, context)
    )


def _totals(fields: Record, planned: Record, context: StageContext) -> Message:
    record = fields | {name: planned[name] for name in ("withdrawn", "mode", "crews", "material")}
    return context.message(context.topics.totals, record["wall"], "ProfileTotals", record)


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the ledger an agent of the app."""

    @app.batch_agent(context.topics.progress.name)
    async def ledger(batches: BatchStream) -> None:
        async for batch in batches:
            rows = table.rows(batch.partition)
            await batch.deliver(account(batch, rows, context), table, rows)
