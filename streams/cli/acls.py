"""`thewall acls`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from streams.cli.display import print_json, print_table
from streams.cli.options import AsJson
from streams.cli.settings import read_settings
from streams.operations.rights import ROLES, rights


def _checked(role: str) -> str:
    if role not in ROLES:
        raise typer.BadParameter(f"{role} is no role; there is {', '.join(ROLES)}")
    return role


def acls(
    role: Annotated[
        str, typer.Argument(metavar="ROLE", help=f"{', '.join(ROLES)}.", callback=_checked)
    ],
    principal: Annotated[
        str | None,
        typer.Option(help="Print the arguments of kafka-acls that give them to User:NAME."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the rights on the broker that a role needs, and no more.

    Names follow the settings: prefix, application id and version. After a rebuild the version is
    another, and so are the names: THEWALL_APP_VERSION chooses it here.
    """
    found = rights(role, read_settings())
    if as_json:
        print_json([asdict(right) for right in found])
    elif principal is not None:
        for right in found:
            print(right.arguments(principal))  # noqa: T201
    else:
        print_table(
            f"rights of a {role}",
            ["resource", "name", "operations"],
            [
                [
                    right.resource,
                    f"{right.name}*" if right.prefixed else right.name,
                    " ".join(right.operations),
                ]
                for right in found
            ],
        )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(acls)
