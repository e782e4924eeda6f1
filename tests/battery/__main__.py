"""`make battery N=1000 SEED=1`: foreign records against a worker on a real broker and registry.

Each record that the broker takes has to be accepted or a dead letter, never both or neither, and a
good wall that is submitted after every few of them has to be built. What is accepted is read again
by another Avro library and has to be what was accepted. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import avro.errors
import avro.io
import avro.schema
import hypothesis
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from domain.settings import settings_for
from domain.wall import Wall
from streams.client.client import Client
from streams.client.errors import ClientError
from streams.contract.codecs import load_schema
from streams.contract.records import DeadLetter, ProfileAccepted, SettingsAccepted
from streams.contract.topics import partition_of
from streams.devstack import Stack
from streams.devstack.ports import free_port
from streams.operations.verification import accepted_walls, expected_rows, published_rows
from streams.settings import Settings
from tests.battery.foreign import CODECS, Foreign, records
from tests.harness.pipeline import wait_until_idle
from tests.harness.processes import Worker, environment

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORDS_AT_ONCE = 50
PATIENCE_S = 60.0
warnings.simplefilter("ignore", avro.errors.IgnoredLogicalType)

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""


def generated(number: int, seed: int) -> list[Foreign]:
    """That many foreign records; the same for the same seed."""
    made: list[Foreign] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=number, database=None, deadline=None,
        phases=[hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    @hypothesis.given(records())
    def collect(record: Foreign) -> None:
        made.append(record)

    collect()
    return made


class Battery:
    """A worker, and what is thrown at it."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.settings = settings
        self.log = log
        self.client = Client(settings)
        self.registry = SchemaRegistryClient({"url": settings.registry_url})
        self.producers = {
            codec: Producer({
                "bootstrap.servers": settings.bootstrap_servers, "partitioner": "murmur2_random",
                "compression.type": codec, "message.max.bytes": 64 * 1024 * 1024, "log_level": 0,
            })
            for codec in CODECS
        }  # fmt: skip
        self.ids: dict[str, int | None] = {}
        self.sent: dict[Place, Foreign] = {}
        self.figures: Counter[str] = Counter(
            dict.fromkeys(
                ("inputs", "refused_by_the_registry", "refused_by_the_broker", "deaths", "freezes"),
                0,
            )
        )
        self.worker = Worker(settings, log)
        self.worker.wait_until_ready()

    def schema_id(self, foreign: Foreign) -> int | None:
        """The id of a schema, under our own subject if it may be there; None if it may not be."""
        text = foreign.schema or ""
        if text not in self.ids:
            topic = getattr(self.client.topics, foreign.topic)
            self.ids[text] = None
            for subject in (topic.subject(topic.records[0]), f"battery-{len(self.ids)}"):
                try:
                    self.ids[text] = self.registry.register_schema(subject, Schema(text, "AVRO"))
                    break
                except SchemaRegistryError:
                    continue
        return self.ids[text]

    def send(self, some: Iterable[Foreign]) -> None:
        """Send records, and note where those are that the broker took."""
        for foreign in some:
            value = foreign.value
            if foreign.schema is not None:
                schema_id = self.schema_id(foreign)
                if schema_id is None:
                    self.figures["refused_by_the_registry"] += 1
                    continue
                value = b"\0" + schema_id.to_bytes(4) + (value or b"") + b"\0" * foreign.zeros

            def noted(
                error: KafkaError | None, message: Message, foreign: Foreign = foreign
            ) -> None:
                if error is not None:
                    self.figures["refused_by_the_broker"] += 1
                    return
                place = (message.topic() or "", message.partition() or 0, message.offset() or 0)
                self.sent[place] = foreign
                self.figures["inputs"] += 1

            partition = -1
            if not foreign.on_own_partition:
                partitions = self.settings.partitions
                partition = (partition_of(foreign.key.decode(), partitions) + 1) % partitions
            producer = self.producers[foreign.codec]
            topic = getattr(self.client.topics, foreign.topic).name
            try:
                producer.produce(topic, value, foreign.key, partition, noted,
                                 timestamp=foreign.timestamp, headers=foreign.headers)  # fmt: skip
            except KafkaException:
                self.figures["refused_by_the_broker"] += 1
            # One after the other: a codec's producer would else overtake another's.
            producer.flush(PATIENCE_S)

    def check_alive(self, number: int) -> None:
        """Submit a good wall, and wait until it is built; start a worker that has ended again."""
        wall = Wall("good", settings_for(), {1: bytes([number % 30, 5]), 2: bytes([7])})
        self.client.submit(wall)
        begun = time.monotonic()
        while True:
            if self.worker.process.poll() is not None:
                self.figures["deaths"] += 1
                self.worker = Worker(self.settings, self.log)
            try:
                self.client.wait_until_built(wall, 5, lambda *_: None)
            except ClientError:
                if time.monotonic() - begun < PATIENCE_S:
                    continue
                self.figures["freezes"] += 1
                self.worker.kill()
                begun = time.monotonic()
                continue
            return

    def judged(self) -> dict[str, Any]:
        """What became of each record, and whether that was right."""
        wait_until_idle(self.client)
        fates: dict[Place, list[ProfileAccepted | SettingsAccepted | DeadLetter]] = {}
        topics, codecs = self.client.topics, self.client.codecs
        for message in self.client.read(topics.accepted):
            event = codecs.decode_any(message.value() or b"", ProfileAccepted, SettingsAccepted)
            topic = topics.profiles if isinstance(event, ProfileAccepted) else topics.walls
            place = (topic.name, event.source_partition, event.source_offset)
            fates.setdefault(place, []).append(event)
        for message in self.client.read(topics.dead_letters):
            letter = codecs.decode_any(message.value() or b"", DeadLetter)
            fates.setdefault((letter.topic, letter.partition, letter.offset), []).append(letter)
        wrong: Counter[str] = Counter(
            dict.fromkeys(("lost", "doubled", "wrong_accepts", "wrong_refusals"), 0)
        )
        accepted = 0
        for place, foreign in self.sent.items():
            found = fates.get(place, [])
            is_accepted = any(not isinstance(of, DeadLetter) for of in found)
            accepted += is_accepted
            if len(found) != 1:
                wrong["lost" if not found else "doubled"] += 1
            elif is_accepted and not self._is_right(foreign, found[0]):
                wrong["wrong_accepts"] += 1
                print("accepted, but", foreign, found, file=sys.stderr)
            elif not is_accepted and foreign.must == "accept":
                wrong["wrong_refusals"] += 1
                print("refused, but", foreign, found, file=sys.stderr)
        rows, expected = published_rows(self.client), expected_rows(accepted_walls(self.client))
        # What a person would look with survives the same records.
        printed = self._consumed_lines()
        return {
            **self.figures, "accepted": accepted, "dead_letters": len(self.sent) - accepted,
            **wrong, "schemas": sum(found is not None for found in self.ids.values()),
            "equal_to_the_domain": not expected.differences(rows),
            "consumed": printed,
        }  # fmt: skip

    def _consumed_lines(self) -> int:
        with subprocess.Popen(
            [sys.executable, "-m", "streams", "consume", "profiles"],
            env=environment(self.settings), stdout=subprocess.PIPE,
        ) as consume:  # fmt: skip
            lines = sum(1 for line in consume.stdout or () if json.loads(line))
        assert consume.returncode == 0
        return lines

    def _is_right(
        self, foreign: Foreign, event: ProfileAccepted | SettingsAccepted | DeadLetter
    ) -> bool:
        """Whether what was accepted is what another library reads from the same bytes."""
        if foreign.must == "refuse":
            return False
        if foreign.value is None or isinstance(event, DeadLetter):
            return foreign.value is None
        if foreign.schema is None:
            return False  # no bytes by chance are a record under one of our ids
        name = "ProfileSubmitted" if foreign.topic == "profiles" else "WallConfigured"
        body = io.BytesIO(foreign.value)
        writer = avro.schema.parse(foreign.schema)
        reader = avro.schema.parse(load_schema(name))
        try:
            read: Any = avro.io.DatumReader(writer, reader).read(avro.io.BinaryDecoder(body))
        except Exception as error:  # noqa: BLE001 - whatever it says, the bytes are no record
            print("another reader:", repr(error), file=sys.stderr)
            return False
        if body.tell() != len(foreign.value):
            return False
        if isinstance(event, ProfileAccepted):
            return (read["wall"], read["profile"], bytes(read["heights"])) == (
                event.wall, event.profile, event.heights,
            )  # fmt: skip
        return (read["wall"], read["material"]) == (event.wall, event.material)


