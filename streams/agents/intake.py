"""Intake: check what was submitted and put it on the log of its wall.

Reads `wall.walls`, `wall.profiles`, `wall.clock` and `wall.ticks`, which anybody may write to. A
valid record goes to `wall.accepted`, one log per wall; any other goes to `wall.dead-letters` with
its bytes. The table remembers the offset of the last accepted record of each key, so that
redelivery accepts nothing twice. Ticks need no row: accepted twice, a tick tells nothing twice.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from domain.clock import checked_run
from domain.errors import InvalidWall
from domain.rules import MAX_PROFILE
from domain.settings import WallSettings, checked_settings, settings_for
from domain.wall import checked_heights, checked_profile_number, checked_wall_id
from streams.batching import Outcome
from streams.clock.reading import check_wall, clock_of
from streams.context import INPUT_COST_PER_BATCH, input_cost
from streams.contract.codecs import BadRecord
from streams.contract.reasons import Reason
from streams.contract.records import (
    ClockAccepted,
    ClockTicked,
    IntakeRow,
    ProfileAccepted,
    ProfileSubmitted,
    SettingsAccepted,
    TimePassed,
    WallConfigured,
)
from streams.contract.topics import partition_of

if TYPE_CHECKING:
    from streams.batching import (
        BatchApp,
        BatchStream,
        BatchTable,
        Message,
        Record,
        RecordBatch,
        Rows,
    )
    from streams.context import StageContext

MAX_VALUE_BYTES = 1024 * 1024


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make intake an agent of the app."""

    @app.batch_agent(
        *(topic.name for topic in context.topics.inputs),
        weight=input_cost,
        limit=INPUT_COST_PER_BATCH,
        limit_of_key=INPUT_COST_PER_BATCH,
    )
    async def intake(batches: BatchStream) -> None:
        async for batch in batches:
            await batch.handle(partial(accept, context=context), table)


def accept(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Accept or dead-letter each record of a batch of submitted events."""
    outcome = Outcome()
    for record in batch.records:
        try:
            accepted = _accept_one(batch, record, rows, context)
        except (BadRecord, InvalidWall) as error:
            accepted = context.refusal(batch, record, error)
        if accepted is not None:
            outcome.messages.append(accepted)
    return outcome


def _accept_one(
    batch: RecordBatch, record: Record, rows: Rows, context: StageContext
) -> Message | None:
    topics, value = context.topics, record.value
    _check_size(value or b"")
    is_profile = batch.topic == topics.profiles.name
    key = _key_text(record.key, "wall id/profile number" if is_profile else "wall id")
    wall, profile = _split_profile_key(key) if is_profile else (checked_wall_id(key), 0)
    _check_partition(key, batch.partition, context.partitions)
    # Check before looking at the row: a bad record is a dead letter each time it is delivered.
    if batch.topic == topics.ticks.name:
        return context.message(topics.accepted, wall, _time_passed(record, wall, context))
    row_key, source = key, (batch.partition, record.offset)
    accepted: ProfileAccepted | SettingsAccepted | ClockAccepted
    if is_profile:
        heights = None if value is None else _heights(value, wall, profile, context)
        accepted = ProfileAccepted(wall, profile, heights, *source, record.timestamp)
    elif batch.topic == topics.clock.name:
        row_key = f"{wall}//clock"  # beside the wall's settings; no profile has such a key
        at_ms = record.timestamp
        clock = None if value is None else clock_of(context.codecs, wall, value, at_ms)
        set_ms = at_ms if clock is None else clock.at_ms
        accepted = ClockAccepted(wall, clock, set_ms, *source)
    else:
        chosen = WallSettings() if value is None else _settings(value, wall, context)
        accepted = SettingsAccepted(
            wall, chosen.mode, chosen.crews, chosen.material, *source, record.timestamp
        )
    state = context.state(rows, IntakeRow)
    row = state.get(row_key)
    if row is not None and record.offset <= row.offset:
        return None  # delivered again: a row is written only when its record is accepted
    if value is None and (row is None or not row.live):
        raise BadRecord(
            f"a tombstone for {key}, which does not exist; only what was submitted can be "
            "withdrawn",
            Reason.TOMBSTONE,
        )
    state.put(row_key, IntakeRow(record.offset, live=value is not None))
    return context.message(topics.accepted, wall, accepted)


def _check_partition(key: str, partition: int, partitions: int) -> None:
    """A profile on two partitions would be two profiles, whose rows replace each other."""
    own = partition_of(key, partitions)
    if own != partition:
        raise BadRecord(
            f"the record is on partition {partition}, but its key {key} belongs on partition "
            f"{own}; set the producer's partitioner to murmur2_random, which is Java's own",
            Reason.PARTITION,
        )


def _key_text(key: bytes | None, shape: str) -> str:
    if not key:
        text = f"the record has no key; its key must be {shape} in UTF-8"
        raise BadRecord(text, Reason.KEY)
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise BadRecord(f"the key is not UTF-8; it must be {shape}", Reason.KEY) from error


def _split_profile_key(key: str) -> tuple[str, int]:
    wall, slash, number = key.rpartition("/")
    # One spelling per number: compaction would keep 01 beside 1, as a second value of a profile.
    if not slash or not (number.isascii() and number.isdecimal()) or number.startswith("0"):
        raise BadRecord(
            f"the key {key[:100]!r} is not a wall id, a slash and a profile number from 1",
            Reason.KEY,
        )
    if len(number) > len(str(MAX_PROFILE)):
        raise BadRecord(f"the profile number of the key is above {MAX_PROFILE:,}", Reason.KEY)
    return checked_wall_id(wall), checked_profile_number(int(number))


def _check_size(value: bytes) -> None:
    if len(value) > MAX_VALUE_BYTES:
        raise BadRecord(
            f"the value has {len(value):,} bytes, of {MAX_VALUE_BYTES:,} that it may have",
            Reason.SIZE,
        )


def _heights(value: bytes, wall: str, profile: int, context: StageContext) -> bytes:
    submitted = context.codecs.decode_any(value, ProfileSubmitted)
    if (submitted.wall, submitted.profile) != (wall, profile):
        raise BadRecord(
            f"the key is {wall}/{profile}, but the profile is {submitted.wall[:100]!r}/"
            f"{submitted.profile}; they must be the same",
            Reason.KEY,
        )
    return checked_heights(submitted.heights)


def _time_passed(record: Record, wall: str, context: StageContext) -> TimePassed:
    ticked = context.codecs.decode_any(record.value or b"", ClockTicked)
    check_wall(ticked.wall, wall, "tick is")
    # The broker's time, not that of whoever ticks: one clock for all, however wrong others are.
    return TimePassed(wall, checked_run(ticked.run), record.timestamp)


def _settings(value: bytes, wall: str, context: StageContext) -> WallSettings:
    submitted = context.codecs.decode_any(value, WallConfigured)
    check_wall(submitted.wall, wall, "settings are")
    mode, crews, material = submitted.mode, submitted.crews, submitted.material
    if mode is None:
        return settings_for(crews, material)
    return checked_settings(mode, crews, material)
