"""A record that a stage fails on, or dies of, holds its partition for a while, not for good."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from domain.settings import WallSettings
from domain.wall import Wall
from streams.contract.records import DeadLetter, ProfileSubmitted
from streams.operations.verification import expected_rows, published_rows
from tests.harness.processes import environment
from tests.harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.client.client import Client
    from streams.settings import Settings


@contextmanager
def poisoned_worker(settings: Settings, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.poisoned"],
            env=environment(settings), stdout=out, stderr=out,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def letters(client: Client) -> list[tuple[str, DeadLetter]]:
    found = [
        client.codecs.decode_any(message.value() or b"", DeadLetter)
        for message in client.read(client.topics.dead_letters)
    ]
    return [((letter.key or b"").decode(), letter) for letter in found]


def dies_of_poison(settings: Settings, log: Path, client: Client) -> bool:
    """Whether a worker dies of a record; False once it has made dead letters of all poison."""
    poison = {"raises/1", "segfaults/1"}
    with poisoned_worker(settings, log) as process:
        wait_until(
            lambda: process.poll() is not None or poison <= {key for key, _ in letters(client)},
            120,
            "the worker dies, or has found the poison",
        )
        return process.poll() == -signal.SIGSEGV


def test_others_walls_are_built_and_the_poison_is_a_dead_letter_with_its_bytes(
    settings, client, tmp_path
):
    log = tmp_path / "worker.log"
    good = [Wall(f"good-{n}", WallSettings(), {1: bytes([21, 25, 28])}) for n in range(8)]
    for name in ("raises", "segfaults"):
        client.submit(Wall(name, WallSettings(), {1: bytes([7])}))
    for wall in good:
        client.submit(wall)
    # Each record that segfaults takes two deaths; settings and profile of the wall are two.
    deaths = 0
    while dies_of_poison(settings, log, client):
        deaths += 1
        assert deaths <= 4, log.read_text()[-3000:]
    assert deaths >= 2
    with poisoned_worker(settings, log):
        for wall in good:
            client.wait_until_built(wall, 120, lambda *_: None)
    assert expected_rows(good).differences(published_rows(client)) == []
    by_key = dict(letters(client))
    assert "KeyError" in by_key["raises/1"].reason
    assert "ended 2 times" in by_key["segfaults/1"].reason
    for name in ("raises", "segfaults"):
        kept = client.codecs.decode_any(by_key[f"{name}/1"].value or b"", ProfileSubmitted)
        assert kept == ProfileSubmitted(name, 1, [7])
