"""Two hosts, a worker on each, bound to every interface: each answers for all walls."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from domain.settings import settings_for
from domain.wall import Wall
from tests.harness import namespaces
from tests.harness.pipeline import wait_until_idle
from tests.harness.processes import environment
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.skipif(
    not namespaces.are_allowed(), reason="this process may not make network namespaces"
)
WALLS = ("a", "b", "c", "d", "e", "f")


class RemoteWorker:
    """A worker on a host."""

    def __init__(self, host, settings, log) -> None:
        self.host = host
        self.port = settings.web_port
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                host.command(
                    sys.executable, "-m", "streams", "worker", "--processes", "1", "--no-web"
                ),
                env=environment(settings),
                stdout=out,
                stderr=out,
            )

    def status(self, path: str) -> int:
        """Status of an answer, as somebody on its host gets it; 0 for none."""
        code = (
            "import sys, http.client as c; a = c.HTTPConnection('127.0.0.1', int(sys.argv[1]), "
            "timeout=5); a.request('GET', sys.argv[2]); print(a.getresponse().status)"
        )
        asked = self.host.command(sys.executable, "-c", code, str(self.port), path)
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)
        return int(done.stdout or 0)


@contextmanager
def worker_on(host, settings, log, **own):
    worker = RemoteWorker(host, settings.model_copy(update=own), log)
    try:
        wait_until(lambda: worker.status("/ready/") == 200, 60, f"the worker on {host.name}")
        yield worker
    finally:
        worker.process.kill()
        worker.process.wait()


def test_each_of_two_hosts_answers_for_all_walls(settings, client, tmp_path):
    broker = int(settings.bootstrap_servers.rpartition(":")[2])
    registry = urlsplit(settings.registry_url).port
    own = {"web_host": "0.0.0.0", "web_port": 6066}
    with namespaces.two_hosts([broker, registry], tmp_path) as (one, other):

        def start(host):
            facts = own | {
                "web_advertised_host": host.address,
                "data_dir": tmp_path / host.name,
            }
            return worker_on(host, settings, tmp_path / f"{host.name}.log", **facts)

        with start(one) as first, start(other) as second:
            for name in WALLS:
                client.submit(Wall(name, settings_for(None), {1: bytes([21, 25, 28])}))
            wait_until_idle(client)
            for worker in (first, second):
                for name in WALLS:
                    path = f"/walls/{name}/profiles/overview/"
                    wait_until(lambda w=worker, p=path: w.status(p) == 200, 30, path)
