"""The `thewall` command: one file per group of commands.

Exit status 0 good, 1 failed, 2 wrong usage. Standard output has data only; progress and errors
go to standard error.
"""

from __future__ import annotations

import errno
import io
import os
import sys

import typer

from streams.cli.commands import Commands
from streams.cli.display import printable

__all__ = ["app", "main"]

NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOSPC)
PLACES = (
    "; THEWALL_STACK_DIR, THEWALL_DATA_DIR and XDG_CACHE_HOME are where Kafka, workers and "
    "downloads keep their files"
)

app = typer.Typer(
    name="thewall",
    cls=Commands,
    help="Build an ice wall on Kafka, and account for it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    from importlib.metadata import version

    if wanted:
        typer.echo(f"thewall {version('the-wall')}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line, with errors that are foreseen as one sentence on standard error."""
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an ASCII terminal has no cubic yards
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        # What is still to be written has nowhere to go; Python would complain while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # whoever read us has enough
            sys.exit(0)
        print(printable(sentence), file=sys.stderr)  # noqa: T201
        sys.exit(1)


def _open_standard_streams() -> None:
    """Have standard streams that whoever started us has closed: a file would get their numbers.

    Nothing can be read from such an input, and writing to such an output is an error, as it is for
    any program; but errors have nowhere to go and are dropped.
    """
    for descriptor, flags in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, flags)  # takes the lowest number that is free: this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _sentence(error: Exception) -> str | None:
    """What to say of an error that is foreseen; None for a bug of ours."""
    # Only here: most commands need neither these modules nor a sentence.
    import psutil
    from confluent_kafka import KafkaException
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    from domain.errors import ClockConflict, InvalidWall
    from streams.cli.settings import InvalidSettings, MissingBroker
    from streams.client.errors import ClientError
    from streams.contract.codecs import SchemaMissing
    from streams.contract.topics import TopicMismatch, TopicMissing
    from streams.devstack import StackError
    from streams.devstack.artifacts import FetchError

    match error:
        case (
            ClientError() | ClockConflict() | FetchError() | InvalidSettings() | InvalidWall()
            | MissingBroker() | SchemaMissing() | SchemaRegistryError() | StackError()
            | TopicMismatch() | TopicMissing()
        ):  # fmt: skip
            return str(error)
        case KafkaException():
            return f"Kafka refused: {error.args[0].str()}"
        case psutil.Error():
            return f"a process can't be asked or ended: {error}"
        case OSError(errno=errno.EBADF):
            return "standard output is closed"
        case OSError(filename=None):
            return f"what has to be written can't be: {error.strerror or error}"
        case OSError():
            hint = PLACES if error.errno in NOT_OURS else ""
            return f"{os.fsdecode(error.filename)}: {error.strerror}{hint}"
        case _:
            return None
