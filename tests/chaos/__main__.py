"""`make chaos SEED=1 FAULTS=100`: faults of all kinds, under load, on a real stack.

With `BROKERS=3`, what fails is a broker of a cluster, and no worker may end of it; beside the
workers, their sender counts alone. The last line is one JSON object with the figures; the exit
status is 0 only if all held.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from confluent_kafka import ElectionType

from domain.settings import settings_for
from domain.wall import Wall
from streams.client.client import Client
from streams.client.errors import ClientError
from streams.contract.records import BuildSection, DeadLetter, SectionCompleted
from streams.devstack import Stack
from streams.devstack.ports import free_port
from streams.operations.replay import Replay
from streams.operations.verification import expected_rows, published_rows
from streams.settings import Settings
from tests.chaos.counting import Counting
from tests.chaos.load import Load
from tests.chaos.worker import POINTS
from tests.harness.processes import environment
from tests.harness.waiting import wait_until

SESSION_S = 6
# How often each kind of fault is chosen; of workers and what is there once, and of a cluster.
KINDS = {
    "kill_worker": 6,
    "kill_worker_at_a_point": 6,
    "stop_worker_past_its_session": 3,
    "block_event_loop": 1,
    "kill_broker": 2,
    "kill_registry": 1,
    "rebalance": 2,
}
KINDS_OF_CLUSTER = {"kill_one_of_the_brokers": 4, "stop_one_of_the_brokers": 1}


class Chaos:
    """Two workers, a broker or three, and a registry, and what is done to them."""

    def __init__(
        self, stack: Stack, directory: Path, seed: int, store: str, brokers: int, guarantee: str
    ) -> None:
        self.random = Random(seed)
        self.directory = directory
        self.stack = stack
        running = self.stack.up(brokers=brokers)
        self.kinds = KINDS if brokers == 1 else KINDS_OF_CLUSTER
        self.settings = Settings(
            **running.settings,
            create_topics=True,
            bootstrap_servers=running.bootstrap_servers,
            registry_url=running.registry_url,
            app_id="chaos",
            topic_prefix="chaos",
            partitions=4,
            data_dir=directory / "data",
            # A cluster needs 9 s to notice that a broker is gone: there, as it is unless set.
            session_timeout_s=SESSION_S if brokers == 1 else 30,
            watchdog_s=20 if brokers == 1 else 120,
            store=store,
            guarantee=guarantee,
        )
        self.client = Client(self.settings)
        self.load = Load(self.client, Random(seed + 1))
        self.workers: dict[int, subprocess.Popen[bytes]] = {}
        self.ports = [free_port() for _ in range(3)]
        self.faults: Counter[str] = Counter()
        self.in_flight = 0
        self.recovery_s: list[float] = []
        self.restarts = 0
        self.moved_leaders = 0
        self.counting = Counting(self.settings) if brokers > 1 else None

    def start(self, number: int, *module: str) -> None:
        settings = self.settings.model_copy(update={"web_port": self.ports[number]})
        command = module or ("streams", "worker", "--processes", "1", "--no-web")
        with (self.directory / f"worker-{number}.log").open("ab") as log:
            self.workers[number] = subprocess.Popen(
                [sys.executable, "-m", *command], env=environment(settings), stdout=log, stderr=log
            )

    def look_after(self) -> None:
        """Start again what has ended, as a supervisor does."""
        for number, process in list(self.workers.items()):
            if process.poll() is not None:
                print(f"worker {number} has ended: {process.returncode}", file=sys.stderr)
                self.restarts += 1
                self.start(number)

    def kill_worker(self) -> None:
        self.workers[self.random.choice(list(self.workers))].kill()

    def kill_worker_at_a_point(self) -> None:
        number = self.random.choice(list(self.workers))
        self.workers[number].kill()
        self.workers[number].wait()
        point = self.random.choice(POINTS)
        self.start(number, "tests.chaos.worker", point, str(self.random.randrange(1, 20)))
        process = self.workers[number]
        wait_until(lambda: process.poll() is not None, 90, f"the worker killed itself at {point}")

    def stop_worker_past_its_session(self) -> None:
        process = self.workers[self.random.choice(list(self.workers))]
        process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        others = [p for p in self.workers.values() if p is not process]
        wait_until(
            lambda: (
                time.monotonic() - stopped > SESSION_S + 3
                or any(p.poll() is not None for p in others)
            )
        )
        process.send_signal(signal.SIGCONT)

    def block_event_loop(self) -> None:
        """Let the event loop of a worker stand still, until its watchdog ends it."""
        number = self.random.choice(list(self.workers))
        self.workers[number].kill()
        self.workers[number].wait()
        file = self.directory / f"late-{self.faults.total()}"
        file.with_suffix(".block").touch()
        self.start(number, "tests.harness.late_worker", str(file))
        process = self.workers[number]
        wait_until(lambda: process.poll() is not None, 120, "the watchdog ends the worker")
        assert file.with_suffix(".blocked").exists()

    def kill_broker(self) -> None:
        self.stack.kafka.kill()
        self.stack.start_broker(self.stack.kafka)
        self.stack.wait()

    def kill_one_of_the_brokers(self) -> None:
        """Which stays away until an event is built without it."""
        self.random.choice(self.stack.brokers).kill()

    def stop_one_of_the_brokers(self) -> None:
        self.random.choice(self.stack.brokers).stop()

    def complete_cluster(self) -> None:
        """Start the broker that is away, and wait until it has all that the others have."""
        for broker in self.stack.brokers:
            if not broker.alive():
                self.stack.start_broker(broker)
        admin, replicas = self.stack.admin(), self.settings.replication_factor

        def is_in_sync() -> bool:
            topics = admin.list_topics(timeout=10).topics.values()
            return all(len(p.isrs) == replicas for t in topics for p in t.partitions.values())

        # On a full machine, a broker that was killed takes minutes to start and to catch up.
        wait_until(is_in_sync, 300, "all replicas are in sync")
        # Partitions that others have led meanwhile go back, in the middle of requests.
        moved = admin.elect_leaders(ElectionType.PREFERRED).result(60)
        self.moved_leaders += sum(error is None for error in moved.values())

    def kill_registry(self) -> None:
        self.stack.registry.kill()
        self.kill_worker()  # one that starts while the registry is down waits for it
        self.look_after()
        self.stack.start_registry()
        self.stack.wait()

    def rebalance(self) -> None:
        self.start(2)
        self.probe()
        joined = self.workers.pop(2)
        joined.terminate()
        joined.wait(60)

    def submitted(self, wall: Wall) -> bool:
        """Submit a wall; not while a transaction is open, of a worker that was killed."""
        self.look_after()
        try:
            self.client.submit(wall)
        except ClientError as error:
            if "a transaction is open" not in str(error):
                raise
            return False
        return True

    def probe(self) -> None:
        """Wait until an event that is submitted now is built."""
        wall = Wall("probe", settings_for(), {1: bytes([self.random.randrange(30)])})
        deadline = time.monotonic() + 240
        wait_until(lambda: self.submitted(wall), 240, "an event is submitted")
        while True:
            self.look_after()
            try:
                self.client.wait_until_built(wall, 3, lambda *_: None)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def fault(self, kind: str) -> None:
        self.in_flight += Replay(self.client).group.lag() > 0
        getattr(self, kind)()
        self.faults[kind] += 1
        begun = time.monotonic()
        self.probe()
        self.recovery_s.append(time.monotonic() - begun)
        assert not self.load.died, self.load.died
        if self.counting is not None:
            assert self.counting.failure is None, self.counting.failure
            self.complete_cluster()

    def run(self, faults: int) -> dict[str, object]:
        for number in (0, 1):
            self.start(number)
        self.probe()
        self.load.start()
        if self.counting is not None:
            self.counting.make_topic()
            self.counting.start()
        kinds = list(self.kinds)
        weights = list(self.kinds.values())
        order = self.random.choices(kinds, weights, k=max(0, faults - len(kinds)))
        order += kinds[:faults]
        self.random.shuffle(order)
        for number, kind in enumerate(order, start=1):
            self.fault(kind)
            print(f"{number}/{faults} {kind}: {self.recovery_s[-1]:.1f} s", file=sys.stderr)
        self.load.stopped.set()
        self.load.join(900)
        assert not self.load.is_alive()
        assert not self.load.died, self.load.died
        if self.counting is not None:
            self.counting.stopped.set()
            self.counting.join(60)
        replay = Replay(self.client)

        def idle() -> bool:
            self.look_after()
            # Lines first: what they become is then on an input topic, and counts.
            lines = (self.client.topics.submissions,)
            handled = replay.group.committed(lines) == replay.group.ends(lines)
            return handled and replay.group.lag() == 0

        wait_until(idle, 240, "no lag is left")
        return self.figures()

    def figures(self) -> dict[str, object]:
        expected = expected_rows(self.load.walls())
        found = published_rows(self.client)
        for rows in (found.daily, found.overview):
            for key in [k for k in rows if k == "probe" or k.startswith("probe/")]:
                del rows[key]
        lost = doubled = 0
        for want, have in ((expected.daily, found.daily), (expected.overview, found.overview)):
            lost += len(want.keys() - have.keys())
            doubled += len(have.keys() - want.keys())
            for key in want.keys() & have.keys():
                lost += have[key] < want[key]
                doubled += have[key] > want[key]
        for difference in expected.differences(found)[:20]:
            print(difference, file=sys.stderr)
        topics, repeated = self.client.topics, {}
        sections: dict[type[Any], set[object]] = {BuildSection: set(), SectionCompleted: set()}
        letters = set()
        for topic in (topics.dead_letters, topics.build_commands, topics.events):
            sent: Counter[object] = Counter()
            for message in self.client.read(topic):
                value = message.value() or b""
                record = self.client.codecs.decode_any(value, *topic.records)
                if isinstance(record, DeadLetter):
                    letter = (record.topic, record.partition, record.offset)
                    letters.add(letter)
                    sent[letter] += 1
                    continue
                sent[message.key(), value] += 1
                if type(record) in sections:
                    of = (record.wall, record.profile, record.version, record.section)
                    sections[type(record)].add(of)
            repeated[topic.name] = sent.total() - len(sent)
        for what, of in (("missing", self.load.bad - letters), ("extra", letters - self.load.bad)):
            for letter in sorted(of):
                print(f"dead letter {what}: {letter}", file=sys.stderr)
        return {
            "faults": dict(self.faults),
            "faults_with_work_in_flight": self.in_flight,
            "restarts": self.restarts,
            "events": self.load.events,
            "transactions": self.load.transactions,
            "transactional_producers_replaced": self.load.replaced,
            "events_not_acknowledged": self.load.failed,
            "leaders_moved_back": self.moved_leaders,
            "counted_in_order": None if self.counting is None else self.counting.counted(),
            "rows": len(found.daily) + len(found.overview),
            "lost": lost,
            "doubled": doubled,
            "bad_records": len(self.load.bad),
            "dead_letters": len(letters),
            "dead_letters_exact": letters == self.load.bad,
            "repeated": repeated,
            "sections_ordered": len(sections[BuildSection]),
            "audits_missing": len(sections[BuildSection] - sections[SectionCompleted]),
            "digest_equal": expected.digest() == found.digest(),
            "recovery_s_median": round(median(self.recovery_s), 1),
            "recovery_s_worst": round(max(self.recovery_s), 1),
        }

    def close(self) -> None:
        self.load.stopped.set()
        for process in self.workers.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


def held(figures: dict[str, object]) -> bool:
    """Whether the promises held."""
    faults = sum(figures["faults"].values())
    return (
        figures["lost"] == figures["doubled"] == figures["events_not_acknowledged"] == 0
        and figures["dead_letters_exact"]
        and figures["digest_equal"]
        and figures["faults_with_work_in_flight"] >= faults * 0.8
        and (figures["brokers"] == 1 or figures["restarts"] == 0)
        and figures["audits_missing"] == 0
        and (figures["guarantee"] == "at-least-once" or not any(figures["repeated"].values()))
    )


def run(
    seed: int, faults: int, store: str, directory: Path, brokers: int = 1,
    guarantee: str = "at-least-once",
) -> dict[str, object]:  # fmt: skip
    """One run; the figures."""
    about = {"seed": seed, "store": store, "brokers": brokers, "guarantee": guarantee}
    stack = Stack(directory / "stack")
    try:
        chaos = Chaos(stack, directory, seed, store, brokers, guarantee)
        try:
            return about | chaos.run(faults)
        finally:
            chaos.close()
    finally:
        stack.down()


def main() -> int:
    """Run, print the figures, and say whether all held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=20)
    parser.add_argument("--store", choices=("memory", "rocksdb"), default="memory")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument(
        "--guarantee", choices=("at-least-once", "exactly-once"), default="at-least-once"
    )
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="thewall-chaos-"))
    print(f"logs are in {directory}", file=sys.stderr)
    figures = run(directory=directory, **vars(arguments))
    print(json.dumps(figures))
    return 0 if held(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
