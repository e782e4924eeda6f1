"""A producer that never rests: revisions, withdrawals, settings, and 1% of what is no record.

Some walls are submitted as lines of JSON alone: between two doors nobody could say what is later.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from domain.settings import WallSettings, settings_for
from domain.wall import Wall
from streams.contract.records import ProfileSubmitted, WallConfigured

if TYPE_CHECKING:
    from random import Random

    from streams.client.client import Client

MODES = (
    WallSettings(),
    WallSettings("crew-pool", 3, "ice"),
    WallSettings("crew-pool", 20, "packed-snow"),
    WallSettings("crew-per-profile", None, "ice"),
)
GARBAGE = (b"", b"\0\0", b"not avro at all", b"\0\xff\xff\xff\xff12345")


class Load(threading.Thread):
    """Sends events until it is stopped, and knows what the broker acknowledged."""

    def __init__(self, client: Client, random: Random) -> None:
        super().__init__(daemon=True)
        self.client = client
        self.random = random
        self.stopped = threading.Event()
        # (partition, offset) and content of the last good event of each key that was acknowledged
        self.latest: dict[tuple[str, str], tuple[int, object]] = {}
        self.bad: set[tuple[str, int, int]] = set()
        self.events = 0
        self.failed = 0
        self.live: set[str] = set()
        self.producer = Producer(
            {
                "bootstrap.servers": client.settings.bootstrap_servers,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                # Through any outage: what is sent is acknowledged in the end.
                "message.timeout.ms": 600_000,
                "log_level": 0,
            }
        )

    def run(self) -> None:
        while not self.stopped.is_set():
            self.send_one()
            self.producer.poll(0)
            time.sleep(self.random.uniform(0, 0.04))  # the load's rate, nothing waits for it
        self.producer.flush(300)

    def send_one(self) -> None:
        if self.random.random() < 0.2:
            self.send_line()
        else:
            self.send_record()

    def send_line(self) -> None:
        wall, number = f"json{self.random.randrange(2)}", self.random.randrange(1, 12)
        topic, chance = self.client.topics.submissions.name, self.random.random()
        if chance < 0.01:
            self._produce(topic, "", self.random.choice(GARBAGE), None, bad=True)
        elif chance < 0.05:
            crews = self.random.randrange(1, 20)
            line = {"wall": wall, "crews": crews}
            self._produce(topic, wall, json.dumps(line).encode(), settings_for(crews))
        else:
            heights = bytes(self.random.randrange(31) for _ in range(self.random.randrange(1, 60)))
            line = {"wall": wall, "profile": number, "heights": list(heights)}
            self._produce(topic, f"{wall}/{number}", json.dumps(line).encode(), heights)

    def send_record(self) -> None:
        wall = f"w{self.random.randrange(4)}"
        codecs, topics = self.client.codecs, self.client.topics
        chance = self.random.random()
        key = f"{wall}/{self.random.randrange(1, 12)}"
        if chance < 0.01:
            self._produce(topics.profiles.name, key, self.random.choice(GARBAGE), None, bad=True)
        elif chance < 0.1 and key in self.live:
            self.live.discard(key)
            self._produce(topics.profiles.name, key, None, None)
        elif chance < 0.13:
            chosen = self.random.choice(MODES)
            event = WallConfigured(wall, chosen.mode, chosen.crews, chosen.material)
            self._produce(topics.walls.name, wall, codecs.encode(event), chosen)
        else:
            count = self.random.randrange(1, 60)
            heights = bytes(self.random.randrange(31) for _ in range(count))
            submitted = ProfileSubmitted(wall, int(key.rpartition("/")[2]), list(heights))
            self.live.add(key)
            value = codecs.encode(submitted)
            self._produce(topics.profiles.name, key, value, heights)

    def _produce(
        self, topic: str, key: str, value: bytes | None, content: object, *, bad: bool = False
    ) -> None:
        self.events += 1

        def acknowledged(error, message) -> None:
            if error is not None:
                self.failed += 1
            elif bad:
                self.bad.add((topic, message.partition(), message.offset()))
            elif message.offset() > self.latest.get((topic, key), (-1, None))[0]:
                self.latest[topic, key] = (message.offset(), content)

        self.producer.produce(topic, value, key, on_delivery=acknowledged)

    def walls(self) -> list[Wall]:
        """What the acknowledged events make: the oracle's input."""
        settings: dict[str, WallSettings] = defaultdict(WallSettings)
        profiles: dict[str, dict[int, bytes]] = defaultdict(dict)
        for (_, key), (_, content) in self.latest.items():
            if isinstance(content, WallSettings):
                settings[key] = content
            elif content is not None:
                wall, _, number = key.rpartition("/")
                profiles[wall][int(number)] = content
        return [Wall(wall, settings[wall], found) for wall, found in profiles.items()]
