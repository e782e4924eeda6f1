"""A worker on a host whose clock is wrong: `python -m tests.integration.wrong_clock HOURS`."""

from __future__ import annotations

import sys
import time

from streams.app import run_worker
from streams.cli.settings import load_settings


def set_wrong(hours: float) -> None:
    """Make every look at the clock in this process wrong by so many hours."""
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + hours * 3600
    time.time_ns = lambda: right_ns() + int(hours * 3600 * 10**9)


if __name__ == "__main__":
    set_wrong(float(sys.argv[1]))
    run_worker(load_settings())
