"""What the commands print for people: tables on standard output, progress on standard error."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console

T = TypeVar("T")

# Wide enough that a table in a file or a pipe is never folded.
WIDE = 1000
BAR_WIDTH = 30


@cache
def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error, for tables and words."""
    from rich.console import Console  # only here: a command with --json prints no table

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDE
    # Values come from outside: nothing in them is markup, an emoji code or a link.
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=width)


def print_json(value: Any) -> None:
    """One JSON object on a line."""
    print(json.dumps(value))  # noqa: T201


class Share(NamedTuple):
    """A cell that is drawn as a bar: a number, and that of a full bar."""

    value: int
    of: int


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; whole numbers have thousands separators and stand at the right."""
    from rich.bar import Bar
    from rich.table import Table

    console().print(title, style="italic", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | None) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(
            *(
                Bar(value.of or 1, 0, value.value, width=BAR_WIDTH)
                if isinstance(value, Share)
                else _cell(value)
                for value in row
            )
        )
    console().print(table)


def fits(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bool:
    """Whether a table is no wider than where it is printed."""
    widest = (max(map(len, map(_cell, column))) for column in zip(columns, *rows, strict=True))
    return sum(widest) + 2 * (len(columns) - 1) <= console().width


def printable(text: str) -> str:
    """The text without what would steer a terminal; line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def moment(at_ms: int | None) -> str | None:
    """A timestamp, in milliseconds since the epoch, in the time of this machine."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone().isoformat(" ", "milliseconds")


def evenly(rows: Sequence[T], most: int) -> list[T]:
    """At most so many of the rows, with even steps between them: the first and the last are in."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(at * (len(rows) - 1) / (most - 1))] for at in range(most)]


def note(text: str) -> None:
    """A remark on standard error."""
    console(stderr=True).print(text, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error: call what it yields with a text, done, and of how many."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    terminal = console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=terminal,
        transient=True,
        disable=not terminal.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=1, visible=False)

        def update(text: str, done: int, of: int) -> None:
            bar.update(task, description=text, completed=done, total=max(of, 1), visible=True)

        yield update
