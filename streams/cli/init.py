"""`thewall init`: files to begin with, with comments."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from domain.rules import FULL_HEIGHT_FT, MAX_SECTIONS
from streams.cli.display import note
from streams.client.errors import ClientError
from streams.settings import Settings

CONFIG = f"""\
# The profiles of a wall, one on each line: the starting height of each of its sections, in feet,
# 0 to {FULL_HEIGHT_FT}; 1 to {MAX_SECTIONS:,} sections. The first line is profile 1.
#
#   thewall compute wall.conf                 what it takes, without Kafka
#   thewall submit wall.conf --wait           build it
#   thewall compare wall.conf --crews 1..9    with how many crews?
21 25 28
17
17 22 17 19 17  # the longest
"""

# What is for the commands' own use, or made by them.
INTERNAL = ("read_until", "shadow", "writes_inputs")

HEAD = """\
# Settings of The Wall, each with its default. Take away the # in front of those that you change.
# They are environment variables. In a shell:
#
#   set -a; . ./thewall.env; set +a
#
# Docker takes the file with --env-file, systemd with EnvironmentFile=.
"""


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIRECTORY]", help="Where to; here if not given.")
    ] = Path(),
) -> None:
    """Write a wall to begin with, wall.conf, and all settings, thewall.env, with comments.

    Files that exist are left as they are.
    """
    files = {directory / "wall.conf": CONFIG, directory / "thewall.env": settings_file()}
    existing = [str(file) for file in files if file.exists()]
    if existing:
        raise ClientError(f"there is {' and '.join(existing)} already; nothing was written")
    directory.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        file.write_text(content, encoding="utf-8")
        note(f"wrote {file}")


def settings_file() -> str:
    """All settings as lines of an environment file that sets nothing."""
    parts = [HEAD]
    for name, field in Settings.model_fields.items():
        if name in INTERNAL:
            continue
        default = field.get_default(call_default_factory=True)
        text = "" if default is None else str(default)
        if isinstance(default, bool):
            text = json.dumps(default)
        comment = textwrap.fill(
            f"{field.description}.", 100, initial_indent="# ", subsequent_indent="# "
        )
        parts.append(f"\n{comment}\n#THEWALL_{name.upper()}={text}\n")
    return "".join(parts)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(init)
