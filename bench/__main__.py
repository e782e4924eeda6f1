"""`python -m bench WALLS ENGINE:N …`: sections a second of engines with N processes or threads.

Each engine starts on topics of its own on one broker, is warmed up, is checked against the domain,
and is timed. The last line is one JSON object: sections a second by engine.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench.engines import ENGINES
from bench.throughput import measure
from bench.workload import Workload
from streams.devstack import Stack

WARM_UP_WALLS = 200


def main() -> None:
    """Run what the command line names, in its order."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("walls", type=int, help="walls of 300 sections that are timed")
    parser.add_argument("engines", nargs="+", help=f"of {', '.join(ENGINES)}, as in pipeline:2")
    arguments = parser.parse_args()
    rates: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="thewall-bench-") as name:
        directory = Path(name)
        stack = Stack(directory / "stack")
        addresses = stack.up()
        try:
            for engine, _, parallel in (named.partition(":") for named in arguments.engines):
                timed = measure(
                    addresses, ENGINES[engine], int(parallel or 1),
                    Workload("warm", WARM_UP_WALLS, seed=7),
                    Workload("timed", arguments.walls, seed=8), directory,
                )  # fmt: skip
                rates[f"{engine}:{timed.parallel}"] = round(timed.rate)
                print(f"{engine}:{timed.parallel} {timed.rate:,.0f} sections/s", file=sys.stderr)
        finally:
            stack.down()
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
