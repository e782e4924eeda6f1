"""One small application, twice: as plain Faust has it, and with record batches.

`python -m tests.integration.counting plain|batches BROKER APP_ID TOPIC`: counts the records of each
key, and adds up their values. A row remembers the last offset that it has counted.
"""

from __future__ import annotations

import sys
from typing import Any

import faust

from streams.batching import BatchApp, BatchProducer, Outcome, RecordBatch, Rows

PARTITIONS = 4


def counted(row: bytes | None, offset: int, value: bytes) -> bytes | None:
    """The row of a key, `offset,count,sum`, after a record; None if it is in the row already."""
    last, count, total = map(int, row.split(b",")) if row else (-1, 0, 0)
    if offset <= last:
        return None
    return b"%d,%d,%d" % (offset, count + 1, total + int(value))


def settings(broker: str) -> dict[str, Any]:
    """What both are set to."""
    return {
        "broker": f"kafka://{broker}", "topic_partitions": PARTITIONS, "web_enabled": False,
        "topic_disable_leader": True, "consumer_auto_offset_reset": "earliest",
        "broker_session_timeout": 6.0, "broker_heartbeat_interval": 0.6,
        "broker_commit_interval": 0.5, "stream_wait_empty": True, "table_standby_replicas": 0,
        "worker_redirect_stdouts": False,
    }  # fmt: skip


def plain(broker: str, app_id: str, topic: str) -> faust.App:
    """An agent that is handed a record at a time."""
    app = faust.App(app_id, store="memory://", **settings(broker))
    table: Any = app.Table("rows", partitions=PARTITIONS)  # JSON

    @app.agent(app.topic(topic, key_serializer="raw", value_serializer="raw"))
    async def count(stream):
        async for event in stream.events():
            key = event.key.decode()
            row = counted(table.get(key, "").encode(), event.message.offset, event.value)
            if row is not None:
                table[key] = row.decode()

    return app


def batches(broker: str, app_id: str, topic: str) -> faust.App:
    """An agent that is handed a record batch at a time."""
    app = BatchApp(app_id, output=BatchProducer(broker), **settings(broker))
    table = app.batch_table("rows", PARTITIONS)

    def count_records(batch: RecordBatch, rows: Rows) -> Outcome:
        for record in batch.records:
            row = counted(rows.get(record.key), record.offset, record.value)
            if row is not None:
                rows.put(record.key, row)
        return Outcome()

    @app.batch_agent(topic)
    async def count(batches):
        async for batch in batches:
            await batch.handle(count_records, table)

    return app


if __name__ == "__main__":
    make = {"plain": plain, "batches": batches}[sys.argv[1]]
    make(*sys.argv[2:]).Worker(loglevel="INFO").execute_from_commandline()
