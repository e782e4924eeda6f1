"""Byte strings of many rows in one array, for what is encoded, hashed and framed in columns.

A loop over records costs as much for a byte as for a record. Here numpy does a step for all rows at
once: rows are put together of parts, such as numbers of variable length, each with as many cells as
its longest row has. At the end the cells that are filled are taken out, row after row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, pairwise, repeat
from typing import Any, TypeAlias, overload

import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"
Ends: TypeAlias = "Array | Cells | Sequence[str]"

# For fewer rows, the calls of numpy take longer than a loop over them.
FEW_ROWS = 100
# All rows have as many cells as the longest: a longer one would make all of them expensive.
LONGEST = 256


class Cells(Sequence[bytes]):
    """A byte string a row.

    Attributes:
        cells: An array of bytes, a line for each row.
        filled: Which of the cells are a row's bytes, from left to right; None: all.
        lengths: How many bytes each row has.
    """

    __slots__ = ("cells", "filled", "lengths")

    def __init__(self, cells: Array, filled: Array | None, lengths: Array) -> None:
        """Take the arrays over."""
        self.cells = cells
        self.filled = filled
        self.lengths = lengths

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, row: int) -> bytes: ...
    @overload
    def __getitem__(self, row: slice) -> Cells: ...
    def __getitem__(self, row: int | slice) -> bytes | Cells:
        return self.take(row) if isinstance(row, slice) else self.take([row]).packed()

    def __iter__(self) -> Iterator[bytes]:
        packed = self.packed()
        return (packed[begin:end] for begin, end in self._edges())

    def texts(self) -> list[str]:
        """The rows as texts, which have to be UTF-8."""
        packed = self.packed()
        if not packed.isascii():
            return [text.decode() for text in self]
        text = packed.decode()
        return [text[begin:end] for begin, end in self._edges()]

    def _edges(self) -> Iterator[tuple[int, int]]:
        return pairwise(accumulate(self.lengths.tolist(), initial=0))

    def take(self, rows: Any) -> Cells:
        """Some of the rows, as numpy chooses them."""
        filled = None if self.filled is None else self.filled[rows]
        return Cells(self.cells[rows], filled, self.lengths[rows])

    def packed(self) -> bytes:
        """The rows, one directly after the other."""
        if self.filled is None:
            return self.cells.tobytes()
        return self.cells.ravel().compress(self.filled.ravel()).tobytes()

    def padded(self, width: int) -> Array:
        """The rows in lines of so many bytes, with zeros behind them."""
        lines = np.zeros((len(self), width), np.uint8)
        lines[np.arange(width) < self.lengths[:, None]] = np.frombuffer(self.packed(), np.uint8)
        return lines


def numbers(column: Sequence[int]) -> Array:
    """Numbers as an array; raises OverflowError if one does not fit into 64 bits."""
    return np.array(column, np.int64)


def booleans(column: Sequence[bool]) -> Array:
    """Truths as an array."""
    return np.array(column, np.bool_)


def joined(count: int, *parts: bytes | Cells) -> Cells:
    """So many rows, each made of its bytes in every part; bytes are a part of all rows."""
    widths = [len(part) if isinstance(part, bytes) else part.cells.shape[1] for part in parts]
    cells = np.empty((count, sum(widths)), np.uint8)
    filled = np.ones(cells.shape, np.bool_)
    lengths = np.full(count, sum(len(part) for part in parts if isinstance(part, bytes)))
    at = 0
    for part, width in zip(parts, widths, strict=True):
        if isinstance(part, bytes):
            cells[:, at : at + width] = np.frombuffer(part, np.uint8)
        else:
            cells[:, at : at + width] = part.cells
            lengths += part.lengths
            if part.filled is not None:
                filled[:, at : at + width] = part.filled
        at += width
    return Cells(cells, filled, lengths)


def repeated(texts: Iterable[bytes], counts: Sequence[int]) -> Cells:
    """Each of some byte strings in so many rows."""
    texts = list(texts)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    width = int(lengths.max(initial=0))
    lines = np.frombuffer(b"".join(text.ljust(width) for text in texts), np.uint8)
    rows = np.repeat(np.arange(len(texts)), counts)
    filled = np.arange(width) < lengths[:, None]
    return Cells(lines.reshape(len(texts), width), filled, lengths).take(rows)


def texts(column: Sequence[str]) -> Cells:
    """Texts in UTF-8, a row each."""
    packed = "".join(column).encode()
    lengths = np.fromiter(map(len, column), np.int64, len(column))
    if len(packed) != lengths.sum():  # not only ASCII
        lengths = np.fromiter((len(text.encode()) for text in column), np.int64, len(column))
    filled = np.arange(int(lengths.max(initial=0))) < lengths[:, None]
    cells = np.empty(filled.shape, np.uint8)
    cells[filled] = np.frombuffer(packed, np.uint8)
    return Cells(cells, filled, lengths)


def varints(column: Array) -> Cells:
    """Numbers as Kafka and Avro write them: zigzag, seven bits a byte, the lowest first."""
    rest = (column << 1 ^ column >> 63).view(np.uint64)
    highest = int(rest.max(initial=0))
    if highest < 0x80:
        return Cells(rest.astype(np.uint8)[:, None], None, np.ones(len(column), np.int64))
    width = -(-highest.bit_length() // 7)
    # A line for each byte until the end: numpy is fastest along a line.
    cells = np.empty((width, len(column)), np.uint8)
    filled = np.ones(cells.shape, np.bool_)
    lengths = np.ones(len(column), np.int64)
    for place in range(width):
        np.bitwise_and(rest, np.uint64(0x7F), out=cells[place], casting="unsafe")
        if place + 1 < width:
            rest = rest >> np.uint64(7)
            goes_on = np.not_equal(rest, 0, out=filled[place + 1])
            cells[place] |= goes_on.view(np.uint8) << np.uint8(7)
            lengths += goes_on
    return Cells(cells.T, None if bool(filled.all()) else filled.T, lengths)


def decimals(column: Array) -> Cells:
    """Numbers from 0 on, in decimal digits."""
    width = len(str(int(column.max(initial=0))))
    cells = np.empty((width, len(column)), np.uint8)
    filled = np.ones(cells.shape, np.bool_)
    lengths = np.ones(len(column), np.int64)
    rest = column
    for place in reversed(range(width)):
        higher = rest // 10
        np.subtract(rest, higher * 10 - ord("0"), out=cells[place], casting="unsafe")
        if place:
            lengths += np.not_equal(higher, 0, out=filled[place - 1])
        rest = higher
    return Cells(cells.T, filled.T, lengths)


def keyed(prefixes: Sequence[bytes], counts: Sequence[int], ends: Ends) -> Sequence[bytes]:
    """Keys that begin alike, so many of each beginning, and end in a number or a text of their own.

    Args:
        prefixes: The beginnings.
        counts: How many keys in a row have each of them.
        ends: What follows, for each key.
    """
    if len(ends) < FEW_ROWS or any(len(prefix) > LONGEST for prefix in prefixes):
        return _keyed_one_by_one(prefixes, counts, ends)
    if isinstance(ends, np.ndarray):
        if ends.min() < 0:
            return _keyed_one_by_one(prefixes, counts, ends)
        tails = decimals(ends)
    elif isinstance(ends, Cells):
        tails = ends
    elif max(map(len, ends)) > LONGEST:
        return _keyed_one_by_one(prefixes, counts, ends)
    else:
        tails = texts(ends)
    beginnings = prefixes[0] if len(prefixes) == 1 else repeated(prefixes, counts)
    return joined(len(ends), beginnings, tails)


def _keyed_one_by_one(
    prefixes: Sequence[bytes], counts: Sequence[int], ends: Ends
) -> Sequence[bytes]:
    beginnings = chain.from_iterable(map(repeat, prefixes, counts))
    if isinstance(ends, np.ndarray):
        return [
            prefix + b"%d" % number
            for prefix, number in zip(beginnings, ends.tolist(), strict=True)
        ]
    if isinstance(ends, Cells):
        return [prefix + text for prefix, text in zip(beginnings, ends, strict=True)]
    return [prefix + text.encode() for prefix, text in zip(beginnings, ends, strict=True)]
