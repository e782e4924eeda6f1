"""How fast it is, beside its peers, on a stack of its own: `python -m bench --help`."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.clocks import measure_clocks
from bench.cluster import PARTITIONS
from bench.engines import TIMED
from bench.latency import measure_latency
from bench.quick import LATENCY_S, quick, say
from bench.report import write_report
from bench.throughput import measure
from bench.workload import Workload
from streams.devstack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.devstack import StackAddresses

WARM_UP_WALLS = 200

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@contextmanager
def _stack() -> Iterator[tuple[StackAddresses, Path]]:
    with tempfile.TemporaryDirectory(prefix="thewall-bench-") as name:
        stack = Stack(Path(name) / "stack")
        addresses = stack.up()
        try:
            yield addresses, Path(name)
        finally:
            stack.down()


@app.command("throughput")
def throughput(
    walls: Annotated[int, typer.Argument(help="Walls of 300 sections that are timed.", min=1)],
    engines: Annotated[list[str], typer.Argument(help=f"Of {', '.join(TIMED)}, as in pipeline:2.")],
) -> None:
    """Time engines with N processes or threads, in this order, each checked against the domain.

    The last line is one JSON object: sections a second by engine.
    """
    rates: dict[str, int] = {}
    warm = Workload("warm", WARM_UP_WALLS, seed=7)
    timed = Workload("timed", walls, seed=8)
    with _stack() as (addresses, directory):
        for engine, _, parallel in (named.partition(":") for named in engines):
            run = measure(addresses, TIMED[engine], int(parallel or 1), warm, timed, directory)
            rates[run.spec] = round(run.rate)
            engine_us, broker_us = (
                seconds / run.sections * 1e6 for seconds in (run.cpu.engine, run.cpu.broker)
            )
            say(
                f"{run.spec}: {run.rate:,.0f} sections/s; CPU for a section: {engine_us:.2f} µs, "
                f"of the broker {broker_us:.2f} µs"
            )
    print(json.dumps(rates))


@app.command("latency")
def latency(
    processes: Annotated[int, typer.Argument(help="Processes of the worker.", min=1)] = 1,
    partitions: Annotated[int, typer.Option(help="Partitions of every topic.")] = PARTITIONS,
) -> None:
    """Submit 300 profiles a second; the last line is one JSON object, in milliseconds."""
    with _stack() as (addresses, directory):
        measured = measure_latency(addresses, directory, processes, LATENCY_S, partitions)
    print(json.dumps(asdict(measured)))


@app.command("clocks")
def clocks(
    walls: Annotated[int, typer.Argument(help="Walls whose clocks run.", min=1)] = 100,
    day: Annotated[list[int] | None, typer.Option(help="Length of a day, in ms.", min=50)] = None,
) -> None:
    """Measure what running clocks cost, without any first; each line is one JSON object."""
    with _stack() as (addresses, directory):
        for cost in measure_clocks(addresses, directory, walls, day or [1000, 50]):
            print(json.dumps(asdict(cost)))


@app.command("quick")
def quick_command() -> None:
    """Measure the main ratios; the last line is one JSON object."""
    with _stack() as (addresses, directory):
        figures = quick(addresses, directory)
    print(json.dumps(figures))


@app.command("report")
def report(
    output: Annotated[Path, typer.Argument(help="Directory for report.md, report.json and plots.")],
    rounds: Annotated[int, typer.Option(help="Runs of each engine.", min=1)] = 3,
    rows: Annotated[
        list[int] | None, typer.Option(help="State sizes for memory a row; 1 and 10 million.")
    ] = None,
) -> None:
    """Measure everything and write a report."""
    with _stack() as (addresses, directory):
        write_report(addresses, directory, output, rounds, rows or [1_000_000, 10_000_000])


if __name__ == "__main__":
    app()
