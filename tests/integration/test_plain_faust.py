"""Record batches come to the state and the committed offsets that plain Faust comes to."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from random import Random
from threading import Thread
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.harness.waiting import wait_until
from tests.integration.counting import PARTITIONS, counted

KEYS, RECORDS = 50, 40


class Log:
    """A topic that is being written to; the markers of transactions are gaps in its offsets."""

    def __init__(self, broker: str, *, gaps: bool) -> None:
        self.broker = broker
        self.name = f"log-{uuid4().hex[:8]}"
        self.rows: dict[bytes, bytes] = {}
        self._after_records: dict[int, int] = defaultdict(int)
        admin = AdminClient({"bootstrap.servers": broker})
        admin.create_topics([NewTopic(self.name, PARTITIONS, 1)])[self.name].result(30)
        transactional = {"transactional.id": self.name} if gaps else {}
        self._producer = Producer({"bootstrap.servers": broker} | transactional)
        self._gaps = gaps
        if gaps:
            self._producer.init_transactions(30)

    def write(self, random: Random) -> None:
        """Some records, in a transaction if there are to be gaps."""
        if self._gaps:
            self._producer.begin_transaction()
        for _ in range(RECORDS):
            key, value = b"%d" % random.randrange(KEYS), b"%d" % random.randrange(100)
            self._producer.produce(self.name, value, key, on_delivery=self._written)
        if self._gaps:
            self._producer.commit_transaction(30)
        assert self._producer.flush(30) == 0

    def _written(self, error, message) -> None:
        assert error is None
        row = counted(self.rows.get(message.key()), message.offset(), message.value())
        self.rows[message.key()] = row
        self._after_records[message.partition()] = message.offset() + 1

    def ends(self, kind: str) -> dict[int, int]:
        """The offsets that are committed when all is read: plain Faust's stand before a marker."""
        if kind == "plain":
            return self._after_records
        consumer = Consumer({"bootstrap.servers": self.broker, "group.id": "none"})
        partitions = [TopicPartition(self.name, n) for n in range(PARTITIONS)]
        ends = {tp.partition: consumer.get_watermark_offsets(tp, 30)[1] for tp in partitions}
        consumer.close()
        return ends


class Workers:
    """Workers of one of the two applications, in a group of their own."""

    def __init__(self, kind: str, log: Log, directory) -> None:
        self.kind, self.log, self.app_id = kind, log, f"{kind}-{log.name}"
        self.out = directory / f"{kind}.log"
        self.running: list[subprocess.Popen[bytes]] = []
        self.consumer = Consumer({"bootstrap.servers": log.broker, "group.id": self.app_id})

    def start(self) -> None:
        with self.out.open("ab") as out:
            self.running.append(
                subprocess.Popen(
                    [
                        sys.executable, "-m", "tests.integration.counting",
                        self.kind, self.log.broker, self.app_id, self.log.name,
                    ],
                    stdout=out, stderr=out,
                )
            )  # fmt: skip

    def committed(self) -> dict[int, int]:
        wanted = [TopicPartition(self.log.name, n) for n in range(PARTITIONS)]
        return {tp.partition: max(tp.offset, 0) for tp in self.consumer.committed(wanted, 30)}

    def progressed(self) -> None:
        """Wait until something more is committed."""
        before = sum(self.committed().values())
        wait_until(lambda: sum(self.committed().values()) > before, 90, "an offset is committed")

    def stop_one(self, *, kill: bool = False) -> None:
        process = self.running.pop(0)
        process.kill() if kill else process.terminate()
        process.wait(60)

    def rows(self) -> dict[bytes, bytes]:
        """What the changelog has for each key."""
        rows: dict[bytes, bytes] = {}
        topic = f"{self.app_id}-rows-changelog"
        reader = Consumer({"bootstrap.servers": self.log.broker, "group.id": "none"})
        partitions = [TopicPartition(topic, n, 0) for n in range(PARTITIONS)]
        left = {tp.partition: reader.get_watermark_offsets(tp, 30)[1] for tp in partitions}
        reader.assign([tp for tp in partitions if left[tp.partition]])
        deadline = time.monotonic() + 60
        while any(left.values()):
            assert time.monotonic() < deadline
            message = reader.poll(1)
            if message is not None:
                assert message.error() is None
                key, row = message.key(), message.value()
                if self.kind == "plain":
                    key, row = json.loads(key).encode(), json.loads(row).encode()
                rows[key] = row
                if message.offset() + 1 >= left[message.partition()]:
                    left[message.partition()] = 0
        reader.close()
        return rows


def undisturbed(workers: Workers) -> None:
    workers.progressed()


def restarts(workers: Workers) -> None:
    for _ in range(2):
        workers.progressed()
        workers.stop_one()
        workers.start()


def rebalances(workers: Workers) -> None:
    for _ in range(2):
        workers.progressed()
        workers.start()
        workers.progressed()
        workers.stop_one()


def kills(workers: Workers) -> None:
    for _ in range(2):
        workers.progressed()
        workers.stop_one(kill=True)
        workers.start()


@contextmanager
def writing(log: Log):
    """Records, before and while the block lasts."""
    random = Random(7)
    for _ in range(25):
        log.write(random)
    over = []

    def go_on() -> None:
        while not over:
            log.write(random)
            time.sleep(0.05)  # the rate, not a wait

    thread = Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.append(True)
        thread.join()


@pytest.mark.parametrize(
    ("disturbance", "gaps", "kinds"),
    [
        pytest.param(undisturbed, True, ("plain", "batches"), id="undisturbed"),
        # Plain Faust commits nothing more once it has started again before a gap.
        pytest.param(restarts, False, ("plain", "batches"), id="restarts"),
        pytest.param(rebalances, False, ("plain", "batches"), id="rebalances"),
        # Nor does it promise to survive a kill: it may commit what its changelog lacks.
        pytest.param(kills, True, ("batches",), id="kills"),
    ],
)
def test_batches_end_in_the_state_and_offsets_of_plain_faust(
    stack, tmp_path, disturbance, gaps, kinds
):
    if stack.addresses().settings:
        pytest.skip("what batches do is told apart from what plain Faust does without TLS")
    log = Log(stack.addresses().bootstrap_servers, gaps=gaps)
    both = [Workers(kind, log, tmp_path) for kind in kinds]
    try:
        with writing(log):
            for workers in both:
                workers.start()
            for workers in both:
                disturbance(workers)
        for workers in both:
            ends = log.ends(workers.kind)
            wait_until(lambda w=workers, e=ends: w.committed() == e, 90, f"all of {workers.kind}")
        for workers in both:
            while workers.running:
                assert workers.running[0].poll() is None, workers.out.read_text()[-3000:]
                workers.stop_one()
            assert workers.rows() == log.rows
            assert workers.committed() == log.ends(workers.kind)
    finally:
        for workers in both:
            workers.consumer.close()
            for process in workers.running:
                process.kill()
                process.wait()
