"""From messages of the followed topics to changes of the replica."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.errors import InvalidWall
from domain.rules import MAX_PROFILE
from domain.settings import checked_settings, settings_for
from domain.wall import checked_heights, checked_wall_id
from streams.clock.reading import clock_of
from streams.contract.codecs import BadRecord
from streams.contract.records import (
    ClockRow,
    ClockSet,
    PlannerRow,
    ProfileOverview,
    ProfileSubmitted,
    ProfileTotals,
    WallConfigured,
)
from streams.contract.topics import partition_of
from streams.web.replica import Change, Source, Submitted, mark_of, split_key

if TYPE_CHECKING:
    from confluent_kafka import Message

    from streams.contract.codecs import Codecs
    from streams.contract.topics import Topics


class Decoder:
    """Decodes what the replica follows of one application version."""

    def __init__(self, topics: Topics, codecs: Codecs, partitions: int) -> None:
        """Decide which topic's records are rows of which table."""
        self.tables: dict[str, tuple[str, type[Any]]] = {
            topics.changelog("planner").name: ("plans", PlannerRow),
            topics.changelog("overview").name: ("totals", ProfileTotals),
            topics.overview.name: ("published", ProfileOverview),
            topics.walls.name: ("submitted", WallConfigured),
            topics.profiles.name: ("submitted", ProfileSubmitted),
            topics.clock.name: ("clocks", ClockSet),
            topics.changelog("clock").name: ("told", ClockRow),
        }
        self._codecs = codecs
        self._partitions = partitions

    def decode(self, message: Message) -> Change | None:
        """The change that a message is; None if its key is not one that the pipeline writes."""
        kind, record_type = self.tables[message.topic() or ""]
        key, value = message.key() or b"", message.value()
        source = Source(message.partition() or 0, message.offset() or 0)
        try:
            text = key.decode()
            wall, profile = split_key(text)
            checked_wall_id(wall)
        except (UnicodeDecodeError, InvalidWall):
            return None
        if profile > MAX_PROFILE or (kind == "published" and not profile):
            return None
        if kind in ("submitted", "clocks"):
            if source.partition != partition_of(text, self._partitions):
                return None  # a dead letter, whatever it says
            if kind == "clocks":
                return self._clock(text, source, value, message.timestamp()[1])
            return self._submitted(record_type, text, source, value)
        if value is None:
            return Change(kind, text, source, None, 0)
        return Change(
            kind, text, source, self._codecs.decode_any(value, record_type), mark_of(key, value)
        )

    def _clock(self, key: str, source: Source, value: bytes | None, at_ms: int) -> Change | None:
        if value is None:
            return Change("clocks", key, source, Submitted.TOMBSTONE, 0)
        try:
            return Change("clocks", key, source, clock_of(self._codecs, key, value, at_ms), 0)
        except (BadRecord, InvalidWall):
            return None  # does not replace the good one before it

    def _submitted(
        self, record_type: type[Any], key: str, source: Source, value: bytes | None
    ) -> Change | None:
        wall, profile = split_key(key)
        if bool(profile) != (record_type is ProfileSubmitted):
            return None
        if value is None:
            return Change("submitted", key, source, Submitted.TOMBSTONE, 0)
        try:
            if profile:
                valid = _is_of(self._codecs.decode_any(value, ProfileSubmitted), wall, profile)
            else:
                valid = _settings_are_of(self._codecs.decode_any(value, WallConfigured), wall)
        except (BadRecord, InvalidWall):
            valid = False
        found = Submitted.VALID if valid else Submitted.BAD
        return Change("submitted", key, source, found, 0)


def _is_of(record: ProfileSubmitted, wall: str, profile: int) -> bool:
    checked_heights(record.heights)
    return (record.wall, record.profile) == (wall, profile)


def _settings_are_of(record: WallConfigured, wall: str) -> bool:
    if record.mode is None:
        settings_for(record.crews, record.material)
    else:
        checked_settings(record.mode, record.crews, record.material)
    return record.wall == wall
