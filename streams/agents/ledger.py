"""Ledger: account for each profile, and publish its rows when a plan is complete.

Reads `wall.progress`: what is planned for a profile, and which of its sections are built, in any
order and however often. A row has the plan that is published and the one that is being built.
When all sections of the latter are in, the profile's rows change over to it, from one complete
version to the next: days that it no longer has are tombstoned, and a withdrawn profile keeps its
row as a marker, so that no late record brings it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain.daily import SectionsAtWork, daily_columns
from domain.materials import material_named
from streams import metrics
from streams.batching import Message, Messages, Outcome
from streams.contract.records import (
    DailyUsage,
    LedgerRow,
    PlanReplaced,
    ProfileCompleted,
    ProfileOverview,
    ProfilePlanned,
    ProfileTotals,
    ProfileWithdrawn,
    SectionsBuilt,
)

if TYPE_CHECKING:
    from streams.batching import BatchApp, BatchStream, BatchTable, RecordBatch, Rows
    from streams.context import StageContext
    from streams.contract.records import Plan, PlanState


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the ledger an agent of the app."""

    @app.batch_agent(context.topics.progress.name)
    async def ledger(batches: BatchStream) -> None:
        async for batch in batches:
            rows = table.rows(batch.partition)
            await batch.deliver(account(batch, rows, context), rows)


class _Profile(NamedTuple):
    """A profile that the ledger accounts for, and the partition that its rows are on."""

    wall: str
    number: int
    partition: int

    @property
    def key(self) -> str:
        return f"{self.wall}/{self.number}"


class _Amounts(NamedTuple):
    """Totals of a profile's plan; ice in cubic yards, cost in gold dragons."""

    sections: int
    days: int
    ice: int
    cost: int


def account(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Apply a batch of plans and reports, and publish the plans that they complete."""
    outcome = Outcome()
    state = context.state(rows, LedgerRow)
    events = context.events(batch, ProfilePlanned, SectionsBuilt)
    touched: dict[_Profile, LedgerRow] = {}
    newly_planned: set[_Profile] = set()
    for _, event in events:
        profile = _Profile(event.wall, event.profile, batch.partition)
        before = touched.get(profile) or state.get(profile.key) or LedgerRow()
        row = before.apply(event)
        plan = row.completed_plan
        # Publish when a plan completes, not once per batch. If the worker crashes halfway,
        # redelivery publishes the same rows again before a later plan can replace them.
        if plan is not None:
            curve = row.built_curve
            outcome.extend(_publication(profile, row, plan, curve, context))
            row = row.publish(curve)
        elif isinstance(event, ProfilePlanned) and row is not before:
            newly_planned.add(profile)
        touched[profile] = row
    for profile, row in touched.items():
        if profile in newly_planned and row.planned is not None:
            outcome.announcements.extend(_building(profile, row, row.planned, context))
        # The next report is most likely of a plan that is being built.
        state.put(profile.key, row, keep=row.is_building)
    outcome.messages.extend(events.dead_letters)
    return outcome


def _publication(
    profile: _Profile, row: LedgerRow, plan: Plan, curve: SectionsAtWork, context: StageContext
) -> Outcome:
    """The rows of the plan that is complete, and what announces them once they can be read."""
    daily = daily_columns(curve, material_named(plan.material))
    amounts = _Amounts(plan.sections, curve.last_day(), sum(daily.ice), sum(daily.cost))
    topic, version = context.topics.daily.name, row.building
    day_keys = profile.key.encode() + b"/%d"
    encode_days = context.codecs.of(DailyUsage).encoder("day", "ice", "cost", "cumulative_cost")
    plan_fields = {"wall": profile.wall, "profile": profile.number, "version": version}
    removed_days = sorted({day for day, _, _ in row.published_curve.rows()}.difference(daily.days))
    messages = Messages()
    messages.add(
        topic, [day_keys % day for day in daily.days],
        encode_days(plan_fields, *daily), profile.partition,
    )  # fmt: skip
    messages.add(
        topic, [day_keys % day for day in removed_days],
        [None] * len(removed_days), profile.partition,
    )  # fmt: skip
    messages.extend(_audit(profile, row, plan, amounts.days, context))
    metrics.DAILY_ROWS.inc(len(daily.days) + len(removed_days))
    metrics.PROFILES_COMPLETED.inc()
    if plan.withdrawn:
        overview = Message(
            context.topics.overview.name, profile.key.encode(), None, profile.partition
        )
    else:
        overview = _overview(profile, version, "COMPLETE", amounts, context)
    totals = _totals(profile, version, "COMPLETE", plan, amounts, curve, context)
    return Outcome(messages, Messages(overview, totals))


def _audit(
    profile: _Profile, row: LedgerRow, plan: Plan, days: int, context: StageContext
) -> Messages:
    """The audit of a plan that is complete, whose last day of work is given."""
    wall, number, _ = profile
    events: list[object] = []
    if plan.withdrawn:
        events.append(ProfileWithdrawn(wall, number, row.building))
    else:
        if row.published >= 0:
            events.append(PlanReplaced(wall, number, row.published, row.building))
        events.append(ProfileCompleted(wall, number, row.building, days))
    topic = context.topics.events
    return Messages(*(context.message(topic, profile.key, event) for event in events))


def _building(profile: _Profile, row: LedgerRow, plan: Plan, context: StageContext) -> Messages:
    """Say that a plan is being built; the amounts stay those of the published one."""
    curve = row.published_curve
    material = material_named(row.material or plan.material)
    sections = row.sections if row.published >= 0 else plan.sections
    ice = curve.feet() * material.yd3_per_ft
    amounts = _Amounts(sections, curve.last_day(), ice, ice * material.gd_per_yd3)
    return Messages(
        _overview(profile, row.published, "BUILDING", amounts, context),
        _totals(profile, row.building, "BUILDING", plan, amounts, curve, context),
    )


def _overview(
    profile: _Profile, version: int, state: PlanState, amounts: _Amounts, context: StageContext
) -> Message:
    record = ProfileOverview(profile.wall, profile.number, version, state, *amounts)
    return context.message(context.topics.overview, profile.key, record, profile.partition)


def _totals(
    profile: _Profile, version: int, state: PlanState, plan: Plan, amounts: _Amounts,
    curve: SectionsAtWork, context: StageContext,
) -> Message:  # fmt: skip
    record = ProfileTotals(
        wall=profile.wall,
        profile=profile.number,
        version=version,
        state=state,
        withdrawn=plan.withdrawn,
        mode=plan.mode,
        crews=plan.crews,
        material=plan.material,
        sections=amounts.sections,
        days=amounts.days,
        ice=amounts.ice,
        cost=amounts.cost,
        step_days=[day for day, _ in curve.steps],
        steps=[change for _, change in curve.steps],
    )
    return context.message(context.topics.totals, profile.wall, record)
