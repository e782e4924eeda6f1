"""A process that was told to stop says so until it is gone."""

from __future__ import annotations

import signal
import threading
from random import Random

from tests.harness.pipeline import assert_equal_to_the_domain, submit_walls, wait_until_idle
from tests.harness.processes import running_worker


def test_from_sigterm_on_a_worker_is_not_ready_and_alive_until_it_is_gone(
    settings, client, tmp_path
):
    with running_worker(settings, tmp_path / "worker.log") as worker:
        assert worker.get("/health/") == (200, '{"status": "ok"}')
        submit_walls(client, Random(3), 6)
        seen, told = [], threading.Event()

        def ask():
            while True:
                was_told = told.is_set()
                try:
                    status, body = worker.get("/ready/")
                except OSError:
                    return
                seen.append((was_told, status, body))

        asking = threading.Thread(target=ask)
        asking.start()
        worker.process.send_signal(signal.SIGTERM)
        told.set()
        assert worker.process.wait(60) == 0
        asking.join()
    after = [(status, body) for was_told, status, body in seen if was_told]
    # The first question may have overtaken the signal.
    assert {status for status, _ in after[1:]} == {503}
    assert all("stopping" in body for _, body in after[1:])
    # Nothing was lost by it.
    with running_worker(settings, tmp_path / "next.log"):
        wait_until_idle(client)
        assert_equal_to_the_domain(client)
