"""The job in Quix Streams: a StreamingDataFrame a topic, state with a changelog.

State rows are bytes, so that their changelog is Avro as well. Quix keeps the writes of a checkpoint
together and writes each key once to the changelog at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quixstreams import Application, message_context
from quixstreams.models import Serializer

from bench.peers.job import stages
from bench.peers.job.surroundings import Surroundings
from bench.wire import STATE_RECORDS, TOPIC_RECORDS, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from quixstreams import State

    from bench.wire import Record

ROW = "row"


class ByName(Serializer):
    """Encodes what a stage sends."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def __call__(self, value: stages.Sent, *_: Any, **__: Any) -> bytes | None:  # type: ignore[override]
        """The record in wire format; nothing for a tombstone."""
        return self.wire.encode(value.name, value.record) if value.name else None


class Job:
    """The stages, as functions that Quix calls with a value and the state of its key."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def intake(self, value: bytes) -> list[stages.Sent]:
        """Check what was submitted."""
        name, submitted = self.wire.decode(value)
        accept = stages.accept_profile if name == "ProfileSubmitted" else stages.accept_settings
        context = message_context()
        return [accept(submitted, context.partition, context.offset)]

    def planner(self, value: bytes, state: State) -> Iterator[stages.Sent]:
        """Fold a wall's log and tell its crews what to build."""
        name, event = self.wire.decode(value)
        row, first = stages.fold(self._row(state), name, event, message_context().offset)
        if first is not None:
            self._put(state, "planner", row)
            yield from stages.plan(event["wall"], row, first)

    def crews(self, value: bytes, state: State) -> list[stages.Sent]:
        """Build a section, and report it."""
        name, order = self.wire.decode(value)
        last = self._row(state) if name == "RelieveCrew" else None
        row, audit = stages.build(name, order, last)
        self._put(state, "crews", row)
        return [audit] if name == "RelieveCrew" else [audit, stages.built(order)]

    def ledger(self, value: bytes, state: State) -> list[stages.Sent]:
        """Account for a profile, and publish its rows when its plan is complete."""
        name, event = self.wire.decode(value)
        row, complete = stages.account(self._row(state), name, event)
        sent: list[stages.Sent] = []
        if complete:
            row, sent = stages.publish(event["wall"], event["profile"], row)
        self._put(state, "ledger", row)
        return sent

    def overview(self, value: bytes, state: State) -> list[stages.Sent]:
        """Add up the profiles of a wall."""
        _, totals = self.wire.decode(value)
        row, sent = stages.add_up(self._row(state), totals)
        self._put(state, "overview", row)
        return [sent]

    def _row(self, state: State) -> Record | None:
        value = state.get_bytes(ROW)
        return None if value is None else self.wire.decode(value)[1]

    def _put(self, state: State, stage: str, row: Record) -> None:
        state.set_bytes(ROW, self.wire.encode(STATE_RECORDS[stage], row))


def main() -> None:
    place = Surroundings.given()
    app = Application(
        broker_address=place.broker,
        consumer_group=place.prefix,
        state_dir=place.state,
        auto_offset_reset="earliest",
        processing_guarantee="at-least-once",
        commit_interval=5.0,
        loglevel="WARNING",
        producer_extra_config={
            "acks": "all",
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 2_000_000,
        },
        consumer_extra_config={
            "max.partition.fetch.bytes": 4_000_000,
            "queued.min.messages": 200_000,
        },
    )
    wire = Wire(place.registry, place.prefix)
    job, encoded = Job(wire), ByName(wire)
    topics = {
        name: app.topic(
            f"{place.prefix}.{name}",
            key_deserializer="str",
            key_serializer="str",
            value_deserializer="bytes",
            value_serializer=encoded,
        )
        for name in TOPIC_RECORDS
    }
    handlers = {
        "walls": job.intake,
        "profiles": job.intake,
        "accepted": job.planner,
        "build-commands": job.crews,
        "progress": job.ledger,
        "totals": job.overview,
    }
    for source, handler in handlers.items():
        stateful = handler.__name__ != "intake"
        frame = app.dataframe(topics[source]).apply(handler, stateful=stateful, expand=True)
        frame.to_topic(lambda sent, *_: topics[sent.topic], key=lambda sent: sent.key)
    app.run()


if __name__ == "__main__":
    main()
