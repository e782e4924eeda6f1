"""A replay that wipes all state may be killed anywhere: that is said, and it is run again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from domain.settings import settings_for
from domain.wall import Wall
from streams.operations.verification import published_rows
from tests.harness.command_line import run_here
from tests.harness.processes import environment, run_thewall, running_worker, thewall
from tests.harness.waiting import wait_until
from tests.harness.web import WebProcess

pytestmark = [pytest.mark.timeout(400), pytest.mark.long]

WORKER = ["worker", "--processes", "1", "--no-web"]

KILLED = """
import os, signal, sys
from streams.cli import main
from streams.operations import replay

def crash(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

owner = replay.Replay if hasattr(replay.Replay, sys.argv[1]) else replay
setattr(owner, sys.argv.pop(1), crash)
main()
"""


def killed_at(settings, point: str) -> None:
    """Run the command, and kill it when it comes to a function."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, point, "replay", "--wipe"], env=environment(settings),
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr


def says_so(web: WebProcess) -> bool:
    try:
        answers = [web.get(path) for path in ("/ready/", "/api/walls")]
    except OSError:
        return False
    return all(a.status == 503 and b"before it was done" in a.body for a in answers)


def test_a_wipe_that_was_killed_is_said_by_all_and_done_by_the_same_again(
    settings, client, tmp_path
):
    wall = Wall("w", settings_for(4), {1: bytes([21, 25, 28]), 2: bytes([17])})
    with running_worker(settings, tmp_path / "worker.log") as worker:
        client.submit(wall)
        client.wait_until_built(wall, 60, lambda *_: None)
        assert worker.stop() == 0
    digest = published_rows(client).digest()
    # Before any row is gone; rows gone; topics empty; tables gone.
    for point in ("produce_tombstones", "truncate_topics", "delete_topics", "create_topics"):
        killed_at(settings, point)
        for arguments in (
            ["verify"], ["overview", "w"], ["day", "w", "1", "1"], ["rebuild"], ["replay"], WORKER,
        ):  # fmt: skip
            run = run_thewall if arguments is WORKER else run_here
            refused = run(settings, *arguments)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "`thewall replay --wipe` was ended before it was done" in refused.stderr
    web = WebProcess(settings, tmp_path / "web.log")
    try:
        wait_until(lambda: says_so(web), 60, "the page says so")
    finally:
        web.process.kill()
        web.process.wait()
    result = json.loads(thewall(settings, "replay", "--wipe", "--json"))
    assert result == {"before": digest, "after": digest, "equal_to_domain": True}
    assert run_here(settings, "verify").returncode == 0
    with running_worker(settings, tmp_path / "worker.log"):
        client.submit(wall)
        client.wait_until_built(wall, 60, lambda *_: None)