def run(settings: Settings, number: int, seed: int, directory: Path) -> dict[str, Any]:
    """Run the battery on a stack that is there; its figures."""
    battery = Battery(settings, directory / "worker.log")
    try:
        made = generated(number, seed)
        for start in range(0, len(made), RECORDS_AT_ONCE):
            battery.send(made[start : start + RECORDS_AT_ONCE])
            battery.check_alive(start // RECORDS_AT_ONCE)
        return battery.judged()
    finally:
        if battery.worker.process.poll() is None:
            battery.worker.kill()


def held(figures: dict[str, Any]) -> bool:
    """Whether nothing went wrong."""
    wrong = ("deaths", "freezes", "lost", "doubled", "wrong_accepts", "wrong_refusals")
    return figures["equal_to_the_domain"] and not any(figures[name] for name in wrong)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make battery", description=__doc__)
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        stack = Stack(directory / "stack")
        try:
            running = stack.up()
            settings = Settings(
                create_topics=True,
                bootstrap_servers=running.bootstrap_servers,
                registry_url=running.registry_url,
                app_id="battery",
                topic_prefix="battery",
                partitions=4,
                data_dir=directory / "data",
                session_timeout_s=10,
                web_port=free_port(),
            )
            figures = run(settings, arguments.number, arguments.seed, directory)
        finally:
            stack.down()
    print(json.dumps({"seed": arguments.seed} | figures))
    sys.exit(0 if held(figures) else 1)


if __name__ == "__main__":
    main()
