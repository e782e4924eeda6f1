"""A worker whose event loop stands still in one stage until it is told to go on.

`python -m tests.harness.late_worker FILE`: when the file `FILE.block` is there, the ledger computes
its next batch, says so in `FILE.blocked`, and hands it over when `FILE.go` is there.
"""

from __future__ import annotations

import functools
import sys
import time
from pathlib import Path

from streams import app as worker_app
from streams.agents import ledger
from streams.batching import BatchApp
from streams.cli.settings import load_settings

# So long the group waits for a member that does not answer: shorter than Faust's minute.
REBALANCE_TIMEOUT_S = 8.0


def block_in_the_ledger(file: str) -> None:
    account = ledger.account

    def late(*args, **kwargs):
        outcome = account(*args, **kwargs)
        if Path(f"{file}.block").exists() and not Path(f"{file}.blocked").exists():
            Path(f"{file}.blocked").touch()
            while not Path(f"{file}.go").exists():
                time.sleep(0.05)  # with the event loop standing still
        return outcome

    ledger.account = late


if __name__ == "__main__":
    block_in_the_ledger(sys.argv[1])
    worker_app.BatchApp = functools.partial(BatchApp, broker_rebalance_timeout=REBALANCE_TIMEOUT_S)
    worker_app.run_worker(load_settings())
