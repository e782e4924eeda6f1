"""Topics that somebody deletes, creates again or enlarges under the workers."""

from __future__ import annotations

import json

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from domain.settings import settings_for
from domain.wall import Wall
from streams.contract.clients import broker_config
from streams.contract.topics import create_topics, delete_topics, truncate_topics
from streams.operations.replay import Replay
from tests.harness.command_line import run_here, thewall_here
from tests.harness.pipeline import assert_equal_to_the_domain
from tests.harness.processes import Worker, run_thewall, running_worker
from tests.harness.waiting import wait_until
from tests.harness.web import running_web

pytestmark = [pytest.mark.timeout(300), pytest.mark.long]

BUILT_S = 60
WALL = Wall("w", settings_for(), {1: bytes([28, 27]), 2: bytes([29])})
SMALLER = Wall("w", settings_for(), {1: bytes([28])})


def build(client, wall: Wall) -> None:
    client.submit(wall)
    client.wait_until_built(wall, BUILT_S, lambda *_: None)


def make_anew(settings, topic) -> None:
    delete_topics(settings, [topic.name])
    create_topics(settings)


def add_partitions(settings, topic) -> None:
    admin = AdminClient(broker_config(settings))
    for future in admin.create_partitions([NewPartitions(topic.name, 6)]).values():
        future.result(10)


def is_halted(worker: Worker, sentence: str) -> bool:
    """Whether the worker lives, and says that it is not ready for this reason."""
    assert worker.process.poll() is None, worker.log.read_text()[-3000:]
    try:
        status, text = worker.get("/ready/")
    except OSError:
        return False
    return status == 503 and sentence in text


def refused_with(settings, sentence: str, *commands: list[str]) -> None:
    for command in commands:
        run = run_thewall if command[0] == "worker" else run_here
        refused = run(settings, *command)
        assert (refused.returncode, refused.stdout) == (1, ""), command
        assert sentence in refused.stderr


def test_an_input_topic_that_is_made_anew_under_a_worker_stops_it_until_all_is_built_anew(
    settings, client, tmp_path
):
    said = f"topic {client.topics.profiles.name} was deleted and created again"
    with (
        running_worker(settings, tmp_path / "worker.log") as worker,
        running_web(settings, tmp_path / "web.log") as web,
    ):
        build(client, WALL)
        make_anew(settings, client.topics.profiles)
        wait_until(lambda: is_halted(worker, said), 60, "the worker says so")
        wait_until(lambda: said in web.get("/api/walls/w").body.decode(), 30, "the page says so")
        assert (web.get("/ready/").status, web.get("/api/walls/w").status) == (503, 503)
        refused_with(settings, said, ["withdraw", "w"], ["verify"], ["overview", "w"], ["rebuild"])
        assert worker.stop() == 0
    refused_with(settings, said, ["replay"])
    restarted = Worker(settings, tmp_path / "worker.log")
    try:
        wait_until(lambda: is_halted(restarted, said), 60, "it says so when it is started again")
        assert restarted.stop() == 0
    finally:
        restarted.process.kill()
    result = json.loads(thewall_here(settings, "replay", "--wipe", "--json"))
    assert result["equal_to_domain"]
    assert result["before"] is None
    with running_worker(settings, tmp_path / "worker.log"):
        build(client, SMALLER)
        assert_equal_to_the_domain(client)
        assert client.withdraw("w") == [1]


def test_topics_of_ours_that_are_deleted_while_workers_are_away_lose_nothing(
    settings, client, tmp_path
):
    lost = client.topics.accepted, client.topics.changelog("planner")
    with running_worker(settings, tmp_path / "worker.log") as worker:
        build(client, WALL)
        assert worker.stop() == 0
    delete_topics(settings, [topic.name for topic in lost])
    refused_with(settings, f"topic {lost[0].name} was deleted", ["verify"])
    result = json.loads(thewall_here(settings, "replay", "--wipe", "--json"))
    assert result["equal_to_domain"]
    with running_worker(settings, tmp_path / "worker.log"):
        assert_equal_to_the_domain(client)
        build(client, SMALLER)


def test_partitions_that_are_added_stop_a_worker_with_advice_that_helps(settings, client, tmp_path):
    topic = client.topics.profiles
    said = f"topic {topic.name} has 6 partitions, and must have 4: stop the workers, delete"
    with running_worker(settings, tmp_path / "worker.log") as worker:
        build(client, WALL)
        add_partitions(settings, topic)
        wait_until(lambda: is_halted(worker, said), 60, "the worker says so")
        assert worker.stop() == 0
    refused_with(settings, said, ["verify"], ["worker", "--processes", "1", "--no-web"])
    delete_topics(settings, [topic.name])
    assert json.loads(thewall_here(settings, "replay", "--wipe", "--json"))["equal_to_domain"]
    with running_worker(settings, tmp_path / "worker.log"):
        build(client, WALL)
        assert_equal_to_the_domain(client)


def test_events_that_retention_deletes_while_workers_are_away_are_missed_and_come_back(
    settings, client, tmp_path
):
    with running_worker(settings, tmp_path / "worker.log") as worker:
        build(client, WALL)
        assert worker.stop() == 0
    # As a worker that is killed when intake has sent on what the planner has not read.
    accepted, group = client.topics.accepted.name, Replay(client).group
    group.commit(dict.fromkeys(group.committed((client.topics.accepted,)), 0))
    truncate_topics(settings, [accepted])
    said = f"of topic {accepted}, partition "
    refused_with(settings, said, ["verify"], ["overview", "w"])
    late = Worker(settings, tmp_path / "worker.log")
    try:
        wait_until(lambda: is_halted(late, said), 60, "the worker says so")
        assert late.stop() == 0
    finally:
        late.process.kill()
    assert json.loads(thewall_here(settings, "replay", "--wipe", "--json"))["equal_to_domain"]
    refused = run_here(settings, "verify")
    assert refused.returncode == 0, refused.stderr
