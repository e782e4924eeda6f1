"""A new application version is built beside the running one, compared, and switched to."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from random import Random

import pytest

from domain.settings import settings_for
from domain.wall import Wall
from streams.client.client import Client
from streams.client.group import Group
from streams.client.kafka import existing_partitions
from streams.client.versions import topics_by_version
from streams.contract.records import DailyUsage
from streams.operations.verification import published_rows
from tests.harness.command_line import run_here, thewall_here
from tests.harness.pipeline import assert_equal_to_the_domain, submit_walls, wait_until_idle
from tests.harness.processes import environment, run_thewall, running_worker, thewall
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


def quiet(*_: object) -> None:
    pass


def one_profile(name: str, *heights: int) -> Wall:
    return Wall(name, settings_for(), {1: bytes(heights)})


def build(client: Client, wall: Wall) -> None:
    client.submit(wall)
    client.wait_until_built(wall, 60, quiet)


def start_rebuild(settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "streams", "rebuild", "--json"], env=environment(settings),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@contextmanager
def background_worker(settings):
    # One: several stop one after the other, and what is in flight in a rebalance is said twice.
    thewall(settings, "worker", "--background", "--processes", "1", "--no-web")
    try:
        yield
    finally:
        thewall(settings, "worker", "--stop")


@contextmanager
def submissions(client: Client):
    """Walls of one profile of two sections, and garbage in turn, for as long as the block lasts."""
    names: list[str] = []
    ended = threading.Event()

    def submit() -> None:
        for number in itertools.count():
            if ended.wait(0.1):
                return
            client.submit(one_profile(f"during-{number}", 29, 28))
            names.append(f"during-{number}")
            client._produce([(client.topics.walls, f"bad {number}", b"garbage")])

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        yield names
    finally:
        ended.set()
        thread.join()


def records(client: Client, topic) -> list[dict]:
    return [client.decode(topic, m.value()) for m in client.read(topic) if m.value()]


def test_a_rebuild_while_events_keep_coming_loses_nothing_and_says_nothing_twice(settings, client):
    submit_walls(client, Random(1), 3)
    producer = Client(settings)  # a consumer is not for two threads
    with background_worker(settings):
        wait_until_idle(client)
        with submissions(producer) as names:
            result = json.loads(thewall(settings, "rebuild", "--json"))
        assert result["version"] == 2
        assert result["current"] == result["rebuilt"] == result["expected"]
        assert (result["corrected"], result["wrong"]) == ([], [])
        after = Client(settings)
        assert after.settings.group == f"{settings.app_id}-v2"
        build(after, one_profile("right-after", 21))
        wait_until_idle(after)
        assert_equal_to_the_domain(after)
        assert Group(settings, client.topics).members() == 0
    assert len(names) > 10
    letters = Counter(
        (letter["topic"], letter["partition"], letter["offset"])
        for letter in records(after, after.topics.dead_letters)
    )
    assert len(letters) == len(names)
    assert set(letters.values()) == {1}
    completed = Counter(
        (event["wall"], event["section"])
        for event in records(after, after.topics.events)
        if "crew_relieved_on" in event and event["wall"].startswith("during-")
    )
    assert completed == Counter({(name, section): 1 for name in names for section in (1, 2)})


def test_workers_elsewhere_are_asked_to_stop_and_the_old_version_never_runs_again(
    settings, client, tmp_path
):
    with running_worker(settings, tmp_path / "one.log") as worker:
        build(client, one_profile("w", 21, 25, 28))
        digest = published_rows(client).digest()
        rebuild = start_rebuild(settings)
        said = iter(rebuild.stderr.readline, "")
        assert any("stop the 1 workers of version 1" in line for line in said)
        build(client, one_profile("late", 17))  # the worker still works
        late = published_rows(client).digest()
        assert worker.stop() == 0
        out, error = rebuild.communicate(timeout=120)
        assert rebuild.returncode == 0, error
        assert json.loads(out)["rebuilt"] == late != digest
        assert "start the workers again" in error

    refused = run_thewall(
        settings, "worker", "--processes", "1", "--no-web", THEWALL_APP_VERSION="1"
    )
    assert (refused.returncode, "has switched to version 2" in refused.stderr) == (1, True)
    with running_worker(settings, tmp_path / "two.log"):
        build(Client(settings), one_profile("w", 21, 25, 29))
        assert run_here(settings, "verify").returncode == 0
        old = topics_by_version(settings)[1]
        assert json.loads(thewall_here(settings, "rebuild", "--drop-old", "--json")) == {
            "version": 2,
            "dropped": old,
        }
        assert topics_by_version(settings).keys() == {2}
        build(Client(settings), one_profile("w", 21, 25))
    versions = {row["version"] >> 40 for row in records(client, client.topics.daily)}
    assert versions == {0, 1}  # what a newer application version publishes is newer


KILLED = """
import os, signal, sys
from streams.operations import rebuild
from streams.cli import main

