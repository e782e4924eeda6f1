"""Batch codecs: many Avro records of one kind at once, by code that is generated from the schema.

All orders of a plan have the same wall, profile and version, and differ in a few small numbers.
So the encoder takes the common fields once and the others as columns, and the decoder decodes
common fields again only when their bytes change. The bytes are those of fastavro; tests compare
the two.
"""

from __future__ import annotations

import io
from itertools import groupby
from typing import TYPE_CHECKING, Any, NoReturn

import fastavro

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Schema = Mapping[str, Any]
    Writer = Callable[[Mapping[str, Any]], bytes]
    Encoder = Callable[..., list[bytes]]
    Decoder = Callable[[Iterable[bytes | None]], Iterator[tuple[Any, ...] | None]]

SMALL = 1 << 13
STRINGS_KEPT = 10_000


def varint(number: int) -> bytes:
    """An Avro int or long: zigzag, seven bits a byte, the lowest first.

    Raises:
        OverflowError: It does not fit into 64 bits.
    """
    if not -(1 << 63) <= number < 1 << 63:
        raise OverflowError(f"{number} does not fit into 64 bits")
    rest = number << 1 if number >= 0 else ~(number << 1)
    out = bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


SMALL_NUMBERS = [varint(number) for number in range(SMALL)]
_SMALL_OR_NULL = [b"\2" + written for written in SMALL_NUMBERS]
# Two bytes of a longer number: fourteen bits, and more to follow.
_PAIR = [bytes((pair & 127 | 128, pair >> 7 | 128)) for pair in range(1 << 14)]
_LAST = [varint(half >> 1 if half % 2 == 0 else ~(half >> 1)) for half in range(1 << 14)]


def long(number: int) -> bytes:
    """As `varint`, faster for what amounts are."""
    rest = number << 1
    if 0 <= rest < 1 << 28:
        return _PAIR[rest & 16383] + _LAST[rest >> 14] if rest > 16383 else _LAST[rest]
    if 0 <= rest < 1 << 42:
        return _PAIR[rest & 16383] + _PAIR[rest >> 14 & 16383] + _LAST[rest >> 28]
    return varint(number)


def _long_or_null(number: int) -> bytes:
    return b"\2" + long(number)


class _Strings(dict[str, bytes]):
    """Strings in Avro, cached: names repeat from record to record."""

    def __missing__(self, text: str) -> bytes:
        data = text.encode()
        written = varint(len(data)) + data
        if len(self) >= STRINGS_KEPT:
            self.clear()
        self[text] = written
        return written


def compile_encoder(schema: Schema, header: bytes, columns: Sequence[str]) -> Encoder:
    """Make a function that encodes many records.

    Args:
        schema: The record's schema, as JSON.
        header: What every record begins with.
        columns: Fields that differ from record to record: int, long, string, boolean, or an int
            or long that may be null.

    Returns:
        A function of a dictionary of all other fields and of an iterable for each column, in the
        order of `columns`, that returns the records.

    Raises:
        TypeError: A column has another type.
        ValueError: The schema has no such field.
    """
    written = stretches(schema, columns)
    writers = [stretch for stretch in written if not isinstance(stretch, tuple)]
    parts = [
        ENCODED[stretch[1]].format(f"v_{stretch[0]}")
        if isinstance(stretch, tuple)
        else f"s{writers.index(stretch)}"
        for stretch in written
    ]
    before = header if not written or isinstance(written[0], tuple) else b""
    variables = [f"v_{name}" for name in columns]
    source = [
        f"def encode(constants, {', '.join(variables)}):",
        *(f"    s{number} = writers[{number}](constants)" for number in range(len(writers))),
        *([] if before or not writers else ["    s0 = header + s0"]),
        f"    return [join(({', '.join((['header'] if before else []) + parts)},))",
        f"            for {', '.join(variables)}, in zip({', '.join(variables)}, strict=True)]",
    ]
    names = ENCODING | {"writers": writers, "header": header, "strings": _Strings()}
    encoder: Encoder = compiled(source, names)["encode"]
    return encoder


def stretches(schema: Schema, columns: Sequence[str]) -> list[tuple[str, str] | Writer]:
    """What a record is made of, from its first field to the last.

    Args:
        schema: The record's schema, as JSON.
        columns: Fields that differ from record to record.

    Returns:
        For each of the columns its name and type; for other fields that are side by side, a
        function of all constants by name, which writes them.

    Raises:
        TypeError: A column has another type than a batch codec takes.
        ValueError: The schema has no such field.
    """
    fields = schema["fields"]
    if missing := set(columns) - {field["name"] for field in fields}:
        raise ValueError(f"{schema['name']} has no field {', '.join(sorted(missing))}")
    found: list[tuple[str, str] | Writer] = []
    for is_column, side_by_side in groupby(fields, lambda field: field["name"] in columns):
        if is_column:
            found += [(field["name"], kind_of(field, ENCODED)) for field in side_by_side]
        else:
            found.append(segment_writer(len(found), list(side_by_side)))
    return found


