"""`thewall day` and `thewall overview`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.rules import FEET_PER_DAY
from streams.cli.asking import api_at, page_address
from streams.cli.compute import print_account
from streams.cli.display import note, print_json, print_table
from streams.cli.options import AsJson, OptionalProfile, ProfileNumber, WallName
from streams.cli.settings import load_settings
from streams.client.errors import no_profile, no_totals
from streams.contract.records import ProfileTotals
from streams.contract.sums import WallSums

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

# What was built when a command before this one ended is in its answer.
UP_TO_DATE = {"Cache-Control": "no-cache"}
DAILY_FIELDS = ("day", "ice", "cost", "cumulative_cost")
Day = Annotated[int, typer.Argument(metavar="DAY", help="Day, from 1.", min=1)]


def day(name: WallName, profile: ProfileNumber, day: Day, as_json: AsJson = False) -> None:
    """Show what a profile used on a day, and its cost by the end of the day.

    On a day without work, ice and cost are 0; the cost so far stays.
    """
    of = _totals(name, profile)[profile]
    feet = of.curve.at_work(day) * FEET_PER_DAY
    result = {
        "wall": name,
        "profile": profile,
        "day": day,
        "ice": feet * of.yd3_per_ft,
        "cost": feet * of.gd_per_ft,
        "cumulative_cost": of.curve.feet_by(day) * of.gd_per_ft,
    }
    if as_json:
        print_json(result)
    else:
        title = f"wall {name}, profile {profile}"
        row = [str(day), *(result[field] for field in DAILY_FIELDS[1:])]
        print_table(title, DAILY_TITLES, [row])
        note_what_is_building([of])


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
    totals = _totals(name, profile)
    result = overview_object(name, totals, profile, day=day, daily=daily)
    if as_json:
        print_json(result)
        return
    if profile is not None:
        result = {"wall": name, "crews": None, "profiles": [result]} | {
            field: result[field] for field in ("days", "ice", "cost")
        }
    print_account(result, day)
    note_what_is_building(totals.values())


def _totals(wall: str, profile: int | None) -> dict[int, ProfileTotals]:
    """The totals of a wall's profiles by number, or of the one alone.

    A page that runs has them at hand; what is on the topics at this moment it reads first.

    Raises:
        ClientError: There are none; or they can't be known, and the message says why.
    """
    settings = load_settings()
    address = page_address(settings)
    if address is not None:
        with api_at(address, settings) as asked:
            rows = asked.all_of(f"walls/{wall}/totals", "totals", headers=UP_TO_DATE)
        totals = {row["profile"]: ProfileTotals(**row, withdrawn=False) for row in rows}
        if not totals:
            raise no_totals(wall)
    else:
        # Not before: the clients of Kafka and the registry take longer to load than a page to ask.
        from streams.client.reading import Reading

        totals = Reading(settings).totals(wall)
    if profile is None:
        return totals
    if profile not in totals:
        raise no_profile(wall, profile, totals)
    return {profile: totals[profile]}


def note_what_is_building(totals: Iterable[ProfileTotals]) -> None:
    """Say so if amounts of profiles are not of their latest plan."""
    building = [of for of in totals if of.state != "COMPLETE"]
    first = [str(of.profile) for of in building if not of.steps]
    if first:
        note(f"being built for the first time, with no amounts yet: profile {', '.join(first)}")
    if len(building) > len(first):
        note("a newer plan is being built: these are the amounts of the last complete one")


def overview_object(
    wall: str,
    totals: Mapping[int, ProfileTotals],
    profile: int | None = None,
    *,
    day: int | None = None,
    daily: bool = False,
) -> dict[str, Any]:
    """The overview as the JSON object that `compute` prints too; with a profile, its part.

    With a day, `ice` and `cost` are the amounts by the end of the day, and `day` names it.

    Args:
        wall: The wall's id.
        totals: The totals of its profiles by number, or of the one alone.
        profile: The one; None for all.
        day: Leave out what comes after this day.
        daily: Include a row for each day with work.
    """
    parts = []
    for number, of in totals.items():
        part: dict[str, Any] = {"profile": number, "sections": of.sections, "days": of.days}
        feet = of.curve.feet() if day is None else of.curve.feet_by(day)
        part |= {"ice": feet * of.yd3_per_ft, "cost": feet * of.gd_per_ft}
        if daily:
            part["daily"] = [
                dict(zip(DAILY_FIELDS, row, strict=True))
                for row in _daily_rows(of)
                if day is None or row[0] <= day
            ]
        parts.append(part)
    named_day = {} if day is None else {"day": day}
    if profile is not None:
        return {"wall": wall} | named_day | parts[0]
    sums = WallSums(totals.values())
    return {
        "wall": wall,
        "crews": max(totals.values(), key=lambda of: of.version).crews,
        "days": sums.days,
        "ice": sum(part["ice"] for part in parts),
        "cost": sum(part["cost"] for part in parts),
        "profiles": parts,
    } | named_day


def _daily_rows(of: ProfileTotals) -> Iterator[tuple[int, int, int, int]]:
    """Day, ice, cost, and cost so far of each day with work."""
    yd3, gd = of.yd3_per_ft, of.gd_per_ft
    for day, feet, feet_so_far in of.curve.rows():
        yield day, feet * yd3, feet * gd, feet_so_far * gd


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(day)
    app.command()(overview)
