"""Every command: the module that has it, and what the list of commands says of it.

A command's module is imported when the command is run: together they import each client of ours,
which takes longer than most answers.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from streams.cli.examples import add_examples

COMMANDS = {
    "init": ("init", "Write a wall to begin with, and all settings, with comments."),
    "up": ("stack", "Start Kafka and the schema registry on this machine."),
    "down": ("stack", "Stop Kafka and the schema registry; their data stays."),
    "status": ("stack", "Show whether Kafka and the schema registry run, and where."),
    "console": ("stack", "Run Apache Kafka's console consumer on a topic."),
    "produce": ("stack", "Run Apache Kafka's console producer: a record for each line."),
    "worker": ("worker", "Run workers: every stage, the web views, and the page."),
    "web": ("web", "Serve the page and the whole API."),
    "open": ("web", "Open the page in the browser, and print its address."),
    "submit": ("submit", "Submit a wall, or replace the wall of that name."),
    "withdraw": ("submit", "Withdraw a wall, or one profile of it."),
    "simulate": ("simulate", "Build a wall in real time, by its clock."),
    "watch": ("watch", "Watch a wall: its day, its clock, ice and cost, its events."),
    "day": ("read", "Show what a profile used on a day, and its cost so far."),
    "overview": ("read", "Show the totals of a wall or of one profile."),
    "compute": ("compute", "Compute a wall with the domain alone, without Kafka."),
    "events": ("questions", "Show what happened at a wall, newest first."),
    "timeline": ("questions", "Show what a wall or a profile uses day by day."),
    "export": ("questions", "Write a row for each day with work: CSV, JSON or Parquet."),
    "explain": ("questions", "Show where the ice and cost of a day come from."),
    "compare": ("compare", "Show what pools of crews would make of a wall."),
    "deadletters": ("deadletters", "Look at records that failed, and send them again."),
    "topics": ("topics", "Create the topics and schemas that are missing, and list them."),
    "consume": ("topics", "Print a topic as JSON lines."),
    "acls": ("acls", "Show the rights on the broker that a role needs, and no more."),
    "verify": ("replay", "Compare the published rows with the domain's."),
    "replay": ("replay", "Process the submitted events again."),
    "rebuild": ("rebuild", "Build all state again beside the running workers, and switch."),
}
"""By name: its module in this package, and one line."""


class Commands(TyperGroup):
    """The group of all commands, of which each is there when it is asked for."""

    def __init__(self, **attributes: Any) -> None:
        """List the commands: a list shows no more of a command than its line."""
        super().__init__(**attributes)
        for name, (_, line) in COMMANDS.items():
            self.add_command(TyperCommand(name, short_help=line))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that arguments begin with, and the other arguments."""
        name, _, others = super().resolve_command(ctx, args)
        return name, None if name is None else command(name), others


def command(name: str) -> TyperCommand | TyperGroup:
    """A command, or a group of commands, from its module."""
    found = typer.Typer(rich_markup_mode=None)
    import_module(f"streams.cli.{COMMANDS[name][0]}").register(found)
    add_examples(found)
    return typer.main.get_group(found).commands[name]  # type: ignore[return-value]
