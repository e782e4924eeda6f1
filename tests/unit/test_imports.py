"""What a command brings in before it has done anything."""

from __future__ import annotations

import subprocess
import sys


def test_a_command_that_runs_no_worker_imports_nothing_of_one():
    heavy = ("faust", "aiokafka", "aiohttp", "numpy", "fastapi", "rocksdict", "rich")
    code = f"import sys, streams.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
