"""A worker that is late: what others have written meanwhile stands, whatever it still held."""

from __future__ import annotations

import subprocess
import sys

import pytest

from domain.settings import settings_for
from domain.wall import Wall
from streams.app import create_app
from streams.client.client import Client
from streams.client.errors import ClientError
from streams.client.kafka import ANY_PARTITION, produce
from streams.client.versions import check_current
from streams.contract.records import VersionSwitched
from streams.devstack.ports import free_port
from tests.harness.command_line import thewall_here
from tests.harness.pipeline import assert_equal_to_the_domain, wait_until_idle
from tests.harness.processes import Worker, environment, running_worker
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(400)


class LateWorker(Worker):
    """A worker whose event loop is made to stand still, see `tests.harness.late_worker`."""

    def __init__(self, settings, directory) -> None:
        self.settings, self.log = settings, directory / "late.log"
        self.file = directory / "late"
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.harness.late_worker", str(self.file)],
                env=environment(settings), stdout=out, stderr=out,
            )  # fmt: skip

    def touch(self, what: str) -> None:
        self.file.with_suffix(f".{what}").touch()

    def is_blocked(self) -> bool:
        return self.file.with_suffix(".blocked").exists()


@pytest.mark.parametrize(
    ("store", "guarantee"), [("memory", "at-least-once"), ("rocksdb", "exactly-once")]
)
def test_a_worker_whose_event_loop_stood_still_past_a_rebalance_ends_and_sends_nothing(
    settings, client, tmp_path, store, guarantee
):
    settings = settings.model_copy(update={"store": store, "guarantee": guarantee})
    wall = Wall("w", settings_for(), {n: bytes([20]) * 9 for n in range(1, 6)})
    changed = Wall("w", settings_for(2, "ice"), {n: bytes([25 - n]) * 7 for n in range(2, 9)})
    late = LateWorker(settings, tmp_path)
    try:
        late.wait_until_ready()
        client.submit(wall)
        client.wait_until_built(wall, 60, lambda *_: None)
        late.touch("block")
        client.submit(Wall("w", settings_for(), {n: bytes([21]) * 9 for n in range(1, 6)}))
        wait_until(late.is_blocked, 60, "the ledger has computed, and stands still")
        other = settings.model_copy(update={"web_port": free_port()})
        with running_worker(other, tmp_path / "other.log"):
            client.submit(changed)
            client.wait_until_built(changed, 90, lambda *_: None)
            wait_until_idle(client)
            written = {topic.name: ends(client, topic) for topic in client.topics.all()}
            late.touch("go")
            assert late.process.wait(60) == 70
            said = late.log.read_text()
            assert "may be another worker's" in said
            assert "Traceback" not in said
            assert {topic.name: ends(client, topic) for topic in client.topics.all()} == written
            digest = assert_equal_to_the_domain(client)
    finally:
        late.kill()
    # The tables are recovered from the changelogs: a row that went back would show.
    with running_worker(settings, tmp_path / "again.log") as again:
        assert again.stop() == 0
    result = thewall_here(settings, "replay", "--json")
    assert f'"after": "{digest}", "equal_to_domain": true' in result


def ends(client, topic) -> list[tuple[int, int]]:
    return sorted((message.partition(), message.offset()) for message in client.read(topic))


def test_a_worker_that_was_started_before_a_rebuild_switched_does_not_publish_after_it(
    settings, client
):
    create_app(settings)  # so far it has got
    check_current(settings)
    switched = client.codecs.encode(VersionSwitched(version=2, previous=1, digest=""))
    produce(settings, [(client.topics.versions.name, settings.app_id, switched, ANY_PARTITION)])
    with pytest.raises(ClientError, match="has switched to version 2"):
        check_current(settings)
    check_current(Client(settings).settings)
    check_current(settings.model_copy(update={"app_version": 3, "shadow": True}))
