"""Crews: build the sections that each crew is told to, and report them by profile.

Reads `wall.build-commands`, which is partitioned by crew. The table holds the last order of each
crew. The sections that a batch builds are reported in one record per plan, not one per section.
"""

from __future__ import annotations

from dataclasses import astuple, fields
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any

from streams import metrics
from streams.batching import Messages, Outcome
from streams.contract.records import (
    BuildSection,
    CrewRelieved,
    CrewRow,
    RelieveCrew,
    SectionCompleted,
    SectionsBuilt,
)
from streams.contract.topics import partition_of

if TYPE_CHECKING:
    from streams.batching import BatchApp, BatchStream, BatchTable, RecordBatch, Rows
    from streams.context import StageContext

ROW_FIELDS = tuple(field.name for field in fields(CrewRow))


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the crews an agent of the app."""

    @app.batch_agent(context.topics.build_commands.name)
    async def crews(batches: BatchStream) -> None:
        async for batch in batches:
            await batch.handle(partial(build, context=context), table)


def build(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Carry out a batch of orders."""
    orders = _Orders(rows, context)
    events = context.events(batch, BuildSection, RelieveCrew)
    plan: object = None
    run: list[tuple[Any, ...]] = []
    decode = context.codecs.of(BuildSection).decoder(in_common=3)
    found = list(decode(record.value for record in batch.records))
    decode = context.codecs.of(RelieveCrew).decoder(in_common=1)
    others = zip(batch.records, found, strict=True)
    reliefs = decode(record.value for record, order in others if order is None)
    for record, order in zip(batch.records, found, strict=True):
        # Neighbouring orders of one plan share the identical first tuple.
        if order is not None and order[0] is plan:
            run.append(order)
            continue
        orders.build(run)
        plan, run = (order[0], [order]) if order is not None else (None, [])
        if order is not None:
            continue
        relief = next(reliefs)
        if relief is not None:
            (wall,), *fields = relief
            orders.relieve(RelieveCrew(wall, *fields))
            continue
        other = events.decode(record)  # of another version of its schema, or a dead letter
        if isinstance(other, RelieveCrew):
            orders.relieve(other)
        elif other is not None:
            of_plan = other.wall, other.profile, other.version
            run = [
                (of_plan, other.section, other.crew, other.first_day, other.days, other.relieves)
            ]
    orders.build(run)
    messages = orders.carried_out()
    messages.extend(events.dead_letters)
    return Outcome(messages)


class _Orders:
    """A batch of orders being carried out, in the order in which they were given."""

    def __init__(self, rows: Rows, context: StageContext) -> None:
        self._messages = Messages()
        self._rows = rows
        self._context = context
        # By the plan's wall, profile and version.
        self._reports: dict[tuple[str, int, int], SectionsBuilt] = {}
        # By wall and version, the crews that were relieved, and the days.
        self._relieved: dict[tuple[str, int], list[tuple[str, int]]] = {}
        # By wall and crew, the fields of the crew's row, as in ROW_FIELDS.
        self._last: dict[str, dict[str, tuple[Any, ...]]] = {}

    def build(self, run: list[tuple[Any, ...]]) -> None:
        """Build sections of one plan."""
        if not run:
            return
        plans, sections, crews, first_days, days, relieves = zip(*run, strict=True)
        wall, profile, version = plan = plans[0]
        completed_on = [first + worked - 1 for first, worked in zip(first_days, days, strict=True)]
        relieved_on = [
            day + 1 if relieved else None
            for day, relieved in zip(completed_on, relieves, strict=True)
        ]
        report = self._reports.get(plan)
        if report is None:
            report = self._reports[plan] = SectionsBuilt(wall, profile, version, [], [], [])
        report.sections.extend(sections)
        report.first_days.extend(first_days)
        report.days.extend(days)
        encode = self._context.codecs.of(SectionCompleted).encoder(
            "section", "crew", "day", "crew_relieved_on"
        )
        subject = f"{wall}/{profile}"
        section_keys = subject.encode() + b"/%d"
        # All audit events of a profile are on the profile's partition.
        self._messages.add(
            self._context.topics.events.name,
            [section_keys % section for section in sections],
            encode(
                {"wall": wall, "profile": profile, "version": version},
                sections, crews, completed_on, relieved_on,
            ),
            partition_of(subject, self._context.partitions),
        )  # fmt: skip
        last = zip(
            repeat(version), repeat(profile), sections, completed_on, relieved_on, strict=False
        )
        self._last.setdefault(wall, {}).update(zip(crews, last, strict=True))

    def relieve(self, order: RelieveCrew) -> None:
        """Relieve a crew of a pool."""
        wall, crew = order.wall, order.crew
        last = self._last.setdefault(wall, {})
        if order.section:
            # What it was told last may be of a plan that was replaced.
            profile, section, busy_until = order.profile, order.section, order.day - 1
        else:
            _, profile, section, busy_until, _ = last.get(crew) or self._last_order(wall, crew)
        last[crew] = (order.version, profile, section, busy_until, order.day)
        self._relieved.setdefault((wall, order.version), []).append((crew, order.day))

    def _last_order(self, wall: str, crew: str) -> tuple[Any, ...]:
        row = self._context.state(self._rows, CrewRow).get(f"{wall}/{crew}")
        return (0, 0, 0, 0, None) if row is None else astuple(row)

    def carried_out(self) -> Messages:
        """What was built, reported by profile, and who was relieved; writes the crews' rows."""
        self._audit_reliefs()
        topic = self._context.topics.progress
        for report in self._reports.values():
            metrics.SECTIONS_BUILT.inc(len(report.sections))
            key = f"{report.wall}/{report.profile}"
            self._messages.append(self._context.message(topic, key, report))
        encode = self._context.codecs.of(CrewRow).encoder(*ROW_FIELDS)
        for wall, last in self._last.items():
            row_keys = wall.encode() + b"/%b"
            encoded = encode({}, *zip(*last.values(), strict=True))
            for crew, row in zip(last, encoded, strict=True):
                self._rows.put(row_keys % crew.encode(), row)
        return self._messages

    def _audit_reliefs(self) -> None:
        encode = self._context.codecs.of(CrewRelieved).encoder("crew", "day")
        for (wall, version), relieved in self._relieved.items():
            crews, days = zip(*relieved, strict=True)
            crew_keys = wall.encode() + b"/crew/%b"
            self._messages.add(
                self._context.topics.events.name,
                [crew_keys % crew.encode() for crew in crews],
                encode({"wall": wall, "version": version}, crews, days),
            )
