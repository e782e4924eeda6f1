"""The job in Faust as its documentation shows it: `async for event`, a table write, a send.

With uvloop, memory tables, lz4 and a linger, which is what its documentation has for throughput.
"""

from __future__ import annotations

import os

import faust
import uvloop

from bench.peers.job import stages
from bench.peers.job.surroundings import Surroundings
from bench.wire import STATE_RECORDS, TOPIC_RECORDS, Record, Wire

Stream = faust.StreamT[bytes]


def create_app(place: Surroundings) -> faust.App:
    wire = Wire(place.registry, place.prefix)
    app = faust.App(
        place.prefix,
        broker=f"kafka://{place.broker}",
        store="memory://",
        datadir=place.state,
        topic_partitions=place.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * 1024 * 1024,
        producer_linger_ms=20,
        producer_max_batch_size=256 * 1024,
        producer_compression_type="lz4",
        producer_acks=-1,
        stream_wait_empty=False,
        table_standby_replicas=0,
        web_bind="127.0.0.1",
        web_port=int(os.environ["BENCH_WEB_PORT"]),
        worker_redirect_stdouts=False,
    )

    def topic(*names: str) -> faust.TopicT:
        return app.topic(
            *(f"{place.prefix}.{name}" for name in names),
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )

    def table(name: str) -> faust.TableT:
        return app.Table(name, partitions=place.partitions, key_type=bytes, value_type=bytes)

    topics = {name: topic(name) for name in TOPIC_RECORDS}
    tables = {name: table(name) for name in STATE_RECORDS}

    def row_of(stage: str, key: bytes) -> Record | None:
        value = tables[stage].get(key)
        return None if value is None else wire.decode(value)[1]

    def put(stage: str, key: bytes, row: Record) -> None:
        tables[stage][key] = wire.encode(STATE_RECORDS[stage], row)

    async def send(sent: stages.Sent) -> None:
        value = wire.encode(sent.name, sent.record) if sent.name else None
        await topics[sent.topic].send(key=sent.key.encode(), value=value)

    @app.agent(topic("walls", "profiles"))
    async def intake(stream: Stream) -> None:
        async for event in stream.events():
            name, submitted = wire.decode(event.value)
            accept = stages.accept_profile if name == "ProfileSubmitted" else stages.accept_settings
            await send(accept(submitted, event.message.partition, event.message.offset))

    @app.agent(topics["accepted"])
    async def planner(stream: Stream) -> None:
        async for event in stream.events():
            name, accepted = wire.decode(event.value)
            offset = event.message.offset
            row, first = stages.fold(row_of("planner", event.key), name, accepted, offset)
            if first is not None:
                put("planner", event.key, row)
                for sent in stages.plan(accepted["wall"], row, first):
                    await send(sent)

    @app.agent(topics["build-commands"])
    async def crews(stream: Stream) -> None:
        async for event in stream.events():
            name, order = wire.decode(event.value)
            last = row_of("crews", event.key) if name == "RelieveCrew" else None
            row, audit = stages.build(name, order, last)
            put("crews", event.key, row)
            await send(audit)
            if name != "RelieveCrew":
                await send(stages.built(order))

    @app.agent(topics["progress"])
    async def ledger(stream: Stream) -> None:
        async for event in stream.events():
            name, progress = wire.decode(event.value)
            row, complete = stages.account(row_of("ledger", event.key), name, progress)
            if complete:
                row, rows = stages.publish(progress["wall"], progress["profile"], row)
                for sent in rows:
                    await send(sent)
            put("ledger", event.key, row)

    @app.agent(topics["totals"])
    async def overview(stream: Stream) -> None:
        async for event in stream.events():
            _, totals = wire.decode(event.value)
            row, sent = stages.add_up(row_of("overview", event.key), totals)
            put("overview", event.key, row)
            await send(sent)

    return app


def main() -> None:
    uvloop.install()
    app = create_app(Surroundings.given())
    app.Worker(loglevel="WARNING").execute_from_commandline()


if __name__ == "__main__":
    main()
