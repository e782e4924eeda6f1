"""A broker that takes its time, and a plan that takes longer than the watchdog waits."""

from __future__ import annotations

import time

import pytest

from domain.settings import settings_for
from domain.wall import Wall
from tests.harness.pipeline import wait_until_idle
from tests.harness.processes import run_tool, running_worker
from tests.harness.waiting import wait_until

QUOTA = 60_000  # bytes a second
pytestmark = pytest.mark.timeout(400)


def configure(settings, action: str, what: str) -> None:
    run_tool(
        "kafka.admin.ConfigCommand", settings,
        "--alter", action, what, "--entity-type", "clients", "--entity-default",
    )  # fmt: skip


def test_a_quota_slows_a_worker_and_neither_its_timeouts_nor_the_watchdog_end_it(
    settings, client, tmp_path
):
    settings = settings.model_copy(update={"session_timeout_s": 30, "watchdog_s": 4})
    wall = Wall("w", settings_for(), {n: bytes(2000) for n in range(1, 11)})
    with running_worker(settings, tmp_path / "worker.log") as worker:
        client.submit(wall)
        configure(settings, "--add-config", f"producer_byte_rate={QUOTA}")
        try:
            slow_until = time.monotonic() + 40

            def has_been_slow() -> bool:
                assert worker.process.poll() is None, worker.log.read_text()[-3000:]
                return time.monotonic() > slow_until

            wait_until(has_been_slow, 90, "the quota has lasted for a while")
        finally:
            configure(settings, "--delete-config", "producer_byte_rate")
        client.wait_until_built(wall, 200, lambda *_: None)
        wait_until_idle(client)
        assert worker.process.poll() is None
