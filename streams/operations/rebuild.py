"""Rebuild: a new application version from the input topics, beside the one that runs.

The new version, a *shadow*, has a group, changelogs and topics of its own, and publishes beside
the final topics. It never reads further than the current version has committed. When the workers
of the current version are stopped, both are brought to the end of the input as it is then, and no
further. Their rows are then of the same events, and the current version has published all that is
to be said of those: audit events and dead letters too. The new version goes on from there.

What makes the switch is one record on `wall.versions`. A crash before it leaves the current
version, a crash after it the new one. The final rows are made the new version's just before.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from streams.client.client import Client
from streams.client.errors import ClientError
from streams.client.group import Group
from streams.client.kafka import ANY_PARTITION, produce
from streams.client.versions import (
    drop,
    numbers_in_use,
    topics_by_version,
    version_to_run,
)
from streams.contract.records import VersionSwitched
from streams.contract.topics import delete_topics
from streams.operations.supervisor import temporary_worker
from streams.operations.verification import RowSet, accepted_walls, expected_rows, published_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.client.group import Offsets
    from streams.contract.topics import Topic
    from streams.settings import Settings

# What came in during a round that took less than this is left for when the workers are stopped.
SHORT_ROUND_S = 60.0
# A worker that was killed is in its group until its session is over; this long beyond that.
SESSION_MARGIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rows of both versions and what the domain computes, all from the same events."""

    current: RowSet
    rebuilt: RowSet
    expected: RowSet

    def corrected(self) -> list[str]:
        """What was wrong with the current rows, a sentence each."""
        return self.expected.differences(self.current)

    def wrong(self) -> list[str]:
        """What is wrong with the rebuilt rows, a sentence each."""
        return self.expected.differences(self.rebuilt)


class Rebuild:
    """One attempt to rebuild; each has an application version that was never used."""

    def __init__(self, settings: Settings, to_version: int | None, timeout_s: float) -> None:
        """Drop what earlier attempts have left, and create the topics of the new version.

        Args:
            settings: Those of the workers that run.
            to_version: The new version; the next that was never used, if not given.
            timeout_s: How long each wait for a worker may take, in seconds.

        Raises:
            ClientError: The version was used, or another rebuild is under way, or what the current
                version has built is not of the topics that are there.
        """
        self.current = Client(version_to_run(settings))
        self.current.check_whole()
        self.settings = self.current.settings
        self.timeout_s = timeout_s
        version = self.settings.version
        used = topics_by_version(self.settings)
        in_use = numbers_in_use(self.settings)
        next_unused = next(n for n in count(max(version, *used, 0) + 1) if n not in in_use)
        if to_version is not None and (to_version < next_unused or to_version in in_use):
            raise ClientError(
                f"version {to_version} is not new: the current one is {version}, and topics have "
                f"the names of others; take {next_unused}, which has none"
            )
        unfinished = sorted(number for number in used if number > version)
        for number in unfinished:
            self._check_abandoned(number)
        drop(self.settings, unfinished)
        update = {"app_version": to_version or next_unused, "shadow": True}
        self.shadow = Client(self.settings.model_copy(update=update))
        self.group = Group(self.settings, self.current.topics)
        self.shadow_group = Group(self.shadow.settings, self.shadow.topics)

    def _check_abandoned(self, version: int) -> None:
        settings = self.settings.model_copy(update={"app_version": version})
        group = Group(settings, self.current.topics)
        if not group.wait_until_stopped(self.settings.session_timeout_s + SESSION_MARGIN_S):
            raise ClientError(
                f"another rebuild is under way: group {group.name} has workers; wait for it, or "
                "end it"
            )

    def catch_up(self, on_progress: Callable[[str, int, int], None]) -> None:
        """Bring the shadow near to where the current version is, which may go on meanwhile.

        Raises:
            ClientError: A worker ended, or was not done in time.
        """
        while True:
            began = time.monotonic()
            self._run(self.shadow, self.shadow_group, self._read(), "rebuilding", on_progress)
            if time.monotonic() - began < SHORT_ROUND_S:
                return

    @contextmanager
    def at_cut(self, on_progress: Callable[[str, int, int], None]) -> Iterator[Offsets]:
        """Bring both versions to the same point; no worker of the current one starts meanwhile.

        Yields:
            The offsets on the input topics that both have read up to, and nothing beyond.

        Raises:
            ClientError: The current version has workers.
        """
        # To the end of the input, not to the committed offsets: a killed worker has sent on more
        # than it had committed, and compaction may have removed what it has read.
        cut = self.group.ends(self.current.topics.inputs)
        if self.group.lag(cut):
            self._run(self.current, self.group, cut, "finishing the current version", on_progress)
        with self.group.fenced():
            if self._read() != cut or self.group.lag(cut):
                raise ClientError(
                    f"a worker of group {self.group.name} was started during the switch; stop it "
                    "and run `thewall rebuild` again"
                )
            if self.shadow_group.lag(cut):
                self._run(self.shadow, self.shadow_group, cut, "rebuilding", on_progress)
            yield cut

    def _read(self) -> Offsets:
        """What the current version has read of its input."""
        return self.group.committed(self.current.topics.inputs)

    def _run(
        self,
        client: Client,
        group: Group,
        until: Offsets,
        text: str,
        on_progress: Callable[[str, int, int], None],
    ) -> None:
        """Run a worker until it has processed everything up to these offsets."""
        log_file = self.settings.data_dir / "rebuild.log"
        with temporary_worker(client.settings, log_file, until) as check:
            group.wait_until_done(
                self.timeout_s, lambda done, of: on_progress(text, done, of), until, check
            )

    def compare(self, cut: Offsets) -> Comparison:
        """Compare what both versions have published with what the domain computes.

        Args:
            cut: The offsets on the input topics that both have read up to.
        """
        return Comparison(
            published_rows(self.current),
            published_rows(self.shadow),
            expected_rows(accepted_walls(self.current, cut)),
        )

    def switch(self, digest: str) -> None:
        """Make the final rows those of the new version, and make it the current one."""
        topics, shadow_topics = self.current.topics, self.shadow.topics
        # Overviews announce daily rows: they come when those can be read.
        self._copy_rows(shadow_topics.daily, topics.daily)
        self._copy_rows(shadow_topics.overview, topics.overview)
        self._record_switch(digest)
        delete_topics(self.settings, [topic.name for topic in shadow_topics.outputs])

    def _record_switch(self, digest: str) -> None:
        """Put on `wall.versions` that the new version publishes from here on."""
        current = self.current
        switched = VersionSwitched(
            version=self.shadow.settings.version,
            previous=current.settings.version,
            digest=digest,
        )
        value = current.codecs.encode(switched)
        key = current.settings.app_id
        produce(current.settings, [(current.topics.versions.name, key, value, ANY_PARTITION)])

    def _copy_rows(self, source: Topic, target: Topic) -> None:
        wanted, there = self.shadow.values(source), self.current.values(target)
        changed: dict[tuple[int, bytes], bytes | None] = {
            where: value for where, value in wanted.items() if there.get(where) != value
        }
        changed |= dict.fromkeys(there.keys() - wanted.keys())
        # Sorted, so that all rows of a profile change over together.
        rows = sorted(changed.items(), key=lambda item: item[0])
        produce(self.settings, ((target.name, key, value, p) for (p, key), value in rows))
