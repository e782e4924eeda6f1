"""What a client finds on the topics: whether a wall is built, and which profiles are live."""

from __future__ import annotations

import pytest

from domain.wall import Wall
from streams.client import client as client_module
from streams.client import reading as reading_module
from streams.client.client import Client
from streams.client.errors import ClientError
from streams.contract.codecs import Codecs
from streams.contract.records import (
    ProfileOverview,
    ProfileSubmitted,
    ProfileTotals,
    WallOverview,
)
from streams.contract.topics import Topics, partition_of
from streams.settings import Settings
from tests.unit.overview_rows import ONE, OTHER, published

SETTINGS = Settings(bootstrap_servers="x", registry_url="x")


class Message:
    """A record on a topic, as a consumer hands it over."""

    def __init__(self, key: str, value: bytes | None, partition: int | None = None) -> None:
        self._key, self._value = key.encode(), value
        self._partition = partition_of(key, SETTINGS.partitions) if partition is None else partition

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def partition(self) -> int:
        return self._partition


@pytest.fixture
def client_of(monkeypatch):
    """A client that reads these records from any topic, and then nothing more.

    In the overview's table are others, if they are given.
    """

    def client(
        records: list[tuple[str, bytes | None]],
        in_table: list[tuple[str, bytes | None]] | None = None,
    ) -> Client:
        class Reader:
            def __init__(self, *_: object) -> None:
                self.at_end = False

            def __enter__(self):
                return self

            def __exit__(self, *error: object) -> None:
                pass

            def read(self, topic: str, *_: object, follow: bool, **__: object):
                is_table = topic == Topics.of(SETTINGS).changelog("overview").name
                found = in_table if is_table and in_table is not None else records
                for number, record in enumerate(found, start=1):
                    self.at_end = number == len(found)
                    yield Message(*record)
                while follow:
                    yield None

        for module in (client_module, reading_module):
            monkeypatch.setattr(module, "Reader", Reader)
        client = object.__new__(Client)
        client.settings = SETTINGS
        client.topics = Topics.of(client.settings)
        types = dict.fromkeys(of for topic in client.topics.all() for of in topic.records)
        client.codecs = Codecs({of: number for number, of in enumerate(types, start=1)})
        return client

    return client


def rows_of(client: Client, *walls: Wall) -> list[tuple[str, bytes | None]]:
    return [
        (key, client.codecs.encode((ProfileOverview if "/" in key else WallOverview)(**found)))
        for wall in walls
        for key, found in published(wall).items()
    ]


def table_of(client: Client, wall: Wall, **others: object) -> list[tuple[str, bytes | None]]:
    more = {"withdrawn": False, "mode": wall.settings.mode, "crews": wall.settings.crews}
    more |= {"material": wall.settings.material, "step_days": [], "steps": []}
    return [
        (key, client.codecs.encode(ProfileTotals(**(found | more | others))))
        for key, found in published(wall).items()
        if "/" in key
    ]


def test_a_wall_that_was_built_only_in_the_past_is_not_reported_as_built(client_of):
    rows, table = rows_of(client_of([]), ONE, OTHER), table_of(client_of([]), OTHER)
    with pytest.raises(ClientError, match=r"not built after 0\.05 s .*profile 1.*w/2.*worker"):
        client_of(rows).wait_until_built(ONE, 0.05, lambda *_: None)
    client_of(rows, table).wait_until_built(OTHER, 0.05, lambda *_: None)


def test_a_wall_of_which_questions_are_answered_as_before_is_not_reported_as_built(client_of):
    rows, table = rows_of(client_of([]), OTHER), table_of(client_of([]), OTHER, state="BUILDING")
    with pytest.raises(ClientError, match="missing: profile 1, 2"):
        client_of(rows, table).wait_until_built(OTHER, 0.05, lambda *_: None)


def test_a_foreign_record_on_the_overview_does_not_end_the_wait(client_of):
    rows, table = rows_of(client_of([]), OTHER), table_of(client_of([]), OTHER)
    client_of([("w/2", b"junk"), *rows], table).wait_until_built(OTHER, 0.05, lambda *_: None)
    with pytest.raises(ClientError, match="profile 2"):
        client_of([*rows, ("w/2", b"junk")]).wait_until_built(OTHER, 0.05, lambda *_: None)


def test_a_bad_record_over_an_accepted_profile_does_not_hide_it_from_withdrawal(client_of):
    codecs = client_of([]).codecs

    def profile(number: int, *heights: int) -> bytes:
        return codecs.encode(ProfileSubmitted("w", number, list(heights)))

    accepted_then_bad = [("w/3", profile(3, 1)), ("w/3", b"junk"), ("w/3", profile(3, 31))]
    withdrawn = [("w/4", profile(4, 1)), ("w/4", b"junk"), ("w/4", None)]
    only_bad = [("w/5", b"junk"), ("w/6", profile(7, 1)), ("v/8", profile(8, 1))]
    no_keys = [(key, profile(9, 1)) for key in ("w", "w/09", "w/-9", "w/9999999", "w/x", "w/9/9")]
    assert client_of([*accepted_then_bad, *withdrawn, *only_bad, *no_keys]).live_profiles("w") == {
        3
    }


def test_a_record_on_a_partition_that_is_not_its_keys_neither_submits_nor_withdraws(client_of):
    value = client_of([]).codecs.encode(ProfileSubmitted("w", 3, [1]))
    other = (partition_of("w/3", SETTINGS.partitions) + 1) % SETTINGS.partitions
    assert client_of([("w/3", value, other)]).live_profiles("w") == set()
    assert client_of([("w/3", value), ("w/3", None, other)]).live_profiles("w") == {3}


def test_a_published_profile_is_live_though_compaction_left_only_a_bad_record(client_of):
    rows = rows_of(client_of([]), OTHER)
    assert client_of([("w/2", b"junk"), *rows]).live_profiles("w") == {1, 2}
    assert client_of([("w/2", b"junk")]).live_profiles("w") == set()
