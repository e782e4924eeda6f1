"""The process that computes plans ends with the web process, and is replaced if it ends alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from streams.web.computing import Computer
from streams.web.problems import Refusal
from tests.harness.waiting import wait_until

KILLED = """
import asyncio, os
from streams.web.computing import Computer

if __name__ == "__main__":
    computer = Computer()
    print(asyncio.run(computer.compute(os.getpid)), flush=True)
    os.kill(os.getpid(), 9)
"""


async def test_it_computes_elsewhere_and_one_that_was_killed_is_replaced():
    computer = Computer()
    first = await computer.compute(os.getpid)
    assert first != os.getpid()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: _has_ended(first), 20)
    with pytest.raises(Refusal) as refused:
        await computer.compute(os.getpid)
    assert refused.value.status == 503
    assert await computer.compute(os.getpid) not in (first, os.getpid())
    await computer.stop()


def _has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_it_ends_when_the_web_process_is_killed(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as process:
        computing = psutil.Process(int(process.stdout.readline()))
        assert process.wait(60) == -signal.SIGKILL
        try:
            wait_until(lambda: not computing.is_running(), 20, "it has ended")
        finally:
            if computing.is_running():
                computing.kill()
