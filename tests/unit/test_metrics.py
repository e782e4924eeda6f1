"""What processes export to Prometheus."""

from __future__ import annotations

import re

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from docs.generate import all_metrics
from streams import metrics
from streams.batching import Lag, RecordBatch
from streams.metrics.worker import WorkerMetrics
from streams.web.measuring import Measuring

METRICS = [metric for found in all_metrics().values() for metric in found]
UNITS = ("_seconds", "_records", "_partitions", "_rows", "_info", "_clients")


def sample(name, **labels):
    for registry in (metrics.EVERY, metrics.WORKER, metrics.WEB):
        value = registry.get_sample_value(name, labels)
        if value is not None:
            return value
    return None


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric[0])
def test_names_are_as_prometheus_wants_them(metric):
    name, kind, labels, text = metric
    assert re.fullmatch(r"thewall_[a-z_]+", name)
    assert name.endswith("_total") == (kind == "counter")
    if kind == "histogram":
        assert name.endswith(UNITS)
    assert text
    assert not text.endswith(".")
    assert not set(labels) & {"job", "instance", "le", "quantile"}


def test_all_series_of_stages_and_tables_are_there_before_anything_happens():
    WorkerMetrics(["s1"], ["t1"])
    assert sample("thewall_records_total", stage="s1") == 0
    assert sample("thewall_delivery_seconds_count", stage="s1") == 0
    assert sample("thewall_recovered_rows_total", table="t1") == 0
    metrics.expect_dead_letters(["in"], ["key"])
    assert sample("thewall_dead_letters_total", topic="in", reason="key") == 0


def test_a_batch_is_counted_by_its_records_and_in_flight_until_it_is_acknowledged():
    observer = WorkerMetrics(["s2"], [])
    observer.computed(RecordBatch("in", 0, [None] * 7), "s2", 0.5)  # type: ignore[list-item]
    assert sample("thewall_records_total", stage="s2") == 7
    assert sample("thewall_batches_in_flight", stage="s2") == 1
    observer.acknowledged("s2", 0.7)
    assert sample("thewall_batches_in_flight", stage="s2") == 0
    assert sample("thewall_delivery_seconds_sum", stage="s2") == 0.7


def test_the_lag_of_a_partition_that_is_another_workers_now_is_not_exported_any_more():
    registry = CollectorRegistry()
    observer = WorkerMetrics([], [])
    registry.register(observer)
    observer.lagging({("in", 0): Lag(5, 1.5), ("in", 1): Lag(0, 0.0)})
    at = {"topic": "in", "partition": "0"}
    assert registry.get_sample_value("thewall_consumer_lag_records", at) == 5
    assert registry.get_sample_value("thewall_consumer_lag_seconds", at) == 1.5
    observer.lagging({("in", 1): Lag(0, 0.0)})
    assert registry.get_sample_value("thewall_consumer_lag_records", at) is None


def test_a_submission_by_a_clock_that_is_ahead_took_no_time_and_one_of_no_time_is_not_counted(
    monkeypatch,
):
    before = sample("thewall_end_to_end_seconds_count")
    total = sample("thewall_end_to_end_seconds_sum")
    monkeypatch.setattr(metrics.time, "time", lambda: 100.0)
    for submitted_ms in (0, -1, 200_000, 99_750):
        metrics.count_published(submitted_ms)
    assert sample("thewall_end_to_end_seconds_count") == before + 2
    assert sample("thewall_end_to_end_seconds_sum") == pytest.approx(total + 0.25)


def test_what_a_scrape_gets_can_be_read_and_has_no_series_about_when_others_were_born():
    text = metrics.exposition(metrics.EVERY, metrics.WORKER, metrics.WEB).decode()
    names = [s.name for family in text_string_to_metric_families(text) for s in family.samples]
    assert "process_start_time_seconds" in names
    assert not [name for name in names if name.endswith("_created")]
    assert metrics.CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"
    assert metrics.EVERY is REGISTRY


class TestRequests:
    @pytest.fixture
    def ask(self):
        async def walls(_request):
            return PlainTextResponse("one", 404)

        app = Starlette(routes=[Route("/api/walls/{wall}", walls)])
        measured = Measuring(app, app)

        async def ask(path, method="GET"):
            async def send(_message): ...

            async def receive():
                return {"type": "http.request", "body": b"", "more_body": False}

            scope = {"type": "http", "method": method, "path": path, "headers": []}
            await measured(scope | {"query_string": b"", "root_path": ""}, receive, send)

        return ask

    @pytest.mark.usefixtures("ask")
    def test_their_series_are_there_from_the_start(self):
        at = {"method": "GET", "route": "/api/walls/{wall}/", "status": "5xx"}
        assert sample("thewall_http_requests_total", **at) == 0

    async def test_they_are_counted_by_route_whatever_is_asked_for(self, ask):
        for name in ("a", "b", "<script>"):
            await ask(f"/api/walls/{name}")
        at = {"method": "GET", "route": "/api/walls/{wall}/", "status": "4xx"}
        assert sample("thewall_http_requests_total", **at) == 3
        assert sample("thewall_http_request_seconds_count", route=at["route"]) == 3

    async def test_a_path_or_a_method_that_is_not_there_makes_no_series_of_its_own(self, ask):
        await ask("/wp-admin.php")
        await ask("/wp-admin.php", "BREW")
        for method in ("GET", "none"):
            at = {"method": method, "route": "none", "status": "4xx"}
            assert sample("thewall_http_requests_total", **at) >= 1
