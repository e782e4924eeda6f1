"""Record batches of clients in other languages: whatever a broker takes stops no worker."""

from __future__ import annotations

import asyncio
import gzip
from functools import partial

import cramjam
from aiokafka.errors import KafkaError

from domain.settings import settings_for
from domain.wall import Wall
from streams.contract.records import ProfileSubmitted
from streams.contract.topics import partition_of
from tests.harness.raw_batches import (
    GZIP,
    LZ4,
    NONE,
    RECORDS_AT,
    SNAPPY,
    ZSTD,
    altered,
    batch_of,
    compressed,
    send,
)
from tests.harness.waiting import wait_until

LATIN_1 = "Größe".encode("latin-1")


def test_every_batch_that_a_broker_takes_is_accepted_or_a_dead_letter(worker, settings, client):
    topic = client.topics.profiles.name

    def profile(number: int) -> tuple[bytes, bytes]:
        return b"w/%d" % number, client.codecs.encode(ProfileSubmitted("w", number, [28]))

    def latin_1(batch: bytes) -> bytes:
        return altered(batch, b"Gr??e", LATIN_1)

    plain = batch_of(profile(3))
    rest = plain[RECORDS_AT:]
    sixth = batch_of(profile(6))
    in_one_piece = bytes(cramjam.snappy.compress_raw(sixth[RECORDS_AT:]))
    batches = {
        "a good profile, with a header in Latin-1": (
            1, latin_1(batch_of(profile(1), headers=[("Gr??e", b"1")])),
        ),
        "a bad profile, with headers in Latin-1 and UTF-8": (
            2, latin_1(batch_of((b"w/2", b"bad"), headers=[("Gr??e", b"1"), ("Größe", None)])),
        ),
        "40 MiB of zeros": (3, batch_of((b"w/3", b"\0" * (40 << 20)), codec=ZSTD)),
        "gzip, with something behind it": (4, compressed(plain, GZIP, gzip.compress(rest) + b"??")),
        "lz4, with something behind it": (
            5, compressed(plain, LZ4, bytes(cramjam.lz4.compress(rest)) + b"????"),
        ),
        "a good profile in snappy, in one piece": (6, compressed(sixth, SNAPPY, in_one_piece)),
        "no such codec": (7, compressed(plain, 7, rest)),
        "cut off": (8, compressed(plain, NONE, rest[:-3])),
        "a good profile with 200,000 headers": (
            9, batch_of(profile(9), headers=[("", None)] * 200_000, codec=ZSTD),
        ),
    }  # fmt: skip
    taken, refused = {}, {}
    for what, (number, batch) in batches.items():
        partition = partition_of(f"w/{number}", settings.partitions)
        try:
            taken[what] = asyncio.run(send(settings, topic, partition, batch))
        except KafkaError as error:  # the broker does not take everything
            refused[what] = error
    assert len(taken) >= 6, refused
    after = Wall("v", settings_for(), {1: bytes([28])})
    client.submit(after)
    for good in (after, Wall("w", settings_for(), dict.fromkeys((1, 6, 9), bytes([28])))):
        client.wait_until_built(good, 60, lambda *_: None)

    def letters() -> list[dict[str, object]]:
        read = partial(client.decode, client.topics.dead_letters)
        return [read(m.value()) for m in client.read(client.topics.dead_letters)]

    bad = len(taken) - 3
    wait_until(lambda: len(letters()) >= bad, 60, "every bad batch is a dead letter")
    assert len(letters()) == bad
    (with_headers,) = [letter for letter in letters() if letter["value"] == b"bad"]
    assert with_headers["headers"] == [
        {"name": r"Gr\xf6\xdfe", "value": b"1"}, {"name": "Größe", "value": None},
    ]  # fmt: skip
    assert worker.process.poll() is None
