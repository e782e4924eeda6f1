"""Processes that outlive the command that started them: none runs that nobody knows of."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from streams.devstack import Stack, files, processes
from streams.devstack.processes import Daemon
from tests.harness.waiting import wait_until

ROOT = Path(__file__).parents[2]
SLEEP = [sys.executable, "-c", "import time; print('began', flush=True); time.sleep(300)"]


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon("sleeper", tmp_path)
    yield daemon
    daemon.stop()


def processes_in(directory: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(directory) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_process_that_runs_is_known_with_what_was_told_of_it(daemon):
    daemon.start(SLEEP, port=6066)
    wait_until(lambda: "began" in daemon.log_file.read_text(), what="it begins")
    assert daemon.alive()
    assert daemon.facts() == {"port": 6066}
    assert daemon.stop()
    assert (daemon.alive(), daemon.facts()) == (False, {})


def test_a_full_disk_leaves_no_process_that_nobody_knows_of(daemon, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(processes, "write_whole", full)
    with pytest.raises(OSError, match="No space left"):
        daemon.start(SLEEP)
    wait_until(lambda: not processes_in(tmp_path), what="nothing is left")
    assert daemon.log_file.read_text() == ""


KILLED_BEFORE_IT_SAYS_SO = """
import os, signal, sys
from pathlib import Path
from streams.devstack import processes
processes.write_whole = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
processes.Daemon("sleeper", Path(sys.argv[1])).start(sys.argv[2:])
"""


def test_a_command_killed_while_it_starts_a_process_leaves_none(tmp_path):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_IT_SAYS_SO, str(tmp_path), *SLEEP],
        cwd=ROOT, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    wait_until(lambda: not processes_in(tmp_path), what="nothing is left")


def test_a_process_is_known_though_the_clock_was_set(daemon, monkeypatch):
    daemon.start(SLEEP)
    booted = psutil.boot_time()
    monkeypatch.setattr(psutil._psplatform, "boot_time", lambda: booted + 3600)
    assert daemon.alive()


def test_another_process_with_the_same_id_is_another_process(daemon, tmp_path):
    daemon.start(SLEEP)
    state = json.loads((tmp_path / "sleeper.json").read_text())
    daemon.stop()
    (tmp_path / "sleeper.json").write_text(json.dumps(state | {"pid": os.getpid()}))
    assert not daemon.alive()


BROKEN = [b"", b"{", b"null", b"[]", b"\xff\xfe", b"\0" * 60, b'{"pid": "x"}', b'{"pid": 1e99}',
          b'{"pid": -1, "started_s": 1}', b"[" * 100_000]  # fmt: skip


@pytest.mark.parametrize("content", BROKEN)
def test_a_state_file_that_is_broken_is_as_good_as_none(daemon, tmp_path, content):
    (tmp_path / "sleeper.json").write_bytes(content)
    assert not daemon.alive()
    assert not daemon.stop()


@pytest.mark.parametrize("content", [*BROKEN, b'{"kafka": 1}', b'{"kafka": true}'])
def test_ports_that_are_not_known_are_no_address(tmp_path, content):
    (tmp_path / "ports.json").write_bytes(content)
    assert Stack(tmp_path)._ports() == {}
    assert not Stack(tmp_path).runs()


def test_a_file_is_as_it_was_or_as_it_is_now(tmp_path, monkeypatch):
    path = tmp_path / "state.json"
    files.write_whole(path, "before")

    def cut_off(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", cut_off)
    with pytest.raises(OSError, match="No space left") as failed:
        files.write_whole(path, "after")
    assert failed.value.filename == str(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_the_frames_of_a_java_trace_are_not_its_last_words(daemon):
    daemon.log_file.write_text("why it ended\n\tat a.b.C(C.java:1)\n\t... 12 more\n\n")
    assert daemon.last_words() == f"; the log, {daemon.log_file}, ends with\n  why it ended"
