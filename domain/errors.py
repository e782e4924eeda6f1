"""What is raised for bad input, and how it quotes what was given."""

from __future__ import annotations


class InvalidWall(ValueError):
    """Something about a wall is wrong; the message says what, where, and what is right."""


class ClockConflict(ValueError):
    """What was asked of a clock does not fit what it is; the message says why."""


def quoted(value: object) -> str:
    """A wrong value as messages quote it: short, and in ASCII without control characters."""
    # An integer of thousands of digits refuses to become a string.
    if isinstance(value, int) and abs(value) >= 10**20:
        return "of more than 20 digits"
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
