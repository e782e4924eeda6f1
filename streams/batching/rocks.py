"""Rows of a table in RocksDB, one database per partition: a restart recovers only what is new.

A database has the rows of its partition and, written together with them, the changelog offset that
they correspond to. That offset must never be too high:

- Rows are written before their batch's messages are sent. They stay in memory until the broker has
  acknowledged those messages and then the rows' changelog messages. So a row on disk never refers
  to a lost message.
- The owner of a changelog partition is its only writer, and messages arrive in the order of their
  batches. So the offset is the one that recovery ended with, plus one per message acknowledged
  since.
- A worker that lost the partition may still append to the changelog. The owner then counts too few
  messages, so its next start re-reads some rows. That is safe.
- The former owner would count too many, because the new owner's messages have taken those offsets.
  So rows stay in memory until an offset was committed after their acknowledgement: the broker
  refuses that to a worker that is no longer in the group.
- An offset is meaningless on another topic of the same name. So the topic's id, which no two topics
  share, is stored beside it, and rows of another topic are discarded.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from filelock import FileLock, Timeout
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from streams.batching.store import RowStore, prefix_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_S = 30.0
# Kafka keeps a tombstone for at least a day (delete.retention.ms). A copy older than that may have
# missed a tombstone and would keep a deleted row.
LONGEST_ABSENCE_S = 12 * 60 * 60
# The id that Kafka before 2.8 gives for every topic.
NO_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAA"
# The database key of its position: no row has an empty key.
POSITION = b""
NO_OFFSET = -1
MIB = 1024 * 1024


class StoreInUse(RuntimeError):
    """Another process uses the directory: each worker needs its own."""


class ChangelogInfo(NamedTuple):
    """A changelog topic as the broker has it: its id, and the end offset of each partition."""

    topic_id: str
    ends: Mapping[int, int]


class Checkpoint(NamedTuple):
    """Number of acknowledged writers of a partition, and the time, in seconds since the epoch."""

    writers: int
    at: float


class RocksDirectory:
    """A worker's directory, and what all of its databases share."""

    def __init__(
        self, path: Path, bootstrap_servers: str, config: Mapping[str, Any] | None = None
    ) -> None:
        """Lock the directory until the process ends, in whatever way.

        Args:
            path: The directory; created if it does not exist.
            bootstrap_servers: Kafka brokers as host:port,…
            config: librdkafka settings that extend the defaults.

        Raises:
            StoreInUse: Another process uses it.
        """
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._config: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            "log_level": 4,
            **(config or {}),
        }
        self._admin: AdminClient | None = None
        self._lock = FileLock(path / "lock")
        try:
            # RocksDB locks each database, but only when partitions are assigned: too late here.
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise StoreInUse(
                f"{path} is in use by another worker; give each worker its own THEWALL_WEB_PORT "
                "or THEWALL_DATA_DIR"
            ) from error
        self._cache = Cache(64 * MIB)

    def release(self) -> None:
        """Unlock the directory."""
        self._lock.release()

    def describe(self, topic: str, partitions: Iterable[int]) -> ChangelogInfo:
        """Ask the broker for a topic's id and the end offsets of its partitions.

        Raises:
            KafkaException: No answer, or a partition without a leader, until the timeout.
        """
        if self._admin is None:
            self._admin = AdminClient(self._config)
        numbers = list(partitions)
        return Retrying(
            retry=retry_if_exception_type(KafkaException),
            stop=stop_after_delay(REQUEST_TIMEOUT_S),
            wait=wait_fixed(0.2),
            reraise=True,
        )(lambda admin: _described(admin, topic, numbers), self._admin)

    def database(self, path: Path) -> Rdict:
        """Open a database, or create it.

        If RocksDB finds it corrupt, it is created again: the changelog has everything.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return Rdict(str(path), self._options())
        except Exception as error:  # rocksdict raises nothing more particular
            if "Corruption" not in str(error):
                raise
            log.warning("%s is broken and is recovered from the beginning: %s", path, error)
            shutil.rmtree(path)
            return Rdict(str(path), self._options())

    def _options(self) -> Options:
        # One database per table and partition: each has to be small.
        options, table = Options(raw_mode=True), BlockBasedOptions()
        options.create_if_missing(True)
        options.set_write_buffer_size(8 * MIB)
        options.set_keep_log_file_num(1)
        options.set_max_log_file_size(MIB)
        table.set_block_cache(self._cache)
        table.set_bloom_filter(10, False)
        options.set_block_based_table_factory(table)
        return options


def _described(admin: AdminClient, topic: str, partitions: list[int]) -> ChangelogInfo:
    wanted = TopicCollection([topic])
    described = admin.describe_topics(wanted, request_timeout=REQUEST_TIMEOUT_S)[topic].result()
    latest = {TopicPartition(topic, number): OffsetSpec.latest() for number in partitions}
    found = admin.list_offsets(latest, request_timeout=REQUEST_TIMEOUT_S)
    ends = {tp.partition: future.result().offset for tp, future in found.items()}
    return ChangelogInfo(str(described.topic_id), ends)


class RocksRowStore(RowStore):
    """The rows of a table, in one database per assigned partition."""

    def __init__(self, directory: RocksDirectory, table: str) -> None:
        """Open nothing yet.

        Args:
            directory: The worker's directory.
            table: Name of the table.
        """
        super().__init__()
        self._directory = directory
        self._path = directory.path / "rocksdb" / table
        self.open_partitions: dict[int, RocksPartition] = {}

    def partition(self, number: int) -> RocksPartition:
        """The rows of a partition; one that is not assigned has no rows and keeps none."""
        return self.open_partitions.get(number) or RocksPartition(None, "")

    def open(self, number: int, changelog: ChangelogInfo) -> None:
        """Open an assigned partition. Rows never saved are dropped; recovery reads them again."""
        self.open_partitions[number] = self.load(number, self.hand_over(number), changelog)

    def hand_over(self, number: int) -> Rdict | None:
        """Close an open partition but not its database, and return that; None if it is not open."""
        rows = self.open_partitions.pop(number, None)
        return None if rows is None else rows.hand_over()

    def load(self, number: int, database: Rdict | None, changelog: ChangelogInfo) -> RocksPartition:
        """A partition as it is on disk. Takes a while, and does not change the store itself.

        Rows on disk are kept if they are of this changelog and may be continued.

        Args:
            number: The partition.
            database: Its database, if it is open already.
            changelog: Its changelog at this moment.
        """
        path = self._path / str(number)
        if database is None:
            database = self._directory.database(path)
        rows = RocksPartition(database, changelog.topic_id)
        reason = rows.reason_to_discard(changelog.ends[number], time.time())
        if reason is not None:
            log.warning("%s is recovered from the beginning: %s", path, reason)
            rows.close()
            shutil.rmtree(path)
            rows = RocksPartition(self._directory.database(path), changelog.topic_id)
        return rows

    def row_count(self) -> int:
        """About how many rows there are on disk. From any thread."""
        return sum(rows.row_count() for rows in tuple(self.open_partitions.values()))

    def drop(self, partition: int) -> None:
        """Close a revoked partition; its database stays, to be continued later."""
        rows = self.open_partitions.pop(partition, None)
        if rows is not None:
            rows.close()

    def close(self) -> None:
        """Close all partitions."""
        for number in list(self.open_partitions):
            self.drop(number)


class RocksPartition:
    """The rows of one partition: saved ones on disk, later ones in memory.

    Attributes:
        offset: Offset of the last changelog message that the rows on disk include; -1 if none.
    """

    def __init__(self, database: Rdict | None, topic_id: str) -> None:
        """Read the position of a database.

        Args:
            database: The database; None for rows that are not kept.
            topic_id: Id of the changelog topic.
        """
        self.cache: dict[Any, Any] = {}
        self._database = database
        self._topic_id = topic_id
        # By prefix and key: the row and its last writer.
        self._unsaved: dict[bytes, dict[bytes, tuple[bytes | None, object]]] = {}
        # Rows and writers that the changelog has, in its order.
        self._acknowledged: list[tuple[Mapping[bytes, bytes | None], object]] = []
        self._assigned_at = time.time()
        found = None if database is None else database.get(POSITION)
        position: dict[str, Any] = {} if found is None else json.loads(found)
        self.offset: int = position.get("offset", NO_OFFSET)
        self._topic_on_disk: str = position.get("topic", topic_id)
        self._at: float = position.get("at", 0.0)

    def reason_to_discard(self, end: int, now: float) -> str | None:
        """Why the rows on disk must not be continued; None if they may be.

        Args:
            end: End offset of the changelog partition.
            now: The time, in seconds since the epoch.
        """
        if self.offset == NO_OFFSET:
            return None
        if self._topic_id == NO_TOPIC_ID:
            return "the broker has no ids for topics"
        if self._topic_on_disk != self._topic_id:
            return "its changelog was deleted and created again"
        if self.offset >= end:
            return f"the changelog ends at {end}, before offset {self.offset}"
        if self.offset + 1 < end and now - self._at > LONGEST_ABSENCE_S:
            return "it is so old that deletions may have been missed"
        return None

    def get(self, key: bytes) -> bytes | None:
        """The row of a key; None if there is none."""
        if self._unsaved:
            written = self._unsaved.get(prefix_of(key))
            if written is not None and key in written:
                return written[key][0]
        return None if self._database is None else self._database.get(key)

    def put(self, key: bytes, value: bytes | None, writer: object = None) -> None:
        """Write a row; None deletes it. It stays in memory until its writer is saved.

        Raises:
            ValueError: The key is empty.
        """
        if key == POSITION:
            raise ValueError("the key of a row must not be empty")
        self._unsaved.setdefault(prefix_of(key), {})[key] = (value, writer)

    def row_count(self) -> int:
        """About how many rows there are on disk. From any thread."""
        try:
            number = self._database.property_int_value("rocksdb.estimate-num-keys")  # type: ignore[union-attr]
        except Exception:  # noqa: BLE001 - it was closed just now, or there is none
            return 0
        return int(number or 0)

    def scan(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """The rows whose keys are `prefix` / something without another slash, in no order."""
        found: dict[bytes, bytes | None] = {}
        if self._database is not None:
            between = ReadOptions()
            first = None
            if prefix:
                first = prefix + b"/"
                between.set_iterate_upper_bound(prefix + b"0")  # what comes after the slash
            rows: Iterable[tuple[Any, bytes]] = self._database.items(
                from_key=first, read_opt=between
            )
            found = {k: value for k, value in rows if k != POSITION and prefix_of(k) == prefix}
        for key, (written, _) in self._unsaved.get(prefix, {}).items():
            found[key] = written
        return [(key, value) for key, value in found.items() if value is not None]

    def on_acknowledged(self, written: Mapping[bytes, bytes | None], writer: object) -> None:
        """Note that the changelog has all rows of a writer; `save` writes them to disk.

        Writers have to be acknowledged in the order in which their rows are in the changelog.
        """
        if self._database is not None and written:
            self._acknowledged.append((written, writer))

    def mark(self) -> Checkpoint:
        """The writers acknowledged up to now."""
        return Checkpoint(len(self._acknowledged), time.time())

    def save(self, mark: Checkpoint) -> None:
        """Write the rows of these writers to disk, with the changelog offset that they reach."""
        if self._database is None or not mark.writers:
            return  # revoked meanwhile; its new owner recovers these rows
        saved = self._acknowledged[: mark.writers]
        del self._acknowledged[: mark.writers]
        rows: dict[bytes, bytes | None] = {}
        for written, _ in saved:
            rows.update(written)
        self._write(rows, self.offset + sum(len(written) for written, _ in saved), mark.at)
        for written, writer in saved:
            self._forget_saved(written, writer)

    def _forget_saved(self, written: Iterable[bytes], writer: object) -> None:
        for key in written:
            prefix = prefix_of(key)
            rows = self._unsaved.get(prefix, {})
            if key in rows and rows[key][1] is writer:
                del rows[key]
                if not rows:
                    del self._unsaved[prefix]

    def apply_recovered(self, rows: Mapping[bytes, bytes | None], offset: int, at: float) -> None:
        """Write rows to disk that were recovered from the changelog.

        Args:
            rows: Last value of each key; None if it was deleted.
            offset: Offset of the last message.
            at: Its timestamp, in seconds since the epoch: the age of the rows.
        """
        self.cache.clear()
        self._write(rows, offset, at)

    def mark_current(self) -> None:
        """Note that the rows are as recent as the changelog was at the assignment."""
        if self.offset != NO_OFFSET:
            self._write({}, self.offset, self._assigned_at)

    def hand_over(self) -> Rdict | None:
        """Give up the open database, and drop rows that were not saved."""
        database, self._database = self._database, None
        self._unsaved.clear()
        self._acknowledged.clear()
        self.cache.clear()
        return database

    def close(self) -> None:
        """Close the database, and drop rows that were not saved."""
        database = self.hand_over()
        if database is not None:
            database.close()

    def _write(self, rows: Mapping[bytes, bytes | None], offset: int, at: float) -> None:
        if self._database is None:
            return
        # Atomic: after a crash, rows and offset are both old or both new.
        batch = WriteBatch(raw_mode=True)
        for key, value in rows.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        position = {"topic": self._topic_id, "offset": offset, "at": at}
        batch.put(POSITION, json.dumps(position).encode())
        self._database.write(batch)
        self.offset, self._at = offset, at
