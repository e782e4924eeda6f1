"""Options and arguments that several commands take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from domain.config import parse_profiles
from domain.errors import InvalidWall
from domain.materials import MATERIALS
from domain.modes import modes
from domain.rules import DEFAULT_WALL
from domain.settings import settings_for
from domain.wall import Wall, checked_wall_id


def usage_of_wall(name: str | None) -> str | None:
    """The wall id of an argument or option, if it is one."""
    if name is None:
        return None
    try:
        return checked_wall_id(name)
    except InvalidWall as error:
        raise typer.BadParameter(str(error)) from error


ConfigFile = Annotated[
    Path, typer.Argument(help="Wall profiles, one line each; - for standard input.", metavar="FILE")
]
WallOption = Annotated[
    str,
    typer.Option(
        "--wall", help="Wall id.", callback=usage_of_wall, envvar="THEWALL_DEFAULT_WALL",
        show_envvar=False,
    ),
]  # fmt: skip
WallName = Annotated[str, typer.Argument(metavar="NAME", help="Wall id.", callback=usage_of_wall)]
ProfileNumber = Annotated[
    int, typer.Argument(metavar="PROFILE", help="Profile number, from 1.", min=1)
]
OptionalProfile = Annotated[
    int | None, typer.Argument(metavar="[PROFILE]", help="Profile number, from 1.", min=1)
]
CrewsOption = Annotated[
    int | None,
    typer.Option("--crews", help="Crews in a pool; without it, a crew per section.", min=1),
]
MaterialOption = Annotated[str, typer.Option("--material", help=f"{', '.join(MATERIALS)}.")]
ModeOption = Annotated[
    str | None,
    typer.Option(
        "--mode", help=f"{', '.join(sorted(modes()))}; follows from --crews if not given."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def read_wall(file: Path, wall: str, crews: int | None, material: str, mode: str | None) -> Wall:
    """The wall of a config file and options.

    Raises:
        typer.BadParameter: The options do not fit together.
        InvalidConfig: The file has bad places.
        InvalidWall: The file can't be read.
    """
    try:
        settings = settings_for(crews, material, mode)
    except InvalidWall as error:
        raise typer.BadParameter(str(error)) from error
    source = "standard input" if str(file) == "-" else str(file)
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        text = content.decode("utf-8")
    except OSError as error:
        raise InvalidWall(f"{source} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidWall(f"{source} is not UTF-8 at byte {error.start}") from error
    return Wall(wall or DEFAULT_WALL, settings, parse_profiles(text, source))
