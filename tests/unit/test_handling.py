"""Whatever a record does to a stage, the others are handled, and the worker goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from streams.batching import Message, Messages, Outcome, RecordBatch
from streams.batching.handling import Handling
from streams.batching.store import RowStore
from streams.batching.table import Rows, StoreFailed


def records(*values: bytes):
    return [
        SimpleNamespace(offset=10 + n, timestamp=n, key=b"k%d" % n, value=value, headers=[])
        for n, value in enumerate(values)
    ]


def batch_of(*values: bytes) -> RecordBatch:
    return RecordBatch("in", 0, records(*values))


def dead_letter(batch, record, reason):
    return Message("dead-letters", record.key, f"{record.offset}: {reason}".encode())


class Table:
    def __init__(self):
        self.store = RowStore()

    def rows(self, partition):
        return Rows(self.store, partition)


def count(batch, rows):
    """Counts records by value; half of a bad one is written before it fails."""
    messages = Messages()
    for record in batch.records:
        before = int(rows.get(record.value) or 0)
        rows.put(record.value, b"%d" % (before + 1))
        if record.value == b"bad":
            rows.cache["made of"] = "the bad record"
            raise ValueError("no stage has ever seen this")
        messages.append(Message("out", record.key, record.value))
    return Outcome(messages)


def test_a_record_that_a_stage_fails_on_is_a_dead_letter_and_the_others_are_handled():
    table = Table()
    outcome, (rows,) = Handling(dead_letter, None).handle(
        batch_of(b"a", b"bad", b"b", b"a"), count, [table]
    )
    assert [m.value for m in outcome.messages if m.topic == "out"] == [b"a", b"b", b"a"]
    (letter,) = (m for m in outcome.messages if m.topic == "dead-letters")
    assert letter.value == b"11: the stage failed on it: ValueError: no stage has ever seen this"
    assert rows.written == {b"a": b"2", b"b": b"1"}
    assert table.store.get(0, b"a") == b"2"
    assert table.store.get(0, b"bad") is None
    assert rows.cache == {}


def test_a_batch_without_a_bad_record_is_handled_at_once():
    calls = []

    def work(batch, rows):
        calls.append(len(batch))
        return count(batch, rows)

    Handling(dead_letter, None).handle(batch_of(b"a", b"b"), work, [Table()])
    assert calls == [2]


@pytest.mark.parametrize("error", [OSError("disk full"), StoreFailed("disk"), MemoryError()])
def test_what_no_record_is_to_blame_for_ends_the_worker(error):
    table = Table()

    def work(_batch, rows):
        rows.put(b"half", b"done")
        raise error

    with pytest.raises(type(error)):
        Handling(dead_letter, None).handle(batch_of(b"a"), work, [table])
    assert table.store.get(0, b"half") is None


def test_rows_that_can_not_be_read_are_not_a_records_fault():
    rows = Rows(RowStore(), 0)
    rows._rows = SimpleNamespace(get=lambda _: 1 / 0, scan=lambda _: 1 / 0)
    for read in (lambda: rows.get(b"w"), lambda: rows.scan(b"w")):
        with pytest.raises(StoreFailed):
            read()


WORKER = textwrap.dedent("""
    import ctypes, os, signal, sys
    from pathlib import Path
    from streams.batching import CrashJournal
    from streams.batching.handling import Handling
    from tests.unit.test_handling import Table, batch_of, count, dead_letter

    def work(batch, rows):
        for record in batch.records:
            if record.value == b"segfault":
                ctypes.string_at(0)
            if record.value == b"killed" and sys.argv[2] == "die":
                os.kill(os.getpid(), signal.SIGKILL)
        return count(batch, rows)

    journal = CrashJournal(Path(sys.argv[1]))
    batch = batch_of(b"a", b"segfault" if len(sys.argv) == 2 else b"killed", b"b")
    outcome, (rows,) = Handling(dead_letter, journal).handle(batch, work, [Table()])
    print(*(m.value.decode() for m in outcome.messages), sep="|")
""")


def worker(directory, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WORKER, str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_record_that_crashes_native_code_is_skipped_after_the_second_death(tmp_path):
    deaths = [worker(tmp_path).returncode for _ in range(2)]
    assert deaths == [-signal.SIGSEGV] * 2
    for _ in range(2):  # also when it is read again
        third = worker(tmp_path)
        assert third.stdout.strip() == (
            "a|11: the worker's process ended 2 times while it handled this record; it is skipped|b"
        )
    assert "Segmentation fault" in (tmp_path / "native-crash.last.log").read_text()


def test_nothing_is_skipped_after_a_kill_that_no_record_is_to_blame_for(tmp_path):
    for _ in range(2):
        assert worker(tmp_path, "die").returncode == -signal.SIGKILL
    # It was killed twice at the same record, by chance: the record is handled.
    assert worker(tmp_path, "live").stdout.strip() == "a|killed|b"


def test_a_broken_journal_is_none(tmp_path):
    (tmp_path / "crash-suspects.json").write_text("")
    (tmp_path / "in-hand").write_bytes(b"\xff\tnot\tnumbers\n")
    (tmp_path / "native-crash.log").write_text("Fatal Python error")
    assert worker(tmp_path).returncode == -signal.SIGSEGV
