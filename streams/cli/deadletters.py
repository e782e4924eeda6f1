"""`thewall deadletters`: records that could not be processed, looked at and sent again."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.asking import api
from streams.cli.display import console, moment, note, print_json, print_table, printable
from streams.cli.options import AsJson
from streams.cli.settings import load_settings
from streams.client.errors import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.cli.asking import Api

PLACE = re.compile(r"([0-9]{1,4})/([0-9]{1,19})")
DEFAULT_MOST = 100
# What is looked at for `resubmit --reason`.
MOST_RESUBMITTED = 1_000
SHOWN_BYTES = 2_000

app = typer.Typer(
    help="Look at records that could not be processed, and send them again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _path_of(place: str | None) -> str | None:
    if place is None:
        return None
    found = PLACE.fullmatch(place)
    if found is None:
        raise typer.BadParameter(
            f"{place[:40]!r} is not a partition and an offset of the topic of dead letters, as 2/17"
        )
    return f"{int(found[1])}/{int(found[2])}"


Place = Annotated[
    str,
    typer.Argument(
        metavar="PLACE", help="Partition/offset, as `list` shows it.", callback=_path_of
    ),
]
OptionalPlace = Annotated[
    str | None,
    typer.Argument(
        metavar="[PLACE]", help="Partition/offset, as `list` shows it.", callback=_path_of
    ),
]


@app.command("list")
def list_(
    reason: Annotated[str, typer.Option("--reason", help="Whose reason has this in it.")] = "",
    most: Annotated[int, typer.Option("--max", help="Most that are shown.", min=1)] = DEFAULT_MOST,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first."""
    with api(load_settings()) as asked:
        found = asked.all_of("deadletters", "dead_letters", most, {"reason": reason})
    if as_json:
        print_json({"dead_letters": found})
        return
    print_table(
        f"{len(found):,} dead letters, newest first",
        ["place", "time", "from", "key", "reason"],
        [
            [
                f"{letter['partition']}/{letter['offset']}",
                moment(letter["time"]),
                _source(letter),
                letter["key"] if letter["key"] is None else printable(letter["key"]),
                printable(letter["reason"]),
            ]
            for letter in found
        ],
    )


def _source(letter: Mapping[str, Any]) -> str:
    source = letter["source"]
    return f"{source['topic']}[{source['partition']}] {source['offset']}"


@app.command()
def show(place: Place, as_json: AsJson = False) -> None:
    """Show a dead letter: why it is one, its key, value and headers."""
    with api(load_settings()) as asked:
        letter = asked.ask(f"deadletters/{place}").json()
    if as_json:
        print_json(letter)
        return
    value = _bytes(letter["value_base64"])
    lines = [
        ("reason", letter["reason"]),
        ("from", f"{_source(letter)}, {moment(letter['source']['time'])}"),
        ("key", _shown(_bytes(letter["key_base64"]))),
        ("value", "null" if value is None else f"{len(value):,} bytes: {_shown(value)}"),
        *(("header", f"{h['name']}: {_shown(_bytes(h['value']))}") for h in letter["headers"]),
        *(
            [("decoded", f"{letter['record']} {letter['decoded']}")]
            if letter["record"] not in (None, "line")
            else []
        ),
        ("resubmit", "yes" if letter["resubmittable"] else "no: only stages write to its topic"),
    ]
    for name, text in lines:
        console().print(f"{name:9} {printable(text)}", soft_wrap=True)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _shown(content: bytes | None) -> str:
    """Text as it is; other bytes in hexadecimal."""
    if content is None:
        return "null"
    part, more = content[:SHOWN_BYTES], " …" if len(content) > SHOWN_BYTES else ""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return part.hex(" ") + more
    if all(c.isprintable() or c in "\r\n\t" for c in text):
        return text[:SHOWN_BYTES] + more
    return part.hex(" ") + more


@app.command()
def resubmit(
    place: OptionalPlace = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="All whose reason has this in it.")
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Although it was resubmitted, or something newer is on its key."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters to their input topics again: the same key, bytes and headers.

    With --reason, all of the last thousand whose reason has that in it, in the order in which they
    came; exit status 1 if any of them was not sent.
    """
    if (place is None) == (reason is None):
        raise typer.BadParameter("name one dead letter as 2/17, or several by --reason")
    with api(load_settings()) as asked:
        places = [place] if place is not None else _places(asked, reason or "")
        query = {"again": int(again)}
        sent: list[dict[str, Any]] = []
        refused: list[dict[str, str]] = []
        for one in places:
            try:
                answer = asked.ask(f"deadletters/{one}/resubmit", query, "POST")
            except ClientError as error:
                if place is not None:
                    raise
                refused.append({"place": one, "reason": str(error)})
            else:
                sent.append({"place": one} | answer.json())
    if as_json:
        print_json({"resubmitted": sent, "refused": refused})
    else:
        for one_sent in sent:
            where = f"{one_sent['topic']}[{one_sent['partition']}] offset {one_sent['offset']}"
            note(f"{one_sent['place']} was sent to {where}")
        for one_refused in refused:
            note(f"{one_refused['place']} was not sent: {one_refused['reason']}")
    if refused:
        raise typer.Exit(1)


def _places(asked: Api, reason: str) -> list[str]:
    found = asked.all_of("deadletters", "dead_letters", MOST_RESUBMITTED, {"reason": reason})
    letters = [letter for letter in reversed(found) if letter["resubmittable"]]
    if not letters:
        raise ClientError(f"no dead letter that can be resubmitted has {reason!r} in its reason")
    return [f"{letter['partition']}/{letter['offset']}" for letter in letters]


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app, name="deadletters")
