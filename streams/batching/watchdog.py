"""Ends a worker that has records to read and gets nowhere."""

from __future__ import annotations

import logging
import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.batching.delivery import die

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log = logging.getLogger(__name__)


class NoProgress(RuntimeError):
    """There is lag, and no offset was committed for a long time."""


class Watchdog:
    """Asks the broker, now and then, what the group has committed and what there is to read.

    After an outage of the broker a consumer may rejoin its group and fetch nothing (reported of
    Faust): alive, healthy to look at, and useless. So this asks on a connection and in a thread
    of its own, which a wedged event loop can't hold up. A worker that ends is started again.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        group: str,
        assigned: Callable[[], Iterable[tuple[str, int]]],
        recovered: Callable[[], Any],
        patience_s: float,
    ) -> None:
        """Prepare to watch.

        Args:
            bootstrap_servers: Kafka brokers as host:port,…
            group: The consumer group.
            assigned: Says which partitions of source topics the worker has.
            recovered: Says how far the recovery of tables is: anything that changes with it.
            patience_s: How long lag without progress is borne, in seconds.
        """
        self._config = {"bootstrap.servers": bootstrap_servers, "group.id": group, "log_level": 0}
        self._assigned = assigned
        self._recovered = recovered
        self._patience_s = patience_s
        self._stopped = Event()
        self._last: Any = None
        self._since = time.monotonic()

    def start(self) -> None:
        """Watch from now on."""
        Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer: a worker that stops makes no progress."""
        self._stopped.set()

    def _watch(self) -> None:
        consumer = Consumer(self._config)
        while not self._stopped.wait(self._patience_s / 8):
            stuck_s = self.stuck_for(self._state(consumer))
            if stuck_s > self._patience_s and not self._stopped.is_set():
                die("stuck", NoProgress(f"lag, and no progress in {stuck_s:.0f} s"))

    def stuck_for(self, state: Any) -> float:
        """For how long the state has been the same, in seconds; None is a state of rest."""
        now = time.monotonic()
        if state is None or state != self._last:
            self._last, self._since = state, now
        return now - self._since

    def _state(self, consumer: Consumer) -> Any:
        """What progress would change; None if there is nothing to do."""
        wanted = [TopicPartition(topic, partition) for topic, partition in self._assigned()]
        if not wanted:
            return None
        try:
            committed = {
                (tp.topic, tp.partition): tp.offset for tp in consumer.committed(wanted, timeout=5)
            }
            ends = {
                (tp.topic, tp.partition): consumer.get_watermark_offsets(tp, timeout=5)
                for tp in wanted
            }
        except KafkaException:
            return "the broker does not answer"
        lag = any(low < high and max(committed[tp], low) < high for tp, (low, high) in ends.items())
        return (committed, self._recovered()) if lag else None
