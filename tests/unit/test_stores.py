"""The stores of a table's rows: what both do alike; RocksDB is never ahead of the changelog."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time

import pytest

from streams.batching.rocks import (
    LONGEST_ABSENCE_S,
    NO_TOPIC_ID,
    ChangelogInfo,
    RocksDirectory,
    RocksRowStore,
    StoreInUse,
)
from streams.batching.table import RocksStore, Rows, RowStore

TOPIC = ChangelogInfo("topic-1", {0: 100, 1: 100})


@pytest.fixture
def directory(tmp_path):
    directory = RocksDirectory(tmp_path, "none")
    yield directory
    directory.release()


@pytest.fixture
def rocks(directory):
    store = RocksRowStore(directory, "ledger")
    store.open(0, TOPIC)
    store.open(1, TOPIC)
    yield store
    store.close()


@pytest.fixture(params=["memory", "rocksdb"])
def store(request):
    return RowStore() if request.param == "memory" else request.getfixturevalue("rocks")


def write(store, rows: dict[bytes, bytes | None], partition: int = 0) -> Rows:
    """A batch that has written these rows and waits for the broker."""
    batch = Rows(store, partition)
    for key, value in rows.items():
        batch.put(key, value)
    batch.apply()
    return batch


def save(store, partition: int = 0) -> None:
    """What a commit does."""
    if isinstance(store, RocksRowStore):
        rows = store.partition(partition)
        rows.save(rows.mark())


@pytest.fixture
def after_a_kill(rocks, tmp_path_factory):
    """What a process that starts after a SIGKILL finds: the files as they are at this moment."""
    copies = []

    def copy(changelog: ChangelogInfo = TOPIC) -> RocksRowStore:
        left = tmp_path_factory.mktemp("left")
        shutil.copytree(rocks._directory.path / "rocksdb", left / "rocksdb")
        copies.append(RocksRowStore(RocksDirectory(left, "none"), "ledger"))
        copies[-1].open(0, changelog)
        return copies[-1]

    yield copy
    for store in copies:
        store.close()
        store._directory.release()


# Both stores.


def test_rows_are_read_as_they_were_written_last(store):
    write(store, {b"w": b"1", b"w/1": b"2"}).on_acknowledged()
    save(store)
    write(store, {b"w/1": b"3", b"w/2": b"4"})
    write(store, {b"w": None})
    assert [store.get(0, key) for key in (b"w", b"w/1", b"w/2", b"w/3")] == [None, b"3", b"4", None]


def test_a_scan_finds_the_rows_directly_under_a_prefix_and_no_others(store):
    keys = [b"w", b"w/1", b"w/2", b"w/2/3", b"w-/1", b"w./1", b"w0/1", b"ww/1", b"v/1", b"x"]
    write(store, dict.fromkeys(keys, b"on disk")).on_acknowledged()
    save(store)
    write(store, {b"w/2": None, b"w/4": b"in memory", b"w/4/5": b"", b"y": b"in memory"})
    assert dict(store.scan(0, b"w")) == {b"w/1": b"on disk", b"w/4": b"in memory"}
    assert dict(store.scan(0, b"w/2")) == {b"w/2/3": b"on disk"}
    assert dict(store.scan(0, b"")) == {b"w": b"on disk", b"x": b"on disk", b"y": b"in memory"}
    assert store.scan(0, b"none") == []


def test_partitions_do_not_see_each_other(store):
    write(store, {b"w/1": b"0"}, partition=0).on_acknowledged()
    write(store, {b"w/1": b"1"}, partition=1).on_acknowledged()
    store.drop(0)
    assert (store.get(0, b"w/1"), store.get(1, b"w/1")) == (None, b"1")


def test_a_late_batch_of_a_revoked_partition_changes_no_row(store):
    late = write(store, {b"w/1": b"late"})
    store.drop(0)
    late.put(b"w/2", b"later")
    late.apply()
    late.cache["x"] = "later"
    late.on_acknowledged()
    save(store)
    if isinstance(store, RocksRowStore):
        store.open(0, TOPIC)
    rows = Rows(store, 0)
    assert (rows.get(b"w/1"), rows.get(b"w/2"), rows.cache) == (None, None, {})


def test_a_cache_lasts_from_batch_to_batch_as_long_as_the_assignment(store):
    write(store, {b"w/1": b"1"}).cache["decoded"] = 1
    assert Rows(store, 0).cache == {"decoded": 1}
    assert Rows(store, 1).cache == {}
    store.drop(0)
    assert Rows(store, 0).cache == {}


# RocksDB.


def test_a_row_is_on_disk_when_its_changelog_is_acknowledged_and_not_before(rocks, after_a_kill):
    acknowledged = write(rocks, {b"w/1": b"told", b"w/2": b"told"})
    write(rocks, {b"w/2": b"not told", b"w/3": b"not told", b"w/1": None})
    save(rocks)
    assert after_a_kill().scan(0, b"w") == []
    acknowledged.on_acknowledged()
    save(rocks)
    assert dict(rocks.scan(0, b"w")) == {b"w/2": b"not told", b"w/3": b"not told"}
    found = after_a_kill()
    assert dict(found.scan(0, b"w")) == {b"w/1": b"told", b"w/2": b"told"}
    assert found.partition(0).offset == 1


def test_what_a_later_batch_wrote_is_seen_while_earlier_ones_are_acknowledged(rocks):
    batches = [write(rocks, {b"w/1": value}) for value in (None, b"2", None, b"4", b"4")]
    seen = []
    for batch in batches:
        batch.on_acknowledged()
        seen.append(rocks.get(0, b"w/1"))
        save(rocks)
        seen.append(rocks.get(0, b"w/1"))
    assert seen == [b"4"] * 10
    assert rocks.partition(0)._unsaved == {}
    assert rocks.partition(0).offset == 4


def test_the_offset_is_that_of_the_last_recovered_message_and_one_for_each_acknowledged(
    rocks, after_a_kill
):
    # Compaction has left gaps.
    rocks.partition(0).apply_recovered({b"w/1": b"1", b"w/2": None}, 41, at=time.time())
    write(rocks, {b"w/1": b"2", b"w/3": b"2"}).on_acknowledged()
    write(rocks, {b"w/3": b"3"}).on_acknowledged()
    write(rocks, {}).on_acknowledged()
    save(rocks)
    found = after_a_kill()
    assert found.partition(0).offset == 44
    assert dict(found.scan(0, b"w")) == {b"w/1": b"2", b"w/3": b"3"}


def test_an_acknowledgement_from_before_a_rebalance_is_not_counted_again(rocks):
    under_way = write(rocks, {b"w/1": b"1"})
    under_way.cache["decoded"] = 1
    rocks.open(0, TOPIC)  # the partition stays; recovery then reads what had got there
    assert (rocks.get(0, b"w/1"), Rows(rocks, 0).cache) == (None, {})
    rocks.partition(0).apply_recovered({b"w/1": b"1"}, 0, at=time.time())
    under_way.on_acknowledged()
    save(rocks)
    assert rocks.partition(0).offset == 0


def test_rows_acknowledged_after_a_commit_began_are_not_saved_with_it(rocks, after_a_kill):
    write(rocks, {b"w/1": b"before"}).on_acknowledged()
    mark = rocks.partition(0).mark()
    write(rocks, {b"w/1": b"after", b"w/2": b"after"}).on_acknowledged()
    rocks.partition(0).save(mark)
    found = after_a_kill()
    assert (found.scan(0, b"w"), found.partition(0).offset) == ([(b"w/1", b"before")], 0)
    assert rocks.get(0, b"w/1") == b"after"
    save(rocks)
    assert rocks.partition(0).offset == 2


class StoreWithoutFaust(RocksStore):
    def __init__(self, rocks):
        self.rocks, self._generation = rocks, 7


def test_rows_are_saved_only_by_a_commit_of_the_generation_that_wrote_them(rocks):
    rows = Rows(rocks, 0)
    rows.put(b"w/1", b"row")
    rows.apply()
    rows.on_acknowledged()
    faust_store = StoreWithoutFaust(rocks)
    for generation in (6, 8, -1):
        faust_store.checkpoint()(generation)
        assert rocks.partition(0).offset == -1
    faust_store.checkpoint()(7)
    assert rocks.partition(0).offset == 0


def test_a_partition_that_comes_back_is_continued(rocks):
    write(rocks, {b"w/1": b"1"}).on_acknowledged()
    save(rocks)
    rocks.drop(0)
    rocks.open(0, TOPIC)
    assert (rocks.get(0, b"w/1"), rocks.partition(0).offset) == (b"1", 0)


@pytest.mark.parametrize(
    "changelog",
    [
        pytest.param(ChangelogInfo("topic-2", {0: 100}), id="another topic of the same name"),
        pytest.param(ChangelogInfo("topic-1", {0: 1}), id="it ends before what is on disk"),
        pytest.param(ChangelogInfo(NO_TOPIC_ID, {0: 100}), id="the broker knows no topic ids"),
    ],
)
def test_rows_of_another_changelog_are_dropped(rocks, after_a_kill, changelog):
    write(rocks, {b"w/1": b"1", b"w/2": b"2"}).on_acknowledged()
    save(rocks)
    found = after_a_kill(changelog)
    assert (found.scan(0, b"w"), found.partition(0).offset) == ([], -1)


def test_a_copy_that_may_have_missed_a_deletion_is_dropped(rocks):
    rows = rocks.partition(0)
    rows.apply_recovered({b"w/1": b"1"}, 41, at=1000.0)
    long_after = 1000.0 + LONGEST_ABSENCE_S + 1
    assert rows.reason_to_discard(50, 1000.0 + LONGEST_ABSENCE_S - 1) is None
    assert rows.reason_to_discard(42, long_after) is None  # nothing was written meanwhile
    assert rows.reason_to_discard(50, long_after) is not None
    rows.mark_current()
    assert rows.reason_to_discard(50, time.time()) is None


def test_a_broken_database_is_made_anew(rocks, tmp_path):
    write(rocks, {b"w/1": b"1"}).on_acknowledged()
    save(rocks)
    rocks.close()
    current = tmp_path / "rocksdb" / "ledger" / "0" / "CURRENT"
    current.write_text("MANIFEST-")
    rocks.open(0, TOPIC)
    assert (rocks.get(0, b"w/1"), rocks.partition(0).offset) == (None, -1)


def test_the_key_of_a_row_is_not_empty(rocks):
    with pytest.raises(ValueError, match="empty"):
        write(rocks, {b"": b"x"})


def test_a_directory_is_one_workers_until_its_process_ends_however_it_ends(tmp_path):
    take = f"from pathlib import Path; from streams.batching import RocksDirectory as D; \
        d = D(Path({str(tmp_path)!r}), 'none'); print('taken', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", take], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"taken\n"
        with pytest.raises(StoreInUse, match="THEWALL_DATA_DIR"):
            RocksDirectory(tmp_path, "none")
        other.kill()
    RocksDirectory(tmp_path, "none").release()
