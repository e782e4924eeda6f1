"""`thewall watch`: a wall in the terminal, as it changes."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import typer

from streams.cli.asking import api, running_page, stream
from streams.cli.display import console, printable
from streams.cli.options import WallName
from streams.cli.settings import load_settings
from streams.client.errors import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from streams.cli.asking import Api

TOPICS = "rows,clock,audit"
MOST_EVENTS = 100
# Lines of the view that are not events, with an empty one above and below these.
LINES_ABOVE = 10
TERMINATED = 128 + signal.SIGTERM
UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "min": 60_000, "s": 1_000, "ms": 1}


class Watched:
    """What is known of a wall.

    Attributes:
        wall: Its totals, as of `/api/walls/{wall}`; None if it has gone.
        clock: Its clock, as of `/api/walls/{wall}/clock`.
        events: The last audit events, newest first.
        age_s: How old all that is at most, in seconds; None while nothing is heard.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.wall: dict[str, Any] | None = None
        self.clock: dict[str, Any] = {"state": None, "told": 0}
        self.events: list[dict[str, Any]] = []
        self.age_s: float | None = None
        self._runs: list[dict[str, Any]] = []
        self._knows_all = self._knows_days = False

    def hear(self, kind: str, data: Any) -> None:
        """Take in an event of the stream."""
        match kind:
            case "hello":
                self._knows_all = data["resumed"]
            case "reset":
                self._knows_all = False
            case "clock":
                self.clock = data
            case "audit":
                self.events = [*reversed(data["events"]), *self.events][:MOST_EVENTS]
            case "rows":
                self.wall, self._knows_days = data["summary"], False
            case "age":
                self.age_s = data["age_s"]
            case "lost":
                self.age_s = None

    def ask(self, asked: Api, name: str) -> None:
        """Ask for what the stream has not said.

        Raises:
            ClientError: There is no such wall, or no answer: what is missing is asked next time.
        """
        if not self._knows_all:
            self.wall = asked.ask(f"walls/{name}", {"limit": 1}).json()
            self.clock = asked.ask(f"walls/{name}/clock").json()
            found = asked.ask(f"walls/{name}/events", {"limit": MOST_EVENTS}).json()
            self.events, self._knows_days = found["events"], False
            self._knows_all = True
        if not self._knows_days and self.wall is not None:
            self._runs = asked.ask(f"walls/{name}/timeline").json()["runs"]
            self._knows_days = True

    @property
    def days(self) -> int:
        """Last day of work."""
        return max((int(run["last_day"]) for run in self._runs), default=0)

    @property
    def day(self) -> int:
        """The day by the clock, as told last or as paused; without a run under way, the last."""
        held = {"RUNNING": "told", "PAUSED": "day"}.get(self.clock["state"])
        return self.days if held is None else min(int(self.clock[held]), self.days)

    def amounts(self) -> tuple[int, int, int, int]:
        """On the day: sections at work, ice in cubic yards; by its end: ice, cost in dragons."""
        before = [run for run in self._runs if run["first_day"] <= self.day]
        if not before:
            return 0, 0, 0, 0
        run = before[-1]
        left = max(0, run["last_day"] - self.day)
        works = self.day <= run["last_day"]
        return (
            run["sections_at_work"] if works else 0,
            run["ice"] if works else 0,
            run["cumulative_ice"] - left * run["ice"],
            run["cumulative_cost"] - left * run["cost"],
        )

    def clock_in_words(self) -> str:
        """What the clock does."""
        clock = self.clock
        match clock["state"]:
            case None:
                return "none; start it with `thewall simulate start`"
            case "STOPPED":
                return f"stopped after day {clock['day']:,}, run {clock['run']}"
            case "PAUSED":
                return f"paused after day {clock['day']:,}, run {clock['run']}"
        if self.days and clock["told"] >= clock["last_day"]:
            return f"at the end of the build, run {clock['run']}"
        return f"runs, a day takes {duration(clock['ms_per_day'])}, run {clock['run']}"


def duration(ms: int) -> str:
    """A length of time in its largest whole unit."""
    unit = next(name for name, size in UNITS_MS.items() if ms % size == 0)
    return f"{ms // UNITS_MS[unit]:,} {unit}"


def time_of_day(at_ms: int | None) -> str:
    """A timestamp, in milliseconds since the epoch, as a clock on the wall of this room has it."""
    return f"{datetime.fromtimestamp((at_ms or 0) / 1000, tz=UTC).astimezone():%H:%M:%S}"


