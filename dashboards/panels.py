"""The dashboards: pipeline, workers, the wall, HTTP.

Each panel says in one line what it shows and what to make of it. Every expression is evaluated by
a test, on a real Prometheus that scrapes real workers under load.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders import common, prometheus, timeseries
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendPlacement, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

FILES = Path(__file__).parent / "grafana"
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${datasource}")
WORKERS = '{instance=~"$instance"}'
WIDTH, HEIGHT = 8, 8


class Panel(NamedTuple):
    """A graph.

    Attributes:
        title: What it shows.
        about: What to make of it.
        unit: Grafana's name of the unit.
        lines: By their names in the legend, the expressions.
    """

    title: str
    about: str
    unit: str
    lines: dict[str, str]


def _rate(counter: str, by: str = "") -> str:
    of = f" by ({by})" if by else ""
    return f"sum{of} (rate({counter}{WORKERS}[$__rate_interval]))"


def _quantile(quantile: float, histogram: str, by: str = "") -> str:
    of = f"le, {by}" if by else "le"
    rate = f"rate({histogram}_bucket{WORKERS}[$__rate_interval])"
    return f"histogram_quantile({quantile}, sum by ({of}) ({rate}))"


def _mean(histogram: str) -> str:
    """The mean since each worker's start: what happens rarely has no rate."""
    return f"{histogram}_sum{WORKERS} / ({histogram}_count{WORKERS} > 0)"


def _lag(unit: str, across: str) -> str:
    # Two workers may tell of one partition for a moment, when it moves.
    each = f"max by (topic, partition) (thewall_consumer_lag_{unit}{WORKERS})"
    return f"{across} by (topic) ({each})"


PIPELINE = (
    Panel("Records read", "By stage. Flat while something is submitted: look at the lag.", "cps",
          {"{{stage}}": _rate("thewall_records_total", "stage")}),
    Panel("Lag", "Records that are not committed, by topic: back to nearly 0 is right.", "short",
          {"{{topic}}": _lag("records", "sum")}),
    Panel("Lag in time", "How long the oldest of them has waited. It grows by 1 s/s while a stage "
          "stands.", "s", {"{{topic}}": _lag("seconds", "max")}),
    Panel("From submit to row", "Until the rows of the changed plan are acknowledged.", "s",
          {"median": _quantile(0.5, "thewall_end_to_end_seconds"),
           "95%": _quantile(0.95, "thewall_end_to_end_seconds")}),
    Panel("Time to compute a batch, 95%", "By stage. A worker is busy with nothing else meanwhile.",
          "s", {"{{stage}}": _quantile(0.95, "thewall_stage_seconds", "stage")}),
    Panel("Time to deliver a batch, 95%", "Until all that a stage made of it is acknowledged. Much "
          "above the time to compute: the broker is slow.", "s",
          {"{{stage}}": _quantile(0.95, "thewall_delivery_seconds", "stage")}),
    Panel("Records in a batch, median", "Large batches are cheap, small ones are soon done.",
          "short", {"{{stage}}": _quantile(0.5, "thewall_batch_records", "stage")}),
    Panel("In flight", "Batches that wait for acknowledgements, and messages that do.", "short",
          {"batches of {{stage}}": f"sum by (stage) (thewall_batches_in_flight{WORKERS})",
           "messages": f"sum (thewall_producer_queued_records{WORKERS})"}),
    Panel("Dead letters", "In an hour, by topic and kind of reason; docs/reference/metrics.md says "
          "what the kinds are.", "short",
          {"{{topic}}: {{reason}}":
           f"sum by (topic, reason) (increase(thewall_dead_letters_total{WORKERS}[1h]))"}),
)  # fmt: skip

WORKER = (
    Panel("Ready", "Workers that process their partitions, and all that answer.", "short",
          {"ready": f"sum (thewall_ready{WORKERS} and on (instance) thewall_assigned_partitions)",
           "scraped": f"count (thewall_assigned_partitions{WORKERS})"}),
    Panel("Assigned partitions", "By worker. Uneven is normal; 0 for long is not.", "short",
          {"{{instance}}": f"thewall_assigned_partitions{WORKERS}"}),
    Panel("Starts", "In an hour, by process: more than one is a restart.", "short",
          {"{{instance}}": f"changes(process_start_time_seconds{WORKERS}[1h])"}),
    Panel("Rebalances", "In an hour, by worker. Each stands still while it lasts.", "short",
          {"{{instance}}": f"increase(thewall_rebalance_seconds_count{WORKERS}[1h])"}),
    Panel("Time of a rebalance, mean", "Until a worker is told its partitions, since it started.",
          "s", {"{{instance}}": _mean("thewall_rebalance_seconds")}),
    Panel("Time of recovery, mean", "From there until its tables are recovered.", "s",
          {"{{instance}}": _mean("thewall_recovery_seconds")}),
    Panel("Recovery", "Changelog messages that are still to be read, and rows applied per second.",
          "short", {"remaining on {{instance}}": f"thewall_recovery_remaining_records{WORKERS}",
                    "applied per second": _rate("thewall_recovered_rows_total")}),
    Panel("Rows of tables", "Over all workers.", "short",
          {"{{table}}": f"sum by (table) (thewall_table_rows{WORKERS})"}),
    Panel("Commits, 95%", "Time of a commit of offsets.", "s",
          {"commit": _quantile(0.95, "thewall_commit_seconds")}),
    Panel("Errors", "Per second: commits that the broker did not agree to, and calls to the "
          "registry that have to be repeated.", "cps",
          {"commits": _rate("thewall_commit_failures_total"),
           "registry": _rate("thewall_registry_errors_total")}),
    Panel("Event loop, 95%", "How late it runs what is due. Over 1 s, heartbeats suffer.", "s",
          {"{{instance}}": _quantile(0.95, "thewall_event_loop_lag_seconds", "instance")}),
    Panel("Memory", "Resident, by process.", "bytes",
          {"{{instance}}": f"process_resident_memory_bytes{WORKERS}"}),
    Panel("CPU", "Cores used, by process. A worker uses one at most, and a little.", "short",
          {"{{instance}}": f"rate(process_cpu_seconds_total{WORKERS}[$__rate_interval])"}),
)  # fmt: skip

