"""Planner: fold a wall's log and tell its crews what to build.

Reads `wall.accepted`. The table holds a wall's settings and profiles as last accepted, each with
the offset of the event that last changed it. The version of a profile's plan is the highest of
the offsets that the plan depends on: those of the settings and of the profile, and, in modes
whose crews go from one profile to the next, of all profiles before it. It is so a function of the
log alone, and grows with every change. Only profiles whose version changed are planned again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING

from domain.modes import mode_named
from domain.plan import ProfilePlan, Scope
from domain.planning import plan_wall
from domain.settings import WallSettings
from streams import metrics
from streams.batching import Outcome
from streams.contract.codecs import BadRecord

if TYPE_CHECKING:
    from streams.batching import BatchApp, BatchStream, BatchTable, RecordBatch, Rows
    from streams.batching import Record as KafkaRecord
    from streams.context import StageContext
    from streams.contract.codecs import Record

# Sections in a batch: few enough for the crews to begin while the planner goes on. Of one wall many
# more, because a pool's later profiles are planned again after every batch.
SECTIONS_A_BATCH = 20_000
SECTIONS_OF_A_WALL = 200_000

NO_TASKS = ProfilePlan(0)
SETTINGS = 0  # stands for a wall's settings where a profile number is expected

# What holds before any event: saying the same changes nothing.
NO_PROFILE: Record = {
    "heights": None, "mode": None, "crews": None, "material": None, "changed_at": -1,
}  # fmt: skip
DEFAULTS: Record = NO_PROFILE | asdict(WallSettings())


def plan(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Fold a batch of accepted events and send the plans that changed."""
    outcome = Outcome()
    changed: dict[str, set[int]] = defaultdict(set)
    for record in batch.records:
        try:
            name, event = context.codecs.decode_any(
                record.value or b"", "ProfileAccepted", "SettingsAccepted"
            )
        except BadRecord as error:
            outcome.messages.append(context.dead_letter(batch, record, str(error)))
            continue
        profile = event["profile"] if name == "ProfileAccepted" else SETTINGS
        if _fold(event, profile, context.plan_version(record.offset), rows, context):
            changed[event["wall"]].add(profile)
    for wall, profiles in changed.items():
        _send_plans(wall, profiles, rows, context, outcome)
    return outcome


def _fold(event: Record, profile: int, version: int, rows: Rows, context: StageContext) -> bool:
    """Write the event to its row; whether it changed what is to be built."""
    codec = context.codecs["PlannerRow"]
    key = (f"{event['wall']}/{profile}" if profile else event["wall"]).encode()
    before_bytes = rows.get(key)
    before = codec.decode(before_bytes) if before_bytes is not None else None
    content = {name: event.get(name) for name in ("heights", "mode", "crews", "material")}
    known = before if before is not None else (NO_PROFILE if profile else DEFAULTS)
    changes = any(known[name] != content[name] for name in content)
    if before is not None and (
        before["source_partition"] == event["source_partition"]
        and before["source_offset"] >= event["source_offset"]
    ):
        return False  # delivered again
    row = content | {
        "changed_at": version if changes else known["changed_at"],
        "source_partition": event["source_partition"],
        "source_offset": event["source_offset"],
    }
    rows.put(key, codec.encode(row))
    return changes


def _send_plans(
    wall: str, changed: set[int], rows: Rows, context: StageContext, outcome: Outcome
) -> None:
    codec, topics = context.codecs["PlannerRow"], context.topics
    settings, settings_changed_at = _settings(wall, rows, context)
    all_changed = SETTINGS in changed
    if all_changed or mode_named(settings.mode).SCOPE is Scope.EARLIER:
        known = {
            int(key.rpartition(b"/")[2]): codec.decode(value)
            for key, value in rows.scan(wall.encode())
        }
    else:
        known = {
            profile: codec.decode(rows.get(f"{wall}/{profile}".encode()) or b"")
            for profile in changed
        }
    plans = plan_wall(
        settings,
        {number: row["heights"] for number, row in known.items() if row["heights"] is not None},
    )
    encode_orders = context.codecs["BuildSection"].encoder(
        "section", "crew", "first_day", "days", "relieves"
    )
    earlier, version = settings_changed_at, settings_changed_at
    first_changed = min(changed)
    for number in sorted(known):
        row = known[number]
        if mode_named(settings.mode).SCOPE is Scope.EARLIER:
            version = earlier = max(earlier, row["changed_at"])
        else:
            version = max(settings_changed_at, row["changed_at"])
        withdrawn = row["heights"] is None
        if number < first_changed or (withdrawn and number not in changed):
            continue
        tasks = NO_TASKS if withdrawn else plans.profiles[number]
        outcome.messages.append(
            context.message(
                topics.progress, f"{wall}/{number}", "ProfilePlanned",
                {
                    "wall": wall, "profile": number, "version": version,
                    "mode": settings.mode, "crews": settings.crews,
                    "material": settings.material,
                    "sections": 0 if withdrawn else len(row["heights"]),
                    "unfinished": len(tasks), "withdrawn": withdrawn,
                },
            )
        )  # fmt: skip
        crew_keys = wall.encode() + b"/%b"
        outcome.messages.add(
            topics.build_commands.name,
            [crew_keys % crew.encode() for crew in tasks.crews],
            encode_orders(
                {"wall": wall, "profile": number, "version": version},
                tasks.sections, tasks.crews, tasks.first_days, tasks.days, tasks.relieves,
            ),
        )  # fmt: skip
        metrics.SECTIONS_PLANNED.inc(len(tasks))
    encode_relief = context.codecs["RelieveCrew"].encoder("crew", "day")
    outcome.messages.add(
        topics.build_commands.name,
        [f"{wall}/{crew}".encode() for crew in plans.relieved],
        encode_relief({"wall": wall, "version": version}, plans.relieved, plans.relieved.values()),
    )


def _settings(wall: str, rows: Rows, context: StageContext) -> tuple[WallSettings, int]:
    """A wall's settings, and the offset of the event that last changed them; -1 for defaults."""
    value = rows.get(wall.encode())
    if value is None:
        return WallSettings(), -1
    row = context.codecs["PlannerRow"].decode(value)
    return WallSettings(row["mode"], row["crews"], row["material"]), row["changed_at"]


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make the planner an agent of the app."""

    def sections(record: KafkaRecord) -> int:
        return len(record.value or b"")

    @app.batch_agent(
        context.topics.accepted.name,
        weight=sections,
        limit=SECTIONS_A_BATCH,
        limit_of_key=SECTIONS_OF_A_WALL,
    )
    async def planner(batches: BatchStream) -> None:
        async for batch in batches:
            rows = table.rows(batch.partition)
            await batch.deliver(plan(batch, rows, context), table, rows)
