"""The `thewall` command: one file a group of commands.

Exit status 0 good, 1 failed, 2 wrong usage. Standard output has data only; progress and errors
go to standard error.
"""

from __future__ import annotations

import io
import os
import sys
from importlib.metadata import version

import typer
from confluent_kafka import KafkaException
from confluent_kafka.schema_registry.error import SchemaRegistryError

from domain.errors import InvalidWall
from streams.batching import StoreInUse
from streams.cli import read, rebuild, replay, stack, submit, topics, web, worker
from streams.cli.display import printable
from streams.cli.settings import InvalidSettings, MissingBroker
from streams.client.kafka import ClientError
from streams.contract.topics import TopicMismatch
from streams.devstack import StackError
from streams.devstack.artifacts import FetchError

__all__ = ["app", "main"]

EXPECTED = (
    ClientError,
    FetchError,
    InvalidSettings,
    InvalidWall,
    MissingBroker,
    SchemaRegistryError,
    StackError,
    StoreInUse,
    TopicMismatch,
)

app = typer.Typer(
    name="thewall",
    help="Build an ice wall on Kafka, and account for it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
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


for group in (stack, worker, web, submit, read, topics, replay, rebuild):
    group.register(app)


def main() -> None:
    """Run the command line, with errors that are foreseen as one sentence on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an ASCII terminal has no cubic yards
    try:
        app()
    except EXPECTED as error:
        _fail(str(error))
    except KafkaException as error:
        _fail(f"Kafka refused: {error.args[0].str()}")
    except BrokenPipeError:
        # Whoever read us has enough; Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _fail(text: str) -> None:
    print(printable(text), file=sys.stderr)  # noqa: T201
    sys.exit(1)
