"""`thewall topics` and `thewall consume`."""

from __future__ import annotations

import base64
import json
import sys
from itertools import islice
from typing import Annotated, Any

import typer

from streams.cli.display import note, print_json, print_table
from streams.cli.options import AsJson
from streams.cli.settings import load_settings
from streams.client.kafka import REQUEST_TIMEOUT_S, connect_registry
from streams.client.reading import Reading
from streams.client.versions import with_current_version
from streams.contract.codecs import BadRecord
from streams.contract.topics import FOREVER, Topic, Topics, create_topics

DAY_MS = 24 * 60 * 60 * 1000


def topics(as_json: AsJson = False) -> None:
    """Create the topics that are missing, register their schemas, and list them."""
    settings = with_current_version(load_settings(create_topics=True))
    listed = create_topics(settings, REQUEST_TIMEOUT_S)
    connect_registry(settings, Topics.of(settings).all())
    if as_json:
        print_json(
            [
                {
                    "topic": topic.name,
                    "key": topic.key,
                    "records": [record_type.__name__ for record_type in topic.records],
                    "cleanup": topic.cleanup,
                    "retention_ms": topic.retention_ms,
                    "partitions": topic.partitions(settings),
                    "created": created,
                }
                for topic, created in listed
            ]
        )
        return
    print_table(
        f"topics on {settings.bootstrap_servers}",
        ["topic", "key", "records", "partitions", "cleanup", "kept", "now"],
        [
            [
                topic.name,
                topic.key,
                " ".join(record_type.__name__ for record_type in topic.records) or "JSON",
                topic.partitions(settings),
                topic.cleanup,
                _kept(topic),
                "created" if created else "there",
            ]
            for topic, created in listed
        ],
    )


def _kept(topic: Topic) -> str:
    if topic.retention_ms is None:
        return "latest value"
    return "for good" if topic.retention_ms == FOREVER else f"{topic.retention_ms // DAY_MS} days"


def consume(
    topic: Annotated[
        str, typer.Argument(metavar="TOPIC", help="For example `daily` or `wall.daily`.")
    ],
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep printing new records until Ctrl-C.")
    ] = False,
    most: Annotated[
        int | None, typer.Option("--max", help="Stop after this many records.", min=1)
    ] = None,
) -> None:
    """Print a topic as JSON lines, from its beginning to its present end.

    Any topic that `thewall topics` lists can be read, changelogs included. Bytes, such as those of
    a dead letter, are printed in base64; a value that can't be decoded is printed with the reason.
    """
    client = Reading(load_settings())
    declared = _declared(topic, client.topics)
    try:
        for message in islice(client.read(declared, follow=follow), most):
            key, value = message.key(), message.value()
            line = {
                "key": None if key is None else key.decode(errors="replace"),
                "value": None if value is None else _decoded(client, declared, value),
                "partition": message.partition(),
                "offset": message.offset(),
                "timestamp": message.timestamp()[1],
            }
            sys.stdout.write(json.dumps(line, default=_text_of_bytes) + "\n")
            if follow:
                sys.stdout.flush()
    except KeyboardInterrupt:
        note("stopped")


def _declared(name: str, all_topics: Topics) -> Topic:
    for declared in all_topics.all():
        if declared.name == name or declared.name.endswith(f".{name}"):
            return declared
    names = ", ".join(declared.name for declared in all_topics.all())
    raise typer.BadParameter(f"there is no topic {name}; there is {names}")


def _decoded(client: Reading, topic: Topic, value: bytes) -> Any:
    if not topic.records:
        return value.decode(errors="replace")
    try:
        return client.decode(topic, value)
    except BadRecord as error:
        return {"undecodable": str(error), "bytes": value}


def _text_of_bytes(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is not JSON")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(topics)
    app.command()(consume)
