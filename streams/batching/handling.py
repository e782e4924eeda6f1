"""A stage's work on a batch and, if it fails, the search for the record that it fails on.

Whatever a record contains, it is processed or becomes a dead letter. Otherwise it would end the
worker, be read again, and end the next one. So if a stage raises on a batch, its rows are taken
back and the batch is tried record by record; a record that raises again becomes a dead letter. A
failure whose cause is not a record, such as a full disk, ends the worker.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING

from streams.batching.records import Outcome, RecordBatch
from streams.batching.table import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.batching.crash_journal import CrashJournal
    from streams.batching.records import DeadLetter
    from streams.batching.table import BatchTable, Rows

    Work = Callable[..., Outcome]

log = logging.getLogger(__name__)

SURROUNDINGS = (OSError, MemoryError, StoreFailed)


class Handling:
    """Lets stages process the batches of a worker."""

    def __init__(self, dead_letter: DeadLetter | None, journal: CrashJournal | None) -> None:
        """Prepare; without dead letters, exceptions are passed on to the caller.

        Args:
            dead_letter: Makes the dead letter of a record that a stage fails on.
            journal: Remembers, across a crash, which records were being handled; None: none.
        """
        self._dead_letter = dead_letter
        self._journal = journal

    def handle(
        self, batch: RecordBatch, work: Work, tables: Sequence[BatchTable]
    ) -> tuple[Outcome, list[Rows]]:
        """Let a stage process a batch; returns its outcome, and the rows written per table.

        Args:
            batch: The records; there may be none.
            work: The stage, given a batch and the rows of each table.
            tables: Its tables.

        Raises:
            Exception: The work raised it, and the cause is not a record.
        """
        if not batch.records:
            return Outcome(), []
        if self._journal is None or not self._journal.suspects(batch):
            try:
                return self._whole(batch, work, tables)
            except SURROUNDINGS:
                raise
            except Exception:
                if self._dead_letter is None:
                    raise
                log.exception(
                    "%s/%d: a batch of %d records failed; trying them one by one",
                    batch.topic, batch.partition, len(batch),
                )  # fmt: skip
        return self._one_by_one(batch, work, tables)

    def _whole(
        self, batch: RecordBatch, work: Work, tables: Sequence[BatchTable]
    ) -> tuple[Outcome, list[Rows]]:
        rows = [table.rows(batch.partition) for table in tables]
        try:
            with self._journal.in_hand(batch) if self._journal else nullcontext():
                outcome = work(batch, *rows)
        except Exception:
            for of_table in rows:
                of_table.take_back()
            raise
        for of_table in rows:
            of_table.apply()
        return outcome, rows

    def _one_by_one(
        self, batch: RecordBatch, work: Work, tables: Sequence[BatchTable]
    ) -> tuple[Outcome, list[Rows]]:
        outcome = Outcome()
        rows = [table.rows(batch.partition) for table in tables]
        for record in batch.records:
            single = RecordBatch(batch.topic, batch.partition, [record])
            reason = self._journal.reason_to_skip(single) if self._journal else None
            if reason is None:
                try:
                    found, written = self._whole(single, work, tables)
                except SURROUNDINGS:
                    raise
                except Exception as error:  # noqa: BLE001 - its dead letter says so
                    log.error(
                        "%s/%d@%d: a dead letter: %r",
                        batch.topic, batch.partition, record.offset, error,
                    )  # fmt: skip
                    reason = f"the stage failed on it: {type(error).__name__}: {error}"
                else:
                    outcome.extend(found)
                    for of_table, of_record in zip(rows, written, strict=True):
                        of_table.written.update(of_record.written)
                    continue
            if self._dead_letter is None:
                raise RuntimeError(f"{batch.topic}/{batch.partition}@{record.offset}: {reason}")
            outcome.messages.append(self._dead_letter(batch, record, reason))
        for of_table in rows:
            of_table.apply()
        if self._journal is not None:
            self._journal.survived(batch)
        return outcome, rows
