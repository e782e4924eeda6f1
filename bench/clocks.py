"""What walls whose clocks run cost a worker and the broker, and how late their days are told."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from statistics import quantiles
from typing import TYPE_CHECKING

from bench.cluster import Cluster, wait_until
from bench.engines import OURS
from bench.throughput import START_S, new_prefix
from bench.workload import Workload
from domain.clock import Clock
from streams.client.client import Client
from streams.client.clocks import clock_record, new_run
from streams.client.kafka import ANY_PARTITION, produce
from streams.contract.records import ClockSet, DayPassed

if TYPE_CHECKING:
    from pathlib import Path

    from domain.wall import Wall
    from streams.devstack import StackAddresses

# So few that the build takes more days than pass while it is measured.
CREWS = 4
SETTLE_S = 10
MEASURED_S = 20
IDLE = 0
"""Length of a day that stands for no clocks at all."""


@dataclass(frozen=True, slots=True)
class ClockCost:
    """What was measured of one length of a day.

    Attributes:
        ms_per_day: Length of a day, in milliseconds; IDLE without clocks.
        days_per_s: Days told a second, of all walls together.
        worker_percent: CPU of the worker, in per cent of one core.
        broker_percent: CPU of the broker, likewise.
        late_p50_ms: Time from when a day is due until it is sent, in milliseconds.
        late_p95_ms: The same.
    """

    ms_per_day: int
    days_per_s: float
    worker_percent: float
    broker_percent: float
    late_p50_ms: float | None
    late_p95_ms: float | None


def measure_clocks(
    stack: StackAddresses, directory: Path, walls: int, lengths_ms: list[int]
) -> list[ClockCost]:
    """Run the clocks of walls of 300 sections, with one worker.

    Raises:
        Stuck: The walls were not built, or no day was told.
    """
    cluster = Cluster(stack, new_prefix("clocks"))
    running = OURS.start(cluster, 1, directory)
    client = Client(cluster.settings)
    try:
        cluster.wait_for_members(1, running.alive, START_S)
        load = Workload("c", walls)
        built = [
            replace(wall, settings=replace(wall.settings, crews=CREWS)) for wall in load.each()
        ]
        cluster.put_settings(built)
        cluster.put_profiles(built)
        done = "the walls are built"
        wait_until(lambda: running.alive() or _complete(client) == walls, 120, done)
        costs = []
        for ms_per_day in [IDLE, *lengths_ms]:
            _set_clocks(client, built, ms_per_day)
            time.sleep(SETTLE_S)
            before, since = running.cpu_seconds(stack.bootstrap_servers), _ends(cluster)
            began = time.monotonic()
            time.sleep(MEASURED_S)
            used = running.cpu_seconds(stack.bootstrap_servers) - before
            took_s = time.monotonic() - began
            late_ms = _late_ms(cluster, client, since)
            percentiles = quantiles(late_ms, n=100) if len(late_ms) > 1 else None
            running.alive()
            costs.append(
                ClockCost(
                    ms_per_day,
                    round(len(late_ms) / took_s, 1),
                    round(100 * used.engine / took_s, 1),
                    round(100 * used.broker / took_s, 1),
                    percentiles and round(percentiles[49]),
                    percentiles and round(percentiles[94]),
                )
            )
        return costs
    finally:
        running.stop()
        cluster.delete()


def _complete(client: Client) -> int:
    rows = client.latest(client.topics.overview)
    return sum("/" not in key and row["state"] == "COMPLETE" for key, row in rows.items())


def _set_clocks(client: Client, walls: list[Wall], ms_per_day: int) -> None:
    """Start another run on each wall; runs before it are over by that. Without a length, none."""
    run, now_ms = new_run(), time.time() * 1000

    def record(wall: Wall, number: int) -> ClockSet:
        # Not all at the same moment: people don't, either.
        at_ms = int(now_ms + number * ms_per_day / len(walls))
        return clock_record(wall.id, Clock(run, "RUNNING", 0, at_ms, ms_per_day))

    topic = client.topics.clock.name
    produce(
        client.settings,
        (
            (
                topic,
                wall.id,
                client.codecs.encode(record(wall, number)) if ms_per_day != IDLE else None,
                ANY_PARTITION,
            )
            for number, wall in enumerate(walls)
        ),
    )


def _ends(cluster: Cluster) -> dict[int, int]:
    return cluster.ends(cluster.topics.events.name)


def _late_ms(cluster: Cluster, client: Client, since: dict[int, int]) -> list[int]:
    """How late each day was told, of those told since these offsets."""
    found = []
    for message in cluster.read(cluster.topics.events.name, since):
        if b"/" not in message.key():
            passed = client.codecs.decode_any(message.value(), DayPassed)
            found.append(message.timestamp()[1] - passed.at_ms)
    return found
