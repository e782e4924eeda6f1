"""Record-batch delivery for Faust: the records of one fetch and partition at once.

Faust hands an agent one record at a time, and its event loop then costs more than Kafka, Avro
and the agent together. This library knows Faust and Kafka, but nothing of walls. It hands over
all records that one fetch returns for a partition as one `RecordBatch`, and takes each batch
through five steps, which keep a stream correct under kill -9:

1. compute: the stage, a plain function, reads the batch and its table rows, and returns an
   `Outcome`, the messages to send; it writes rows with `Rows.put`;
2. send: the messages are sent and acknowledged by the broker, then the announcements of them;
3. changelog: only then are the rows sent to the table's changelog and acknowledged, so that a
   recovered row never refers to a message that was lost;
4. acknowledge: only then is the batch acknowledged, so that its offset may be committed;
5. save: only after that commit may the rows be saved to disk, so that the disk is never ahead of
   what the group has committed.

While a batch waits for the broker, the next ones are computed: see `BatchProducer`. With a
`TransactionalProducer`, steps 2 to 4 are one transaction.
"""

from streams.batching.app import BatchApp
from streams.batching.crash_journal import CrashJournal
from streams.batching.delivery import Batch, BatchStream
from streams.batching.fetched import escaped_name
from streams.batching.observer import Lag, Observer
from streams.batching.producer import BatchProducer
from streams.batching.records import (
    Column,
    LaterColumn,
    Message,
    Messages,
    Outcome,
    Record,
    RecordBatch,
)
from streams.batching.rocks import RocksDirectory, StoreInUse
from streams.batching.table import BatchTable, Rows
from streams.batching.transactions import TransactionalProducer

__all__ = [
    "Batch",
    "BatchApp",
    "BatchProducer",
    "BatchStream",
    "BatchTable",
    "Column",
    "CrashJournal",
    "Lag",
    "LaterColumn",
    "Message",
    "Messages",
    "Observer",
    "Outcome",
    "Record",
    "RecordBatch",
    "RocksDirectory",
    "Rows",
    "StoreInUse",
    "TransactionalProducer",
    "escaped_name",
]
