"""What a command brings in before it has done anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

WORKERS = ("faust", "aiokafka", "aiohttp", "numpy", "fastapi", "rocksdict", "rich")
CLIENTS = (*WORKERS, "confluent_kafka", "httpx2", "authlib", "fastavro")
SETTINGS = (*CLIENTS, "pydantic")


@pytest.mark.parametrize(
    ("command", "not_needed"),
    [
        ("", SETTINGS),  # as for --help, and for a shell that completes a name
        ("compute", SETTINGS),
        ("explain", CLIENTS),
        ("overview", WORKERS),
        ("submit", WORKERS),
    ],
)
def test_a_command_imports_no_more_than_it_needs(command, not_needed):
    load = f"commands.command({command!r})" if command else "commands.COMMANDS"
    code = (
        f"import sys; from streams import cli; from streams.cli import commands; {load}; "
        f"print([m for m in {not_needed} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
