"""What the commands print for people: tables on standard output, progress on standard error."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Wide enough that a table in a file or a pipe is never folded.
WIDE = 1000


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDE
    # Values come from outside: nothing in them is markup, an emoji code or a link.
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=width)


OUT = _console()
ERR = _console(stderr=True)


def print_json(value: Any) -> None:
    """One JSON object on a line."""
    print(json.dumps(value))  # noqa: T201


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; whole numbers have thousands separators and stand at the right."""
    OUT.print(title, style="italic", soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        numeric = all(isinstance(row[index], int | None) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    OUT.print(table)


def fits(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bool:
    """Whether a table is no wider than where it is printed."""
    widest = (max(map(len, map(_cell, column))) for column in zip(columns, *rows, strict=True))
    return sum(widest) + 2 * (len(columns) - 1) <= OUT.width


def printable(text: str) -> str:
    """The text without what would steer a terminal; line breaks stay."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def note(text: str) -> None:
    """A remark on standard error."""
    ERR.print(text, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error: call what it yields with a text, done, and of how many."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=ERR,
        transient=True,
        disable=not ERR.is_terminal,
    )
    with bar:
        task = bar.add_task("", total=1, visible=False)

        def update(text: str, done: int, of: int) -> None:
            bar.update(task, description=text, completed=done, total=max(of, 1), visible=True)

        yield update
