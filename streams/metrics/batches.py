"""Counts what the batch app tells: once per batch, commit or recovery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.batching.observer import Observer
from streams.metrics import (
    BATCH_SIZE,
    BATCHES_IN_FLIGHT,
    COMMIT_FAILURES,
    COMMIT_SECONDS,
    DELIVERY_SECONDS,
    RECORDS,
    RECOVERED_ROWS,
    STAGE_SECONDS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.batching import RecordBatch


class _Stage:
    """The series of a stage."""

    def __init__(self, name: str) -> None:
        self.records = RECORDS.labels(name)
        self.batch_size = BATCH_SIZE.labels(name)
        self.seconds = STAGE_SECONDS.labels(name)
        self.delivery = DELIVERY_SECONDS.labels(name)
        self.in_flight = BATCHES_IN_FLIGHT.labels(name)


class BatchMetrics(Observer):
    """Counts what the batch app tells, but for the lag, which `streams.metrics.worker` exports."""

    def __init__(self, stages: Iterable[str], tables: Iterable[str]) -> None:
        """Make the series of the stages and tables that there will be."""
        self._stages = {name: _Stage(name) for name in stages}
        self._tables = {name: RECOVERED_ROWS.labels(name) for name in tables}
        self.recovered_messages = 0

    def computed(self, batch: RecordBatch, stage: str, seconds: float) -> None:
        """Note a batch that a stage has computed, and how long that took, in seconds."""
        series = self._stages[stage]
        series.records.inc(len(batch))
        series.batch_size.observe(len(batch))
        series.seconds.observe(seconds)
        series.in_flight.inc()

    def acknowledged(self, stage: str, seconds: float) -> None:
        """Note a batch whose messages and rows are acknowledged."""
        series = self._stages[stage]
        series.delivery.observe(seconds)
        series.in_flight.dec()

    def recovered(self, table: str, messages: int) -> None:
        """Note messages of a table's changelog that were applied to it in recovery."""
        self._tables[table].inc(messages)
        self.recovered_messages += messages

    def committed(self, seconds: float, agreed: bool) -> None:
        """Note a commit."""
        COMMIT_SECONDS.observe(seconds)
        if not agreed:
            COMMIT_FAILURES.inc()
