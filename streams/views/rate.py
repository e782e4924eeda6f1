"""How often a client may write over HTTP: a token bucket for each address."""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SAVED_S = 10
"""A client that was silent for so long, in seconds, may write as much at once."""
BYTES_PER_WRITE = 8 * 1024
"""What a write may have in its body: a profile of 2,000 sections. A larger body is several."""
MOST_CLIENTS = 10_000


class WriteRate:
    """Counts the writes of each address; a process counts for itself."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Nobody has written yet.

        Args:
            per_s: Writes per second that an address may go on with; 0 for no limit.
            clock: Seconds since whenever.
        """
        self._per_s = per_s
        self._most = max(1.0, per_s * SAVED_S)
        self._clock = clock
        # What an address has left, and when that was: the one that was silent longest is first.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> float:
        """Take one write; 0 if there was one, else the seconds until there is."""
        if not self._per_s:
            return 0.0
        left = self._now(address)
        if left < 1:
            return (1 - left) / self._per_s
        self._keep(address, left - 1)
        return 0.0

    def charge(self, address: str, size: int) -> None:
        """Take what a body of so many bytes is worth beyond the one write that was taken.

        It may be more than is left: then the next write has to wait the longer.
        """
        more = max(0, size - 1) // BYTES_PER_WRITE
        if self._per_s and more:
            self._keep(address, self._now(address) - more)

    def _now(self, address: str) -> float:
        left, at = self._left.get(_client(address), (self._most, self._clock()))
        return min(self._most, left + (self._clock() - at) * self._per_s)

    def _keep(self, address: str, left: float) -> None:
        client = _client(address)
        self._left[client] = left, self._clock()
        self._left.move_to_end(client)
        if len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)


def _client(address: str) -> str:
    """Who has an address: of IPv6, everybody has a network of 2^64."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        return str(ip.ipv4_mapped or ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