# What the code says of a field, and the names that it uses for that.
ENCODED = {
    "int": f"small[{{0}}] if 0 <= {{0}} < {SMALL} else long({{0}})",
    "long": f"small[{{0}}] if 0 <= {{0}} < {SMALL} else long({{0}})",
    "string": "strings[{0}]",
    "boolean": "b'\\1' if {0} else b'\\0'",
    "null,int": (
        "b'\\0' if {0} is None else "
        f"small_or_null[{{0}}] if 0 <= {{0}} < {SMALL} else long_or_null({{0}})"
    ),
}
ENCODED["null,long"] = ENCODED["null,int"]
ENCODING = {
    "join": b"".join, "small": SMALL_NUMBERS, "long": long, "small_or_null": _SMALL_OR_NULL,
    "long_or_null": _long_or_null, "strings": _Strings(),
}  # fmt: skip


def kind_of(field: Schema, known: Mapping[str, Any]) -> str:
    """The type of a field, such as int or null,int; raises TypeError if it is not a known one."""
    type_of = field["type"]
    kind = ",".join(map(str, type_of)) if isinstance(type_of, list) else str(type_of)
    if kind not in known:
        raise TypeError(f"field {field['name']} is {type_of}; a batch codec takes {list(known)}")
    return kind


def segment_writer(number: int, fields: list[Any]) -> Writer:
    """Fields side by side are written as a record of their own: Avro puts nothing around one."""
    kinds = [str(field["type"]) for field in fields]
    if all(kind in _CONSTANT for kind in kinds):
        writes = [
            (field["name"], _CONSTANT[kind]) for field, kind in zip(fields, kinds, strict=True)
        ]
        return lambda constants: b"".join([write(constants[name]) for name, write in writes])
    schema = fastavro.parse_schema(
        {"type": "record", "name": f"Segment{number}", "fields": fields}, named_schemas={}
    )

    def write(constants: Mapping[str, Any]) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, constants)
        return out.getvalue()

    return write


_CONSTANT: dict[str, Callable[[Any], bytes]] = {
    "int": long,
    "long": long,
    "string": _Strings().__getitem__,
}


def compile_decoder(schema: Schema, header: bytes, in_common: int) -> Decoder:
    """Make a function that decodes many records.

    Args:
        schema: The record's schema, as JSON; its fields are int, long, string or boolean.
        header: What every record begins with.
        in_common: How many of the first fields are often equal in neighbouring records.

    Returns:
        A function of the records' bytes that yields a tuple for each, of an order for example
        `((wall, profile, version), section, crew, ...)`. Neighbours that begin alike share the
        identical first tuple: compare it with `is`. It yields None for a tombstone, for a record
        of another schema, and for damaged bytes.

    Raises:
        TypeError: A field has another type.
    """
    names = [f"v_{field['name']}" for field in schema["fields"]]
    read = [
        DECODED[kind_of(field, DECODED)].format(name).splitlines()
        for name, field in zip(names, schema["fields"], strict=True)
    ]
    first = [line for lines in read[:in_common] for line in lines]
    others = [line for lines in read[in_common:] for line in lines]
    source = [
        "def decode(values):",
        "    prefix, at, common = b'', 0, ()",
        "    for v in values:",
        "        try:",
        "            if prefix and v.startswith(prefix):",
        "                p = at",
        "            else:",
        "                prefix = b''",
        "                if not v.startswith(header):",
        "                    unknown()",
        f"                p = {len(header)}",
        *(f"                {line}" for line in first),
        f"                common = ({''.join(f'{name}, ' for name in names[:in_common])})",
        "                at, prefix = p, v[:p]",
        *(f"            {line}" for line in others),
        "            if p != len(v):",
        "                unknown()",
        f"            found = (common, {''.join(f'{name}, ' for name in names[in_common:])})",
        "        except (AttributeError, IndexError, ValueError):",
        "            found = None",
        "        yield found",
    ]
    decoder: Decoder = compiled(source, DECODING | {"header": header})["decode"]
    return decoder


NUMBER = """\
b = v[p]
p += 1
if b > 127:
    c = v[p]
    p += 1
    b = b & 127 | c << 7
    if c > 127: b, p = rest(v, p, b & 16383)
{0} = ~(b >> 1) if b & 1 else b >> 1
"""
DECODED = {
    "int": NUMBER,
    "long": NUMBER,
    "string": NUMBER.format("n")
    + """\
if n < 0: unknown()
{0} = v[p : p + n].decode()
p += n
""",
    "boolean": """\
b = v[p]
p += 1
if b > 1: unknown()
{0} = b == 1
""",
}


def unknown() -> NoReturn:
    """Say that these are not the bytes of such a record."""
    raise ValueError


def rest_of(data: bytes, at: int, number: int) -> tuple[int, int]:
    """The number whose first two bytes were read, zigzag not undone, and where it ends."""
    for shift in range(14, 70, 7):
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            if number >> 64:
                unknown()
            return number, at
    unknown()


DECODING = {"unknown": unknown, "rest": rest_of}


def compiled(source: Sequence[str], names: dict[str, Any]) -> dict[str, Any]:
    """What the code defines, by name; it may use these names."""
    # The text is made of our own templates and of the field names of our own schemas.
    exec("\n".join(source), names)  # noqa: S102
    return names
