"""A stage's work on a batch; and where it fails, the search for the record that it fails on.

Whatever a record holds, it is handled or it becomes a dead letter: it must not end the worker, be
read again, and end the next one. So a batch whose work raises is taken back and tried again record
by record, and the one that raises again is a dead letter. What fails for other reasons than a
record, as a full disk does, ends the worker: no record is to blame.
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
    """How the batches of a worker are handled."""

    def __init__(self, dead_letter: DeadLetter | None, journal: CrashJournal | None) -> None:
        """Handle batches; without dead letters, an exception is the caller's.

        Args:
            dead_letter: Makes the dead letter of a record that a stage fails on.
            journal: Remembers which records are in hand; None forgets them with the process.
        """
        self._dead_letter = dead_letter
        self._journal = journal

    def handle(
        self, batch: RecordBatch, work: Work, tables: Sequence[BatchTable]
    ) -> tuple[Outcome, list[Rows]]:
        """What a stage makes of a batch, and the rows that it has written, a table each.

        Args:
            batch: The records; there may be none.
            work: The stage, given a batch and the rows of each table.
            tables: Its tables.

        Raises:
            Exception: What the work raised, if no record is to blame.
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
