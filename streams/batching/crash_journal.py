"""Remembers, across a crash of the process, which records it was handling.

An exception names its record. A crash in native code, or for lack of memory, ends the process and
names nothing: the next process would read the same record and crash again. So the offsets being
handled are written to a mapped file, which survives the process. After a crash, the records of that
range are handled one by one; the record that is being handled at the next crash is the cause, and
is skipped.

A kill -9 looks the same, and may hit any record. So a record is skipped after several unexplained
crashes, but after one that Python has logged as a fault.
"""

from __future__ import annotations

import faulthandler
import json
import mmap
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.batching.records import Record, RecordBatch

IN_HAND_BYTES = 1024
# Crashes while the record was handled alone, after the one while its whole batch was handled.
DEATHS_BY_FAULT = 1
DEATHS_UNEXPLAINED = 3
KEPT_DAYS = 7
SUSPECTS_KEPT = 100


@dataclass(frozen=True, slots=True)
class Suspect:
    """Records that were being handled when a process crashed.

    Attributes:
        topic: Their topic.
        partition: Their partition.
        first: Offset of the first.
        last: Offset of the last.
        timestamp: Timestamp of the first, in milliseconds since the epoch: a topic that was
            deleted and created again has other records at the same offsets.
        faults: Crashes meanwhile for which Python has logged a fault in native code.
        deaths: Crashes meanwhile.
        seen_at: Time of the last crash, in seconds since the epoch.
    """

    topic: str
    partition: int
    first: int
    last: int
    timestamp: int
    faults: int = 0
    deaths: int = 0
    seen_at: float = 0.0

    @property
    def is_guilty(self) -> bool:
        """Whether this is a single record that crashes every process."""
        return self.first == self.last and (
            self.faults >= DEATHS_BY_FAULT or self.deaths >= DEATHS_UNEXPLAINED
        )

    def is_in(self, batch: RecordBatch) -> bool:
        """Whether a batch contains some of these records."""
        records = batch.records
        return (
            (batch.topic, batch.partition) == (self.topic, self.partition)
            and bool(records)
            and self.first <= records[-1].offset
            and records[0].offset <= self.last
        )


class CrashJournal:
    """What this process is handling, and what crashed earlier ones; kept in a directory."""

    def __init__(self, directory: Path) -> None:
        """Read what the previous process was handling when it ended, and start afresh."""
        directory.mkdir(parents=True, exist_ok=True)
        self._file = directory / "crash-suspects.json"
        self._suspects = self._load()
        fault_log = directory / "native-crash.log"
        in_hand = directory / "in-hand"
        fault = fault_log.exists() and fault_log.stat().st_size > 0
        if in_hand.exists():
            self._note_death(in_hand.read_bytes(), fault=fault)
        # Kept for finding the cause; a new fault gets its own file.
        if fault:
            fault_log.replace(directory / "native-crash.last.log")
        with in_hand.open("wb") as file:
            file.truncate(IN_HAND_BYTES)
        with in_hand.open("r+b") as file:
            self._in_hand = mmap.mmap(file.fileno(), IN_HAND_BYTES)
        self._fault_log = fault_log.open("wb")
        faulthandler.enable(self._fault_log)

    @contextmanager
    def in_hand(self, batch: RecordBatch) -> Iterator[None]:
        """Note, as long as the block lasts, that these records are being handled."""
        entry = _entry(batch)
        self._in_hand[: len(entry)] = entry
        try:
            yield
        finally:
            self._in_hand[0] = 0

    def suspects(self, batch: RecordBatch) -> bool:
        """Whether a process has crashed while it handled records of this batch."""
        return any(suspect.is_in(batch) for suspect in self._suspects)

    def reason_to_skip(self, batch: RecordBatch) -> str | None:
        """Why the only record of this batch must not be handled again; None if it may."""
        (record,) = batch.records
        for suspect in self._suspects:
            if suspect.is_guilty and suspect.is_in(batch) and suspect.timestamp == record.timestamp:
                return (
                    f"the worker's process ended {suspect.deaths + 1} times while it handled this "
                    "record; it is skipped"
                )
        return None

    def survived(self, batch: RecordBatch) -> None:
        """Clear records that were handled one by one; skipped ones stay, as they may come again."""
        left = [s for s in self._suspects if s.is_guilty or not s.is_in(batch)]
        if left != self._suspects:
            self._suspects = left
            self._save()

    def _note_death(self, entry: bytes, *, fault: bool) -> None:
        found = _suspect(entry)
        if found is None:
            return
        before = next(
            (
                s
                for s in self._suspects
                if (s.topic, s.partition, s.first, s.last, s.timestamp)
                == (found.topic, found.partition, found.first, found.last, found.timestamp)
            ),
            None,
        )
        # The first crash counts for the batch, even if it has a single record.
        again = before is not None or any(self._contains(s, found) for s in self._suspects)
        counted = replace(
            before or found,
            deaths=(before.deaths if before else 0) + again,
            faults=(before.faults if before else 0) + (fault and again),
            seen_at=time.time(),
        )
        others = [s for s in self._suspects if s is not before]
        self._suspects = [*others, counted][-SUSPECTS_KEPT:]
        self._save()

    @staticmethod
    def _contains(whole: Suspect, part: Suspect) -> bool:
        return (whole.topic, whole.partition) == (part.topic, part.partition) and (
            whole.first <= part.first and part.last <= whole.last
        )

    def _load(self) -> list[Suspect]:
        oldest = time.time() - KEPT_DAYS * 86_400
        try:
            found = [Suspect(**fields) for fields in json.loads(self._file.read_text())]
        except (OSError, ValueError, TypeError):
            return []  # no file yet, or a damaged one: the next crashes are noted again
        return [suspect for suspect in found if suspect.seen_at > oldest]

    def _save(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps([asdict(suspect) for suspect in self._suspects]))
        new.replace(self._file)


def _entry(batch: RecordBatch) -> bytes:
    first: Record = batch.records[0]
    last: Record = batch.records[-1]
    fields = (batch.topic, batch.partition, first.offset, last.offset, first.timestamp)
    return ("\t".join(map(str, fields)) + "\n").encode()


def _suspect(entry: bytes) -> Suspect | None:
    if entry[:1] in (b"", b"\0"):
        return None  # nothing was in hand
    fields = entry.partition(b"\n")[0].decode(errors="replace").split("\t")
    try:
        topic, *numbers = fields
        return Suspect(topic, *map(int, numbers))
    except (ValueError, TypeError):
        return None
