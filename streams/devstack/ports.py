"""The ports of the embedded stack: those asked for, those of the last time, and free ones."""

from __future__ import annotations

import socket
from random import SystemRandom
from typing import TYPE_CHECKING

from streams.devstack.processes import StackError

if TYPE_CHECKING:
    from collections.abc import Collection

    from streams.devstack.processes import Daemon

HOST = "127.0.0.1"
# Below what Linux, macOS and Windows give to outgoing connections.
FREE_PORTS = range(20000, 30000)


def asked_port(daemon: Daemon, option: str, asked: int | None, last: int) -> int:
    """The port that an option asks for, or 0.

    Args:
        daemon: Whose port it will be.
        option: The option, as it is written.
        asked: The port that it has; None if it was not given.
        last: The port of the last time.

    Raises:
        StackError: It is taken, or the process runs at another.
    """
    if asked is None or (asked == last and daemon.alive()):
        return asked or 0
    if daemon.alive():
        raise StackError(
            f"{daemon.name} runs already, on port {last}; run `thewall down` before giving "
            f"it another with {option}"
        )
    if not is_free(asked):
        raise StackError(
            f"port {asked} is taken by another program, or is not for you; leave {option} out "
            "for a free one"
        )
    return asked


def is_free(port: int) -> bool:
    """Whether nothing listens on a port, and we may."""
    with socket.socket() as probe:
        # As Java does: a port that was ours a moment ago may be ours again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port(but: Collection[int] = ()) -> int:
    """A port that nothing listens on, and none of these.

    Raises:
        StackError: There is none.
    """
    # Not one that the kernel would pick: a client that reconnects to a broker that is down could be
    # given the broker's own port, connect to itself, and keep the broker from coming back.
    for port in SystemRandom().sample(FREE_PORTS, len(FREE_PORTS)):
        if port not in but and is_free(port):
            return port
    raise StackError(f"no port of {FREE_PORTS.start} to {FREE_PORTS.stop - 1} is free")
