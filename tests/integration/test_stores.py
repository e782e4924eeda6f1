"""RocksDB: a restart recovers only what is new, and nothing of a changelog that is gone."""

from __future__ import annotations

import json
from random import Random

import pytest

from streams.devstack.ports import free_port
from streams.operations.replay import Replay
from tests.harness.command_line import thewall_here
from tests.harness.pipeline import assert_equal_to_the_domain, submit_walls, wait_until_idle
from tests.harness.processes import run_thewall, running_worker

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


@pytest.fixture
def on_disk(settings):
    return settings.model_copy(update={"store": "rocksdb"})


def changelog_rows(client) -> int:
    """Messages that were ever written to the tables' changelogs."""
    return sum(Replay(client).group.ends(client.topics.changelogs).values())


def recovered_rows(worker) -> int:
    lines = worker.get("/metrics")[1].splitlines()
    return sum(int(float(x.split()[1])) for x in lines if x.startswith("thewall_recovered_rows_t"))


def test_a_restart_recovers_only_what_is_new(on_disk, client, tmp_path):
    random = Random(4)
    log = tmp_path / "worker.log"
    with running_worker(on_disk, log) as worker:
        submit_walls(client, random, 4)
        wait_until_idle(client)
        assert worker.stop() == 0
    known = changelog_rows(client)
    assert known > 200

    # Another worker, with a directory of its own, goes on while this one is away.
    other = on_disk.model_copy(update={"web_port": free_port()})
    with running_worker(other, tmp_path / "other.log") as worker:
        assert recovered_rows(worker) == known
        submit_walls(client, random, 2)
        wait_until_idle(client)
        assert worker.stop() == 0
    new = changelog_rows(client) - known
    assert new > 0

    with running_worker(on_disk, log) as worker:
        assert recovered_rows(worker) == new
        submit_walls(client, random, 2)
        wait_until_idle(client)
        assert_equal_to_the_domain(client)
        worker.kill()
    with running_worker(on_disk, log) as worker:
        assert recovered_rows(worker) == 0
        submit_walls(client, random, 2)
        wait_until_idle(client)
    assert_equal_to_the_domain(client)


def test_tables_that_were_wiped_are_built_anew_and_not_from_what_is_on_disk(
    on_disk, client, tmp_path
):
    random = Random(5)
    log = tmp_path / "worker.log"
    with running_worker(on_disk, log) as worker:
        submit_walls(client, random, 4)
        wait_until_idle(client)
        assert worker.stop() == 0
    digest = assert_equal_to_the_domain(client)
    result = json.loads(thewall_here(on_disk, "replay", "--json", "--wipe"))
    assert result == {"before": digest, "after": digest, "equal_to_domain": True}
    rebuilt = changelog_rows(client)
    with running_worker(on_disk, log) as worker:
        assert recovered_rows(worker) == rebuilt
        assert "its changelog was deleted and created again" in log.read_text()
        submit_walls(client, random, 2)
        wait_until_idle(client)
    assert_equal_to_the_domain(client)


def test_two_workers_do_not_share_a_directory(on_disk, tmp_path):
    with running_worker(on_disk, tmp_path / "worker.log"):
        # The same port on another address is free, and would be the same directory.
        beside = on_disk.model_copy(update={"web_host": "127.0.0.2"})
        second = run_thewall(beside, "worker", "--processes", "1", "--no-web")
        assert second.returncode == 1
        assert second.stderr.strip().endswith(
            "is in use by another worker; give each worker its own THEWALL_WEB_PORT or "
            "THEWALL_DATA_DIR"
        )
