"""What a client says when something can't be done; without Kafka's modules, to be had at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ClientError(RuntimeError):
    """The broker, the registry or the data did not allow what was asked; the message says why."""


def no_totals(wall: str) -> ClientError:
    """What to say of a wall of which nothing was added up."""
    return ClientError(
        f"there is no wall {wall}; if it was just submitted, a worker has to run: `thewall worker`"
    )


def no_profile(wall: str, profile: int, existing: Iterable[int]) -> ClientError:
    """What to say of a profile that a wall of these profiles does not have."""
    numbers = listed(existing)
    if not numbers:
        return ClientError(f"there is no wall {wall}; submit one with `thewall submit`")
    return ClientError(f"wall {wall} has no profile {profile}; it has {numbers}")


def listed(numbers: Iterable[int], most: int = 10) -> str:
    """The first few numbers, for people."""
    found = sorted(numbers)
    rest = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(map(str, found[:most])) + rest
