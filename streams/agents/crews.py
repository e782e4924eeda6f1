"""Crews: build the sections that each crew is told to, and report them by profile.

Reads `wall.build-commands`, which is partitioned by crew. The table holds the last order of each
crew. The sections that a batch builds are reported in one record per plan, not one per section.
"""

from __future__ import annotations

from dataclasses import astuple, fields
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from streams import metrics
from streams.batching import Messages, Outcome
from streams.cells import Cells, keyed
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
    from streams.context import Events, StageContext
    from streams.contract.column_codecs import Decoded, Run

PLAN_FIELDS = ("wall", "profile", "version")  # those of an order that others have in common
ROW_FIELDS = tuple(field.name for field in fields(CrewRow))


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the crews an agent of the app."""

    @app.batch_agent(context.topics.build_commands.name)
    async def crews(batches: BatchStream) -> None:
        async for batch in batches:
            await batch.handle(partial(build, context=context), table)


def build(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Carry out a batch of orders."""
    events = context.events(batch, BuildSection, RelieveCrew)
    orders, reliefs = _read(batch, events, context)
    work = _Work(orders, rows, context)
    steps: list[tuple[int, Run | RelieveCrew]] = [(run.at, run) for run in orders.runs]
    for _, step in sorted([*steps, *reliefs], key=itemgetter(0)):
        if isinstance(step, RelieveCrew):
            work.relieve(step)
        else:
            work.build(step)
    messages = work.carried_out()
    messages.extend(events.dead_letters)
    return Outcome(messages)


def _read(
    batch: RecordBatch, events: Events[BuildSection | RelieveCrew], context: StageContext
) -> tuple[Decoded, list[tuple[int, RelieveCrew]]]:
    """The orders to build, in columns, and those to relieve a crew; each with its place."""
    decode = context.codecs.of(BuildSection).column_decoder(in_common=3)
    decode_reliefs = context.codecs.of(RelieveCrew).decoder(in_common=1)
    values = [record.value for record in batch.records]
    orders = decode(values)
    reliefs: list[tuple[int, RelieveCrew]] = []
    has_foreign = False
    found = decode_reliefs(values[at] for at in orders.others)
    for at, relief in zip(orders.others, found, strict=True):
        if relief is not None:
            (wall,), *fields = relief
            reliefs.append((at, RelieveCrew(wall, *fields)))
            continue
        other = events.decode(batch.records[at])  # of another version of its schema
        if isinstance(other, RelieveCrew):
            reliefs.append((at, other))
        elif other is not None:
            values[at] = context.codecs.encode(other)
            has_foreign = True
    return decode(values) if has_foreign else orders, reliefs


class _Work:
    """A batch of orders being carried out, in the order in which they were given."""

    def __init__(self, orders: Decoded, rows: Rows, context: StageContext) -> None:
        self._messages = Messages()
        self._rows = rows
        self._context = context
        self._runs = orders.runs
        self._sections, self._crews, first_days, days, relieves = orders.columns
        self._completed_on = first_days + days - 1
        self._relieved_on = np.ma.masked_array(self._completed_on + 1, ~relieves)
        self._spans = self._sections.tolist(), first_days.tolist(), days.tolist()
        self._names = self._crews.texts() if isinstance(self._crews, Cells) else self._crews
        # Of each order, the fields of the crew's row after the version and the profile.
        ends = self._completed_on.tolist(), self._relieved_on.tolist()
        self._ends = list(zip(self._spans[0], *ends, strict=True))
        # By the plan's wall, profile and version.
        self._reports: dict[tuple[Any, ...], SectionsBuilt] = {}
        # By wall and version, the crews that were relieved, and the days.
        self._relieved: dict[tuple[str, int], list[tuple[str, int]]] = {}
        # By wall and crew, the fields of the crew's row, as in ROW_FIELDS.
        self._last: dict[str, dict[str, tuple[Any, ...]]] = {}

    def build(self, run: Run) -> None:
        """Build sections of one plan."""
        wall, profile, version = run.common
        sections, first_days, days = (column[run.rows] for column in self._spans)
        report = self._reports.get(run.common)
        if report is None:
            report = SectionsBuilt(wall, profile, version, sections, first_days, days)
            self._reports[run.common] = report
        else:
            report.sections.extend(sections)
            report.first_days.extend(first_days)
            report.days.extend(days)
        plan = version, profile
        last = ((*plan, *ends) for ends in self._ends[run.rows])
        self._last.setdefault(wall, {}).update(zip(self._names[run.rows], last, strict=True))

    def relieve(self, order: RelieveCrew) -> None:
        """Relieve a crew of a pool."""
        wall, crew = order.wall, order.crew
        last = self._last.setdefault(wall, {})
        if order.section:
            # What it was told last may be of a plan that was replaced.
            profile, section, busy_until = order.profile, order.section, order.day - 1
        else:
            _, profile, section, busy_until, _ = last.get(crew) or self._last_row(wall, crew)
        last[crew] = (order.version, profile, section, busy_until, order.day)
        self._relieved.setdefault((wall, order.version), []).append((crew, order.day))

    def _last_row(self, wall: str, crew: str) -> tuple[Any, ...]:
        row = self._context.state(self._rows, CrewRow).get(f"{wall}/{crew}")
        return (0, 0, 0, 0, None) if row is None else astuple(row)

    def carried_out(self) -> Messages:
        """What was built, reported by profile, and who was relieved; writes the crews' rows."""
        self._audit_sections()
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

    def _audit_sections(self) -> None:
        if not self._runs:
            return
        encode = self._context.codecs.of(SectionCompleted).column_encoder(
            "section", "crew", "day", "crew_relieved_on"
        )
        plans = [dict(zip(PLAN_FIELDS, run.common, strict=True)) for run in self._runs]
        profiles = ["{wall}/{profile}".format_map(plan) for plan in plans]
        counts = [run.rows.stop - run.rows.start for run in self._runs]
        # All audit events of a profile are on the profile's partition.
        partitions = [partition_of(profile, self._context.partitions) for profile in profiles]
        self._messages.add(
            self._context.topics.events.name,
            keyed([f"{profile}/".encode() for profile in profiles], counts, self._sections),
            encode(
                list(zip(plans, counts, strict=True)),
                self._sections, self._crews, self._completed_on, self._relieved_on,
            ),
            np.repeat(partitions, counts),
        )  # fmt: skip

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
