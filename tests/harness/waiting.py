"""Waiting for a condition, with a deadline: no test sleeps in the hope that something is done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_until(condition: Callable[[], bool], deadline_s: float = 60.0, what: str = "") -> None:
    """Wait for a condition, and fail if it has not come true by the deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"not in {deadline_s} s: {what or condition}"
        time.sleep(0.05)
