"""`thewall compare`: what other numbers of crews would make of a wall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from domain.what_if import fewest_crews, with_crews
from streams.cli.asking import api
from streams.cli.display import Share, evenly, note, print_json, print_table
from streams.cli.options import AsJson, MaterialOption, read_wall
from streams.cli.settings import load_settings

LONGEST_TABLE = 40


def compare(
    wall: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME", help="Wall profiles, one line each, or the id of a wall."
        ),
    ],
    crews: Annotated[
        str | None, typer.Option("--crews", help="Numbers of crews, as 7 or 1..40.")
    ] = None,
    by_day: Annotated[
        int | None,
        typer.Option("--by-day", help="Day to be done by; without --crews, the fewest.", min=1),
    ] = None,
    material: MaterialOption = "ice",
    as_json: AsJson = False,
) -> None:
    """Show what pools of crews would make of a wall: days, and how much of them is work.

    A file is computed with the domain alone, without Kafka. Nothing is written.
    """
    from streams.web.compare import numbers_of_crews

    try:
        numbers = numbers_of_crews(crews, by_day)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--crews") from error
    is_file = wall == "-" or "/" in wall or Path(wall).is_file()
    found = (
        _of_file(Path(wall), numbers, by_day, material)
        if is_file
        else _of_wall(wall, crews, by_day)
    )
    if as_json:
        print_json({"wall": None if is_file else wall, "outcomes": found})
        return
    _show(wall, found, by_day)


def _of_file(file: Path, numbers: range, by_day: int | None, material: str) -> list[dict[str, Any]]:
    from streams.web.compare import comparison

    profiles = read_wall(file, "", None, material, None).profiles
    if numbers:
        found = [with_crews(profiles, material, number) for number in numbers]
    else:
        found = [fewest_crews(profiles, material, by_day or 1)]
    return [comparison(one, by_day).model_dump() for one in found]


def _of_wall(wall: str, crews: str | None, by_day: int | None) -> list[dict[str, Any]]:
    with api(load_settings()) as asked:
        answer = asked.ask("compare", {"wall": wall, "crews": crews, "by_day": by_day})
    return [json.loads(line) for line in answer.text.splitlines()]


def _show(wall: str, found: list[dict[str, Any]], by_day: int | None) -> None:
    longest = max(one["days"] for one in found)
    in_time = [] if by_day is None else [f"by day {by_day:,}"]
    print_table(
        f"{wall}: days by number of crews",
        ["crews", "days", "", "idle crew days", "at work", *in_time],
        [
            [
                one["crews"],
                one["days"],
                Share(one["days"], longest),
                one["idle_crew_days"],
                f"{one['utilisation']:.0%}",
                *(["yes" if one["in_time"] else "no"] if in_time else []),
            ]
            for one in evenly(found, LONGEST_TABLE)
        ],
    )
    if len(found) > LONGEST_TABLE:
        note(f"{LONGEST_TABLE} of {len(found):,} numbers of crews; --json has them all")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(compare)
