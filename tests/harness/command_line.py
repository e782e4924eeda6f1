"""The command in this process: as in a process of its own, without a second to start Python."""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch

from streams.cli import main

if TYPE_CHECKING:
    from streams.settings import Settings


class Done(NamedTuple):
    """What a command has come to; the fields are those of `subprocess.CompletedProcess`."""

    returncode: int
    stdout: str
    stderr: str


def invoke(*arguments: str, stdin: str = "", **variables: str) -> Done:
    """Run the command to its end; an exception that it does not handle is raised."""
    given = io.TextIOWrapper(io.BytesIO(stdin.encode()))
    with (
        # Files, because the command closes standard output, by its descriptor, on an error.
        NamedTemporaryFile("w+", encoding="utf-8") as out,
        NamedTemporaryFile("w+", encoding="utf-8") as error,
        patch.object(sys, "argv", ["thewall", *arguments]),
        patch.object(sys, "stdin", given),
        patch.dict(os.environ, variables),
        redirect_stdout(out.file),
        redirect_stderr(error.file),
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0
        else:
            status = 0
        out.flush()
        error.flush()
        return Done(status, *(Path(file.name).read_text("utf-8") for file in (out, error)))


def run_here(settings: Settings, *arguments: str, **variables: str) -> Done:
    """Run the command to its end; not one that runs a worker, for that ends its process."""
    return invoke(*arguments, **settings.environment() | variables)


def thewall_here(settings: Settings, *arguments: str, stdin: str = "") -> str:
    """Run the command, which has to succeed; its standard output."""
    done = invoke(*arguments, stdin=stdin, **settings.environment())
    assert done.returncode == 0, done.stderr
    return done.stdout
