"""The job with no framework: one loop of consume, compute, produce, flush, commit.

As fast as plain Python with fastavro gets: messages are taken in large batches, state is a
dictionary of decoded rows by partition, each row is written to its changelog once per key and
batch, sections built are gathered per profile before they go on, and offsets are committed once a
second, after a flush. All stages run in this process; it may be started more than once.
"""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from bench.peers.job import stages
from bench.peers.job.surroundings import Surroundings
from bench.wire import STATE_RECORDS, Wire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import KafkaError

    from bench.wire import Record

BATCH = 10_000
COMMIT_S = 1.0
SOURCES = {
    "walls": "intake",
    "profiles": "intake",
    "accepted": "planner",
    "build-commands": "crews",
    "progress": "ledger",
    "totals": "overview",
}
"""The stage that reads each topic."""


class Loop:
    """Consumer, producer and the state of the partitions that are assigned."""

    def __init__(self, place: Surroundings) -> None:
        self.place = place
        self.wire = Wire(place.registry, place.prefix)
        self.topics = {f"{place.prefix}.{source}": source for source in SOURCES}
        self.rows: dict[tuple[str, int], dict[str, Record]] = defaultdict(dict)
        self.running = True
        self.producer = Producer(
            {
                "bootstrap.servers": place.broker,
                "acks": "all",
                "linger.ms": 20,
                "batch.size": 1_000_000,
                "compression.type": "lz4",
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 2_000_000,
                "queue.buffering.max.kbytes": 1_000_000,
                "delivery.report.only.error": True,
            }
        )
        self.consumer = Consumer(
            {
                "bootstrap.servers": place.broker,
                "group.id": place.prefix,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "fetch.max.bytes": 16_000_000,
                "max.partition.fetch.bytes": 4_000_000,
                "queued.min.messages": 200_000,
                "partition.assignment.strategy": "cooperative-sticky",
            }
        )

    def run(self) -> None:
        """Work until a signal asks to end."""
        self.consumer.subscribe(
            list(self.topics), on_assign=self._assigned, on_revoke=self._revoked
        )
        done = time.monotonic()
        while self.running:
            messages = self.consumer.consume(BATCH, timeout=0.05)
            if messages:
                self._work(messages)
            if time.monotonic() - done >= COMMIT_S:
                self._commit()
                done = time.monotonic()
        self._commit()
        self.consumer.close()

    def stop(self, *_: object) -> None:
        """End after the batch at hand."""
        self.running = False

    def _work(self, messages: list[Message]) -> None:
        batches: defaultdict[tuple[str, int], list[Message]] = defaultdict(list)
        for message in messages:
            if error := message.error():
                raise KafkaException(error)
            batches[self.topics[message.topic()], message.partition()].append(message)
        for (source, partition), batch in batches.items():
            stage = SOURCES[source]
            if stage == "intake":
                self._intake(batch)
            else:
                rows = self.rows[stage, partition]
                touched = getattr(self, f"_{stage}")(batch, rows, partition)
                self._changelog(stage, partition, rows, touched)
            self.consumer.store_offsets(message=batch[-1])
        self.producer.poll(0)

    def _commit(self) -> None:
        self.producer.flush()
        try:
            self.consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].name() != "_NO_OFFSET":
                raise

    def _intake(self, batch: list[Message]) -> None:
        for message in batch:
            name, submitted = self.wire.decode(message.value())
            accept = stages.accept_profile if name == "ProfileSubmitted" else stages.accept_settings
            self._send(accept(submitted, message.partition(), message.offset()))

    def _planner(self, batch: list[Message], rows: dict[str, Record], _: int) -> set[str]:
        touched = set()
        for message in batch:
            name, event = self.wire.decode(message.value())
            wall = event["wall"]
            rows[wall], first = stages.fold(rows.get(wall), name, event, message.offset())
            touched.add(wall)
            if first is not None:
                for sent in stages.plan(wall, rows[wall], first):
                    self._send(sent)
        return touched

    def _crews(self, batch: list[Message], rows: dict[str, Record], _: int) -> set[str]:
        # Written out, not by `stages.build`: this is the loop that sees every section.
        decode, encode, produce = self.wire.decode, self.wire.encode, self._produce
        events, progress = f"{self.place.prefix}.simulation.events", f"{self.place.prefix}.progress"
        touched = set()
        reports: dict[tuple[str, int, int], Record] = {}
        for message in batch:
            name, order = decode(message.value())
            wall, crew = order["wall"], order["crew"]
            key = f"{wall}/{crew}"
            touched.add(key)
            if name == "RelieveCrew":
                rows[key], audit = stages.build(name, order, rows.get(key))
                self._send(audit)
                continue
            profile, section, version = order["profile"], order["section"], order["version"]
            first_day, days = order["first_day"], order["days"]
            report = reports.get((wall, profile, version))
            if report is None:
                report = reports[wall, profile, version] = {
                    "wall": wall, "profile": profile, "version": version,
                    "sections": [], "first_days": [], "days": [],
                }  # fmt: skip
            report["sections"].append(section)
            report["first_days"].append(first_day)
            report["days"].append(days)
            day = first_day + days - 1
            relieved_on = day + 1 if order["relieves"] else None
            rows[key] = {
                "version": version, "profile": profile, "section": section, "busy_until": day,
                "relieved_on": relieved_on,
            }  # fmt: skip
            completed = {
                "wall": wall, "profile": profile, "section": section, "crew": crew,
                "version": version, "day": day, "crew_relieved_on": relieved_on,
            }  # fmt: skip
            produce(events, f"{wall}/{profile}/{section}", encode("SectionCompleted", completed))
        for (wall, profile, _version), report in reports.items():
            produce(progress, f"{wall}/{profile}", encode("SectionsBuilt", report))
        return touched

    def _ledger(self, batch: list[Message], rows: dict[str, Record], partition: int) -> set[str]:
        touched = set()
        for message in batch:
            name, event = self.wire.decode(message.value())
            wall, profile = event["wall"], event["profile"]
            key = f"{wall}/{profile}"
            touched.add(key)
            row, complete = stages.account(rows.get(key), name, event)
            if complete:
                row, sent = stages.publish(wall, profile, row)
                for one in sent:
                    # A profile's rows stand together, on the partition of the profile.
                    self._send(one, partition if one.topic == "daily" else -1)
            rows[key] = row
        return touched

    def _overview(self, batch: list[Message], rows: dict[str, Record], _: int) -> set[str]:
        latest = {}
        for message in batch:
            _name, totals = self.wire.decode(message.value())
            wall = totals["wall"]
            rows[wall], latest[wall] = stages.add_up(rows.get(wall), totals)
        for sent in latest.values():
            self._send(sent)
        return set(latest)

    def _changelog(
        self, stage: str, partition: int, rows: dict[str, Record], touched: Iterable[str]
    ) -> None:
        topic, name = self._changelog_topic(stage), STATE_RECORDS[stage]
        for key in touched:
            self._produce(topic, key, self.wire.encode(name, rows[key]), partition)

    def _changelog_topic(self, stage: str) -> str:
        return f"{self.place.prefix}-{stage}-changelog"

    def _send(self, sent: stages.Sent, partition: int = -1) -> None:
        value = self.wire.encode(sent.name, sent.record) if sent.name else None
        self._produce(f"{self.place.prefix}.{sent.topic}", sent.key, value, partition)

    def _produce(self, topic: str, key: str, value: bytes | None, partition: int = -1) -> None:
        while True:
            try:
                self.producer.produce(topic, value, key, partition, _must_arrive)
            except BufferError:
                self.producer.poll(0.1)
            else:
                return

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            stage = SOURCES[self.topics[partition.topic]]
            if stage != "intake":
                self.rows[stage, partition.partition] = self._restored(stage, partition.partition)
        consumer.incremental_assign(partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._commit()
        for partition in partitions:
            self.rows.pop((SOURCES[self.topics[partition.topic]], partition.partition), None)
        consumer.incremental_unassign(partitions)

    def _restored(self, stage: str, partition: int) -> dict[str, Record]:
        """The rows that a partition's changelog holds."""
        reader = Consumer(
            {
                "bootstrap.servers": self.place.broker,
                "group.id": f"{self.place.prefix}-restore",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        source = TopicPartition(self._changelog_topic(stage), partition, 0)
        _, end = reader.get_watermark_offsets(source, timeout=30)
        reader.assign([source])
        rows: dict[str, Record] = {}
        while end:
            for message in reader.consume(BATCH, timeout=1):
                if message.error():
                    end = 0  # the end of the partition
                elif message.value() is not None:
                    rows[message.key().decode()] = self.wire.decode(message.value())[1]
        reader.close()
        return rows


def _must_arrive(error: KafkaError | None, _: Message) -> None:
    if error is not None:
        raise KafkaException(error)


def main() -> None:
    loop = Loop(Surroundings.given())
    signal.signal(signal.SIGTERM, loop.stop)
    loop.run()


if __name__ == "__main__":
    main()
