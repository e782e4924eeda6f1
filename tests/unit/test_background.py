"""Background workers and the stack that they use: neither leaves the other behind."""

from __future__ import annotations

import json
import socket
import sys

import pytest
from typer.testing import CliRunner

from streams.cli import app
from streams.devstack import Stack, StackError, artifacts
from streams.devstack.processes import Daemon
from streams.operations.background import BackgroundWorkers
from streams.settings import Settings

SLEEP = [sys.executable, "-c", "import time; time.sleep(300)"]


@pytest.fixture
def stack(tmp_path, monkeypatch):
    """A stack that does not run, with its ports of the last time."""
    monkeypatch.setenv("THEWALL_STACK_DIR", str(tmp_path))
    monkeypatch.setenv("THEWALL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(artifacts, "fetch", lambda *_: None)
    ports = {"kafka": 29998, "controller": 29997, "registry": 29996, "management": 29995}
    (tmp_path / "ports.json").write_text(json.dumps(ports))
    return Stack(tmp_path)


@pytest.fixture
def workers(stack):
    """Workers of that stack, as far as their state goes."""
    addresses = stack.addresses()
    settings = Settings(
        bootstrap_servers=addresses.bootstrap_servers, registry_url=addresses.registry_url,
        api_token="not in a file",  # noqa: S106
    )  # fmt: skip
    settings.data_dir.mkdir()
    daemon = Daemon("worker", settings.data_dir)
    daemon.start(
        SLEEP, processes=3, settings=settings.model_dump(mode="json", exclude={"api_token"})
    )
    yield settings
    daemon.stop()


def test_their_state_says_all_but_the_token(workers):
    running = BackgroundWorkers(workers).running()
    assert (running.settings, running.processes) == (workers, 3)
    assert "not in a file" not in (workers.data_dir / "worker.json").read_text()


def test_a_fresh_start_under_workers_is_refused(stack, workers):
    done = CliRunner().invoke(app, ["up", "--fresh"])
    assert isinstance(done.exception, StackError)
    assert "stop them first with `thewall worker --stop`" in str(done.exception)


def test_a_broker_that_would_be_at_another_port_under_workers_is_not_started(stack, workers):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 29998))
        other.listen()
        done = CliRunner().invoke(app, ["up"])
    assert isinstance(done.exception, StackError)
    assert "stop them first with `thewall worker --stop`" in str(done.exception)
    assert not stack.kafka.alive()
    assert stack._ports()["kafka"] == 29998
