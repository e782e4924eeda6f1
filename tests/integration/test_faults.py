"""Workers that are killed, joined and rewound: the rows end equal to the domain's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from random import Random

import psutil
import pytest

from domain.settings import settings_for
from domain.wall import Wall
from streams.batching import BatchProducer, Message, Messages
from streams.batching.rocks import POSITION, RocksDirectory, RocksRowStore
from streams.batching.sending import LostMessage
from streams.contract.clients import aiokafka_security, broker_config
from streams.contract.records import DailyUsage
from streams.devstack.console import CONSUMER_GROUPS
from streams.devstack.ports import free_port
from streams.operations.replay import Replay
from streams.operations.verification import published_rows
from tests.harness.command_line import run_here, thewall_here
from tests.harness.pipeline import assert_equal_to_the_domain, submit_walls, wait_until_idle
from tests.harness.processes import (
    Worker,
    environment,
    run_thewall,
    run_tool,
    running_worker,
)
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(400)

TABLES = ("intake", "planner", "clock", "crews", "ledger", "overview")
BOTH_STORES = pytest.mark.parametrize("store", ["memory", "rocksdb"])


@BOTH_STORES
def test_a_worker_killed_again_and_again_loses_nothing_and_doubles_nothing(
    settings, client, tmp_path, store
):
    settings = settings.model_copy(update={"store": store})
    random = Random(1)
    log = tmp_path / "worker.log"
    replay = Replay(client)
    in_flight = 0
    for _ in range(4):
        with running_worker(settings, log) as worker:
            records = random.randrange(200, 4000)
            submit_walls(client, random, 4)

            def has_built(worker=worker, records=records) -> bool:
                text = worker.get("/metrics")[1]
                built = [x for x in text.splitlines() if x.startswith("thewall_sections_built_t")]
                return float(built[0].split()[1]) >= records

            wait_until(lambda: has_built() or replay.group.lag() == 0, 120, "work is in flight")
            worker.kill()
            in_flight += replay.group.lag() > 0
        if store == "rocksdb":
            assert_disk_says_what_the_changelog_has(settings, client)
    assert in_flight >= 2
    with running_worker(settings, log):
        wait_until_idle(client)
    assert_equal_to_the_domain(client)


@BOTH_STORES
def test_workers_join_and_leave_under_load(settings, client, tmp_path, store):
    settings = settings.model_copy(update={"store": store})
    random = Random(2)
    other = settings.model_copy(update={"web_port": free_port()})
    with running_worker(settings, tmp_path / "one.log") as one:
        submit_walls(client, random, 3)
        with running_worker(other, tmp_path / "two.log") as two:
            submit_walls(client, random, 4)
            wait_until_idle(client)
            for wall in ("a", "b", "c", "nothing"):

                def both_answer_the_same(path=f"/walls/{wall}/profiles/overview/") -> bool:
                    answers = [worker.get(path) for worker in (one, two)]
                    return answers[0] == answers[1] and answers[0][0] in (200, 404)

                wait_until(both_answer_the_same, 60)
            submit_walls(client, random, 3)
            assert two.stop() == 0
        submit_walls(client, random, 2)
        wait_until_idle(client)
        assert_equal_to_the_domain(client)


def assert_disk_says_what_the_changelog_has(settings, client) -> None:
    """Each database of a worker that has ended is its changelog up to the offset that it names."""
    directory = RocksDirectory(settings.worker_dir, settings.bootstrap_servers)
    checked = 0
    for topic, table in zip(client.topics.changelogs, TABLES, strict=True):
        messages = list(client.read(topic))
        store = RocksRowStore(directory, table)
        for partition in range(settings.partitions):
            store.open(partition, directory.describe(topic.name, [partition]))
            rows = store.partition(partition)
            known = {}
            for message in messages:
                if message.partition() == partition and message.offset() <= rows.offset:
                    known[message.key()] = message.value()
            found = {k: v for k, v in rows._database.items() if k != POSITION}
            assert found == {k: v for k, v in known.items() if v is not None}
            checked += len(found)
        store.close()
    directory.release()
    assert checked


def test_replays_and_rebuilds_end_in_the_same_digest(settings, client, tmp_path):
    random = Random(3)
    with running_worker(settings, tmp_path / "worker.log") as worker:
        submit_walls(client, random, 6)
        client.withdraw("a") if client.live_profiles("a") else None
        wait_until_idle(client)
        refused = run_here(settings, "replay")
        assert (refused.returncode, "running workers" in refused.stderr) == (1, True)
        assert worker.stop() == 0
    digest = assert_equal_to_the_domain(client)

    run_tool(
        CONSUMER_GROUPS, settings,
        "--group", settings.group, "--reset-offsets", "--to-earliest", "--all-topics", "--execute",
    )  # fmt: skip
    with running_worker(settings, tmp_path / "worker.log") as worker:
        wait_until_idle(client)
        assert worker.stop() == 0  # one that is killed stays in the group for a while
    assert published_rows(client).digest() == digest

    def versions() -> dict[str, int]:
        return {key: row["version"] for key, row in client.latest(client.topics.daily).items()}

    before = versions()
    for arguments in ([], ["--to", "1"], ["--to", "2026-01-31T12:00"], ["--wipe"]):
        result = json.loads(thewall_here(settings, "replay", "--json", *arguments))
        assert result == {"before": digest, "after": digest, "equal_to_domain": True}
    # A wiped wall's plans are made of another log: no version of theirs was there before.
    after = versions()
    assert all(after[key] > version for key, version in before.items())


def test_verify_finds_a_row_that_was_tampered_with(settings, client, worker):
    wall = Wall("w", settings_for(), {1: bytes([28])})
    client.submit(wall)
    client.wait_until_built(wall, 60, lambda *_: None)
    assert run_thewall(settings, "verify").returncode == 0
    row = client.latest(client.topics.daily)["w/1/1"] | {"ice": 196}
    client._produce(
        [(client.topics.daily, "w/1/1", client.codecs.encode(DailyUsage(**row)))]
    )  # a row of another writer, on another partition or not
    done = run_here(settings, "verify", "w")
    assert done.returncode == 1
    assert "daily w/1/1: 195 370,500 370,500 expected, 196 370,500 370,500 found" in done.stdout
    assert run_here(settings, "verify", "nothing").returncode == 1


def supervised(settings, *options):
    """A supervisor and its workers, one a core."""
    supervisor = subprocess.Popen(
        [sys.executable, "-m", "streams", "worker", "--no-web", *options],
        env=environment(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    cores = min(len(os.sched_getaffinity(0)), settings.partitions)
    processes = psutil.Process(supervisor.pid)
    wait_until(lambda: len(processes.children()) == cores, 30, "its workers are started")
    return supervisor, processes.children()


def test_workers_end_when_their_supervisor_is_killed(settings):
    supervisor, workers = supervised(settings, "--restart")
    supervisor.kill()
    supervisor.wait()
    for worker in workers:
        assert worker.wait(60) is None  # not a child of ours: it only says that it has ended


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="one worker is its own supervisor")
def test_without_restart_the_first_worker_that_ends_ends_the_command(settings):
    supervisor, (first, *others) = supervised(settings)
    first.kill()
    assert supervisor.wait(60) == 128 + signal.SIGKILL
    assert not any(worker.is_running() for worker in others)


async def test_a_message_that_the_broker_refuses_is_an_error_and_not_a_log_line(settings):
    security = aiokafka_security(settings)
    output = BatchProducer(settings.bootstrap_servers, timeout_s=2, security=security)
    async with output:
        with pytest.raises(LostMessage):
            await output.send(Messages(Message("no-such-topic", b"k", b"v")))


def test_a_worker_that_can_not_send_ends_without_committing(settings, client, tmp_path):
    from confluent_kafka.admin import AdminClient

    worker = Worker(settings, tmp_path / "worker.log")
    worker.wait_until_ready()
    admin = AdminClient(broker_config(settings))
    topic = client.topics.dead_letters.name
    admin.delete_topics([topic])[topic].result(10)
    client._produce([(client.topics.profiles, "w/1", b"no record")])
    assert worker.process.wait(90) == 70
    assert "the worker ends without committing" in worker.log.read_text()
