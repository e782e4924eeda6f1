"""What the routes of the app share."""

from __future__ import annotations

import asyncio
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import Depends, Request

from domain.errors import InvalidWall
from domain.wall import checked_wall_id
from streams.web.following import Following
from streams.web.plans import Plans
from streams.web.problems import Refusal, unavailable
from streams.web.producer import EventProducer

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.settings import Settings
    from streams.web.following import Generation
    from streams.web.replica import WallRows

T = TypeVar("T")


class Web:
    """The replica, and what answers are made with.

    Attributes:
        settings: The process's settings; the application version in them is 0 for the current one.
        following: Keeps the replica.
    """

    def __init__(self, settings: Settings, on_failure: Callable[[BaseException], None]) -> None:
        """Nothing is started yet."""
        self.settings = settings
        self.following = Following(settings, self._changed, self._switched, on_failure)
        # Plans of large walls: in a process of its own, so that nothing else waits for them.
        self._computer = ProcessPoolExecutor(1, get_context("spawn"))
        self.plans = Plans(self.compute)
        self.producer = EventProducer(settings)

    async def start(self) -> None:
        """Begin to follow the topics."""
        self.following.start()

    async def stop(self) -> None:
        """Stop what was started."""
        await self.producer.stop()
        await self.following.stop()
        self._computer.shutdown(wait=False, cancel_futures=True)

    @property
    def generation(self) -> Generation:
        """The replica that answers.

        Raises:
            Refusal: It has not yet read to the ends.
        """
        generation = self.following.generation
        if generation is None:
            raise unavailable(self.following.not_ready)
        return generation

    def wall(self, wall: str) -> WallRows:
        """The rows of a wall.

        Raises:
            Refusal: It is no wall id, or nothing is known yet.
            NotThere: There is no such wall.
        """
        try:
            checked_wall_id(wall)
        except InvalidWall as error:
            raise Refusal(400, str(error)) from error
        return self.generation.replica.wall(wall)

    async def compute(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function of the domain in another process; both it and arguments are pickled."""
        return await asyncio.get_running_loop().run_in_executor(
            self._computer, function, *arguments
        )

    def _changed(self, touched: dict[str, set[int]]) -> None:
        """Rows have changed."""

    def _switched(self) -> None:
        """Another generation answers."""


def web_of(request: Request) -> Web:
    """What the app that answers a request was made with."""
    web: Web = request.app.state.web
    return web


Here = Annotated[Web, Depends(web_of)]
