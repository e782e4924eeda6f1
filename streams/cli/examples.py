"""Examples in the help of each command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

EXAMPLES = {
    "init": ("init", "init north"),
    "up": ("up", "up --secure --fresh", "up --kafka-port 9092 --registry-port 8081", "up --fresh"),
    "down": ("down",),
    "status": ("status", "status --json"),
    "console": (
        "console wall.daily --from-beginning --max-messages 5",
        "console wall.simulation.events --partition 0 --offset 100",
    ),
    "produce": ("produce", "produce --reader-property parse.key=true"),
    "worker": ("worker", "worker --background", "worker --processes 2 --restart", "worker --stop"),
    "web": ("web", "web --port 8000 --restart"),
    "open": ("open", "open default"),
    "submit": (
        "submit wall.conf --wait",
        "submit wall.conf --wall north --crews 4",
        "submit - --wall north --json",
    ),
    "withdraw": ("withdraw north", "withdraw north 2"),
    "day": ("day default 1 3", "day default 1 3 --json"),
    "overview": ("overview default", "overview default --day 3", "overview default 2 --daily"),
    "compute": ("compute wall.conf", "compute wall.conf --crews 4 --json"),
    "events": (
        "events default",
        "events default --profile 1 --section 2",
        "events default --day 9",
    ),
    "timeline": (
        "timeline default",
        "timeline default 1 --from 2 --to 5",
        "timeline north --crews 9",
    ),
    "export": (
        "export default > default.csv",
        "export default 1 --format json",
        "export default --format parquet --output default.parquet",
    ),
    "explain": ("explain default 1 3",),
    "compare": (
        "compare wall.conf --crews 1..40",
        "compare default --crews 1..40 --by-day 20",
        "compare default --by-day 20",
    ),
    "deadletters list": ("deadletters list", 'deadletters list --reason "height 31"'),
    "deadletters show": ("deadletters show 2/17",),
    "deadletters resubmit": (
        "deadletters resubmit 2/17",
        'deadletters resubmit --reason "not in the registry"',
    ),
    "simulate start": ("simulate start default", "simulate start default --day-every 50ms"),
    "simulate pause": ("simulate pause default",),
    "simulate resume": ("simulate resume default", "simulate resume default --day-every 1m"),
    "simulate stop": ("simulate stop default",),
    "simulate status": ("simulate status default",),
    "watch": ("watch default", "watch default > days.txt"),
    "topics": ("topics", "topics --json"),
    "acls": ("acls worker", "acls producer --principal User:maester"),
    "consume": ("consume daily --max 5", "consume wall.dead-letters --follow"),
    "verify": ("verify", "verify default --json"),
    "replay": ("replay", "replay --to 2026-01-31T12:00", "replay --wipe"),
    "rebuild": ("rebuild", "rebuild --drop-old"),
}
"""By command, how it is called, without the program's name."""


def add_examples(app: typer.Typer, group: str = "") -> None:
    """End the help of each command with its examples."""
    for command in app.registered_commands:
        function = command.callback
        name = command.name or (function.__name__ if function is not None else "")
        examples = EXAMPLES.get(f"{group}{name}", ())
        lines = "\n".join(f"  thewall {example}" for example in examples)
        # As they stand: a paragraph that begins so is not wrapped.
        command.epilog = f"\b\nExamples:\n{lines}"
    for inner in app.registered_groups:
        if inner.typer_instance is not None:
            add_examples(inner.typer_instance, f"{inner.name} ")
