"""The whole way, on a machine with odd paths, the C locale, and a proxy for everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from platformdirs import user_cache_path

from streams.devstack import Stack
from streams.devstack.ports import free_port
from tests.harness.walls import EXERCISE_CONFIG

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def machine(tmp_path):
    """Its environment: paths that need more than ASCII, and a proxy that does not answer."""
    cache = tmp_path / "Zwischenspeicher für alles"
    cache.mkdir()
    (cache / "thewall").symlink_to(user_cache_path("thewall"))
    proxies = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY")
    variables = {
        "LC_ALL": "C",
        "XDG_CACHE_HOME": str(cache),
        "THEWALL_STACK_DIR": str(tmp_path / "données, é = x #1\\t" / "stack"),
        "THEWALL_DATA_DIR": str(tmp_path / "données, é = x #1\\t" / "workers"),
        "THEWALL_WEB_PORT": str(free_port()),
        "THEWALL_STORE": "rocksdb",
        **dict.fromkeys(proxies, "http://127.0.0.1:9"),
        "all_proxy": "socks5://127.0.0.1:9",
    }
    ours = {name: v for name, v in os.environ.items() if not name.startswith("THEWALL_")}
    yield ours | variables
    for arguments in (["worker", "--stop"], ["down"]):
        subprocess.run(
            [sys.executable, "-m", "streams", *arguments], env=ours | variables,
            check=False, capture_output=True, timeout=120,
        )  # fmt: skip


def thewall(machine: dict[str, str], *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "streams", *arguments], env=machine,
        input=stdin, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wall_is_built_and_read_again_after_a_restart(machine, tmp_path):
    thewall(machine, "up")
    thewall(machine, "worker", "--background", "--no-web", "--processes", "1")
    built = json.loads(thewall(machine, "submit", "-", "--wait", "--json", stdin=EXERCISE_CONFIG))
    assert built["cost"] == 32_233_500
    thewall(machine, "worker", "--stop")
    thewall(machine, "down")
    stack = Stack(tmp_path / "données, é = x #1\\t" / "stack")
    assert (stack.directory / "data" / "kafka" / "meta.properties").exists()
    assert not any(daemon.alive() for daemon in stack.daemons)

    thewall(machine, "up")
    assert json.loads(thewall(machine, "overview", "default", "--json", "--daily")) == built
    printed = thewall(machine, "console", "wall.daily", "--from-beginning", "--max-messages", "1")
    assert json.loads(printed.partition("\t")[2])["wall"] == "default"
    assert {path.name for path in tmp_path.iterdir()} == {
        "Zwischenspeicher für alles", "données, é = x #1\\t",
    }  # fmt: skip
