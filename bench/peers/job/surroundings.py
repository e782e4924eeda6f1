"""Where a peer runs: what the bench tells it in the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a peer needs to know.

    Attributes:
        broker: Address of the broker.
        registry: Address of the registry, its Confluent-compatible interface.
        prefix: First part of topic names, and the consumer group.
        partitions: Partitions of every topic.
        state: A directory of its own.
    """

    broker: str
    registry: str
    prefix: str
    partitions: int
    state: Path

    @classmethod
    def given(cls) -> Surroundings:
        """Those that the environment says."""
        env = os.environ
        return cls(
            env["BENCH_BROKER"],
            env["BENCH_REGISTRY"],
            env["BENCH_PREFIX"],
            int(env["BENCH_PARTITIONS"]),
            Path(env["BENCH_STATE"]),
        )
