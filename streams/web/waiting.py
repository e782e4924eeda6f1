"""Waits until what a request has put on a topic is built, or has become a dead letter."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from streams.web.problems import Refusal
from streams.web.replica import SETTINGS
from streams.web.summaries import wall_summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.web.models import WallSummary
    from streams.web.producer import Sent
    from streams.web.state import Web


async def until_built(
    web: Web, wall: str, events: Mapping[int, Sent], timeout_s: float
) -> WallSummary | None:
    """Wait for events of a wall.

    Args:
        web: The replica.
        wall: The wall.
        events: Where the event of each profile, and under SETTINGS that of its settings, stands.
        timeout_s: How long, in seconds.

    Returns:
        The wall's totals; None if it has no profile left.

    Raises:
        Refusal: 422 if one became a dead letter, 504 if they are not built in time.
    """
    not_yet = dict(events)
    with web.woken_by(wall) as changed:
        try:
            async with asyncio.timeout(timeout_s):
                while not _are_accepted(web, wall, not_yet) or not _are_built(web, wall, events):
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            raise Refusal(
                504,
                f"it is on its topic, and not built after {timeout_s:g} s: a worker has to run; "
                f"/api/walls/{wall} shows when it is",
            ) from None
    rows = web.generation.replica.walls.get(wall)
    return wall_summary(rows) if rows is not None and rows.profiles else None


def _are_accepted(web: Web, wall: str, not_yet: dict[int, Sent]) -> bool:
    """Whether the planner has all events; those that it has are taken out."""
    rows = web.generation.replica.walls.get(wall)
    for number, sent in list(not_yet.items()):
        letter = web.dead_letter_of(sent)
        if letter is not None:
            raise Refusal(422, letter.reason)
        plan = rows.plans.get(number) if rows is not None else None
        if (
            plan is not None
            and plan.record.source_partition == sent.partition
            and plan.record.source_offset >= sent.offset
        ):
            del not_yet[number]
    return not not_yet


def _are_built(web: Web, wall: str, events: Mapping[int, Sent]) -> bool:
    """Whether what accepted events have changed is complete."""
    rows = web.generation.replica.walls[wall]
    if SETTINGS in events:
        return rows.complete
    if rows.each_depends_on_earlier:
        # The profiles behind it get other days, too.
        return all(map(rows.is_complete, (n for n in rows.due_versions if n >= min(events))))
    return all(map(rows.is_complete, events))
