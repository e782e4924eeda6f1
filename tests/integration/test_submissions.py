"""Lines of JSON, typed into Apache Kafka's console producer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from domain.settings import settings_for
from domain.wall import Wall
from streams.client.group import Group
from streams.client.kafka import ANY_PARTITION, produce
from streams.contract.records import DeadLetter
from tests.harness.command_line import thewall_here
from tests.harness.pipeline import assert_equal_to_the_domain, wait_until_idle
from tests.harness.processes import running_worker, thewall
from tests.harness.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from streams.client.client import Client
    from streams.settings import Settings

LINES = (
    '{"wall": "default", "profile": 1, "heights": [21, 25, 28]}',
    '{"wall": "default", "profile": 2, "heights": [17]}',
    '{"wall": "default", "crews": 2}',
    '{"wall": "default", "profile": 2, "withdraw": true}',
)
BAD = '{"wall": "default", "profile": 3, "heights": [31]}'


def quiet(*_: object) -> None:
    pass


def handled(client: Client) -> int:
    """Offset of the last line that was handled."""
    row = client.latest(client.topics.handled).get("handled")
    return -1 if row is None else row["offset"]


def submitted(client: Client) -> int:
    """How many profiles and settings were ever submitted."""
    return len(list(client.read(client.topics.profiles))) + len(
        list(client.read(client.topics.walls))
    )


def test_lines_typed_into_the_console_producer_become_rows_and_a_bad_one_a_dead_letter(
    worker, settings, client
):
    typed = "".join(f"{line}\n" for line in (*LINES, BAD))
    thewall(settings, "produce", stdin=typed)
    wall = Wall("default", settings_for(2), {1: bytes([21, 25, 28])})
    client.wait_until_built(wall, 60, quiet)
    assert_equal_to_the_domain(client)
    (message,) = client.read(client.topics.dead_letters)
    letter = client.codecs.decode_any(message.value() or b"", DeadLetter)
    assert (letter.topic, letter.partition, letter.offset) == (client.topics.submissions.name, 0, 4)
    assert (letter.key, letter.value) == (None, BAD.encode())
    assert "height 31; heights are whole numbers 0..30" in letter.reason
    consumed = thewall_here(settings, "consume", "submissions").splitlines()
    assert [json.loads(line)["value"] for line in consumed] == [*LINES, BAD]
    keyed = 'k1|{"wall": "default", "profile": 1, "heights": [21, 25, 28]}\n'
    options = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=|")
    thewall(settings, "produce", *options, stdin=keyed)
    assert [m.key() for m in client.read(client.topics.submissions)] == [*[None] * 5, b"k1"]
    printed = thewall(
        settings, "console", client.topics.submissions.name, "--from-beginning",
        "--max-messages", "1", "--timeout-ms", "30000",
    )  # fmt: skip
    assert printed.strip() == f"null\t{LINES[0]}"


def test_a_line_that_is_read_again_does_not_replace_what_was_submitted_since(
    settings: Settings, client: Client, tmp_path: Path
):
    topic = client.topics.submissions
    produce(settings, [(topic.name, None, line.encode(), ANY_PARTITION) for line in LINES])
    newer = Wall("default", settings_for(), {1: bytes([5, 6])})
    with running_worker(settings, tmp_path / "worker.log") as worker:
        wait_until(lambda: handled(client) == 3, 60, "the lines are handled")
        client.submit(newer)
        client.wait_until_built(newer, 60, quiet)
        before = submitted(client)
        assert worker.stop() == 0
    group = Group(settings, client.topics)
    # What `kafka-consumer-groups --reset-offsets --all-topics --to-earliest` does.
    group.commit({(topic.name, 0): 0})
    thewall_here(settings, "replay", "--wipe")
    with running_worker(settings, tmp_path / "worker.log") as worker:
        wait_until(lambda: group.committed((topic,))[topic.name, 0] == 4, 60, "read again")
        wait_until_idle(client)
        assert submitted(client) == before
        assert_equal_to_the_domain(client)
        assert sum(of.sections for of in client.totals("default").values()) == 2
        assert worker.stop() == 0
