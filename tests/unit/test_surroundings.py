"""The command line on machines that are not as we would have them: a sentence, never a trace."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from streams.devstack.ports import free_port
from tests.harness.walls import EXERCISE_CONFIG

NOWHERE = {"THEWALL_BOOTSTRAP_SERVERS": "127.0.0.1:1", "THEWALL_REGISTRY_URL": "http://127.0.0.1:1"}


def run(arguments: str, redirected: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell would, with its streams redirected; stderr is what it said."""
    # Workers of whoever runs this may have the usual port.
    own = {"THEWALL_WEB_PORT": str(free_port())}
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m streams {arguments} {redirected}', sys.executable],
        env={name: value for name, value in os.environ.items() if not name.startswith("THEWALL_")}
        | own
        | variables,
        input=EXERCISE_CONFIG, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("options", ["", "--json"])
@pytest.mark.parametrize(
    ("redirected", "words"),
    [(">&-", "standard output is closed"), (">/dev/full", "No space left on device")],
)
def test_an_output_that_takes_nothing_is_an_error_and_no_traceback(options, redirected, words):
    done = run(f"compute - {options}", redirected)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert words in done.stderr


def test_a_command_that_prints_nothing_needs_no_output(tmp_path):
    done = run("worker --stop", ">&-", THEWALL_DATA_DIR=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "no worker runs in the background\n")


def test_a_closed_input_is_an_empty_one():
    done = run("compute -", "<&-")
    assert (done.returncode, done.stderr.count("no profiles")) == (1, 1)


def test_with_all_streams_closed_the_status_still_says_how_it_went():
    assert run("compute -", "<&- >&- 2>&-").returncode == 1
    assert run("worker --stop", "<&- >&- 2>&-").returncode == 0


def test_a_reader_that_has_enough_is_no_error():
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m streams compute - --json | head -c 1"],
        input=EXERCISE_CONFIG, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("{", "")


@pytest.mark.parametrize(
    "arguments", ["up", "worker", "worker --background", "topics", "submit - --wait", "console x"]
)
def test_a_home_that_can_not_be_written_is_one_sentence(tmp_path, arguments):
    home = tmp_path / "home"
    home.write_text("a file")  # not even root can make directories in it
    done = run(arguments, HOME=str(home), XDG_CACHE_HOME="", XDG_DATA_HOME="")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert str(home) in done.stderr or "thewall up" in done.stderr


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"THEWALL_BOOTSTRAP_SERVERS": "SSL://a:1"}, "only PLAINTEXT://"),
        ({"THEWALL_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "the broker at 127.0.0.1:1 does not answer"),
        ({"THEWALL_STACK_DIR": "~nobody-of-that-name"}, "the stack has no directory"),
    ],
)
@pytest.mark.parametrize("arguments", ["worker --processes 1 --no-web", "overview w", "verify"])
def test_workers_and_commands_say_the_same_of_an_address(variables, words, arguments):
    without = {"THEWALL_BOOTSTRAP_SERVERS": "", "THEWALL_REGISTRY_URL": "http://127.0.0.1:1"}
    done = run(arguments, **without | variables)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert words in done.stderr
