"""A process beside the web process, for what takes long to compute and would hold up the rest."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from streams.web.problems import unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Computer:
    """One process; what it is asked waits its turn."""

    def __init__(self) -> None:
        """Start it at once: it takes a second or two, in which nobody should wait for a picture."""
        self._pool = _pool()
        self._pool.submit(int)

    async def compute(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function there; both it and its arguments are pickled.

        Raises:
            Refusal: The process has ended, as if it was killed; another one takes its place.
        """
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
        except BrokenProcessPool as error:
            if self._pool is pool:
                self._pool = _pool()
            raise unavailable("the process that computes plans has ended") from error

    async def stop(self) -> None:
        """End the process, in the middle of a plan if it must be."""
        for process in active_children():
            process.terminate()
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin)


def _begin() -> None:
    # A Ctrl-C is for the web process, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the web process does, even by kill -9: nobody else would end this one then."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
