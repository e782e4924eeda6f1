"""The stack of this machine's user, as it was made: with users, or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.devstack.stack import Stack, is_secure, stack_directory

if TYPE_CHECKING:
    from pathlib import Path

    from streams.devstack.stack import StackAddresses


def stack_in(directory: Path) -> Stack:
    """The stack of a directory: secured, if it was made so."""
    if not is_secure(directory):
        return Stack(directory)
    from streams.devstack.secure import SecureStack  # only here: it has Kafka's client

    return SecureStack(directory)


def running_stack() -> StackAddresses | None:
    """Where the user's stack answers; None if it does not run. Asks no port."""
    stack = stack_in(stack_directory())
    return stack.addresses() if stack.runs() else None
