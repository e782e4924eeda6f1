"""One engine on one workload: started, warmed up, checked, timed, checked again."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.cluster import PARTITIONS, Cluster, Follower, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from bench.cluster import Rows
    from bench.cpu import CpuSeconds
    from bench.engines import Engine, Running
    from bench.workload import Workload
    from streams.devstack import StackAddresses

START_S = 120
SETTINGS_S = 40
SETTLE_S = 2.0
NONE = (None, None, None)
_numbers = itertools.count(1)


class Wrong(RuntimeError):
    """An engine did not come to the rows of the domain; the message says which are not equal."""


@dataclass(frozen=True, slots=True)
class Timed:
    """The outcome of a run.

    Attributes:
        engine: Name of the engine.
        parallel: Processes or threads.
        partitions: Partitions of every topic.
        sections: Sections of the timed part, finished ones included.
        seconds: From the first profile on its topic to the last expected row on its own.
        done_again: Audit events beyond one a section: work that was delivered again.
        cpu: CPU seconds of the timed part.
    """

    engine: str
    parallel: int
    partitions: int
    sections: int
    seconds: float
    done_again: int
    cpu: CpuSeconds

    @property
    def spec(self) -> str:
        """Engine and number of processes or threads, as in pipeline:2."""
        return f"{self.engine}:{self.parallel}"

    @property
    def rate(self) -> float:
        """Sections a second."""
        return self.sections / self.seconds

    @property
    def cpu_us_per_section(self) -> float:
        """Microseconds of CPU time a section, of the engine and the broker together."""
        return (self.cpu.engine + self.cpu.broker) / self.sections * 1e6


def new_prefix(name: str) -> str:
    """A prefix that no other run has."""
    return f"b{os.getpid()}-{next(_numbers)}-{name}"


def measure(
    stack: StackAddresses,
    engine: Engine,
    parallel: int,
    warm: Workload,
    timed: Workload,
    directory: Path,
    partitions: int = PARTITIONS,
) -> Timed:
    """Time an engine.

    All settings are on the log of their wall before any profile is: no engine plans a profile
    twice. They come when the engine's group is formed: not every engine survives a rebalance. The
    clock is the broker's: it stamps the first timed profile and every row as they are appended,
    which is when they can be read, so that no reader takes from the engine's share of the machine.

    Raises:
        Wrong: The rows are not those of the domain.
        Stuck: It did not end in time.
    """
    cluster = Cluster(stack, new_prefix(engine.name), partitions)
    running = engine.start(cluster, parallel, directory)
    follower = Follower(cluster)
    try:
        cluster.wait_for_members(parallel, running.alive, START_S)
        cluster.put_settings(warm.each())
        cluster.put_settings(timed.each())
        _wait_for_settings(cluster, warm.walls + timed.walls, running)
        cluster.put_profiles(warm.each())
        follower.wait_for(warm.walls, running.alive, _deadline_s(warm))
        _check(cluster, warm, running)
        time.sleep(SETTLE_S)
        before = cluster.ends(cluster.topics.profiles.name)
        used = running.cpu_seconds(stack.bootstrap_servers)
        cluster.put_profiles(timed.each())
        follower.wait_for(warm.walls + timed.walls, running.alive, _deadline_s(timed))
        cpu = running.cpu_seconds(stack.bootstrap_servers) - used
        rows, audited = _check(cluster, timed, running)
        seconds = (rows.last_ms - cluster.first_profile_ms(before)) / 1000
        again = audited - timed.expected.unfinished
        return Timed(engine.name, parallel, partitions, timed.sections, seconds, again, cpu)
    finally:
        follower.close()
        running.stop()
        cluster.delete()


def _wait_for_settings(cluster: Cluster, count: int, running: Running) -> None:
    def accepted() -> bool:
        running.alive()
        # Not by offsets: markers of transactions have some, too.
        return sum(1 for _ in cluster.read(cluster.topics.accepted.name)) >= count

    wait_until(accepted, SETTINGS_S, f"settings of {count} walls on the log")


def _deadline_s(workload: Workload) -> float:
    return 60 + workload.sections / 500


def _check(cluster: Cluster, workload: Workload, running: Running) -> tuple[Rows, int]:
    """A workload's rows, once all are there, and how many audit events say that a section is built.

    They have to be those of the domain.
    """
    expected = workload.expected
    least = len(expected.daily)
    wait_until(
        lambda: running.alive() or cluster.count(cluster.topics.daily.name) >= least,
        60,
        f"{least} daily rows",
    )
    rows = cluster.rows(workload.label)
    for _ in range(20):
        if rows.daily.keys() >= expected.daily.keys():
            break
        time.sleep(0.5)  # the overview was ahead of the last daily rows
        rows = cluster.rows(workload.label)
    _compare("daily rows", rows.daily, expected.daily)
    _compare("overview rows", rows.overview, expected.overview)
    return rows, _check_audit(cluster, workload, rows)


def _check_audit(cluster: Cluster, workload: Workload, rows: Rows) -> int:
    """Compare every field of every audit event with the domain; returns how many there are."""
    left = {key: set(sections) for key, sections in workload.expected.completed.items()}
    count = 0
    for key, event in cluster.audited(workload.label):
        count += 1
        profile, section = f"{event['wall']}/{event['profile']}", event["section"]
        crew, day, relieved_on = workload.expected.completed.get(profile, {}).get(section, NONE)
        expected = {
            "wall": event["wall"], "profile": event["profile"], "section": section, "crew": crew,
            "version": rows.versions.get(profile), "day": day, "crew_relieved_on": relieved_on,
            "run": None, "at_ms": None,
        }  # fmt: skip
        if event != expected or key != f"{profile}/{section}":
            raise Wrong(f"the audit event {key}: {event}, which should be {expected}")
        left[profile].discard(section)
    if missing := sum(map(len, left.values())):
        raise Wrong(f"{missing} sections have no audit event")
    return count


def _compare(
    what: str, found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]
) -> None:
    if found == expected:
        return
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    unequal = [key for key in expected if key in found and found[key] != expected[key]]
    raise Wrong(
        f"{what}: {len(missing)} are missing {missing[:3]}, {len(extra)} too many {extra[:3]}, "
        f"{len(unequal)} not equal {[(k, found[k], expected[k]) for k in unequal[:3]]}"
    )
