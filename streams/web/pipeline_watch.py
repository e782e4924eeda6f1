"""The pipeline as it stands: stages, lag, rates, members. Asked of the broker each second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.client.kafka import REQUEST_TIMEOUT_S
from streams.contract.clients import broker_config
from streams.contract.topology import STAGES
from streams.web.models import Edge, Member, PartitionLag, Pipeline, Stage, TopicRate

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.client.group import Offsets
    from streams.contract.topics import Topic
    from streams.settings import Settings
    from streams.web.following import Generation

log = logging.getLogger(__name__)

ASK_EVERY_S = 1.0
REMEMBERED_S = 600
RATE_OVER_S = 10.0


class PipelineWatch:
    """Asks the broker how far the stages are.

    Attributes:
        latest: What it answered last; None before that.
    """

    def __init__(self, settings: Settings, generation: Callable[[], Generation | None]) -> None:
        """Name what knows the current application version."""
        self.latest: Pipeline | None = None
        self._generation = generation
        self._settings = settings
        self._admin = AdminClient(broker_config(settings))
        # The group's offsets, by group; it joins none.
        self._consumers: dict[str, Consumer] = {}
        self._ends: deque[tuple[float, Offsets]] = deque(maxlen=int(REMEMBERED_S / ASK_EVERY_S))
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to ask."""
        self._task = asyncio.create_task(self._watch())

    def stop(self) -> None:
        """Stop asking."""
        if self._task is not None:
            self._task.cancel()

    def bounds(self, topics: list[Topic]) -> dict[tuple[str, int], tuple[int, int]]:
        """First and end offset of each partition of topics.

        Raises:
            KafkaException: The broker does not answer.
        """
        first = self._offsets(topics, OffsetSpec.earliest())
        ends = self._offsets(topics, OffsetSpec.latest())
        return {where: (first[where], end) for where, end in ends.items()}

    async def _watch(self) -> None:
        while True:
            generation = self._generation()
            if generation is not None:
                try:
                    self.latest = await asyncio.to_thread(self._ask, generation)
                except KafkaException as error:
                    # The last answer stays, and grows old, as all that is shown does.
                    log.warning("the pipeline can't be looked at: %s", error.args[0].str())
                    # If the broker that coordinates the group was down while it was asked, an
                    # admin client gets no answer about the group any more.
                    self._admin = AdminClient(broker_config(self._settings))
            await asyncio.sleep(ASK_EVERY_S)

    def _ask(self, generation: Generation) -> Pipeline:
        topics, settings = generation.topics, generation.settings
        read: list[Topic] = [getattr(topics, name) for stage in STAGES for name in stage.reads]
        # First what was read, then what there is: nobody has read more than there is.
        committed = self._committed(settings.group, read)
        first = self._offsets(read, OffsetSpec.earliest())
        ends = self._offsets(topics.all(), OffsetSpec.latest())
        now = time.monotonic()
        self._ends.append((now, ends))
        described = self._admin.describe_consumer_groups(
            [settings.group], request_timeout=REQUEST_TIMEOUT_S
        )[settings.group].result()
        edges = [
            self._edge(stage.stage, getattr(topics, name).name, committed, first, ends)
            for stage in STAGES
            for name in stage.reads
        ]
        changelogs = {c.name.split("-")[-2]: c.name for c in (topics.handled, *topics.changelogs)}
        return Pipeline(
            version=settings.version,
            group=settings.group,
            state=described.state.name,
            members=[_member(member) for member in described.members],
            lag=sum(edge.lag for edge in edges),
            stages=[
                Stage(
                    stage=stage.stage,
                    about=stage.about,
                    reads=[getattr(topics, name).name for name in stage.reads],
                    writes=[getattr(topics, name).name for name in stage.writes],
                    changelog=changelogs[stage.stage],
                )
                for stage in STAGES
            ],
            edges=edges,
            topics=[self._rate(topic.name, now, ends) for topic in topics.all()],
        )

    def _edge(
        self, stage: str, topic: str, committed: Offsets, first: Offsets, ends: Offsets
    ) -> Edge:
        partitions = []
        for where in sorted(tp for tp in first if tp[0] == topic):
            at = max(committed.get(where, 0), first[where])
            lag = max(0, ends[where] - at)
            partitions.append(
                PartitionLag(
                    partition=where[1],
                    committed=at,
                    end=ends[where],
                    lag=lag,
                    lag_s=self._lag_s(where, at) if lag else 0.0,
                )
            )
        return Edge(
            topic=topic,
            stage=stage,
            lag=sum(p.lag for p in partitions),
            lag_s=max(p.lag_s or 0.0 for p in partitions),
            partitions=partitions,
        )

    def _lag_s(self, where: tuple[str, int], committed: int) -> float:
        """Seconds since the first record that is still to be read was seen to be there."""
        for at, ends in self._ends:
            if ends.get(where, 0) > committed:
                return round(time.monotonic() - at, 1)
        return 0.0

    def _rate(self, topic: str, now: float, ends: Offsets) -> TopicRate:
        since, before = next(
            ((at, then) for at, then in self._ends if now - at <= RATE_OVER_S), (now, ends)
        )
        end = _total(topic, ends)
        seconds = now - since
        came = max(0, end - _total(topic, before))
        return TopicRate(
            topic=topic, end=end, rate_per_s=round(came / seconds, 1) if seconds else 0.0
        )

    def _committed(self, group: str, topics: list[Topic]) -> Offsets:
        # Not asked of the admin client: one whose question is still open when it asks again after
        # an outage may abort the process.
        if group not in self._consumers:
            config = broker_config(self._settings) | {"group.id": group}
            self._consumers = {group: Consumer(config)}
        partitions = self._partitions(topics)
        found = self._consumers[group].committed(partitions, timeout=REQUEST_TIMEOUT_S)
        return {(tp.topic, tp.partition): tp.offset for tp in found}

    def _partitions(self, topics: list[Topic]) -> list[TopicPartition]:
        return [
            TopicPartition(topic.name, partition)
            for topic in topics
            for partition in range(topic.partitions(self._settings))
        ]

    def _offsets(self, topics: list[Topic], spec: OffsetSpec) -> Offsets:
        wanted = dict.fromkeys(self._partitions(topics), spec)
        found = self._admin.list_offsets(wanted, request_timeout=REQUEST_TIMEOUT_S)
        return {(tp.topic, tp.partition): f.result().offset for tp, f in found.items()}


def _total(topic: str, ends: Offsets) -> int:
    return sum(end for (name, _), end in ends.items() if name == topic)


def _member(member: Any) -> Member:
    return Member(
        member=member.member_id,
        host=member.host,
        partitions=len(member.assignment.topic_partitions if member.assignment else ()),
    )
