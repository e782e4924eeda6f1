"""Column codecs: the records of many plans at once, by numpy, as `batch_codecs` has them.

A batch of few records, or one with something that is not foreseen here, takes the way of
`batch_codecs`, whose outcome is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streams.cells import FEW_ROWS, LONGEST, Cells, joined, repeated, texts, varints
from streams.contract.batch_codecs import kind_of, stretches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.cells import Array
    from streams.contract.batch_codecs import Decoder, Encoder, Schema

    # Numbers or booleans; a masked array for those that may be null.
    Column = Array | Cells | Sequence[str]
    Constants = Mapping[str, Any]


INT = 1 << 31


class ColumnEncoder:
    """Encodes records that come in groups: those of a group differ in a few fields only."""

    def __init__(
        self, schema: Schema, header: bytes, columns: Sequence[str], encode: Encoder
    ) -> None:
        """Make an encoder.

        Args:
            schema: The record's schema, as JSON.
            header: What every record begins with.
            columns: The fields that differ.
            encode: Encodes the records of one group, see `batch_codecs.compile_encoder`.
        """
        self._header = header
        self._stretches = stretches(schema, columns)
        self._columns = columns
        self._encode = encode

    def __call__(
        self, groups: Sequence[tuple[Constants, int]], *columns: Column
    ) -> Sequence[bytes]:
        """The records.

        Args:
            groups: What is constant in a group, by field, and how many records it has.
            columns: All other fields, of the records of all groups.

        Raises:
            OverflowError: A number does not fit into 64 bits.
        """
        count = len(columns[0])
        if count < FEW_ROWS or any(map(_is_long, columns)):
            return self._group_by_group(groups, columns)
        written: list[bytes | Cells] = [self._header]
        by_name = dict(zip(self._columns, columns, strict=True))
        counts = [of_group for _, of_group in groups]
        for stretch in self._stretches:
            if isinstance(stretch, tuple):
                name, kind = stretch
                written += _WRITE[kind](by_name[name])
                continue
            constants = [stretch(values) for values, _ in groups]
            if any(len(text) > LONGEST for text in constants):
                return self._group_by_group(groups, columns)
            written.append(constants[0] if len(constants) == 1 else repeated(constants, counts))
        return joined(count, *written)

    def _group_by_group(
        self, groups: Sequence[tuple[Constants, int]], columns: Sequence[Column]
    ) -> Sequence[bytes]:
        encoded: list[bytes] = []
        lists = [_listed(column) for column in columns]
        begin = 0
        for constants, count in groups:
            of_group = (column[begin : begin + count] for column in lists)
            encoded += self._encode(constants, *of_group)
            begin += count
        return encoded


def _is_long(column: Column) -> bool:
    return not isinstance(column, (np.ndarray, Cells)) and max(map(len, column)) > LONGEST


def _listed(column: Column) -> Sequence[Any]:
    if isinstance(column, np.ndarray):
        listed: list[Any] = column.tolist()
        return listed
    return column.texts() if isinstance(column, Cells) else column


def _string(column: Any) -> list[Cells]:
    cells = column if isinstance(column, Cells) else texts(column)
    return [varints(cells.lengths), cells]


def _boolean(column: Any) -> list[Cells]:
    return [Cells(column.view(np.uint8)[:, None], None, np.ones(len(column), np.int64))]


def _or_null(column: Any) -> list[Cells]:
    there = ~np.ma.getmaskarray(column)
    numbers = varints(np.where(there, column.data, 0))
    filled = np.broadcast_to(there[:, None], numbers.cells.shape)
    if numbers.filled is not None:
        filled = filled & numbers.filled
    branch = Cells((there * np.uint8(2))[:, None], None, np.ones(len(column), np.int64))
    return [branch, Cells(numbers.cells, filled, numbers.lengths * there)]


def _number(column: Any) -> list[Cells]:
    return [varints(column)]


_WRITE: dict[str, Callable[[Any], list[Cells]]] = {
    "int": _number,
    "long": _number,
    "string": _string,
    "boolean": _boolean,
    "null,int": _or_null,
    "null,long": _or_null,
}


class Run(NamedTuple):
    """Neighbouring records that begin alike.

    Attributes:
        common: The first fields, which they have in common.
        at: Where the first of them stands among all records.
        rows: Where the others fields of these records are in the columns.
    """

    common: tuple[Any, ...]
    at: int
    rows: slice


class Decoded(NamedTuple):
    """Records in columns.

    Attributes:
        runs: Records with the same first fields, in their order.
        columns: Their other fields: arrays, and `Cells` or lists of texts.
        others: Where those stand that could not be decoded, in ascending order.
    """

    runs: list[Run]
    columns: tuple[Any, ...]
    others: list[int]


class ColumnDecoder:
    """Decodes many records of one schema."""

    def __init__(self, schema: Schema, header: bytes, in_common: int, decode: Decoder) -> None:
        """Make a decoder.

        Args:
            schema: The record's schema, as JSON.
            header: What every record begins with.
            in_common: How many of the first fields are often equal in neighbouring records.
            decode: Decodes them one by one, see `batch_codecs.compile_decoder`.
        """
        self._header = header
        self._kinds = [kind_of(field, _READ) for field in schema["fields"]]
        self._in_common = in_common
        self._decode = decode

    def __call__(self, values: Sequence[bytes | None]) -> Decoded:
        """The records; those of another schema, damaged ones and tombstones are left out.

        Raises:
            OverflowError: An int has more than 32 bits.
        """
        return self._in_columns(values) or self._one_by_one(values)

    def _in_columns(self, values: Sequence[bytes | None]) -> Decoded | None:
        """The records; None if they are few, or there is something that is read one by one only."""
        if len(values) < FEW_ROWS:
            return None
        reading = _Reading([value or b"" for value in values])
        reading.expect(self._header)
        columns = [_READ[kind](reading) for kind in self._kinds]
        unknown = reading.unknown()
        others = np.flatnonzero(unknown).tolist()
        if others:
            if len(others) == len(values) or any(self._decode(values[at] for at in others)):
                return None
            columns = [_taken(column, ~unknown) for column in columns]
        self._check(columns)
        common = columns[: self._in_common]
        begins = _begins(common, unknown)
        firsts = zip(*(_listed(_taken(column, begins)) for column in common), strict=True)
        ends = [*begins[1:].tolist(), len(values) - len(others)]
        places = np.flatnonzero(~unknown)[begins].tolist()
        runs = list(map(Run, firsts, places, map(slice, begins.tolist(), ends)))
        return Decoded(runs, tuple(columns[self._in_common :]), others)

    def _one_by_one(self, values: Sequence[bytes | None]) -> Decoded:
        found = list(self._decode(values))
        known = [(at, of_one) for at, of_one in enumerate(found) if of_one is not None]
        runs: list[Run] = []
        for row, (at, (common, *_)) in enumerate(known):
            if runs and runs[-1].common is common and found[at - 1] is not None:
                runs[-1] = runs[-1]._replace(rows=slice(runs[-1].rows.start, row + 1))
            else:
                runs.append(Run(common, at, slice(row, row + 1)))
        kinds = self._kinds[self._in_common :]
        fields = (
            zip(*(of_one[1:] for _, of_one in known), strict=True) if known else [()] * len(kinds)
        )
        columns = list(map(_column, kinds, fields))
        self._check(columns)
        return Decoded(runs, tuple(columns), [at for at, of in enumerate(found) if of is None])

    def _check(self, columns: Sequence[Any]) -> None:
        # A sum of two has to fit into an array.
        for kind, column in zip(reversed(self._kinds), reversed(columns), strict=False):
            if kind == "int" and len(column) and not -INT <= column.min() <= column.max() < INT:
                raise OverflowError("an int has more than 32 bits")


def _column(kind: str, values: Sequence[Any]) -> Any:
    if kind == "string":
        return list(values)
    return np.array(values, np.bool_ if kind == "boolean" else np.int64)


def _taken(column: Array | Cells, rows: Array) -> Array | Cells:
    taken: Array | Cells = column.take(rows) if isinstance(column, Cells) else column[rows]
    return taken


def _begins(common: Sequence[Array | Cells], unknown: Array) -> Array:
    """The rows at which the common fields change, or that come after something unknown."""
    places = np.flatnonzero(~unknown)
    changes = np.diff(places, prepend=-2) > 1
    for column in common:
        if isinstance(column, Cells):
            _note_changes(changes, column.lengths)
            differ = column.cells[1:] != column.cells[:-1]
            if column.filled is not None:
                differ &= column.filled[1:]
            changes[1:] |= differ.any(axis=1)
        else:
            _note_changes(changes, column)
    begins: Array = np.flatnonzero(changes)
    return begins


def _note_changes(changes: Array, column: Array) -> None:
    changes[1:] |= column[1:] != column[:-1]


class _Reading:
    """Many byte strings being read, side by side, field by field."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self._bytes = np.frombuffer(b"".join(values) + b"\0", np.uint8)
        self._lengths = np.fromiter(map(len, values), np.int64, len(values))
        self._ends = np.cumsum(self._lengths)
        self._at = self._ends - self._lengths
        self._odd = np.zeros(len(values), np.bool_)

    def _next(self) -> Array:
        # Beyond the end, which is noted at last, other bytes are read.
        taken: Array = self._bytes.take(self._at, mode="clip")
        return taken

    def expect(self, header: bytes) -> None:
        for byte in header:
            self._odd |= self._next() != byte
            self._at += 1

    def number(self) -> Array:
        byte = self._next()
        self._at += 1
        number = (byte & 0x7F).astype(np.int64)
        goes_on = byte > 0x7F
        for shift in range(7, 63, 7):
            if not goes_on.any():
                break
            byte = self._next()
            number |= np.where(goes_on, byte & 0x7F, 0).astype(np.int64) << shift
            self._at += goes_on
            goes_on &= byte > 0x7F
        else:
            self._odd |= goes_on
        unzigzagged: Array = number >> 1 ^ -(number & 1)
        return unzigzagged

    def boolean(self) -> Array:
        byte = self._next()
        self._at += 1
        self._odd |= byte > 1
        is_true: Array = byte == 1
        return is_true

    def text(self) -> Cells:
        lengths = self.number()
        strange = (lengths < 0) | (lengths > np.minimum(self._lengths, LONGEST))
        if strange.any():
            self._odd |= strange
            lengths[strange] = 0
        width = int(lengths.max(initial=0))
        cells = np.empty((width, len(lengths)), np.uint8)
        for place in range(width):
            self._bytes.take(self._at + place, mode="clip", out=cells[place])
        self._at += lengths
        filled = np.arange(width)[:, None] < lengths
        not_ascii = (cells > 0x7F) & filled
        if not_ascii.any():
            self._odd |= not_ascii.any(axis=0)
        return Cells(cells.T, filled.T, lengths)

    def unknown(self) -> Array:
        """Which rows could not be read, or not to their ends."""
        unknown: Array = self._odd | (self._at != self._ends)
        return unknown


_READ: dict[str, Callable[[_Reading], Any]] = {
    "int": _Reading.number,
    "long": _Reading.number,
    "string": _Reading.text,
    "boolean": _Reading.boolean,
}