WALL = (
    Panel("Sections", "Per second: told to crews, and built. Both are as high, a moment apart.",
          "cps", {"planned": _rate("thewall_sections_planned_total"),
                  "built": _rate("thewall_sections_built_total")}),
    Panel("Profiles completed", "Plans of profiles whose rows were published, per second.", "cps",
          {"completed": _rate("thewall_profiles_completed_total")}),
    Panel("Daily rows", "Written per second, tombstones included.", "cps",
          {"rows": _rate("thewall_daily_rows_total")}),
    Panel("Days told", "Days of walls whose clocks passed them, per second.", "cps",
          {"days": _rate("thewall_days_told_total")}),
    Panel("Profiles known", "Rows of the ledger: profiles, withdrawn ones included.", "short",
          {"profiles": 'sum (thewall_table_rows{instance=~"$instance", table="ledger"})'}),
)  # fmt: skip

HTTP = (
    Panel("Requests", "Per second, by class of status; workers and the web process.", "reqps",
          {"{{status}}": _rate("thewall_http_requests_total", "status")}),
    Panel("Requests by route", "Per second, of routes that were asked for.", "reqps",
          {"{{route}}": f"{_rate('thewall_http_requests_total', 'route')} > 0"}),
    Panel("Time until answers begin, 95%", "By route, of those that were asked for.", "s",
          {"{{route}}": f"{_quantile(0.95, 'thewall_http_request_seconds', 'route')} >= 0"}),
    Panel("Answers that failed", "Share of requests with a status from 500.", "percentunit",
          {"failed": 'sum (rate(thewall_http_requests_total{instance=~"$instance", status="5xx"}'
                     f"[$__rate_interval])) / {_rate('thewall_http_requests_total')}"}),
    Panel("Age of what is shown", "By web process: how old its replica is at most.", "s",
          {"{{instance}}": f"thewall_replica_age_seconds{WORKERS}"}),
    Panel("Streams", "Clients that follow /api/stream.", "short",
          {"{{instance}}": f"thewall_stream_clients{WORKERS}"}),
)  # fmt: skip

DASHBOARDS = {
    "pipeline": ("The Wall: pipeline", PIPELINE),
    "workers": ("The Wall: workers, recovery and rebalances", WORKER),
    "wall": ("The Wall: what is built", WALL),
    "http": ("The Wall: HTTP", HTTP),
}


def _panel(panel: Panel, number: int) -> timeseries.Panel:
    drawn = (
        timeseries.Panel()
        .id(number)
        .title(panel.title)
        .description(panel.about)
        .unit(panel.unit)
        .min(0)
        .datasource(PROMETHEUS)
        .span(WIDTH)
        .height(HEIGHT)
        .legend(common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM))
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for ref, (legend, expr) in zip("ABCDEF", panel.lines.items(), strict=False):
        drawn.with_target(prometheus.Dataquery().ref_id(ref).expr(expr).legend_format(legend))
    return drawn


def _dashboard(name: str, title: str, panels: tuple[Panel, ...]) -> grafana.Dashboard:
    board = (
        grafana.Dashboard(title)
        .uid(f"thewall-{name}")
        .tags(["thewall"])
        .refresh("10s")
        .time("now-30m", "now")
        .with_variable(
            grafana.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
        .with_variable(
            grafana.QueryVariable("instance")
            .label("Process")
            .datasource(PROMETHEUS)
            .query("label_values(thewall_build_info, instance)")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
    )
    for number, panel in enumerate(panels, start=1):
        board.with_panel(_panel(panel, number))
    return board


def texts() -> dict[str, str]:
    """The dashboards as Grafana reads them, by file name."""
    return {
        f"{name}.json": JSONEncoder(indent=2, sort_keys=True).encode(
            _dashboard(name, title, panels).build()
        )
        + "\n"
        for name, (title, panels) in DASHBOARDS.items()
    }


def expressions() -> dict[str, str]:
    """Every expression of a panel, by dashboard, panel and line."""
    found = {}
    for name, text in texts().items():
        for panel in json.loads(text)["panels"]:
            for target in panel["targets"]:
                found[f"{name}/{panel['title']}/{target['refId']}"] = target["expr"]
    return found
