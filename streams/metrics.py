"""Every metric that a worker exports to Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from streams.batching import RecordBatch

RECORDS = Counter("thewall_records", "Records that a stage has read", ["stage"])
BATCH_SIZE = Histogram(
    "thewall_batch_records",
    "Records in a batch that a stage has read",
    ["stage"],
    buckets=(1, 4, 16, 64, 256, 1024, 4096, 16384),
)
STAGE_SECONDS = Histogram(
    "thewall_stage_seconds",
    "Time that a stage took to compute a batch, in seconds",
    ["stage"],
    buckets=(0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)
DEAD_LETTERS = Counter("thewall_dead_letters", "Records put on the dead-letter topic", ["topic"])
SECTIONS_PLANNED = Counter("thewall_sections_planned", "Sections that crews were told to build")
SECTIONS_BUILT = Counter("thewall_sections_built", "Sections that crews built")
PROFILES_COMPLETED = Counter("thewall_profiles_completed", "Plans of profiles completed")
DAYS_TOLD = Counter("thewall_days_told", "Days of walls told as their clocks passed them")
RECOVERED_ROWS = Counter(
    "thewall_recovered_rows", "Changelog messages applied to a table in recovery", ["table"]
)
DAILY_ROWS = Counter("thewall_daily_rows", "Rows written to the daily topic, tombstones included")


def count_batch(batch: RecordBatch, stage: str, seconds: float) -> None:
    """Note a batch that a stage has computed, and how long that took, in seconds."""
    RECORDS.labels(stage=stage).inc(len(batch))
    BATCH_SIZE.labels(stage=stage).observe(len(batch))
    STAGE_SECONDS.labels(stage=stage).observe(seconds)


def count_recovered(table: str, rows: int) -> None:
    """Note messages of a table's changelog that were applied to it in recovery."""
    RECOVERED_ROWS.labels(table=table).inc(rows)
