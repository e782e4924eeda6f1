"""Record-batch delivery for Faust: the records of one fetch and partition as one event.

Faust hands an agent one record at a time, and its event loop then costs more than Kafka, Avro
and the agent together. This library, which knows Faust and Kafka and nothing of walls, hands
over what one fetch brought for a partition as one `RecordBatch`, and gives each batch the life
that keeps a stream correct under kill -9:

1. the stage, a plain function, reads the batch and its table rows, and returns an `Outcome`:
   the messages to send, and the rows to write;
2. the messages are sent and acknowledged by the broker, phase by phase;
3. only then are the rows written to the table's changelog, and acknowledged: a row that can be
   recovered never speaks of a message that may be lost;
4. only then is the batch acknowledged, so that its offset may be committed.

While a batch waits for the broker, the next ones are computed: see `Output`.
"""

from streams.batching.app import BatchApp
from streams.batching.delivery import Batch, BatchStream
from streams.batching.producer import BatchProducer
from streams.batching.records import Message, Messages, Outcome, Record, RecordBatch
from streams.batching.rocks import RocksDirectory, StoreInUse
from streams.batching.table import BatchTable, Rows

__all__ = [
    "Batch",
    "BatchApp",
    "BatchProducer",
    "BatchStream",
    "BatchTable",
    "Message",
    "Messages",
    "Outcome",
    "Record",
    "RecordBatch",
    "RocksDirectory",
    "Rows",
    "StoreInUse",
]
