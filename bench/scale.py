"""Scale: more partitions, more rows, and one wall of 100 profiles of 2,000 sections."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

from bench.cluster import Cluster
from bench.engines import OURS
from bench.recovery import Changelog
from bench.throughput import START_S, measure, new_prefix
from bench.workload import Workload
from domain.settings import settings_for
from domain.wall import Wall
from streams.client.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.throughput import Timed
    from streams.devstack import StackAddresses

PARTITIONS = (1, 2, 4, 8, 16, 32)
PROFILES, SECTIONS = 100, 2000
BUILD_S = 600
# What a worker weighs by itself; of an empty changelog, Faust never says that it has been read.
FEW_ROWS = 1_000


def by_partitions(
    stack: StackAddresses, directory: Path, processes: int, walls: int
) -> Iterator[tuple[int, Timed]]:
    """The pipeline on topics of more and more partitions: their number, and the run."""
    timed = Workload("timed", walls, seed=8)
    for partitions in PARTITIONS:
        workers = min(processes, partitions)
        warm = Workload("warm", walls // 5, seed=7)
        yield partitions, measure(stack, OURS, workers, warm, timed, directory, partitions)


def one_wall(stack: StackAddresses, directory: Path, processes: int) -> dict[str, float]:
    """Sections a second of one wall, from submitting it to its last row, by mode."""
    random = Random(1)
    large = {
        number: bytes(random.randrange(31) for _ in range(SECTIONS))
        for number in range(1, PROFILES + 1)
    }
    cluster = Cluster(stack, new_prefix("wall"))
    running = OURS.start(cluster, processes, directory)
    rates = {}
    try:
        cluster.wait_for_members(processes, running.alive, START_S)
        client = Client(cluster.settings)
        _build(client, Wall("warm", settings_for(), {1: large[1]}))
        for label, crews in (("crew-pool of 20", 20), ("crew-per-section", None)):
            wall = Wall(label.replace(" ", "-"), settings_for(crews), large)
            rates[label] = PROFILES * SECTIONS / _build(client, wall)
    finally:
        running.stop()
        cluster.delete()
    return rates


def _build(client: Client, wall: Wall) -> float:
    begun = time.perf_counter()
    client.submit(wall)
    client.wait_until_built(wall, BUILD_S, lambda *_: None)
    return time.perf_counter() - begun


def memory_a_row(stack: StackAddresses, directory: Path, rows: int) -> dict[str, float]:
    """Bytes of resident memory that each of so many crews' rows takes up, by store."""
    few, full = Changelog(stack, FEW_ROWS), Changelog(stack, rows)
    try:
        return {
            store: (
                full.recover(store, directory / f"{rows}-{store}").rss
                - few.recover(store, directory / f"few-{rows}-{store}").rss
            )
            / (rows - FEW_ROWS)
            for store in ("memory", "rocksdb")
        }
    finally:
        few.delete()
        full.delete()
