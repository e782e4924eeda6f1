"""A worker that starts or ends does not sleep for what is done already."""

from __future__ import annotations

import asyncio
import time

from streams.batching import pauses
from streams.batching.pauses import Worker


async def closing() -> float:
    """How long the event loop is kept open, in seconds."""
    begun = time.monotonic()
    await Worker._sentinel_task(None)
    return time.monotonic() - begun


async def test_an_event_loop_in_which_nothing_runs_is_closed_at_once():
    assert await closing() < pauses.LONGEST_S / 2


async def test_what_was_cancelled_can_end_before_the_event_loop_is_closed():
    ended = []

    async def tidy_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append(True)

    task = asyncio.ensure_future(tidy_up())
    await asyncio.sleep(0)
    task.cancel()
    await closing()
    assert ended


async def test_what_never_ends_keeps_it_open_for_a_second_at_most(monkeypatch):
    monkeypatch.setattr(pauses, "LONGEST_S", 0.05)
    task = asyncio.ensure_future(asyncio.Event().wait())
    assert await closing() >= 0.05
    assert not task.done()
    task.cancel()
