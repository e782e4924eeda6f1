"""CPU time of what is measured: it hardly depends on what else the machine does."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU seconds that were used so far, user and system.

    Attributes:
        engine: By the engine's processes and their children.
        broker: By the broker.
    """

    engine: float
    broker: float

    def __sub__(self, earlier: CpuSeconds) -> CpuSeconds:
        return CpuSeconds(self.engine - earlier.engine, self.broker - earlier.broker)


def cpu_seconds(pids: Iterable[int], broker_address: str) -> CpuSeconds:
    """The CPU seconds of an engine's processes, and of the broker that listens there."""
    return CpuSeconds(sum(map(_with_children, pids)), _with_children(_listening(broker_address)))


def _with_children(pid: int) -> float:
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                total += times.user + times.system
    return total


def _listening(address: str) -> int:
    port = int(address.rpartition(":")[2])
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return connection.pid or 0
    raise LookupError(f"no process of ours listens on {address}")
