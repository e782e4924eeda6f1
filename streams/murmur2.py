"""Java's hash of a key, by which its producers choose a partition."""

from __future__ import annotations

from functools import lru_cache

HASHES_KEPT = 1 << 16
POSITIVE = 0x7FFFFFFF


@lru_cache(HASHES_KEPT)
def hash_of(key: bytes) -> int:
    """The hash, from 0 on; the partition is the rest when it is divided by their number."""
    from aiokafka.partitioner import murmur2  # only here: who reads all partitions needs none

    return int(murmur2(key) & POSITIVE)
