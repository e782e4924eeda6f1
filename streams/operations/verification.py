"""Compares the published rows with what the domain computes from the latest accepted events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from domain.digest import computed_amounts, digest
from domain.settings import WallSettings
from domain.wall import Wall
from streams.agents.intake import accept
from streams.batching import RecordBatch, Rows
from streams.batching.table import RowStore
from streams.context import StageContext
from streams.contract.records import ProfileAccepted, SettingsAccepted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import Message

    from streams.client.group import Offsets
    from streams.client.reading import Reading

Amounts = dict[str, tuple[int, ...]]


class _Consumed(NamedTuple):
    """A consumed record as stages read it; verification needs no headers."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class RowSet:
    """Amounts by key, in cubic yards and gold dragons.

    Attributes:
        daily: Of `wall.daily`: ice, cost, cumulative cost.
        overview: Of `wall.overview`: sections, days, ice, cost.
    """

    daily: Amounts
    overview: Amounts

    def digest(self) -> str:
        """One string that is equal if all rows are, in hexadecimal."""
        return digest(self.daily, self.overview)

    def differences(self, found: RowSet) -> list[str]:
        """What is wrong with the found rows, one sentence per row."""
        return [
            f"{topic} {key}: {_shown(expected.get(key))} expected, {_shown(actual.get(key))} found"
            for topic, expected, actual in (
                ("daily", self.daily, found.daily),
                ("overview", self.overview, found.overview),
            )
            for key in sorted(expected.keys() | actual.keys())
            if expected.get(key) != actual.get(key)
        ]

    def of_wall(self, wall: str) -> RowSet:
        """The rows of one wall."""
        prefix = f"{wall}/"
        return RowSet(
            *(
                {k: v for k, v in rows.items() if k == wall or k.startswith(prefix)}
                for rows in (self.daily, self.overview)
            )
        )


def _shown(amounts: tuple[int, ...] | None) -> str:
    return "no row" if amounts is None else " ".join(f"{amount:,}" for amount in amounts)


def expected_rows(walls: Iterable[Wall]) -> RowSet:
    """The rows that the domain computes for walls."""
    rows = RowSet({}, {})
    for wall in walls:
        daily, overview = computed_amounts(wall)
        rows.daily.update(daily)
        rows.overview.update(overview)
    return rows


def published_rows(client: Reading) -> RowSet:
    """The rows that are on `wall.daily` and `wall.overview`."""
    daily = client.latest(client.topics.daily)
    overview = client.latest(client.topics.overview)
    return RowSet(
        {key: (r["ice"], r["cost"], r["cumulative_cost"]) for key, r in daily.items()},
        {key: (r["sections"], r["days"], r["ice"], r["cost"]) for key, r in overview.items()},
    )


def accepted_walls(client: Reading, until: Offsets | None = None) -> list[Wall]:
    """The walls that the latest accepted events make, by intake's own rules.

    Args:
        client: Reads the events.
        until: Read each partition up to this offset, by topic and partition; None for all.
    """
    context = StageContext(client.topics, client.codecs, client.settings.partitions)
    store = RowStore()
    settings: dict[str, WallSettings] = {}
    profiles: dict[str, dict[int, bytes]] = {}
    for topic in (client.topics.walls, client.topics.profiles):
        for message in client.read(topic, until=until):
            client.fetch_schema(message.value())
            record = _consumed(message)
            rows = Rows(store, record.partition)
            batch = RecordBatch(record.topic, record.partition, [record])
            accepted_now = accept(batch, rows, context).messages
            rows.apply()
            for accepted in accepted_now:
                if accepted.topic != client.topics.accepted.name:
                    continue
                event = client.codecs.decode_any(
                    accepted.value or b"", ProfileAccepted, SettingsAccepted
                )
                of_wall = profiles.setdefault(event.wall, {})
                if isinstance(event, SettingsAccepted):
                    settings[event.wall] = WallSettings(event.mode, event.crews, event.material)
                elif event.heights is None:
                    of_wall.pop(event.profile, None)
                else:
                    of_wall[event.profile] = event.heights
    return [
        Wall(wall, settings.get(wall, WallSettings()), found) for wall, found in profiles.items()
    ]


def _consumed(message: Message) -> _Consumed:
    return _Consumed(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        message.key(),
        message.value(),
        [],
    )
