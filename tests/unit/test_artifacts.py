"""The files of the embedded stack: the lock file, and how they get into the cache."""

from __future__ import annotations

import hashlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streams.devstack import Stack, StackError, artifacts
from streams.devstack.artifacts import Artifact, FetchError, fetch

ROOT = Path(__file__).parents[2]
CONTENT = b"a jar" * 1000


def artifact(name: str, content: bytes = CONTENT, packaging: str = "jar") -> Artifact:
    checksum = hashlib.sha256(content).hexdigest()
    return Artifact("kafka", "org.example", name, "1.0", "", packaging, checksum)


def deliver(content: bytes):
    def get(wanted: Artifact, directory: Path) -> Path:
        directory.mkdir(exist_ok=True)
        path = directory / f"{wanted.name}.file"
        path.write_bytes(content)
        return path

    return get


@pytest.fixture(autouse=True)
def one_try(monkeypatch):
    monkeypatch.setattr(artifacts, "TRIES", 1)


def names(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()} - {".lock"}


def test_the_lock_file_names_each_file_once_with_a_checksum():
    locked = artifacts.locked()
    assert len({a.filename for a in locked}) == len(locked)
    assert {a.part for a in locked} == {"kafka", "registry", "console"}
    assert all(re.fullmatch("[0-9a-f]{64}", a.sha256) for a in locked)


def test_a_file_is_fetched_once(tmp_path):
    fetch([artifact("a")], cache=tmp_path, get=deliver(CONTENT))
    fetch([artifact("a")], cache=tmp_path, get=pytest.fail)
    assert (tmp_path / "a-1.0.jar").read_bytes() == CONTENT


def test_a_file_with_another_checksum_leaves_nothing_in_the_cache(tmp_path):
    with pytest.raises(FetchError, match=r"a-1\.0\.jar is not the file that is locked"):
        fetch([artifact("a")], cache=tmp_path, get=deliver(CONTENT[:-1]))
    assert names(tmp_path) == set()


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(tmp_path):
    (tmp_path / "a-1.0.jar").write_bytes(CONTENT[:10])
    fetch([artifact("a")], cache=tmp_path, get=deliver(CONTENT))
    assert (tmp_path / "a-1.0.jar").read_bytes() == CONTENT


def test_files_already_fetched_stay_when_another_cannot_be_fetched(tmp_path):
    def get(wanted: Artifact, directory: Path) -> Path:
        if wanted.name == "gone":
            raise OSError("no route to host")
        return deliver(CONTENT)(wanted, directory)

    fetch([artifact("whole")], cache=tmp_path, get=get)
    with pytest.raises(FetchError, match=r"gone-1\.0\.jar could not be fetched.*no route to host"):
        fetch([artifact("whole"), artifact("gone")], cache=tmp_path, get=get)
    assert names(tmp_path) == {"whole-1.0.jar"}


def test_a_network_that_fails_once_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "TRIES", 2)
    tries = []

    def get(wanted: Artifact, directory: Path) -> Path:
        tries.append(wanted.name)
        if len(tries) == 1:
            raise OSError("connection reset")
        return deliver(CONTENT)(wanted, directory)

    fetch([artifact("a")], cache=tmp_path, get=get)
    assert tries == ["a", "a"]
    assert names(tmp_path) == {"a-1.0.jar"}


KILLED_HALF_WAY = f"""
import os, signal, sys
from pathlib import Path
from streams.devstack.artifacts import Artifact, fetch
def get(wanted, directory):
    directory.mkdir(exist_ok=True)
    (directory / "half").write_bytes(b"half of it")
    os.kill(os.getpid(), signal.SIGKILL)
fetch([Artifact("kafka", "org.example", "a", "1.0", "", "jar", "{"0" * 64}")],
      cache=Path(sys.argv[1]), get=get)
"""


def test_a_fetch_that_was_killed_leaves_no_half_made_file_and_the_next_one_cleans_up(tmp_path):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_HALF_WAY, str(tmp_path)], cwd=ROOT, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "a-1.0.jar").exists()
    fetch([artifact("a")], cache=tmp_path, get=deliver(CONTENT))
    assert names(tmp_path) == {"a-1.0.jar"}


def test_two_fetches_into_one_cache_do_not_clash(tmp_path):
    fetched, both = [], threading.Barrier(2)

    def get(wanted: Artifact, directory: Path) -> Path:
        fetched.append(wanted.name)
        return deliver(CONTENT)(wanted, directory)

    def run() -> None:
        both.wait(10)
        fetch([artifact("a"), artifact("b")], cache=tmp_path, get=get)

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(run), pool.submit(run)]:
            job.result()
    assert sorted(fetched) == ["a", "b"]


def test_an_archive_is_kept_unpacked_only(tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("lib/x.jar")
        entry.size = len(CONTENT)
        archive.addfile(entry, io.BytesIO(CONTENT))
    content = packed.getvalue()
    fetch([artifact("app", content, "tar.gz")], cache=tmp_path, get=deliver(content))
    assert names(tmp_path) == {"app-1.0"}
    assert (tmp_path / "app-1.0" / "lib" / "x.jar").read_bytes() == CONTENT


def test_the_cache_is_where_xdg_says(tmp_path):
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "from streams.devstack import artifacts; print(artifacts.cache_directory())",
        ],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(tmp_path)


@pytest.fixture
def fetched(monkeypatch):
    """As if everything were in the cache already."""
    monkeypatch.setattr(artifacts, "fetch", lambda *_: None)


@pytest.mark.parametrize("option", ["kafka_port", "registry_port"])
@pytest.mark.usefixtures("fetched")
def test_a_port_that_is_taken_is_named_with_the_option_that_asked_for_it(tmp_path, option):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            StackError, match=rf"port {port} is taken.*--{option.replace('_', '-')}"
        ):
            Stack(tmp_path).up(**{option: port})
    assert not any(daemon.alive() for daemon in Stack(tmp_path).daemons)
