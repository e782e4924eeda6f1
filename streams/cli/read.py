"""`thewall day`, `thewall overview` and `thewall compute`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

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
    OptionalProfile,
    ProfileNumber,
    WallName,
    WallOption,
    read_wall,
)
from streams.cli.settings import load_settings
from streams.client.client import Client

if TYPE_CHECKING:
    from streams.contract.codecs import Fields

# Profiles and days that still make a table to look at.
WIDEST_TABLE = 8
LONGEST_TABLE = 40

DAILY_FIELDS = ("day", "ice", "cost", "cumulative_cost")
Day = Annotated[int, typer.Argument(metavar="DAY", help="Day, from 1.", min=1)]


def day(name: WallName, profile: ProfileNumber, day: Day, as_json: AsJson = False) -> None:
    """Show what a profile used on a day, and its cost by the end of the day.

    On a day without work, ice and cost are 0; the cost so far stays.
    """
    client = Client(load_settings())
    found = client.profile_overview(name, profile)
    rows = client.daily(name, profile).get(profile, [])
    before = [row for row in rows if row["day"] <= day]
    on_day = before[-1] if before and before[-1]["day"] == day else None
    result = {
        "wall": name,
        "profile": profile,
        "day": day,
        "ice": on_day["ice"] if on_day else 0,
        "cost": on_day["cost"] if on_day else 0,
        "cumulative_cost": before[-1]["cumulative_cost"] if before else 0,
    }
    if as_json:
        print_json(result)
    else:
        title = f"wall {name}, profile {profile}"
        row = [str(day), *(result[field] for field in DAILY_FIELDS[1:])]
        print_table(title, DAILY_TITLES, [row])
        note_what_is_building(found)


DAILY_TITLES = ("day", "ice (yd³)", "cost (GD)", "cost so far (GD)")


def overview(
    name: WallName,
    profile: OptionalProfile = None,
    day: Annotated[
        int | None, typer.Option("--day", help="Amounts by the end of this day.", min=1)
    ] = None,
    daily: Annotated[bool, typer.Option("--daily", help="Include a row for each day.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the totals of a wall or of one profile.

    With --day, ice and cost are what was used and spent by the end of that day; sections and days
    stay those of the whole plan. While a newer plan is being built, the amounts are those of the
    last complete one.
    """
    client = Client(load_settings())
    found = (
        client.wall_overview(name) if profile is None else client.profile_overview(name, profile)
    )
    result = overview_object(client, found, day=day, daily=daily)
    if as_json:
        print_json(result)
        return
    if profile is not None:
        result = {"wall": name, "crews": None, "profiles": [result]} | {
            field: result[field] for field in ("days", "ice", "cost")
        }
    print_account(result, day)
    note_what_is_building(found)


def note_what_is_building(found: Fields) -> None:
    """Say so if the amounts of a wall's or profile's overview are not of its latest plan."""
    parts = [found] if "profile" in found else list(found["profiles"].values())
    first = [str(part["profile"]) for part in parts if part["version"] < 0]
    if first:
        note(f"being built for the first time, with no amounts yet: profile {', '.join(first)}")
    if any(p["state"] != "COMPLETE" and p["version"] >= 0 for p in parts) or (
        found["state"] != "COMPLETE" and not first
    ):
        note("a newer plan is being built: these are the amounts of the last complete one")


def overview_object(
    client: Client,
    found: Fields,
    *,
    day: int | None = None,
    daily: bool = False,
) -> dict[str, Any]:
    """The overview as the JSON object that `compute` prints too; with a profile, its part.

    With a day, `ice` and `cost` are the amounts by the end of the day, and `day` names it.

    Args:
        client: Reads the daily rows.
        found: What `Client.wall_overview` or `Client.profile_overview` has found.
        day: Leave out what comes after this day.
        daily: Include the daily rows.
    """
    wall, profile = found["wall"], found.get("profile")
    profiles = found["profiles"] if profile is None else {profile: found}
    rows = client.daily(wall, profile) if daily or day is not None else {}
    parts = []
    for number, totals in profiles.items():
        part = {"profile": number} | {f: totals[f] for f in ("sections", "days", "ice", "cost")}
        known = [row for row in rows.get(number, []) if day is None or row["day"] <= day]
        if day is not None:
            part["ice"] = sum(row["ice"] for row in known)
            part["cost"] = known[-1]["cumulative_cost"] if known else 0
        if daily:
            part["daily"] = [{field: row[field] for field in DAILY_FIELDS} for row in known]
        parts.append(part)
    named_day = {} if day is None else {"day": day}
    if profile is not None:
        return {"wall": wall} | named_day | parts[0]
    return {
        "wall": wall,
        "crews": found["crews"],
        "days": found["days"],
        "ice": found["ice"] if day is None else sum(part["ice"] for part in parts),
        "cost": found["cost"] if day is None else sum(part["cost"] for part in parts),
        "profiles": parts,
    } | named_day


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
    """Print what `overview_object` or `compute` has found."""
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
    """Add the commands."""
    app.command()(day)
    app.command()(overview)
    app.command()(compute)
