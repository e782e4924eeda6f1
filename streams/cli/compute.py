"""`thewall compute`, and how the account of a wall is printed."""

from __future__ import annotations

from typing import Any

import typer

from domain.account import account_of
from domain.rules import DEFAULT_WALL
from streams.cli.display import console, fits, note, print_json, print_table
from streams.cli.options import (
    AsJson,
    ConfigFile,
    CrewsOption,
    MaterialOption,
    ModeOption,
    WallOption,
    read_wall,
)

# Profiles and days that still make a table to look at.
WIDEST_TABLE = 8
LONGEST_TABLE = 40


def compute(
    file: ConfigFile,
    wall: WallOption = DEFAULT_WALL,
    crews: CrewsOption = None,
    material: MaterialOption = "ice",
    mode: ModeOption = None,
    as_json: AsJson = False,
) -> None:
    """Compute a wall with the domain alone, without Kafka."""
    result = account_of(read_wall(file, wall, crews, material, mode)).as_json()
    if as_json:
        print_json(result)
    else:
        print_account(result)


def print_account(result: dict[str, Any], day: int | None = None) -> None:
    """Print what `compute` or `overview` has found; with a day, of its amounts by then."""
    crews = f", {result['crews']} crews" if result["crews"] else ""
    profiles = result["profiles"]
    daily = {p["profile"]: {row["day"]: row["ice"] for row in p.get("daily", ())} for p in profiles}
    days = sorted({day for rows in daily.values() for day in rows})
    shown = days[:LONGEST_TABLE]
    columns = ["day", *(f"profile {number}" for number in daily), "all"]
    rows = [
        [str(d), *(r.get(d, 0) for r in daily.values()), sum(r.get(d, 0) for r in daily.values())]
        for d in shown
    ]
    if days and len(profiles) <= WIDEST_TABLE and fits(columns, rows):
        print_table(f"wall {result['wall']}{crews}: ice by day (yd³)", columns, rows)
        if len(days) > len(shown):
            note(f"… and {len(days) - len(shown):,} more days; --json has them all")
        console().print()
    by_day = "" if day is None else f" by the end of day {day}"
    print_table(
        f"wall {result['wall']}{crews}: totals{by_day}",
        ["profile", "sections", "days", "ice (yd³)", "cost (GD)"],
        [
            *([str(p["profile"]), p["sections"], p["days"], p["ice"], p["cost"]] for p in profiles),
            [
                "all",
                sum(p["sections"] for p in profiles),
                result["days"],
                result["ice"],
                result["cost"],
            ],
        ],
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(compute)