def crash(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def half(settings, records, produce=rebuild.produce):
    records = list(records)
    produce(settings, records[: len(records) // 2])
    crash()

point = sys.argv.pop()
if point == "catching-up":
    rebuild.Rebuild.compare = crash
    rebuild.Group.wait_until_done = lambda *_: crash()
elif point == "half-copied":
    rebuild.produce = half
elif point == "after-the-record":
    rebuild.delete_topics = crash
main()
"""


@pytest.mark.parametrize(
    ("point", "version"),
    [("catching-up", 1), ("half-copied", 1), ("after-the-record", 2)],
)
def test_a_rebuild_that_is_killed_leaves_a_version_that_works_and_can_be_run_again(
    settings, client, tmp_path, point, version
):
    with running_worker(settings, tmp_path / "one.log") as worker:
        submit_walls(client, Random(2), 2)
        wait_until_idle(client)
        assert worker.stop() == 0
    command = [sys.executable, "-c", KILLED, "rebuild", point]
    killed = subprocess.run(command, env=environment(settings), capture_output=True, timeout=120)
    assert killed.returncode == -9, killed.stderr

    after = Client(settings)
    assert after.settings.version == version
    with running_worker(settings, tmp_path / "two.log") as worker:
        build(after, one_profile("after", 3))
        wait_until_idle(after)
        digest = assert_equal_to_the_domain(after)
        assert worker.stop() == 0
    result = json.loads(thewall_here(settings, "rebuild", "--json"))
    assert result["version"] == 3  # what an attempt has begun is never used again
    assert result["rebuilt"] == result["expected"] == digest
    assert published_rows(client).digest() == digest


def test_what_a_killed_worker_has_left_unfinished_is_in_both_versions(settings, client, tmp_path):
    random = Random(3)
    large = {n: bytes(random.randrange(31) for _ in range(2000)) for n in range(1, 25)}
    group = Group(settings, client.topics)
    with running_worker(settings, tmp_path / "one.log") as worker:
        client.submit(Wall("large", settings_for(20), large))
        wait_until(lambda: sum(group.ends((client.topics.progress,)).values()) > 10)
        worker.kill()
    assert group.lag() > 0
    result = json.loads(thewall_here(settings, "rebuild", "--json"))
    assert result["current"] == result["rebuilt"] == result["expected"]
    assert run_here(settings, "verify", "large").returncode == 0


def test_rows_that_were_wrong_are_corrected(settings, client, tmp_path):
    with running_worker(settings, tmp_path / "one.log") as worker:
        build(client, one_profile("w", 21, 25, 28))
        digest = published_rows(client).digest()
        assert worker.stop() == 0
    row = client.latest(client.topics.daily)["w/1/1"]
    wrong = client.codecs.encode(DailyUsage(**(row | {"ice": 196})))
    stray = client.codecs.encode(DailyUsage(**(row | {"day": 99})))
    # On the partition of their own keys, as another writer would put them.
    client._produce([(client.topics.daily, "w/1/1", wrong), (client.topics.daily, "w/1/99", stray)])
    assert run_here(settings, "verify").returncode == 1
    result = json.loads(thewall_here(settings, "rebuild", "--json"))
    assert "daily w/1/99: no row expected, 585 1,111,500 1,111,500 found" in result["corrected"]
    assert result["current"] != result["rebuilt"] == result["expected"] == digest
    assert run_here(settings, "verify").returncode == 0


def test_a_version_that_is_wrong_is_not_switched_to(settings, client, tmp_path):
    with running_worker(settings, tmp_path / "one.log") as worker:
        build(client, one_profile("w", 21))
        assert worker.stop() == 0
    wrong = KILLED.replace(
        "main()", "rebuild.expected_rows = lambda _: rebuild.RowSet({}, {})\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", wrong, "rebuild", "--json", "nowhere"],
        env=environment(settings), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert json.loads(done.stdout)["version"] == 1
    assert "version 1 stays" in done.stderr
    assert Client(settings).settings.version == 1


def test_dropping_old_versions_leaves_an_installation_beside_us_alone(settings, client, tmp_path):
    beside = settings.model_copy(
        update={"topic_prefix": f"{settings.topic_prefix}.v2", "app_id": f"{settings.app_id}-v2"}
    )
    theirs = Client(beside)
    with running_worker(beside, tmp_path / "beside.log") as worker:
        build(theirs, one_profile("theirs", 21, 25))
        result = json.loads(thewall(settings, "rebuild", "--json"))
        assert result["version"] == 3  # 2 is theirs
        thewall_here(settings, "rebuild", "--drop-old")
        build(theirs, one_profile("theirs", 21, 26))
        assert worker.get("/walls/theirs/profiles/overview/")[0] == 200
        assert worker.stop() == 0
    there = existing_partitions(settings).keys()
    assert {topic.name for topic in theirs.topics.all()} <= there
    assert client.topics.accepted.name not in there
