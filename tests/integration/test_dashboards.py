"""A real Prometheus scrapes two real workers and the page under load: everything shown has data."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Event, Thread

import promql_parser as promql
import pytest
import yaml

from dashboards.panels import expressions, texts
from streams.client.kafka import ANY_PARTITION, produce
from streams.devstack.ports import free_port
from tests.harness.pipeline import submit_walls
from tests.harness.processes import running_worker
from tests.harness.waiting import wait_until
from tests.harness.web import running_web
from tests.unit.test_dashboards import ALERTS, selectors

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="`make prometheus` installs Debian's Prometheus"
    ),
]


LINE = b'{"wall": "of-lines", "profile": 1, "heights": [21, 25, 28]}'


class Prometheus:
    """Prometheus with the shipped configuration, but for where the processes are and how often."""

    def __init__(self, directory: Path, targets: dict[str, list[int]]) -> None:
        config = yaml.safe_load((ROOT / "dashboards/prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(ROOT / "dashboards/alerts.yml")]
        for job in config["scrape_configs"]:
            del job["dns_sd_configs"]
            ports = targets[job["job_name"]]
            job["static_configs"] = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.url = f"http://127.0.0.1:{free_port()}"
        self.command = [
            "prometheus",
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'tsdb'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]

    def ask(self, path: str, **query: str):
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def is_ready(self) -> bool:
        try:
            return bool(self.ask("targets")["activeTargets"])
        except OSError:
            return False

    def has_data(self, expr: str) -> bool:
        """Whether an expression, as Grafana would ask it, has numbers: not nothing, not NaN."""
        for name, value in (("$__rate_interval", "4s"), ("$instance", ".*")):
            expr = expr.replace(name, value)
        values = [float(found["value"][1]) for found in self.ask("query", query=expr)["result"]]
        return bool(values) and not any(map(math.isnan, values))


@contextmanager
def running(prometheus: Prometheus, log: Path):
    with log.open("wb") as out:
        process = subprocess.Popen(prometheus.command, stdout=out, stderr=out)
    try:
        wait_until(prometheus.is_ready, 30, "Prometheus")
        yield prometheus
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def load(client, web):
    """Somebody submits walls and garbage, and asks the page, until told to stop."""
    enough, random = Event(), Random(7)

    def work():
        while not enough.wait(0.2):
            submit_walls(client, random, 1)
            bad = (client.topics.profiles.name, "w/1", b"garbage", ANY_PARTITION)
            line = (client.topics.submissions.name, "any", LINE, ANY_PARTITION)
            produce(client.settings, [bad, line])
            web.get("/api/walls")

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@pytest.fixture
def prometheus(settings, client, tmp_path):
    other = settings.model_copy(update={"web_port": free_port()})
    with (
        running_worker(settings, tmp_path / "one.log"),
        running_worker(other, tmp_path / "two.log"),
        running_web(settings, tmp_path / "web.log") as web,
        running(
            Prometheus(
                tmp_path,
                {
                    "thewall-worker": [settings.web_port, other.web_port],
                    "thewall-web": [web.port],
                },
            ),
            tmp_path / "prometheus.log",
        ) as prometheus,
        load(client, web),
    ):
        yield prometheus


def test_under_load_every_panel_variable_and_rule_has_data(prometheus):
    missing = dict(expressions())
    for alert in ALERTS:
        for at, selector in enumerate(selectors(promql.parse(alert["expr"]))):
            # That a rule is silent is right; that what it looks at is not there would be wrong.
            missing[f"{alert['alert']} {at}"] = re.sub(r"\[[^]]*\]$", "", selector.prettify())
    number = len(missing)

    def all_have_data() -> bool:
        for name in list(missing):
            if prometheus.has_data(missing[name]):
                del missing[name]
        return not missing

    try:
        wait_until(all_have_data, 90)
    except AssertionError:
        pytest.fail(f"without data, of {number}: {missing}")

    for text in texts().values():
        for variable in json.loads(text)["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = re.fullmatch(
                    r"label_values\((\w+), (\w+)\)", variable["query"]
                ).groups()
                found = prometheus.ask(f"label/{label}/values", **{"match[]": metric})
                assert len(found) == 3, variable

    def firing() -> set[str]:
        (group,) = prometheus.ask("rules")["groups"]
        return {rule["name"] for rule in group["rules"] if rule["state"] == "firing"}

    wait_until(lambda: firing() == {"TheWallDeadLetters"}, 30, "only dead letters are told")
    (group,) = prometheus.ask("rules")["groups"]
    assert {rule["name"] for rule in group["rules"]} == {alert["alert"] for alert in ALERTS}
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    assert [t["lastError"] for t in prometheus.ask("targets")["activeTargets"]] == [""] * 3
