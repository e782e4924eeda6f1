"""The pipeline without Kafka: the stage functions that the agents call, on logs in memory.

Time goes by in steps. A step is one stage computing one batch of one partition, and how far that
batch gets: some of its messages may be acknowledged, then some of its rows, then its offset may
be committed, and at any point the worker of that partition may die. What a death leaves is what
the broker acknowledged: the logs, the changelog, the committed offset. That is also what a
rebalance leaves, so a death stands for both.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.partitioner import murmur2

from streams.agents.crews import build
from streams.agents.intake import accept
from streams.agents.ledger import account
from streams.agents.overview import add_up
from streams.agents.planner import plan
from streams.agents.submissions import submit
from streams.batching import Message, Messages, Outcome, RecordBatch, Rows
from streams.batching.table import RowStore
from streams.context import StageContext
from streams.contract.codecs import Codecs
from streams.contract.records import ClockSet, ClockTicked, ProfileSubmitted, WallConfigured
from streams.contract.topics import Topics
from streams.operations.verification import RowSet
from streams.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from domain.clock import Clock

PARTITIONS = 3
NOON = 1_750_000_000_000


class LogRecord(NamedTuple):
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes | None], ...] = ()


def offline_pipeline() -> StageContext:
    """The pipeline with codecs under ids of our own instead of a registry's."""
    topics = Topics.of(Settings(bootstrap_servers="none", registry_url="none"))
    types = dict.fromkeys(of for topic in topics.all() for of in topic.records)
    return StageContext(
        topics, Codecs({of: index for index, of in enumerate(types, start=1)}), PARTITIONS
    )


def plan_and_tell(batch: RecordBatch, clocks: Rows, rows: Rows, context: StageContext) -> Outcome:
    """The planner, with its tables in the order in which their rows are written."""
    return plan(batch, rows, clocks, context)


@dataclass
class Table:
    """The rows of one partition, and what the broker has of them."""

    rows: RowStore = field(default_factory=RowStore)
    changelog: list[tuple[bytes, bytes | None]] = field(default_factory=list)


@dataclass
class Task:
    """One stage on one partition: the unit that a worker owns and that a death takes away."""

    name: str
    work: Callable[..., Outcome]
    inputs: tuple[str, ...]
    partition: int
    tables: tuple[Table, ...]
    start: dict[str, int] = field(default_factory=dict)
    position: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    committed: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def crash(self) -> None:
        """Lose what is in memory; come back with what the broker has."""
        for table in self.tables:
            table.rows = RowStore()
            for key, value in table.changelog:
                table.rows.put(self.partition, key, value)
        self.position = defaultdict(int, self.committed)


