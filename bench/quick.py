"""The main ratios, in a few minutes: ours beside each peer, latency, recovery."""

from __future__ import annotations

import sys
from itertools import product
from math import inf
from typing import TYPE_CHECKING

from bench.cluster import Stuck
from bench.engines import ENGINES, KAFKA_STREAMS, NAIVE_FAUST, OURS, PLAIN, QUIX
from bench.latency import measure_latency
from bench.recovery import Changelog
from bench.throughput import measure
from bench.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.throughput import Timed
    from streams.devstack import StackAddresses

KEYS = (
    "pipeline_sections_per_s",
    "naive_faust_ratio",
    "quix_ratio",
    "kafka_streams_ratio",
    "plain_ratio",
    "latency_p50_ms",
    "latency_p95_ms",
    "recovery_ratio",
    "cpu_us_per_section",
    "kafka_streams_cpu_us_per_section",
)
"""The keys of the JSON object; ratios are ours divided by theirs, and CPU is with the broker's."""

# A million sections.
WALLS = 3_400
PARALLEL = (1, 2)
LATENCY_S = 12
RECOVERED_ROWS = 500_000


def quick(stack: StackAddresses, directory: Path) -> dict[str, float]:
    """Measure; the figures by key, engines by the best of one and two processes or threads."""
    # The broker gets faster as its code is compiled: first a run that does not count.
    warm, _ = loads(OURS.share, seed=8)
    measure(stack, OURS, 2, warm, Workload("broker", WALLS // 5, seed=9), directory)
    rates: dict[str, float] = {}
    cpu_us: dict[str, float] = {}
    for run in each_engine(stack, directory, seed=8):
        rates[run.engine] = max(run.rate, rates.get(run.engine, 0))
        cpu_us[run.engine] = min(run.cpu_us_per_section, cpu_us.get(run.engine, inf))
    ours = rates[OURS.name]
    latency = measure_latency(stack, directory, 1, LATENCY_S)
    say(f"latency of {latency.profiles:,} profiles: P50 {latency.p50_ms:.0f} ms, "
        f"P95 {latency.p95_ms:.0f} ms, worst {latency.worst_ms:.0f} ms")  # fmt: skip
    changelog = Changelog(stack, RECOVERED_ROWS)
    recovered = changelog.recover("memory", directory / "recovery").rows_per_s
    plain = changelog.plain_consumer()
    say(f"recovery: {recovered:,.0f} rows/s; a plain consumer {plain:,.0f}")
    figures = (
        round(ours),
        *(round(ours / rates[e.name], 2) for e in (NAIVE_FAUST, QUIX, KAFKA_STREAMS, PLAIN)),
        round(latency.p50_ms, 1),
        round(latency.p95_ms, 1),
        round(recovered / plain, 2),
        *(round(cpu_us[engine.name], 1) for engine in (OURS, KAFKA_STREAMS)),
    )
    return dict(zip(KEYS, figures, strict=True))


def each_engine(stack: StackAddresses, directory: Path, seed: int) -> Iterator[Timed]:
    """Time every engine, with one process or thread and then with two.

    Ours and Kafka Streams' runs stand side by side, for the machine has slow spells. Plain Faust
    now and then stands still with two workers: that run is left out.
    """
    workloads = {share: loads(share, seed) for share in {e.share for e in ENGINES.values()}}
    for parallel, engine in product(PARALLEL, ENGINES.values()):
        try:
            run = measure(stack, engine, parallel, *workloads[engine.share], directory)
        except Stuck as stuck:
            if engine is not NAIVE_FAUST or parallel == 1:
                raise
            say(f"{engine.name}:{parallel} came to no end: {stuck}")
            continue
        say(f"{run.spec}: {run.rate:,.0f} sections/s over {run.sections:,}, "
            f"{run.cpu_us_per_section:.1f} µs of CPU a section")  # fmt: skip
        yield run


def loads(share: int, seed: int) -> tuple[Workload, Workload]:
    """What an engine is warmed up with, a JVM above all, and what it is timed on."""
    walls = WALLS // share
    return Workload("warm", walls // 5, seed=7), Workload("timed", walls, seed)


def say(line: str) -> None:
    """Tell who waits how far it is; standard output is for the result."""
    print(line, file=sys.stderr, flush=True)
