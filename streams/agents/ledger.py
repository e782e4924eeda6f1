"""Ledger: account for each profile, and publish its rows when a plan is complete.

Reads `wall.progress`: the plans of a profile, and reports of sections built, in any order and
however often. A row has the published plan and those being built: the latest, and one before it, so
that revisions which come faster than they are built do not keep each other from being published.
When all sections of one are built, the profile's rows change over to it, from one complete version
to the next: days that it no longer has get a tombstone. A withdrawn profile keeps its row, so that
no late record brings it back.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.daily import DailyColumns, daily_columns
from domain.errors import InvalidWall
from domain.materials import material_named
from streams import metrics
from streams.batching import Message, Messages, Outcome
from streams.cells import keyed, numbers
from streams.contract.reasons import Reason
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
    from streams.contract.records import Plan


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the ledger an agent of the app."""

    @app.batch_agent(context.topics.progress.name)
    async def ledger(batches: BatchStream) -> None:
        async for batch in batches:
            await batch.handle(partial(account, context=context), table)


class _Profile(NamedTuple):
    """A profile that the ledger accounts for, and the partition that its rows are on."""

    wall: str
    number: int
    partition: int

    @property
    def key(self) -> str:
        return f"{self.wall}/{self.number}"


def account(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Apply a batch of plans and reports, and publish the plans that they complete."""
    outcome, daily = Outcome(), _Daily(batch.partition, context)
    state = context.state(rows, LedgerRow)
    events = context.events(batch, ProfilePlanned, SectionsBuilt)
    touched: dict[_Profile, LedgerRow] = {}
    newly_planned: set[_Profile] = set()
    for record, event in events:
        profile = _Profile(event.wall, event.profile, batch.partition)
        before = touched.get(profile) or state.get(profile.key) or LedgerRow()
        row = before.apply(event)
        completed = row.completed(event.version)
        # Publish when a plan completes, not once per batch. If the worker crashes halfway,
        # redelivery publishes the same rows again before a later plan can replace them.
        if completed is not None and completed.planned is not None:
            published = row.publish(completed, completed.planned)
            try:
                daily.replace(profile, row, published, completed.planned)
                outcome.extend(_publication(profile, row, published, completed.planned, context))
                count = partial(metrics.count_published, completed.submitted_ms)
                outcome.on_acknowledged.append(count)
                row = published
            except InvalidWall as error:
                # A material of other code than this. Any event of this plan completes it again.
                reason = f"{error}; {profile.key} keeps its rows until workers know it: submit then"
                outcome.messages.append(context.dead_letter(batch, record, reason, Reason.CONTENT))
        elif isinstance(event, ProfilePlanned) and row is not before:
            newly_planned.add(profile)
        touched[profile] = row
    for profile, row in touched.items():
        if profile in newly_planned and row.planned is not None:
            # Without a message, amounts whose material this code does not know stay as they are.
            with suppress(InvalidWall):
                outcome.announcements.extend(
                    _announcements(profile, row, row.building, row.planned, context)
                )
        # The next report is most likely of a plan that is being built.
        state.put(profile.key, row, keep=row.is_building)
    outcome.messages.extend(daily.messages())
    outcome.messages.extend(events.dead_letters)
    return outcome


def _publication(
    profile: _Profile, before: LedgerRow, row: LedgerRow, plan: Plan, context: StageContext
) -> Outcome:
    """The audit of a plan that is published now, and what announces it."""
    messages = _audit(profile, before, row, plan, context)
    metrics.PROFILES_COMPLETED.inc()
    # A later plan may be known already.
    version, latest = (
        (row.building, row.planned) if row.planned is not None else (row.published, plan)
    )
    return Outcome(messages, _announcements(profile, row, version, latest, context))


class _Daily:
    """The daily rows of the plans that a batch publishes: they are encoded in columns."""

    def __init__(self, partition: int, context: StageContext) -> None:
        self._messages = Messages()
        self._partition = partition
        self._context = context
        # What the rows of a plan have in common, and the rows, as long as they are not encoded.
        self._plans: list[tuple[dict[str, Any], DailyColumns]] = []

    def replace(self, profile: _Profile, before: LedgerRow, row: LedgerRow, plan: Plan) -> None:
        """Rows of the published plan, and tombstones for days that only the old one has."""
        daily = daily_columns(row.published_curve, material_named(plan.material))
        if daily.days:
            common = {"wall": profile.wall, "profile": profile.number, "version": row.published}
            self._plans.append((common, daily))
        old_days = {day for day, _, _ in before.published_curve.rows()}
        removed_days = sorted(old_days.difference(daily.days))
        metrics.DAILY_ROWS.inc(len(daily.days) + len(removed_days))
        if removed_days:
            self._encode_rows()  # a later plan may have these days again
            self._messages.add(
                self._context.topics.daily.name,
                [f"{profile.key}/{day}".encode() for day in removed_days],
                [None] * len(removed_days),
                self._partition,
            )

    def messages(self) -> Messages:
        """All rows and tombstones."""
        self._encode_rows()
        return self._messages

    def _encode_rows(self) -> None:
        if not self._plans:
            return
        encode = self._context.codecs.of(DailyUsage).column_encoder(
            "day", "ice", "cost", "cumulative_cost"
        )
        days, *amounts = (
            numbers(list(chain.from_iterable(column)))
            for column in zip(*(daily for _, daily in self._plans), strict=True)
        )
        counts = [len(daily.days) for _, daily in self._plans]
        self._messages.add(
            self._context.topics.daily.name,
            keyed(
                ["{wall}/{profile}/".format_map(common).encode() for common, _ in self._plans],
                counts, days,
            ),
            encode(
                [(common, len(daily.days)) for common, daily in self._plans], days, *amounts
            ),
            self._partition,
        )  # fmt: skip
        self._plans.clear()


def _audit(
    profile: _Profile, before: LedgerRow, row: LedgerRow, plan: Plan, context: StageContext
) -> Messages:
    """The audit of a plan that is published now."""
    wall, number, version = profile.wall, profile.number, row.published
    events: list[object] = []
    if plan.withdrawn:
        events.append(ProfileWithdrawn(wall, number, version))
    else:
        if before.published >= 0:
            events.append(PlanReplaced(wall, number, before.published, version))
        events.append(ProfileCompleted(wall, number, version, row.published_curve.last_day()))
    topic = context.topics.events
    return Messages(*(context.message(topic, profile.key, event) for event in events))


def _announcements(
    profile: _Profile, row: LedgerRow, version: int, plan: Plan, context: StageContext
) -> Messages:
    """Tell the latest plan of a profile; the amounts are those of the published one."""
    curve = row.published_curve
    ice = cost = 0
    if row.material is not None:
        material = material_named(row.material)
        ice = curve.feet() * material.yd3_per_ft
        cost = ice * material.gd_per_yd3
    totals = ProfileTotals(
        wall=profile.wall,
        profile=profile.number,
        version=version,
        state="BUILDING" if version > row.published else "COMPLETE",
        withdrawn=plan.withdrawn,
        mode=plan.mode,
        crews=plan.crews,
        material=plan.material,
        sections=row.sections if row.published >= 0 else plan.sections,
        days=curve.last_day(),
        ice=ice,
        cost=cost,
        step_days=row.step_days,
        steps=row.steps,
        published=row.published,
    )
    return Messages(
        _overview(profile, totals, context),
        context.message(context.topics.totals, profile.wall, totals),
    )


def _overview(profile: _Profile, totals: ProfileTotals, context: StageContext) -> Message:
    """The overview of a profile: its totals, and the version whose amounts they are."""
    topic, partition = context.topics.overview, profile.partition
    if totals.withdrawn and totals.state == "COMPLETE":
        return Message(topic.name, profile.key.encode(), None, partition)
    overview = ProfileOverview(
        wall=totals.wall,
        profile=totals.profile,
        version=totals.published,
        state=totals.state,
        sections=totals.sections,
        days=totals.days,
        ice=totals.ice,
        cost=totals.cost,
    )
    return context.message(topic, profile.key, overview, partition)
