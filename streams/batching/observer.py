"""What an app tells of its work: once per batch, commit or recovery, never once per record."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.batching.records import RecordBatch


class Lag(NamedTuple):
    """How far a group is behind on a partition.

    Attributes:
        records: Records that are not committed.
        seconds: How long the oldest of them has been there; of what was there before the worker
            began to look, since then.
    """

    records: int
    seconds: float


class Observer:
    """Is told what happens, for metrics. This one notes nothing."""

    def computed(self, batch: RecordBatch, stage: str, seconds: float) -> None:
        """An agent has computed a batch, and that took so long."""

    def acknowledged(self, stage: str, seconds: float) -> None:
        """All that an agent has made of a batch is acknowledged, so long after it was begun."""

    def recovered(self, table: str, messages: int) -> None:
        """Messages of a table's changelog were applied to it in recovery."""

    def committed(self, seconds: float, agreed: bool) -> None:
        """The broker was asked to commit offsets, and has agreed or not, after so long."""

    def lagging(self, lag: Mapping[tuple[str, int], Lag]) -> None:
        """The lag was measured: of each assigned partition of a topic that agents read."""
