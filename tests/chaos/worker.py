"""A worker that kills itself with SIGKILL at a chosen point of a batch's life.

`python -m tests.chaos.worker POINT ROUND`: at that point of that round of sending.
"""

from __future__ import annotations

import os
import signal
import sys

from aiokafka import AIOKafkaProducer

from streams.app import run_worker
from streams.batching import Message, Messages
from streams.batching.sending import Sending
from streams.batching.transport import BatchConsumer
from streams.cli.settings import load_settings

POINTS = ("half-sent", "sent", "before-commit", "committed")


def die_now() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str, at_round: int) -> None:
    """Make the worker die."""
    rounds = 0
    hand_over = Sending.hand_over
    commit, commit_transaction = BatchConsumer._commit_offsets, AIOKafkaProducer.commit_transaction

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
            await (await hand_over(self, Messages(*messages[: len(messages) // 2]).columns))
            die_now()
        acknowledged = await hand_over(self, columns)
        if rounds == at_round and point == "sent":
            await acknowledged
            die_now()
        return acknowledged

    def deadly(commit):
        async def before_commit(self, *args, **kwargs):
            if rounds >= at_round and point == "before-commit":
                die_now()
            answer = await commit(self, *args, **kwargs)
            if rounds >= at_round and point == "committed":
                die_now()
            return answer

        return before_commit

    Sending.hand_over = counted
    BatchConsumer._commit_offsets = deadly(commit)
    AIOKafkaProducer.commit_transaction = deadly(commit_transaction)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    run_worker(load_settings())
