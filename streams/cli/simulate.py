"""`thewall simulate`: the clock of a wall, started, paused, resumed, stopped and looked at."""

from __future__ import annotations

import re
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.clock import checked_ms_per_day
from domain.errors import InvalidWall
from domain.rules import MAX_DAY
from streams.cli.display import note, print_json
from streams.cli.options import AsJson, WallName
from streams.cli.settings import load_settings
from streams.client.client import Client
from streams.client.clocks import WallClock

if TYPE_CHECKING:
    from domain.clock import Clock

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DURATION = re.compile(rf"(\d{{1,9}})({'|'.join(UNITS_MS)})", re.ASCII)

app = typer.Typer(
    help="Build a wall in real time: its clock announces each day when it is over.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _ms(duration: str) -> int:
    """A day's length in milliseconds, from a duration such as 50ms, 1s, 1m, 1h or 1d."""
    found = DURATION.fullmatch(duration)
    if found is None:
        raise typer.BadParameter(f"--day-every {duration[:40]!r} is not such as 50ms, 1s or 1m")
    try:
        return checked_ms_per_day(int(found[1]) * UNITS_MS[found[2]])
    except InvalidWall as error:
        raise typer.BadParameter(f"--day-every {duration}: {error}") from error


@app.command()
def start(
    name: WallName,
    day_every: Annotated[
        str, typer.Option("--day-every", help="How long a day takes: 50ms to 1d.")
    ] = "1s",
    from_day: Annotated[
        int, typer.Option("--from-day", help="Days taken as done.", min=0, max=MAX_DAY)
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Start the clock of a wall: a new run, which announces each day when it is over."""
    ms_per_day = _ms(day_every)
    clock = _clock_of(name).start(ms_per_day, from_day)
    _show(name, clock, as_json, f"started run {clock.run}, a day every {_duration(clock)}")


@app.command()
def pause(name: WallName, as_json: AsJson = False) -> None:
    """Pause the clock of a wall; after `resume`, the day in progress starts again."""
    clock = _clock_of(name).pause()
    _show(name, clock, as_json, f"paused run {clock.run} after day {clock.day:,}")


@app.command()
def resume(
    name: WallName,
    day_every: Annotated[
        str | None,
        typer.Option("--day-every", help="How long a day takes from here on; as before if left."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Resume the clock of a wall, where it was paused."""
    ms_per_day = None if day_every is None else _ms(day_every)
    clock = _clock_of(name).resume(ms_per_day)
    _show(name, clock, as_json, f"resumed run {clock.run} after day {clock.day:,}")


@app.command()
def stop(name: WallName, as_json: AsJson = False) -> None:
    """Stop the clock of a wall: its run is over."""
    clock = _clock_of(name).stop()
    _show(name, clock, as_json, f"stopped run {clock.run} after day {clock.day:,}")


@app.command()
def status(name: WallName, as_json: AsJson = False) -> None:
    """Show the clock of a wall."""
    wall_clock = _clock_of(name)
    clock = wall_clock.read()
    if clock is None:
        if as_json:
            print_json({"wall": name, "run": None, "state": None})
        else:
            note(f"wall {name} has no clock; start one with `thewall simulate start {name}`")
        return
    last_day = wall_clock.last_day()
    # As this host's clock has it; what is told goes by the broker's.
    now_ms = int(time.time() * 1000)
    day = clock.held_at(now_ms, last_day)
    ends = "at its end" if day >= last_day else f"of {last_day:,}"
    text = f"run {clock.run} is {clock.state}, day {day:,} {ends}, a day every {_duration(clock)}"
    _show(name, clock, as_json, text, day=day, last_day=last_day)


def _clock_of(wall: str) -> WallClock:
    return WallClock(Client(load_settings()), wall)


def _show(wall: str, clock: Clock, as_json: bool, text: str, **more: Any) -> None:
    if not as_json:
        note(f"wall {wall}: {text}")
        return
    print_json({"wall": wall, **asdict(clock), **more})


def _duration(clock: Clock) -> str:
    unit = max(
        (name for name, ms in UNITS_MS.items() if clock.ms_per_day % ms == 0),
        key=lambda name: UNITS_MS[name],
    )
    return f"{clock.ms_per_day // UNITS_MS[unit]:,} {unit}"


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app, name="simulate")
