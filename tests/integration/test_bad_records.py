"""What anybody may put on an input topic: none of it stops the pipeline, none of it is lost."""

from __future__ import annotations

import json
import struct
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING

from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema

from domain.settings import settings_for
from domain.wall import Wall
from streams.contract.clients import broker_config, registry_client
from streams.contract.records import DeadLetter, ProfileSubmitted, WallConfigured
from streams.contract.topics import partition_of
from tests.harness.pipeline import assert_equal_to_the_domain
from tests.harness.waiting import wait_until

if TYPE_CHECKING:
    from streams.client.client import Client
    from streams.settings import Settings

BOMB = {
    "type": "record", "name": "ProfileSubmitted", "namespace": "thewall",
    "fields": [
        {"name": "wall", "type": "string"}, {"name": "profile", "type": "int"},
        {"name": "heights", "type": {"type": "array", "items": "int"}},
        {"name": "bomb", "type": {"type": "array", "items": "null"}},
    ],
}  # fmt: skip


def producer_of(settings: Settings, **config: object) -> Producer:
    return Producer({**broker_config(settings), "partitioner": "murmur2_random"} | config)


def letters_of(client: Client) -> list[DeadLetter]:
    letters = client.read(client.topics.dead_letters)
    return [client.codecs.decode_any(letter.value() or b"", DeadLetter) for letter in letters]


def bad_profiles(codecs, other, bomb_id) -> list[tuple[str, bytes | None, bytes | None]]:
    """(words of the reason, key, value)."""

    def profile(wall: str, number: int, heights: list[int]) -> bytes:
        return codecs.encode(ProfileSubmitted(wall, number, heights))

    good = profile("w", 1, [1, 2])
    head = good[:5]
    body = b"\x02w" + b"\x02"  # wall "w", profile 1
    huge = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # the largest count that a long holds
    return [
        ("has no key", b"", good),
        ("not UTF-8", b"\xff\xfe/1", good),
        ("must be the same", b"w/2", good),
        ("must be the same", b"v/1", good),
        ("not a wall id, a slash", b"w", good),
        ("not a wall id, a slash", b"w/01", good),
        ("not a wall id, a slash", b"w/-1", good),
        ("profile number", b"w/99999999999999999999", good),
        ("wall id", b"../../etc/1", profile("../../etc", 1, [1])),
        ("wall id", b"<script>/1", profile("<script>", 1, [1])),
        ("wall id", b"a\x00b/1", profile("a\x00b", 1, [1])),
        ("0 bytes", b"w/1", b""),
        ("3 bytes", b"w/1", b"\0\0\0"),
        ("starts with byte", b"w/1", b"{" + good),
        ("not in the registry", b"w/1", b"\0" + struct.pack(">I", 2**30) + good[5:]),
        ("this topic takes ProfileSubmitted", b"w/1", other),
        ("not Avro", b"w/1", good[:-2]),
        ("not Avro", b"w/1", head),
        ("bytes follow", b"w/1", good + b"\0"),
        ("not Avro", b"w/1", head + body + b"\x01" + huge),
        ("not Avro", b"w/1", head + body + huge),
        ("more is claimed", b"w/1", b"\0" + struct.pack(">I", bomb_id) + body + b"\0" + huge),
        ("0 sections", b"w/1", profile("w", 1, [])),
        ("2,001 sections", b"w/1", profile("w", 1, [1] * 2001)),
        ("900,000 sections", b"w/1", profile("w", 1, [1] * 900_000)),
        ("height -1", b"w/1", profile("w", 1, [1, -1])),
        ("height 31", b"w/1", profile("w", 1, [31])),
        ("a tombstone for w/7", b"w/7", None),
    ]


