"""The clock of walls on the real stack: each day is told once, when it is due, whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from domain.clock import Clock
from domain.days import PlanDays
from domain.materials import material_named
from domain.planning import plan_wall
from domain.settings import settings_for
from domain.wall import Wall
from streams.client.clocks import WallClock
from streams.contract.topics import partition_of
from streams.devstack.ports import free_port
from streams.operations.verification import accepted_walls, expected_rows, published_rows
from tests.harness.command_line import thewall_here
from tests.harness.pipeline import wait_until_idle
from tests.harness.processes import environment, running_worker
from tests.harness.told import Told, to_be_told, told
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(400)

# 59 days of work for a pool of one crew: on day 60 it is relieved.
SIXTY_DAYS = {1: bytes([0, 10]), 2: bytes([21])}


def sixty_day_walls(client) -> list[Wall]:
    """Two walls on each partition."""
    names: dict[int, list[str]] = {}
    for number in range(1_000):
        found = names.setdefault(partition_of(f"w{number}", client.settings.partitions), [])
        if len(found) < 2:
            found.append(f"w{number}")
    walls = [Wall(name, settings_for(1), SIXTY_DAYS) for of in names.values() for name in of]
    for wall in walls:
        client.submit(wall)
    wait_until_idle(client)
    return walls


def start_all(client, walls: list[Wall], ms_per_day: int) -> dict[str, Clock]:
    return {wall.id: WallClock(client, wall.id).start(ms_per_day) for wall in walls}


def days_passed(client) -> dict[str, int]:
    """The last day that was told of each wall."""
    found: dict[str, int] = {}
    for event in told(client):
        if event.kind == "passed":
            found[event.wall] = max(found.get(event.wall, 0), event.day)
    return found


def wait_until_day(client, walls: list[Wall], day: int, deadline_s: float = 90) -> None:
    def reached() -> bool:
        found = days_passed(client)
        return all(found.get(wall.id, 0) >= day for wall in walls)

    wait_until(reached, deadline_s, f"day {day} was told of every wall")


def assert_each_day_was_told_once(client, walls: list[Wall], clocks: dict[str, Clock]) -> None:
    """Once to a reader that drops what it has seen; none missing, each when it was due."""
    found = set(told(client))
    expected: set[Told] = set()
    for wall in walls:
        expected |= to_be_told(wall, clocks[wall.id])
    assert found == expected
    ids = {event[:-1] for event in found}
    assert len(ids) == len(found)


def assert_rows_are_those_of_walls_without_a_clock(client) -> None:
    assert expected_rows(accepted_walls(client)).differences(published_rows(client)) == []


def test_sixty_days_are_each_told_once_though_both_workers_are_killed(settings, client, tmp_path):
    other = settings.model_copy(update={"web_port": free_port()})
    logs = tmp_path / "one.log", tmp_path / "two.log"
    with running_worker(settings, logs[0]) as one, running_worker(other, logs[1]) as two:
        walls = sixty_day_walls(client)
        clocks = start_all(client, walls, ms_per_day=50)
        wait_until(lambda: bool(days_passed(client)), 20, "days are being told")
        one.kill()
        before = sum(days_passed(client).values())
        wait_until(lambda: sum(days_passed(client).values()) > before, 20, "the other one goes on")
        two.kill()
    assert min(days_passed(client).get(wall.id, 0) for wall in walls) < 60
    with running_worker(settings, logs[0]), running_worker(other, logs[1]):
        wait_until_day(client, walls, 60)
        wait_until_idle(client)
    assert_each_day_was_told_once(client, walls, clocks)
    assert_rows_are_those_of_walls_without_a_clock(client)


@pytest.mark.long
def test_a_replay_tells_nothing_again_and_a_wipe_only_what_a_reader_knows(
    settings, client, tmp_path
):
    heights = {1: bytes([21, 25, 28]), 2: bytes([17])}
    ended, held = Wall("ended", settings_for(2), heights), Wall("held", settings_for(1), heights)
    with running_worker(settings, tmp_path / "worker.log") as worker:
        for wall in (ended, held):
            client.submit(wall)
        wait_until_idle(client)
        start_all(client, [ended, held], ms_per_day=50)
        wait_until_day(client, [held], 5)
        WallClock(client, "held").pause()
        wait_until_day(client, [ended], days_of(ended))
        wait_until_idle(client)
        assert worker.stop() == 0
    before, clocks = told(client), clock_rows(client)
    assert len(before) == len(set(before))
    for arguments in (["replay"], ["replay", "--wipe"]):
        result = json.loads(thewall_here(settings, *arguments, "--json"))
        assert result["equal_to_domain"]
        assert result["before"] == result["after"]
        rows, now = clock_rows(client), told(client)
        if "--wipe" not in arguments:
            assert rows == clocks
            assert sorted(now) == sorted(before)
        # The clock says which day it is; its days are told again as they were.
        assert {wall: clock for wall, (clock, _) in rows.items()} == {
            wall: clock for wall, (clock, _) in clocks.items()
        }
        assert {event[:-1] for event in now} == {event[:-1] for event in before}


def days_of(wall: Wall) -> int:
    """The last day on which something happens at a wall."""
    return PlanDays(plan_wall(wall.settings, wall.profiles), material_named("ice")).last


def clock_rows(client) -> dict[str, tuple[object, int]]:
    """The clock of each wall, and the last day told, as the workers have them."""
    rows = client.latest(client.topics.changelog("clock"))
    return {wall: (row["clock"], row["told"]) for wall, row in rows.items()}


@contextmanager
def worker_whose_clock_is_off(settings, hours: float, log):
    """A worker on a host with a wrong clock, ready."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.wrong_clock", str(hours)],
            env=environment(settings), stdout=out, stderr=out,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("hours", [-1, 0.9])
def test_a_host_whose_clock_is_an_hour_off_tells_each_day_when_it_is_due(
    settings, client, tmp_path, hours
):
    """Behind by one hour, or ahead by almost one: the broker refuses records of the future."""
    with worker_whose_clock_is_off(settings, hours, tmp_path / "wrong.log") as process:
        walls = sixty_day_walls(client)
        clocks = start_all(client, walls, ms_per_day=50)
        wait_until_day(client, walls, 60)
        over_ms = time.time() * 1000
        assert process.poll() is None
    assert_each_day_was_told_once(client, walls, clocks)
    assert max(event.at_ms for event in told(client)) <= over_ms
