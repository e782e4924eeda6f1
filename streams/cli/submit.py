"""`thewall submit` and `thewall withdraw`."""

from __future__ import annotations

from typing import Annotated

import typer

from domain.account import account_of
from domain.rules import DEFAULT_WALL
from streams.cli.compute import print_account
from streams.cli.display import note, print_json, progress
from streams.cli.options import (
    AsJson,
    ConfigFile,
    CrewsOption,
    MaterialOption,
    ModeOption,
    OptionalProfile,
    WallName,
    WallOption,
    read_wall,
)
from streams.cli.settings import load_settings
from streams.client.client import Client


def submit(
    file: ConfigFile,
    wall: WallOption = DEFAULT_WALL,
    crews: CrewsOption = None,
    material: MaterialOption = "ice",
    mode: ModeOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the wall is built.")] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", help="How long to wait, in seconds.", min=0)
    ] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Submit a wall, or replace the wall of that name."""
    submitted = read_wall(file, wall, crews, material, mode)
    client = Client(load_settings())
    gone = client.submit(submitted)
    sections = sum(map(len, submitted.profiles.values()))
    summary = f"wall {wall}: submitted {len(submitted.profiles):,} profiles, {sections:,} sections"
    if gone:
        summary += f"; withdrew profiles {', '.join(map(str, gone))}"
    note(summary)
    if wait:
        with progress() as update:
            client.wait_until_built(
                submitted, timeout, lambda done, of: update("building profiles", done, of)
            )
        # What is published equals it: that was waited for.
        built = account_of(submitted).as_json()
        if as_json:
            print_json(built)
        else:
            print_account(built)
    elif as_json:
        print_json({"wall": wall, "profiles": sorted(submitted.profiles), "withdrawn": gone})
    else:
        note(f"see what came of it with `thewall overview {wall}`")


def withdraw(name: WallName, profile: OptionalProfile = None, as_json: AsJson = False) -> None:
    """Withdraw a wall, or one profile of it."""
    gone = Client(load_settings()).withdraw(name, profile)
    if as_json:
        print_json({"wall": name, "withdrawn": gone})
    else:
        note(f"wall {name}: withdrew profiles {', '.join(map(str, gone)) or 'none'}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(submit)
    app.command()(withdraw)