def test_each_bad_record_is_a_dead_letter_and_a_good_one_after_it_is_built(
    worker, settings, client
):
    registry = registry_client(settings)
    bomb_id = registry.register_schema("bomb-value", Schema(json.dumps(BOMB), "AVRO"))
    codecs, topics = client.codecs, client.topics
    walls, profiles = topics.walls.name, topics.profiles.name

    def configured(**fields: object) -> bytes:
        plain = {"wall": "w", "mode": None, "crews": None, "material": "ice"}
        return codecs.encode(WallConfigured(**(plain | fields)))

    bad = [(profiles, *record) for record in bad_profiles(codecs, configured(), bomb_id)]
    bad += [
        (walls, "mode", b"w", configured(mode="teleport")),
        (walls, "material", b"w", configured(material="<b>gold</b>")),
        (walls, "crews", b"w", configured(crews=-1)),
        (walls, "crews", b"w", configured(mode="crew-pool")),
        (walls, "must be the same", b"v", configured()),
        (walls, "a tombstone for v", b"v", None),
    ]
    headers = [("trace", b"\x00\xff"), ("empty", None), ("trace", b"again")]
    producer = producer_of(settings)
    refused = []
    producer.produce(profiles, b"", None, on_delivery=lambda error, _: refused.append(error.name()))
    assert producer.flush(30) == 0
    assert refused == ["INVALID_RECORD"]  # the broker takes no null key on a compacted topic
    for topic, _, key, value in bad:
        producer.produce(topic, value, key, headers=headers)
    assert producer.flush(30) == 0
    good = Wall("w", settings_for(), {1: bytes([21, 25, 28])})
    client.submit(good)
    client.wait_until_built(good, 60, lambda *_: None)

    def letters() -> list[dict[str, object]]:
        found = []
        for message in client.read(topics.dead_letters):
            letter = codecs.decode_fields(message.value(), DeadLetter)
            assert (message.key() or None) == (letter["key"] or None)
            found.append(letter)
        return found

    wait_until(lambda: len(letters()) >= len(bad), 60, "every bad record is a dead letter")
    found = {(letter["topic"], letter["key"], letter["value"]): letter for letter in letters()}
    assert len(letters()) == len(bad)
    assert found.keys() == {(topic, key, value) for topic, _, key, value in bad}
    for topic, reason, key, value in bad:
        letter = found[topic, key, value]
        assert reason in letter["reason"], (reason, letter["reason"])
        assert [(header["name"], header["value"]) for header in letter["headers"]] == headers
        assert len(letter["reason"]) < 400


def test_a_record_that_is_larger_than_any_dead_letter_is_one_all_the_same(worker, settings, client):
    """A broker counts the bytes as they come, compressed: these are a few kilobytes to it."""
    topic, random = client.topics.profiles.name, Random(7)
    sparse = bytes(random.choices((0, 1), (30, 1), k=5 * 1024 * 1024))
    profile = client.codecs.encode(ProfileSubmitted("w", 1, [1] * 3_200_000))
    large = [
        ("gzip", b"w/1", b"\0" * (9 * 1024 * 1024), []),
        ("zstd", b"w/1", b"\0" * (12 * 1024 * 1024), []),
        ("gzip", b"w/1", sparse, []),  # lz4, which dead letters are sent with, takes more
        ("lz4", b"w/1", profile, []),
        ("snappy", b"k" * 2_000_000, None, []),
        ("gzip", b"w/1", b"x" * 3_000_000, [("trace", b"y" * 2_000_000)] * 2),
    ]
    for codec, key, value, headers in large:
        producer = producer_of(
            settings, **{"compression.type": codec, "message.max.bytes": 50_000_000}
        )
        producer.produce(topic, value, key, headers=headers)
        assert producer.flush(60) == 0
    client.submit(Wall("w", settings_for(), {1: b"\5"}))
    client.wait_until_built(Wall("w", settings_for(), {1: b"\5"}), 120, lambda *_: None)
    wait_until(lambda: len(letters_of(client)) == len(large), 60, "each is a dead letter")
    stored = [
        (m.partition(), m.offset(), m.key(), m.value()) for m in client.read(client.topics.profiles)
    ]
    for letter in letters_of(client):
        ((key, value),) = (
            (k, v) for p, o, k, v in stored if (p, o) == (letter.partition, letter.offset)
        )
        for part, original, kept in (("key", key, letter.key), ("value", value, letter.value)):
            found = [s for s in letter.shortened if s.part == part]
            if kept == original:
                assert not found
            else:
                assert (original or b"").startswith(kept or b"?")
                assert [(s.length, s.sha256) for s in found] == [
                    (len(original), sha256(original).hexdigest())
                ]
        assert letter.shortened


def test_another_partitioner_makes_dead_letters_and_not_a_second_profile(worker, settings, client):
    numbers = range(1, 21)
    other = producer_of(settings, partitioner="consistent_random")
    for number in numbers:
        value = client.codecs.encode(ProfileSubmitted("w", number, [1]))
        other.produce(client.topics.profiles.name, value, b"w/%d" % number)
    assert other.flush(30) == 0
    on_own = {
        int((m.key() or b"")[2:])
        for m in client.read(client.topics.profiles)
        if m.partition() == partition_of((m.key() or b"").decode(), settings.partitions)
    }
    assert 0 < len(on_own) < len(numbers)  # some are there by chance
    wait_until(lambda: len(letters_of(client)) == len(numbers) - len(on_own), 60, "dead letters")
    assert all("murmur2_random" in letter.reason for letter in letters_of(client))
    assert client.live_profiles("w") == on_own
    # With the right partitioner the same profiles are accepted, and can be withdrawn for good.
    wall = Wall("w", settings_for(), dict.fromkeys(numbers, b"\2"))
    client.submit(wall)
    client.wait_until_built(wall, 60, lambda *_: None)
    assert_equal_to_the_domain(client)
    assert client.withdraw("w") == list(numbers)
    wait_until(lambda: client.latest(client.topics.overview) == {}, 60, "no profile comes back")
