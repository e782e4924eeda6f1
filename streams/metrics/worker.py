"""What a worker exports beside its counters: the state of its app, looked at when it is scraped."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any, cast

import faust
from mode import Service
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams import metrics
from streams.metrics import WORKER
from streams.metrics.batches import BatchMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from faust.types import AppT
    from faust.web import Request, Response, View
    from prometheus_client import Metric

    from streams.batching import BatchApp, Lag


log = logging.getLogger(__name__)


class WorkerMetrics(BatchMetrics, Collector):
    """The observer of a worker's app; what it has not counted it looks up when it is scraped."""

    def __init__(self, stages: Iterable[str], tables: Iterable[str]) -> None:
        """Make the series of the stages and tables that there will be."""
        super().__init__(stages, tables)
        self._app: BatchApp | None = None
        self._lag: Mapping[tuple[str, int], Lag] = {}

    def watch(self, app: BatchApp, routes: Iterable[tuple[str, str]]) -> None:
        """Export the state of an app from now on, and its requests.

        Args:
            app: The app.
            routes: Method and path of each route that it answers.
        """
        self._app = app
        metrics.expect_requests(routes)
        metrics.READY.set_function(lambda: app.not_ready() is None)
        cast("Any", app.sensors).add(_Sensor(self))
        WORKER.register(self)

    def log_ready(self, seconds: float) -> None:
        """Say that recovery is over, after so long."""
        if self._app is not None:
            log.info(
                "ready: %d partitions, %d changelog messages recovered in %.1f s",
                len(self._app.assigned_sources()), self.recovered_messages, seconds,
            )  # fmt: skip
        self.recovered_messages = 0

    def lagging(self, lag: Mapping[tuple[str, int], Lag]) -> None:
        """Note the lag: what was assigned before and is not now has none here."""
        self._lag = dict(lag)

    def collect(self) -> Iterator[Metric]:
        """Yield what is looked up; without an app, the metrics without their series."""
        lag = self._lag
        records = GaugeMetricFamily(
            "thewall_consumer_lag_records",
            "Records of an assigned partition that are not committed",
            labels=["topic", "partition"],
        )
        seconds = GaugeMetricFamily(
            "thewall_consumer_lag_seconds",
            "How long the oldest of these records has been there, seen every 5 s",
            labels=["topic", "partition"],
        )
        for (topic, partition), behind in lag.items():
            records.add_metric([topic, str(partition)], behind.records)
            seconds.add_metric([topic, str(partition)], behind.seconds)
        yield from (records, seconds)
        yield from self._of_app()

    def _of_app(self) -> Iterator[Metric]:
        assigned = GaugeMetricFamily(
            "thewall_assigned_partitions", "Partitions of topics that this worker processes"
        )
        remaining = GaugeMetricFamily(
            "thewall_recovery_remaining_records",
            "Changelog messages that recovery has still to read; 0 once tables are recovered",
        )
        rows = GaugeMetricFamily(
            "thewall_table_rows",
            "Rows of a table that this worker has; an estimate for those on disk",
            labels=["table"],
        )
        queued = GaugeMetricFamily(
            "thewall_producer_queued_records", "Messages that the broker has not acknowledged yet"
        )
        if self._app is not None:
            assigned.add_metric([], len(self._app.assigned_sources()))
            remaining.add_metric([], self._app.recovery_remaining())
            queued.add_metric([], self._app.output.queued)
            for table, number in self._app.table_rows().items():
                rows.add_metric([table], number)
        yield from (assigned, remaining, rows, queued)


class _Sensor(faust.Sensor):
    """What Faust tells: rebalances and requests. Also watches the event loop."""

    def __init__(self, worker: WorkerMetrics) -> None:
        super().__init__()
        self._worker = worker

    @Service.task
    async def _watch_event_loop(self) -> None:
        await metrics.watch_event_loop()

    def on_rebalance_start(self, app: AppT) -> dict[str, Any]:
        """Note when it begins."""
        del app
        return {"began": time.monotonic()}

    def on_rebalance_return(self, app: AppT, state: dict[str, Any]) -> None:
        """Note how long it took until partitions are assigned."""
        del app
        state["assigned"] = time.monotonic()
        metrics.REBALANCE_SECONDS.observe(state["assigned"] - state["began"])

    def on_rebalance_end(self, app: AppT, state: dict[str, Any]) -> None:
        """Note how long recovery took after it."""
        del app
        if "assigned" in state:
            seconds = time.monotonic() - state["assigned"]
            metrics.RECOVERY_SECONDS.observe(seconds)
            self._worker.log_ready(seconds)

    def on_web_request_start(
        self,
        app: AppT,
        request: Request,
        *,
        view: View | None = None,
    ) -> dict[str, Any]:
        """Note when it begins."""
        del app, request, view
        return {"began": time.monotonic()}

    def on_web_request_end(
        self,
        app: AppT,
        request: Request,
        response: Response | None,
        state: dict[str, Any],
        *,
        view: View | None = None,
    ) -> None:
        """Count it by its route, with the slash at its end."""
        del app, view
        answer: Any = response if response is not None else sys.exc_info()[1]
        route = cast("Any", request).match_info.route.resource.canonical
        metrics.count_request(
            cast("Any", request).method,
            f"{route.rstrip('/')}/",
            getattr(answer, "status", 500),
            time.monotonic() - state["began"],
        )
