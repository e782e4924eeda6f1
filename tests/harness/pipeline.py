"""A pipeline on a real broker: walls go in, and the rows are compared with the domain's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.settings import settings_for
from domain.wall import Wall
from streams.operations.replay import Replay
from streams.operations.verification import accepted_walls, expected_rows, published_rows
from tests.harness.waiting import wait_until

if TYPE_CHECKING:
    from random import Random

    from streams.client.client import Client


def submit_walls(client: Client, random: Random, count: int) -> None:
    """Submit walls of random size and settings, under three names in turn."""
    for _ in range(count):
        heights = {
            n: bytes(random.randrange(31) for _ in range(random.randrange(1, 200)))
            for n in range(1, random.randrange(2, 12))
        }
        name = random.choice(("a", "b", "c"))
        client.submit(Wall(name, settings_for(random.choice((None, 1, 5, 20))), heights))


def assert_equal_to_the_domain(client: Client) -> str:
    """The published rows are those that the domain computes; their digest."""
    expected, found = expected_rows(accepted_walls(client)), published_rows(client)
    assert expected.differences(found) == []
    assert found.daily
    return found.digest()


def wait_until_idle(client: Client) -> None:
    """Wait until no stage has lag."""
    replay = Replay(client)
    wait_until(lambda: replay.group.lag() == 0, 120, "no lag is left")
