"""`thewall events`, `timeline`, `export` and `explain`: what the page shows, in a terminal."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.asking import api
from streams.cli.display import Share, console, evenly, moment, note, print_json, print_table
from streams.cli.options import AsJson, OptionalProfile, ProfileNumber, WallName
from streams.cli.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_TABLE = 40
DEFAULT_MOST = 100
ALL_KINDS = ("wall", "partition", "offset", "time", "kind", "version")

Day = Annotated[int, typer.Argument(metavar="DAY", help="Day, from 1.", min=1)]
From = Annotated[int | None, typer.Option("--from", help="From this day on.", min=1)]
To = Annotated[int | None, typer.Option("--to", help="Up to this day.", min=1)]
Crews = Annotated[
    int | None, typer.Option("--crews", help="As a pool of this many crews would build it.", min=1)
]


class Format(StrEnum):
    """What rows are written as."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def events(
    name: WallName,
    profile: Annotated[int | None, typer.Option("--profile", help="Of it alone.", min=1)] = None,
    section: Annotated[int | None, typer.Option("--section", help="Of it alone.", min=1)] = None,
    crew: Annotated[str | None, typer.Option("--crew", help="Of this crew alone.")] = None,
    day: Annotated[int | None, typer.Option("--day", help="Of this day alone.", min=1)] = None,
    run: Annotated[str | None, typer.Option("--run", help="Of this run of the clock.")] = None,
    most: Annotated[int, typer.Option("--max", help="Most that are shown.", min=1)] = DEFAULT_MOST,
    as_json: AsJson = False,
) -> None:
    """Show what happened at a wall, newest first, as far back as the audit topic goes."""
    wanted = {"profile": profile, "section": section, "crew": crew, "day": day, "run": run}
    with api(load_settings()) as asked:
        found = asked.all_of(f"walls/{name}/events", "events", most, wanted)
    if as_json:
        print_json({"wall": name, "events": found})
        return
    fields = ("profile", "section", "crew", "day")
    rows = [
        [moment(e["time"]), e["kind"], *(_text(e[field]) for field in fields), _more(e)]
        for e in found
    ]
    if not rows:
        note(f"no such event of a wall {name} is on the audit topic")
        return
    columns = ["time", "event", "profile", "section", "crew", "day", "more"]
    print_table(f"wall {name}: {len(rows):,} events, newest first", columns, rows)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _more(event: Mapping[str, Any]) -> str:
    shown = {"profile", "section", "crew", "day", *ALL_KINDS}
    return ", ".join(f"{k} {v}" for k, v in event.items() if k not in shown and v is not None)


def timeline(
    name: WallName,
    profile: OptionalProfile = None,
    first: From = None,
    last: To = None,
    crews: Crews = None,
    as_json: AsJson = False,
) -> None:
    """Show what a wall or a profile uses day by day; days that are alike are one row."""
    asked_for = {"profile": profile, "from": first, "to": last, "crews": crews}
    with api(load_settings()) as asked:
        found = asked.ask(f"walls/{name}/timeline", asked_for).json()
    if as_json:
        print_json(found)
        return
    runs = found["runs"]
    of = f", profile {profile}" if profile else ""
    supposed = f", by {crews:,} crews" if crews else ""
    most = max((run["sections_at_work"] for run in runs), default=1)
    print_table(
        f"wall {name}{of}{supposed}: {found['days']:,} days",
        ["days", "sections", "at work", "ice/day (yd³)", "cost/day (GD)", "cost so far (GD)"],
        [
            [
                _days(run), Share(run["sections_at_work"], most), run["sections_at_work"],
                run["ice"], run["cost"], run["cumulative_cost"],
            ]
            for run in evenly(runs, LONGEST_TABLE)
        ],
    )  # fmt: skip
    if len(runs) > LONGEST_TABLE:
        note(f"{LONGEST_TABLE} of {len(runs):,} rows; --json and `thewall export` have them all")


def _days(run: Mapping[str, Any]) -> str:
    first, last = run["first_day"], run["last_day"]
    return f"{first:,}" if first == last else f"{first:,}–{last:,}"


def export(
    name: WallName,
    profile: OptionalProfile = None,
    kind: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.CSV,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file.", dir_okay=False)
    ] = None,
    first: From = None,
    last: To = None,
    crews: Crews = None,
) -> None:
    """Write a row for each day with work: ice in cubic yards, cost in gold dragons."""
    out = sys.stdout.buffer
    if output is None and kind is Format.PARQUET and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is no text: name a file with --output")
    asked_for = {
        "profile": profile,
        "from": first,
        "to": last,
        "crews": crews,
        "format": "rows" if kind is Format.JSON else kind.value,
    }
    with api(load_settings()) as asked:
        content = asked.ask(f"walls/{name}/timeline", asked_for).content
    if output is not None:
        output.write_bytes(content)
        note(f"{len(content):,} bytes are in {output}")
        return
    out.write(content + (b"\n" if kind is Format.JSON else b""))
    out.flush()


def explain(name: WallName, profile: ProfileNumber, day: Day, as_json: AsJson = False) -> None:
    """Show where the ice and cost of a profile on a day come from, down to the event submitted."""
    with api(load_settings()) as asked:
        found = asked.ask(f"walls/{name}/explain", {"profile": profile, "day": day}).json()
    if as_json:
        print_json(found)
        return
    for line in explained(found):
        console().print(line, soft_wrap=True)


def explained(found: Mapping[str, Any]) -> list[str]:
    """An explanation as lines of text."""
    f = found["factors"]
    per_foot = f["yd3_per_ft"] * f["gd_per_yd3"]
    crews = f" of {found['crews']:,}" if found["crews"] else ""
    lines = [
        f"wall {found['wall']}, profile {found['profile']}, day {found['day']:,}: "
        f"{found['material']}, {found['mode']}{crews}",
        f"  ice          {_sections(f['sections_at_work'])} × {f['feet_per_day']} ft × "
        f"{f['yd3_per_ft']:,} yd³ = {f['ice']:,} yd³",
        f"  cost         {f['ice']:,} yd³ × {f['gd_per_yd3']:,} GD = {f['cost']:,} GD",
        f"  cost so far  {f['cumulative_ft']:,} ft × {per_foot:,} GD = {f['cumulative_cost']:,} GD",
    ]
    if found["sections"]:
        numbers = ", ".join(map(str, evenly(found["sections"], LONGEST_TABLE)))
        more = len(found["sections"]) - LONGEST_TABLE
        lines.append(
            f"  at work      sections {numbers}{f' and {more:,} more' if more > 0 else ''}"
        )
    lines.append(f"  plan         version {found['version']}, {found['state'].lower()}")
    source = found["source"]
    if source is not None:
        what = "the wall's settings" if source["what"] == "settings" else (
            f"profile {source['profile']}"
        )  # fmt: skip
        lines.append(f"  set by       {what}, submitted at {_place(source['submitted'])}")
        lines.append(f"               accepted at {_place(source['accepted'])}")
    return lines


def _sections(number: int) -> str:
    return f"{number:,} section{'' if number == 1 else 's'}"


def _place(place: Mapping[str, Any]) -> str:
    at = moment(place["time"])
    return f"{place['topic']}[{place['partition']}] offset {place['offset']}" + (
        f", {at}" if at else ""
    )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (events, timeline, export, explain):
        app.command()(command)
