"""Workers in the background: one's own, at once or with a reason, and none left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from confluent_kafka import Consumer

from streams.contract.clients import broker_config
from streams.devstack.ports import free_port
from streams.operations.background import BackgroundWorkers
from streams.operations.readiness import ready_answer
from tests.harness.processes import environment, run_thewall, thewall
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def background(settings):
    """Settings of background workers that are stopped in the end."""
    yield settings
    BackgroundWorkers(settings).stop()


def running_pids(settings) -> list[int]:
    state = json.loads((settings.data_dir / "worker.json").read_text())
    return [state["pid"], *(child.pid for child in psutil.Process(state["pid"]).children())]


class Ready(BaseHTTPRequestHandler):
    """A worker of another installation, as far as `/ready/` goes."""

    def do_GET(self):
        body = b'{"ready": true, "pid": 1}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def another_installation(port: int, host: str = "127.0.0.1"):
    server = ThreadingHTTPServer((host, port), Ready)
    threading.Thread(target=server.serve_forever).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_a_port_of_another_installation_is_said_at_once_and_nothing_is_started(background):
    with another_installation(background.web_port):
        for arguments in (["--background"], ["--processes", "1"], []):
            done = run_thewall(background, "worker", "--no-web", *arguments)
            assert (done.returncode, done.stdout) == (1, "")
            assert len(done.stderr.splitlines()) == 1
            where = f"127.0.0.1:{background.web_port}: another program has that port"
            assert where in done.stderr
    assert not (background.data_dir / "worker.json").exists()


@pytest.mark.parametrize("host", ["::1", "127.0.0.2", "0.0.0.0", "localhost"])
def test_workers_are_asked_where_they_are(background, host):
    settings = background.model_copy(update={"web_host": host})
    done = run_thewall(settings, "worker", "--background", "--no-web", "--processes", "1")
    assert done.returncode == 0, done.stderr
    supervisor, worker = running_pids(settings)
    assert ready_answer(host, settings.web_port)["pid"] == worker
    thewall(settings, "worker", "--stop")
    assert not psutil.pid_exists(supervisor)
    assert not psutil.pid_exists(worker)


def test_the_pages_port_of_another_installation_is_said_before_anything_is_started(background):
    settings = background.model_copy(update={"page_port": free_port()})
    with another_installation(settings.page_port):
        for arguments in (["worker", "--background"], ["worker"], ["web"]):
            done = run_thewall(settings, *arguments)
            assert (done.returncode, done.stdout) == (1, "")
            assert f"127.0.0.1:{settings.page_port}: another program has that port" in done.stderr
    assert not any(settings.data_dir.glob("*.json"))


def test_the_page_is_asked_where_it_is_and_stops_with_the_workers(background):
    settings = background.model_copy(update={"page_port": free_port(), "page_host": "::1"})
    done = run_thewall(settings, "worker", "--background", "--processes", "1")
    assert done.returncode == 0, done.stderr
    assert f"the page is at http://[::1]:{settings.page_port}" in done.stderr
    assert ready_answer("::1", settings.page_port)["ready"]
    thewall(settings, "worker", "--stop")
    assert ready_answer("::1", settings.page_port) == {}


def test_workers_are_ready_though_the_environment_names_a_proxy(background):
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    done = run_thewall(
        background, "worker", "--background", "--no-web", "--processes", "1", **proxies
    )
    assert done.returncode == 0, done.stderr


def test_a_worker_that_can_not_run_is_told_with_its_last_words_and_none_is_left(background, client):
    mismatch = background.model_copy(update={"partitions": client.settings.partitions + 1})
    done = run_thewall(mismatch, "worker", "--background", "--no-web", "--processes", "1")
    assert done.returncode == 1
    assert "the workers ended while starting" in done.stderr
    assert "partitions, but THEWALL_PARTITIONS is" in done.stderr.splitlines()[-1]
    assert not BackgroundWorkers(background).running()


def test_a_second_start_says_that_they_run_and_one_elsewhere_is_refused(background):
    thewall(background, "worker", "--background", "--no-web", "--processes", "1")
    pids = running_pids(background)
    assert "run already" in run_thewall(background, "worker", "--background", "--no-web").stderr
    elsewhere = background.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    done = run_thewall(elsewhere, "worker", "--background", "--no-web")
    assert done.returncode == 1
    assert f"{background.bootstrap_servers}, not 127.0.0.1:1: stop them first" in done.stderr
    assert running_pids(background) == pids
    assert background.api_token is None
    running = BackgroundWorkers(background).running()
    assert (running.settings, running.processes) == (background, 1)


def test_somebodys_consumer_in_the_workers_group_is_named_and_not_waited_for(settings, client):
    consumer = Consumer(
        {**broker_config(settings), "group.id": settings.group,
         "client.id": "a-console-consumer"}
    )  # fmt: skip
    consumer.subscribe([client.topics.daily.name])

    def assigned() -> bool:
        consumer.poll(0.1)
        return bool(consumer.assignment())

    try:
        wait_until(assigned, what="somebody's consumer is in the group")
        for arguments in (["worker", "--no-web", "--processes", "1"], ["replay"], ["rebuild"]):
            command = subprocess.Popen(
                [sys.executable, "-m", "streams", *arguments], env=environment(settings),
                stderr=subprocess.PIPE, text=True,
            )  # fmt: skip

            def ended(command=command) -> bool:
                consumer.poll(0.1)
                return command.poll() is not None

            wait_until(ended, what=f"{arguments} ends")
            said = command.stderr.read()
            assert command.returncode == 1
            assert "has a member that is no worker (a-console-consumer)" in said.splitlines()[-1]
    finally:
        consumer.close()
