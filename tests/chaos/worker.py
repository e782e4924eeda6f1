"""A worker that kills itself with SIGKILL at a chosen point of a batch's life.

`python -m tests.chaos.worker POINT ROUND`: at that point of that round of sending.
"""

from __future__ import annotations

import os
import signal
import sys

from streams.app import run_worker
from streams.batching import BatchProducer, Message, Messages
from streams.batching.transport import BatchConsumer
from streams.cli.settings import load_settings

POINTS = ("half-sent", "sent", "before-commit")


def die_now() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str, at_round: int) -> None:
    """Make the worker die."""
    rounds = 0
    send_round = BatchProducer._send_round
    commit = BatchConsumer._commit_offsets

    async def counted(self, columns):
        nonlocal rounds
        rounds += 1
        if rounds == at_round and point == "half-sent":
            # Messages, or rows on their way to the changelog: the first half gets there.
            messages = [
                Message(topic, key, value, partition)
                for topic, keys, values, partition in columns
                for key, value in zip(keys, values, strict=True)
            ]
            await (await send_round(self, Messages(*messages[: len(messages) // 2]).columns))
            die_now()
        acknowledged = await send_round(self, columns)
        if rounds == at_round and point == "sent":
            await acknowledged
            die_now()
        return acknowledged

    async def before_commit(self, *args, **kwargs):
        if rounds >= at_round and point == "before-commit":
            die_now()
        return await commit(self, *args, **kwargs)

    BatchProducer._send_round = counted
    BatchConsumer._commit_offsets = before_commit


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    run_worker(load_settings())
