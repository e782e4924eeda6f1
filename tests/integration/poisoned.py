"""A worker whose intake fails on walls of certain names: `python -m tests.integration.poisoned`.

It stands for a bug that nobody has found yet. The wall `raises` raises an exception; the wall
`segfaults` reads from address 0, as a bug in native code does.
"""

from __future__ import annotations

import ctypes

from streams.agents import intake
from streams.app import run_worker
from streams.cli.settings import load_settings

accept = intake.accept


def poisoned(batch, rows, context):
    for record in batch.records:
        if (record.key or b"").startswith(b"raises"):
            raise KeyError("no stage has ever seen this")
        if (record.key or b"").startswith(b"segfaults"):
            ctypes.string_at(0)
    return accept(batch, rows, context)


if __name__ == "__main__":
    intake.accept = poisoned
    run_worker(load_settings())
