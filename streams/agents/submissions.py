"""Submissions: a door for those without a registry, who write lines of JSON.

Reads `wall.submissions`. A line that is right becomes the event that it means, on `wall.profiles`
or `wall.walls`; any other is a dead letter. From there on nothing knows where the event came from.

The topic has one partition: of two lines that somebody types, the later one wins. The table has one
row, how far the lines are handled. It outlives wipes and application versions, so that a replay
never submits a line again, over what has been submitted since.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from domain.errors import InvalidWall, quoted
from domain.settings import settings_for
from domain.wall import checked_heights, checked_profile_number, checked_wall_id
from streams.batching import Message, Outcome
from streams.context import INPUT_COST_PER_BATCH, input_cost
from streams.contract.codecs import BadRecord
from streams.contract.reasons import Reason
from streams.contract.records import HandledRow, ProfileSubmitted, WallConfigured

if TYPE_CHECKING:
    from streams.batching import BatchApp, BatchStream, BatchTable, RecordBatch, Rows
    from streams.context import StageContext

HANDLED = "handled"
"""Key of the table's row."""

MAX_LINE_BYTES = 1024 * 1024

RIGHT = (
    'a line is JSON such as {"wall": "w", "profile": 1, "heights": [21, 25, 28]}, '
    '{"wall": "w", "profile": 1, "withdraw": true} or {"wall": "w", "crews": 4}'
)
OF_PROFILE = ("heights", "withdraw")
OF_WALL = ("crews", "material", "mode")
KEYS = ("wall", "profile", *OF_PROFILE, *OF_WALL)
KINDS = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


def register(app: BatchApp, table: BatchTable, context: StageContext) -> None:
    """Make submissions an agent of the app."""

    @app.batch_agent(
        context.topics.submissions.name,
        partitions=1,
        weight=input_cost,
        limit=INPUT_COST_PER_BATCH,
        limit_of_key=INPUT_COST_PER_BATCH,
    )
    async def submissions(batches: BatchStream) -> None:
        async for batch in batches:
            await batch.handle(partial(submit, context=context), table)


def submit(batch: RecordBatch, rows: Rows, context: StageContext) -> Outcome:
    """Send the event that each line means, or its dead letter; but not of lines handled before."""
    outcome = Outcome()
    state = context.state(rows, HandledRow)
    handled = state.get(HANDLED)
    for record in batch.records:
        if handled is not None and handled.covers(record.offset, record.timestamp):
            continue  # delivered again
        latest = record.timestamp if handled is None else max(handled.timestamp, record.timestamp)
        handled = HandledRow(record.offset, latest)
        state.put(HANDLED, handled)
        try:
            message = event_of(record.value, context)
        except (BadRecord, InvalidWall) as error:
            message = context.refusal(batch, record, error)
        outcome.messages.append(message)
    return outcome


def event_of(line: bytes | None, context: StageContext) -> Message:
    """The event that a line means, as it goes to its topic.

    Raises:
        BadRecord: It is no such line; the message says what is wrong, and what would be right.
        InvalidWall: It is, but says what no wall can have.
    """
    topics, event = context.topics, read_line(line)
    if isinstance(event, WallConfigured):
        return context.message(topics.walls, event.wall, event)
    key = f"{event.wall}/{event.profile}"
    if not event.heights:
        return Message(topics.profiles.name, key.encode(), None)
    return context.message(topics.profiles, key, event)


def read_line(value: bytes | None) -> WallConfigured | ProfileSubmitted:
    """What a line means, as `event_of` says; a profile without heights is its withdrawal."""
    fields = _fields(value)
    unknown = [key for key in fields if key not in KEYS]
    if unknown:
        raise _wrong(f"unknown key {quoted(unknown[0])}; the keys are {', '.join(KEYS)}")
    wall = checked_wall_id(_typed(fields, "wall", str, "text, the wall's id"))
    of_wall = [key for key in OF_WALL if key in fields]
    if "profile" not in fields:
        _without(fields, OF_PROFILE, "without a profile")
        if not of_wall:
            raise _wrong(f"there is neither a profile nor a setting: {RIGHT}")
        return _settings(wall, fields)
    _without(fields, OF_WALL, "together with a profile")
    profile = checked_profile_number(fields["profile"])
    if "withdraw" in fields:
        _without(fields, ("heights",), "together with withdraw")
        if fields["withdraw"] is not True:
            raise _wrong("withdraw is true, or left out")
        return ProfileSubmitted(wall, profile, [])
    heights: list[object] = _typed(fields, "heights", list, "a list of whole numbers")
    return ProfileSubmitted(wall, profile, list(checked_heights(heights)))


def _settings(wall: str, fields: dict[str, Any]) -> WallConfigured:
    for key, right in (("material", "text"), ("mode", "text")):
        if key in fields:
            _typed(fields, key, str, right)
    if "crews" in fields:
        _typed(fields, "crews", int, "a whole number")
    chosen = settings_for(**{key: fields[key] for key in OF_WALL if key in fields})
    return WallConfigured(wall, chosen.mode, chosen.crews, chosen.material)


def _typed(fields: dict[str, Any], key: str, wanted: type[Any], right: str) -> Any:
    if key not in fields:
        raise _wrong(f"{key} is missing: {RIGHT}")
    value = fields[key]
    if type(value) is not wanted:
        raise _wrong(f"{key} is {_kind(value)}; it must be {right}")
    return value


def _kind(value: object) -> str:
    kind = KINDS.get(type(value), f"the number {quoted(value)}")
    return f"{kind}, {quoted(value)}" if isinstance(value, str) else kind


def _without(fields: dict[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in keys:
        if key in fields:
            raise _wrong(f"{key} {where}: {RIGHT}")


def _fields(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise _wrong(f"a null value; {RIGHT}")
    if len(value) > MAX_LINE_BYTES:
        raise BadRecord(
            f"the line has {len(value):,} bytes, of {MAX_LINE_BYTES:,} that it may have",
            Reason.SIZE,
        )
    if value[:1] == b"\0":
        raise BadRecord(
            "the line begins with byte 0x00, as Avro does in the registry's wire format; Avro is "
            "for wall.profiles and wall.walls",
            Reason.SCHEMA,
        )
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise _no_json(f"the line is not UTF-8 at byte {error.start + 1}") from error
    if not text.strip():
        raise _no_json("the line is empty")
    try:
        fields = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if "\n" in text.strip() else (
            f"column {error.colno}"
        )  # fmt: skip
        raise _no_json(f"not JSON at {where}: {error.msg}") from error
    except RecursionError as error:
        raise _no_json("nested too deeply") from error
    if not isinstance(fields, dict):
        raise _wrong(f"the line is {_kind(fields)}; {RIGHT}")
    return fields


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in pairs:
        if key in fields:
            raise _wrong(f"the key {quoted(key)} stands there twice: which one is meant?")
        fields[key] = value
    return fields


def _integer(digits: str) -> int:
    # Thousands of digits would take long to read, or can't be; none that many is right anywhere.
    return int(digits) if len(digits) <= 20 else 10**20


def _constant(name: str) -> float:
    raise _no_json(f"{name} is not JSON")


def _no_json(problem: str) -> BadRecord:
    return BadRecord(f"{problem}; {RIGHT}", Reason.BODY)


def _wrong(problem: str) -> BadRecord:
    return BadRecord(problem, Reason.CONTENT)
