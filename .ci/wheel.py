"""What has to work where the wheel is installed, and the checkout is not: run by .ci/wheel."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib import resources
from pathlib import Path

CHECKOUT = Path(sys.argv[1])
THEWALL = Path(sys.executable).with_name("thewall")
# No address of a broker, and nothing of whoever runs this.
BARE = {"PATH": os.environ["PATH"], "HOME": str(Path.cwd()), "LANG": "C.UTF-8"}
NOWHERE = {
    "THEWALL_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "THEWALL_REGISTRY_URL": "http://127.0.0.1:1",
}


def thewall(*arguments: str, status: int = 0, **variables: str) -> str:
    """What a command prints."""
    done = subprocess.run(
        [THEWALL, *arguments], env=BARE | variables, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    printed = done.stdout + done.stderr
    assert done.returncode == status, (arguments, done.returncode, printed)
    assert "Traceback" not in printed, printed
    return printed


def free_port() -> int:
    """A port on loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, deadline_s: float = 60) -> bytes:
    """What is there, once somebody answers."""
    end = time.monotonic() + deadline_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - on loopback
                return bytes(answer.read())
        except urllib.error.HTTPError:
            raise
        except OSError:
            assert time.monotonic() < end, f"nobody answers at {url}"
            time.sleep(0.1)


def check_commands() -> None:
    """The command knows itself, computes a wall, and says what is not installed."""
    assert thewall("--version").startswith("thewall ")
    commands = set(re.findall(r"^\W*([a-z]+) ", thewall("--help"), re.MULTILINE))
    assert {"submit", "worker", "web", "compute"} <= commands, commands
    assert "32,233,500" in thewall("compute", str(CHECKOUT / "docs/exercise.conf"))
    assert "wall.profiles" in thewall("acls", "worker", **NOWHERE)
    assert "the-wall[embedded]" in thewall("up", status=1)


def check_contents() -> None:
    """It is the wheel's files that are used, and all schemas are among them."""
    import schemas
    import streams
    from streams.contract.codecs import Codecs
    from streams.contract.topics import Topics
    from streams.settings import Settings

    assert Path(streams.__file__).is_relative_to(sys.prefix), streams.__file__
    found = {file.name for file in resources.files(schemas).iterdir() if file.name.endswith("avsc")}
    assert found == {file.name for file in (CHECKOUT / "schemas").glob("*.avsc")}
    topics = Topics.of(Settings(bootstrap_servers="none", registry_url="none")).all()
    types = dict.fromkeys(of for topic in topics for of in topic.records)
    Codecs({of: number for number, of in enumerate(types, start=1)})


def check_page() -> None:
    """The web process serves the page, all that it is made of, and the API's description."""
    port = free_port()
    variables = BARE | NOWHERE | {"THEWALL_PAGE_PORT": str(port)}
    with Path("web.log").open("w") as log:
        web = subprocess.Popen([THEWALL, "web"], env=variables, stdout=log, stderr=log)
    try:
        there = f"http://127.0.0.1:{port}/"
        parts = re.findall(r'(?:src|href)="\./([^"]+)"', get(there).decode())
        assert {Path(part).suffix for part in parts} >= {".js", ".css", ".svg"}, parts
        for part in parts:
            assert get(there + part)
        assert b"/api/walls/{wall}" in get(there + "api/openapi.json")
        web.send_signal(signal.SIGTERM)
        assert web.wait(60) == 0
    finally:
        if web.poll() is None:
            web.kill()
            web.wait()
    assert "Traceback" not in Path("web.log").read_text()


check_commands()
check_contents()
check_page()
print(f"Python {sys.version.split()[0]}: commands, schemas and page are there")  # noqa: T201