def in_words(event: dict[str, Any]) -> str:
    """An audit event as a sentence."""
    e = {name: f"{v:,}" if isinstance(v, int) else v for name, v in event.items()}
    section = f"section {event['section']} of profile {event['profile']}"
    match event["kind"]:
        case "DayPassed":
            return (
                f"day {e['day']} passed: {e['sections']} sections at work, {e['ice']} yd³; "
                f"{e['cumulative_cost']} GD so far"
            )
        case "SectionCompleted":
            when = "finished" if event["run"] else "is to finish"
            return f"crew {event['crew']} {when} {section} on day {e['day']}"
        case "CrewRelieved":
            return f"crew {event['crew']} is relieved on day {e['day']}"
        case "ProfileCompleted":
            return f"profile {event['profile']} is planned up to day {e['day']}"
        case "PlanReplaced":
            return f"profile {event['profile']} has another plan, version {event['version']}"
        case "ProfileWithdrawn":
            return f"profile {event['profile']} was withdrawn"
        case kind:
            return str(kind)


def watch(name: WallName) -> None:
    """Watch a wall until Ctrl-C: its day, its clock, ice and cost so far, and what happens.

    Where standard output is no terminal, it prints a line for each day instead. It listens to
    `thewall web`, which has to run.
    """
    settings = load_settings()
    address = running_page(settings)
    # Not killed where it stands: the terminal gets its cursor back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    watched = Watched()
    with api(settings) as asked:
        watched.ask(asked, name)
        with _shown(watched, name) as show:
            for kind, data in stream(address, name, TOPICS):
                watched.hear(kind, data)
                # Once a second, however often rows change.
                if kind in ("hello", "age"):
                    with suppress(ClientError):
                        watched.ask(asked, name)
                show()


@contextmanager
def _shown(watched: Watched, name: str) -> Iterator[Callable[[], None]]:
    if not console().is_terminal:
        said = ""

        def say() -> None:
            nonlocal said
            text = line(watched, name)
            if text != said:
                print(text, flush=True)  # noqa: T201
                said = text

        yield say
        return
    from rich.live import Live

    with Live(console=console(), auto_refresh=False) as live:
        yield lambda: live.update(view(watched, name, console().height), refresh=True)


def line(watched: Watched, name: str) -> str:
    """A wall on one line of text."""
    if watched.wall is None:
        return f"wall {name} has gone"
    _, _, ice, cost = watched.amounts()
    return (
        f"wall {name}: day {watched.day:,} of {watched.days:,}, {ice:,} yd³, {cost:,} GD so far; "
        f"clock: {watched.clock_in_words()}"
    )


def view(watched: Watched, name: str, height: int) -> RenderableType:
    """A wall as it fills a terminal of so many lines."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    wall, age_s = watched.wall, watched.age_s
    age = "not connected, trying again" if age_s is None else f"as of {age_s:.1f} s ago"
    if wall is None:
        return Text(f"wall {name} has gone, or was never there ({age})")
    at_work, ice_today, ice, cost = watched.amounts()
    title = Text.assemble(
        (f"wall {name}", "bold"),
        f"  {wall['state'].lower()}, {wall['mode'].replace('-', ' ')}",
        f"{'' if wall['crews'] is None else ' of {:,}'.format(wall['crews'])}, ",
        f"{wall['profile_count']:,} profiles, {wall['sections']:,} sections  ",
        (age, "yellow" if age_s is None else "dim"),
    )
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(no_wrap=True)
    share = ice / wall["ice"] if wall["ice"] else 1.0
    percent = 100 if share >= 1 else min(99, int(100 * share))
    bar = Table.grid(padding=(0, 2))
    bar.add_row(ProgressBar(total=1, completed=share, width=40), f"{percent}%")
    grid.add_row("clock", watched.clock_in_words())
    grid.add_row("day", Text.assemble((f"{watched.day:,}", "bold"), f" of {watched.days:,}"))
    grid.add_row("built", bar)
    grid.add_row("at work", f"{at_work:,} sections, {ice_today:,} yd³ on this day")
    grid.add_row("ice", f"{ice:,} yd³ so far, of {wall['ice']:,}")
    grid.add_row("cost", Text.assemble((f"{cost:,}", "bold"), f" GD so far, of {wall['cost']:,}"))
    lines = [
        Text.assemble(
            (time_of_day(e["time"]), "dim"), "  ", printable(in_words(e)),
            no_wrap=True, overflow="ellipsis",
        )
        for e in islice(watched.events, max(0, height - LINES_ABOVE))
    ]  # fmt: skip
    return Group(title, Text(), grid, Text(), *lines)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(watch)
