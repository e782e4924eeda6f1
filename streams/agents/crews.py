"""Crews: build the sections that each crew is told to, and report them by profile.

Reads `wall.build-commands`, which is partitioned by crew. The table holds the last order of each
crew. What a batch built is gathered per profile before it goes on: a record for each profile
instead of one for each section.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from streams import metrics
from streams.batching import Outcome
from streams.contract.codecs import BadRecord
from streams.contract.topics import partition_of

if TYPE_CHECKING:
    from streams.batching import BatchApp, BatchStream, BatchTable, RecordBatch, Rows
    from streams.context import StageContext
    from streams.contract.codecs import Record

ORDER_FIELDS = ("section", "crew", "first_day", "days", "relieves")
ROW_FIELDS = ("version", "profile", "section", "busy_until", "relieved_on")


def build(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Carry out a batch of orders."""
    orders = _Orders(batch, rows, context)
    plan: object = None
    run: list[tuple[Any, ...]] = []
    decode = context.codecs["BuildSection"].decoder(in_common=3)
    for record, order in zip(batch.records, decode(r.value for r in batch.records), strict=True):
        # Orders of one plan follow one another, and name it by the very same tuple.
        if order is not None and order[0] is plan:
            run.append(order)
            continue
        orders.build(run)
        plan, run = (order[0], [order]) if order is not None else (None, [])
        if order is not None:
            continue
        try:
            name, other = context.codecs.decode_any(
                record.value or b"", "BuildSection", "RelieveCrew"
            )
        except BadRecord as error:
            orders.outcome.messages.append(context.dead_letter(batch, record, str(error)))
            continue
        if name == "RelieveCrew":
            orders.relieve(other)
        else:
            of_plan = (other["wall"], other["profile"], other["version"])
            orders.build([(of_plan, *(other[name] for name in ORDER_FIELDS))])
    orders.build(run)
    return orders.reported()


class _Orders:
    """A batch of orders being carried out, in the order in which they were given."""

    def __init__(self, batch: RecordBatch, rows: Rows, context: StageContext) -> None:
        self.outcome = Outcome()
        self._batch = batch
        self._rows = rows
        self._context = context
        self._reports: dict[tuple[str, int, int], Record] = {}
        # Of each wall's crews, the fields of their row, as in ROW_FIELDS.
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
            report = self._reports[plan] = {
                "wall": wall, "profile": profile, "version": version,
                "sections": [], "first_days": [], "days": [],
            }  # fmt: skip
        report["sections"] += sections
        report["first_days"] += first_days
        report["days"] += days
        encode = self._context.codecs["SectionCompleted"].encoder(
            "section", "crew", "day", "crew_relieved_on"
        )
        subject = f"{wall}/{profile}"
        section_keys = subject.encode() + b"/%d"
        # On the partition of its profile, where the events that say the same of the profile are.
        self.outcome.messages.add(
            self._context.topics.events.name,
            [section_keys % section for section in sections],
            encode(report, sections, crews, completed_on, relieved_on),
            partition_of(subject, self._context.partitions),
        )
        last = zip(
            repeat(version), repeat(profile), sections, completed_on, relieved_on, strict=False
        )
        self._last.setdefault(wall, {}).update(zip(crews, last, strict=True))

    def relieve(self, order: Record) -> None:
        """Relieve a crew of a pool."""
        wall, crew, day = order["wall"], order["crew"], order["day"]
        last = self._last.setdefault(wall, {})
        _, profile, section, busy_until, _ = last.get(crew) or self._last_order(wall, crew)
        last[crew] = (order["version"], profile, section, busy_until, day)
        self.outcome.messages.append(
            self._context.message(
                self._context.topics.events, f"{wall}/crew/{crew}", "CrewRelieved", order
            )
        )

    def _last_order(self, wall: str, crew: str) -> tuple[Any, ...]:
        value = self._rows.get(f"{wall}/{crew}".encode())
        if value is None:
            return (0, 0, 0, 0, None)
        row = self._context.codecs["CrewRow"].decode(value)
        return tuple(row[name] for name in ROW_FIELDS)

    def reported(self) -> Outcome:
        """Report what was built by profile, and write the crews' rows."""
        for report in self._reports.values():
            metrics.SECTIONS_BUILT.inc(len(report["sections"]))
            key = f"{report['wall']}/{report['profile']}"
            topic = self._context.topics.progress
            self.outcome.messages.append(self._context.message(topic, key, "SectionsBuilt", report))
        encode = self._context.codecs["CrewRow"].encoder(*ROW_FIELDS)
        for wall, last in self._last.items():
            row_keys = wall.encode() + b"/%b"
            encoded = encode({}, *zip(*last.values(), strict=True))
            for crew, row in zip(last, encoded, strict=True):
                self._rows.put(row_keys % crew.encode(), row)
        return self.outcome


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the crews an agent of the app."""

    @app.batch_agent(context.topics.build_commands.name)
    async def crews(batches: BatchStream) -> None:
        async for batch in batches:
            rows = table.rows(batch.partition)
            await batch.deliver(build(batch, rows, context), table, rows)
