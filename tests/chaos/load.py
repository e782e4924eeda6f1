"""Producers that never rest: revisions, withdrawals, settings, transactions, and what is wrong.

1% is no record, and 1% is on a partition that is not its key's. Some walls are submitted as lines
of JSON alone: between two doors nobody could say what is later. Others are in transactions alone.
"""

from __future__ import annotations

import json
import threading
import time
import traceback
from collections import defaultdict
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException, Producer

from domain.settings import WallSettings, settings_for
from domain.wall import Wall
from streams.client.kafka import ANY_PARTITION
from streams.contract.clients import broker_config
from streams.contract.records import ProfileSubmitted, WallConfigured
from streams.contract.topics import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.client.client import Client

MODES = (
    WallSettings(),
    WallSettings("crew-pool", 3, "ice"),
    WallSettings("crew-pool", 20, "packed-snow"),
    WallSettings("crew-per-profile", None, "ice"),
)
GARBAGE = (b"", b"\0\0", b"not avro at all", b"\0\xff\xff\xff\xff12345")
# A transaction that fails with so many producers, one after another, fails for another reason than
# an outage.
MOST_PRODUCERS = 20


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
        # Content of what was committed in transactions, by key.
        self.committed: dict[str, bytes] = {}
        self.transactions = 0
        # Transactional producers that an outage has left in a state of no return.
        self.replaced = 0
        # Why what was to send until the end has ended before: without load, a run shows nothing.
        self.died: list[str] = []
        self.config = {
            **broker_config(client.settings),
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            # Through any outage: what is sent is acknowledged in the end.
            "message.timeout.ms": 600_000,
            "log_level": 0,
        }
        self.producer = Producer(self.config)

    def run(self) -> None:
        transactions = threading.Thread(target=self._noted, args=(self._transact,), daemon=True)
        transactions.start()
        self._noted(self._send)
        transactions.join(300)
        if transactions.is_alive():
            self.died.append("the last transaction has not ended in 300 s")

    def _noted(self, work: Callable[[], None]) -> None:
        """Work until the end, and note what has ended it before."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - fails the run
            self.died.append(repr(error))
            traceback.print_exc()

    def _send(self) -> None:
        while not self.stopped.is_set():
            self.send_one()
            self.producer.poll(0)
            time.sleep(self.random.uniform(0, 0.04))  # the load's rate, nothing waits for it
        self.failed += self.producer.flush(300)

    def _transact(self) -> None:
        """Transactions of a few profiles of walls of their own; a half of them is aborted."""
        random, codecs = Random(self.random.random()), self.client.codecs
        producer = None
        while not self.stopped.is_set():
            sent: dict[str, bytes] = {}
            values: dict[str, bytes] = {}
            for _ in range(random.randrange(1, 4)):
                wall, number = f"t{random.randrange(2)}", random.randrange(1, 12)
                heights = bytes(random.randrange(31) for _ in range(random.randrange(1, 60)))
                key = f"{wall}/{number}"
                sent[key] = heights
                values[key] = codecs.encode(ProfileSubmitted(wall, number, list(heights)))
            is_aborted = random.random() < 0.5
            producer = self._transaction(producer, values, random.uniform(0, 0.3), is_aborted)
            if not is_aborted:
                self.committed |= sent
            self.transactions += 1
            self.stopped.wait(random.uniform(0, 0.7))

    def _transaction(
        self,
        producer: Producer | None,
        values: dict[str, bytes],
        open_s: float,
        is_aborted: bool,
    ) -> Producer:
        """Send a transaction; returns the producer that could end it.

        After an outage of the broker, a producer may take nothing any more, at any step. Whether
        the transaction is committed, nobody knows then: the next producer says the same again.
        """
        for left in reversed(range(MOST_PRODUCERS)):
            try:
                if producer is None:
                    producer = Producer(
                        self.config | {"transactional.id": "chaos", "message.timeout.ms": 60_000}
                    )
                    _persist(partial(producer.init_transactions, 60))
                producer.begin_transaction()
                for key, value in values.items():
                    producer.produce(self.client.topics.profiles.name, value, key)
                self.stopped.wait(open_s)
                end = producer.abort_transaction if is_aborted else producer.commit_transaction
                _persist(partial(end, 60))
                break
            except KafkaException:
                if not left:
                    raise
                producer = None
                self.replaced += 1
        return producer

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
        elif chance < 0.02:
            # What another partitioner would do: for its key, the record is nowhere.
            partitions = self.client.settings.partitions
            other = (
                partition_of(key, partitions) + self.random.randrange(1, partitions)
            ) % partitions
            value = codecs.encode(ProfileSubmitted(wall, int(key.rpartition("/")[2]), [1]))
            self._produce(topics.profiles.name, key, value, None, bad=True, partition=other)
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
        self,
        topic: str,
        key: str,
        value: bytes | None,
        content: object,
        *,
        bad: bool = False,
        partition: int = ANY_PARTITION,
    ) -> None:
        self.events += 1

        def acknowledged(error, message) -> None:
            if error is not None:
                self.failed += 1
            elif bad:
                self.bad.add((topic, message.partition(), message.offset()))
            elif message.offset() > self.latest.get((topic, key), (-1, None))[0]:
                self.latest[topic, key] = (message.offset(), content)

        self.producer.produce(topic, value, key, partition, on_delivery=acknowledged)

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
        for key, heights in self.committed.items():
            wall, _, number = key.rpartition("/")
            profiles[wall][int(number)] = heights
        return [Wall(wall, settings[wall], found) for wall, found in profiles.items()]


def _persist(call: Callable[[], None]) -> None:
    """Call until it is done, through any outage."""
    while True:
        try:
            return call()
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
