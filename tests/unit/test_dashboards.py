"""The dashboards and alerts, as far as no Prometheus is needed to judge them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import promql_parser as promql
import pytest
import yaml

from dashboards.panels import FILES, expressions, texts
from docs.generate import all_metrics

ROOT = Path(__file__).parents[2]
ALERTS = yaml.safe_load((ROOT / "dashboards/alerts.yml").read_text())["groups"][0]["rules"]
BOARDS = {name: json.loads(text) for name, text in texts().items()}
# Of the client library and of Prometheus itself.
FOREIGN = {
    "up",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
}
TARGET = {"instance", "job"}
HISTOGRAM = ("_bucket", "_sum", "_count")


def labels_by_series():
    found = dict.fromkeys(FOREIGN, TARGET)
    for name, kind, labels, _ in (m for part in all_metrics().values() for m in part):
        series = [name + end for end in HISTOGRAM] if kind == "histogram" else [name]
        for one in series:
            found[one] = TARGET | set(labels) | ({"le"} if one.endswith("_bucket") else set())
    return found


def selectors(expr):
    """The series that an expression selects."""
    if isinstance(expr, promql.VectorSelector):
        yield expr
    for part in ("expr", "lhs", "rhs", "vector_selector", "param"):
        inner = getattr(expr, part, None)
        if isinstance(inner, promql.Expr):
            yield from selectors(inner)
    for inner in getattr(expr, "args", None) or ():
        yield from selectors(inner)


QUERIES = expressions() | {alert["alert"]: alert["expr"] for alert in ALERTS}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_an_expression_asks_for_series_and_labels_that_are_exported(query):
    known = labels_by_series()
    found = list(selectors(promql.parse(query.replace("$__rate_interval", "1m"))))
    assert found
    for selector in found:
        assert selector.name in known
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= known[selector.name], selector.name


def test_the_files_are_what_the_code_makes():
    assert {path.name for path in FILES.glob("*.json")} == set(texts())
    for name, text in texts().items():
        assert (FILES / name).read_text() == text, f"{name} is of other code: run `make docs`"


@pytest.mark.parametrize("name", BOARDS)
def test_a_panel_says_what_it_shows_and_in_which_unit(name):
    board = BOARDS[name]
    assert board["uid"]
    assert [v["name"] for v in board["templating"]["list"]] == ["datasource", "instance"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert all(t["legendFormat"] and "$instance" in t["expr"] for t in panel["targets"])


def test_every_metric_is_on_a_dashboard_or_alerted_on():
    everything = " ".join(QUERIES.values())
    names = {m[0] for part in all_metrics().values() for m in part} - {"thewall_build_info"}
    assert [name for name in sorted(names) if name not in everything] == []


def test_an_alert_leads_to_what_to_do():
    headings = re.findall(r"^### (.+)$", (ROOT / "docs/operations.md").read_text(), re.M)
    for alert in ALERTS:
        assert alert["annotations"]["runbook"] in headings
        assert alert["labels"]["severity"] in ("warning", "critical")


def test_each_alert_has_a_case_in_which_it_fires():
    cases = yaml.safe_load((ROOT / "dashboards/alerts_test.yml").read_text())["tests"]
    fired = {r["alertname"] for c in cases for r in c["alert_rule_test"] if r["exp_alerts"]}
    assert fired == {alert["alert"] for alert in ALERTS}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="`make prometheus` installs promtool")
def test_the_alerts_fire_in_those_cases_and_not_before():
    done = subprocess.run(
        ["promtool", "test", "rules", "alerts_test.yml"],  # noqa: S607
        cwd=ROOT / "dashboards",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