class Simulation:
    def __init__(self, context: StageContext, random: Random, death_rate: float = 0.2) -> None:
        self.context = context
        self.random = random
        self.death_rate = death_rate
        # By offset; None where compaction has removed a record.
        self.logs: dict[tuple[str, int], list[LogRecord | None]] = defaultdict(list)
        # Of a topic's partition, where reading ends for now.
        self.read_until: dict[tuple[str, int], int] = {}
        self.deaths = 0
        self.now_ms = NOON
        topics = context.topics
        stages = (
            ("intake", accept, topics.inputs, 1),
            ("planner", plan_and_tell, (topics.accepted,), 2),
            ("crews", build, (topics.build_commands,), 1),
            ("ledger", account, (topics.progress,), 1),
            ("overview", add_up, (topics.totals,), 1),
        )
        self.tasks = [
            Task(
                name, work, tuple(topic.name for topic in inputs), partition,
                tuple(Table() for _ in range(tables)),
            )
            for name, work, inputs, tables in stages
            for partition in range(PARTITIONS)
        ]  # fmt: skip
        self.door = Task("submissions", submit, (topics.submissions.name,), 0, (Table(),))
        self.tasks.append(self.door)

    def send(self, message: Message) -> LogRecord:
        partition = self._partition(message)
        log = self.logs[message.topic, partition]
        record = LogRecord(
            message.topic, partition, len(log), message.key, message.value, self.now_ms
        )
        log.append(record)
        return record

    @staticmethod
    def _partition(message: Message) -> int:
        if message.partition >= 0:
            return message.partition
        return (murmur2(message.key or b"") & 0x7FFFFFFF) % PARTITIONS

    def submit_profile(self, wall: str, profile: int, heights: bytes | None) -> None:
        topic, key = self.context.topics.profiles, f"{wall}/{profile}"
        if heights is None:
            self.send(Message(topic.name, key.encode(), None))
        else:
            event = ProfileSubmitted(wall, profile, list(heights))
            self.send(self.context.message(topic, key, event))

    def submit_settings(self, wall: str, mode: str, crews: int | None, material: str) -> None:
        event = WallConfigured(wall, mode, crews, material)
        self.send(self.context.message(self.context.topics.walls, wall, event))

    def submit_line(self, line: str) -> None:
        self.send(Message(self.context.topics.submissions.name, None, line.encode(), 0))

    def handle_lines(self) -> None:
        """Go on until all lines are handled, whatever else waits."""
        (topic,) = self.door.inputs
        while self.door.position[topic] < len(self.logs[topic, 0]):
            self._step(self.door, topic)

    def set_clock(self, wall: str, clock: Clock | None) -> None:
        topic = self.context.topics.clock
        if clock is None:
            self.send(Message(topic.name, wall.encode(), None))
        else:
            event = ClockSet(
                wall, clock.run, clock.state, clock.day, clock.at_ms, clock.ms_per_day
            )  # fmt: skip
            self.send(self.context.message(topic, wall, event))

    def tick(self, wall: str, run: str) -> None:
        self.send(self.context.message(self.context.topics.ticks, wall, ClockTicked(wall, run)))

    def lagging(self) -> list[tuple[Task, str]]:
        return [
            (task, topic)
            for task in self.tasks
            for topic in task.inputs
            if task.position[topic] < self._end(topic, task.partition)
        ]

    def _end(self, topic: str, partition: int) -> int:
        end = len(self.logs[topic, partition])
        return min(end, self.read_until.get((topic, partition), end))

    def step(self, *stages: str) -> bool:
        """Let one task with lag, of these stages if given, compute a batch; False if none has."""
        lagging = [(t, topic) for t, topic in self.lagging() if not stages or t.name in stages]
        if not lagging:
            return False
        task, topic = self.random.choice(lagging)
        self._step(task, topic)
        return True

    def _step(self, task: Task, topic: str) -> None:
        start = task.position[topic]
        log = self.logs[topic, task.partition]
        end = min(self._end(topic, task.partition), start + self.random.choice((1, 2, 5, 50)))
        records = [record for record in log[start:end] if record is not None]
        rows = [Rows(table.rows, task.partition) for table in task.tables]
        outcome = task.work(RecordBatch(topic, task.partition, records), *rows, self.context)
        for of_table in rows:
            of_table.apply()
        for phase in (outcome.messages, outcome.announcements):
            if self._dies():
                self._send_some(phase)
                task.crash()
                return
            for message in phase:
                self.send(message)
        for table, written in zip(task.tables, rows, strict=True):
            changes = list(written.written.items())
            if self._dies():
                # One partition of one topic: what got there is the first part, in order.
                table.changelog += changes[: self.random.randrange(len(changes) + 1)]
                task.crash()
                return
            table.changelog += changes
        task.position[topic] = end
        if self._dies():
            task.crash()
        elif self.random.random() < 0.5:
            task.committed = defaultdict(int, task.position)

    def _dies(self) -> bool:
        dies = self.random.random() < self.death_rate / 4
        self.deaths += dies
        return dies

    def _send_some(self, phase: Messages) -> None:
        """What a death leaves of a phase: for each partition the first part, in order."""
        broken: set[tuple[str, int]] = set()
        for message in phase:
            where = (message.topic, self._partition(message))
            if self.random.random() < 0.1:
                broken.add(where)
            if where not in broken:
                self.send(message)

    def rewind(self) -> None:
        """A replay: the group's offsets are reset to the start of the logs, the tables are kept."""
        for task in self.tasks:
            task.committed = defaultdict(int, task.start)
            task.crash()

    def wipe(self) -> None:
        """Begin anew from what was submitted: no offsets, tables, published rows or transit logs.

        With tables gone, the log of a wall must not be read from before they went: its versions
        would begin again below those that the ledger has since seen.
        """
        for topic in (self.context.topics.daily.name, self.context.topics.overview.name):
            for partition in range(PARTITIONS):
                for key in {record.key for record in self.logs[topic, partition] if record}:
                    self.send(Message(topic, key, None, partition))
        for task in self.tasks:
            if task is self.door:  # how far it is, is no state of the walls
                task.crash()
                continue
            if task.name != "intake":
                task.start = {topic: len(self.logs[topic, task.partition]) for topic in task.inputs}
            for table in task.tables:
                table.changelog.clear()
            task.committed = defaultdict(int, task.start)
            task.crash()

    def compact(self) -> None:
        """Leave only the last record of each key on the input topics."""
        for topic in self.context.topics.inputs:
            for partition in range(PARTITIONS):
                log = self.logs[topic.name, partition]
                last = {record.key: record.offset for record in log if record}
                log[:] = [r if r and last[r.key] == r.offset else None for r in log]

    def run(self, *stages: str) -> None:
        """Go on until no task has lag, of these stages if given."""
        while self.step(*stages):
            pass

    def latest(self, topic: str) -> dict[str, Any]:
        """The rows of a compacted topic, by key."""
        rows: dict[str, Any] = {}
        declared = next(t for t in self.context.topics.all() if t.name == topic)
        for partition in range(PARTITIONS):
            for record in filter(None, self.logs[topic, partition]):
                key = (record.key or b"").decode()
                if record.value is None:
                    rows.pop(key, None)
                else:
                    rows[key] = self.context.codecs.decode_any(record.value, *declared.records)
        return rows


def published_rows(sim: Simulation) -> RowSet:
    """What the pipeline has published."""
    topics = sim.context.topics
    daily = sim.latest(topics.daily.name)
    overview = sim.latest(topics.overview.name)
    return RowSet(
        {key: (r.ice, r.cost, r.cumulative_cost) for key, r in daily.items()},
        {key: (r.sections, r.days, r.ice, r.cost) for key, r in overview.items()},
    )
