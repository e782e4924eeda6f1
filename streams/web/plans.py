"""The plans of walls, computed in a process of its own and kept for who asks next."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from streams.web.picture import packed, planned_wall

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from domain.settings import WallSettings
    from streams.web.picture import PlannedWall
    from streams.web.replica import WallRows

MOST_KEPT_SECTIONS = 4_000_000


class Plans:
    """Plans and pictures of the walls that were last asked for."""

    def __init__(self, compute: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        """Name what calls a function with arguments, elsewhere."""
        self._compute = compute
        self._kept: OrderedDict[tuple[str, int], asyncio.Task[tuple[PlannedWall, bytes]]]
        self._kept = OrderedDict()

    async def of(self, rows: WallRows) -> tuple[PlannedWall, bytes]:
        """The plan of a wall as last accepted, and its picture."""
        key = (rows.wall, rows.plans.mark)
        task = self._kept.get(key)
        if task is None:
            task = self._kept[key] = asyncio.create_task(
                self._compute(_plan_and_pack, rows.settings, rows.heights, rows.version)
            )
            self._forget_old()
        self._kept.move_to_end(key)
        try:
            # Others may wait for it, too: who leaves must not end it.
            return await asyncio.shield(task)
        except BaseException:
            if task.done() and (task.cancelled() or task.exception() is not None):
                self._kept.pop(key, None)
            raise

    def _forget_old(self) -> None:
        sections = 0
        for key, task in reversed(list(self._kept.items())):
            if task.done() and not task.cancelled() and task.exception() is None:
                sections += len(task.result()[0].heights)
                if sections > MOST_KEPT_SECTIONS:
                    del self._kept[key]


def _plan_and_pack(
    settings: WallSettings, heights: Mapping[int, bytes], version: int
) -> tuple[PlannedWall, bytes]:
    planned = planned_wall(settings, heights)
    return planned, packed(planned, version)
