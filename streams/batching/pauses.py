"""Faust's pauses when a worker starts and when it ends, as long as something needs them.

It sleeps a second at each: before it subscribes, so that agents and tables which are made late are
known by then, and before it closes the event loop, so that what was cancelled can end.
"""

from __future__ import annotations

import asyncio

import faust
from faust.tables import TableManager

LONGEST_S = 1.0


class DeclaredTables(TableManager):
    """Tables that are all declared before the app starts."""

    async def on_start(self) -> None:
        """Register the tables, and subscribe: the app has started its agents by now."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()


class Worker(faust.Worker):
    """A worker whose event loop is closed when nothing runs in it any more."""

    async def _sentinel_task(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=LONGEST_S)
