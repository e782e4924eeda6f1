"""Codecs of single records, by code that is generated from the schema.

fastavro takes a tenth of a microsecond for each number of a list, and some of a profile's records
have lists with a number for each of its sections. What is not foreseen here, nested records for
example, stays with fastavro; tests compare the two.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from streams.contract.batch_codecs import (
    DECODED,
    DECODING,
    ENCODED,
    ENCODING,
    NUMBER,
    SMALL,
    compiled,
    long,
    segment_writer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Schema = Mapping[str, Any]
    Fields = Mapping[str, Any]

_WRITTEN = ENCODED | {
    "null,string": "b'\\0' if {0} is None else b'\\2' + strings[{0}]",
    "array,int": "array({0})",
    "array,long": "array({0})",
}


def compile_record_encoder(
    schema: Schema, header: bytes, fields_of: Callable[[Any], Fields]
) -> Callable[[Any], bytes]:
    """Make a function that encodes a record.

    Args:
        schema: Its schema, as JSON.
        header: What every such record begins with.
        fields_of: The record's fields by name, as fastavro takes them.
    """
    return _Encoding(fields_of).record(schema, header)


class _Encoding:
    """Makes functions that encode a record and those nested in it."""

    def __init__(self, fields_of: Callable[[Any], Fields]) -> None:
        self._names: dict[str, Any] = ENCODING | {"array": _array, "fields_of": fields_of}

    def record(self, schema: Schema, header: bytes) -> Callable[[Any], bytes]:
        parts = ["header"]
        for is_known, fields in groupby(schema["fields"], lambda field: bool(self._written(field))):
            if is_known:
                parts += map(self._written, fields)
            else:
                name = f"write{len(parts)}"
                self._names[name] = segment_writer(len(parts), list(fields))
                parts.append(f"{name}(fields_of(r))")
        source = ["def encode(r):", f"    return join(({', '.join(parts)},))"]
        encode: Callable[[Any], bytes] = compiled(source, self._names | {"header": header})[
            "encode"
        ]
        return encode

    def _written(self, field: Schema) -> str:
        """An expression for the bytes of a field; empty if it is left to fastavro."""
        kind, value = _kind(field), f"r.{field['name']}"
        if kind in _WRITTEN:
            return f"({_WRITTEN[kind].format(value)})"
        match field["type"]:
            case {"type": "enum", "name": name, "symbols": symbols}:
                self._names[f"of_{name}"] = {text: long(at) for at, text in enumerate(symbols)}
                return f"of_{name}[{value}]"
            case ["null", {"type": "record", "name": name, "fields": nested} as schema]:
                if not all(map(self._written, nested)):
                    return ""
                self._names[f"encode_{name}"] = self.record(schema, b"\2")
            case ["null", str(name)] if f"encode_{name}" in self._names:
                pass
            case _:
                return ""
        return f"(b'\\0' if {value} is None else encode_{name}({value}))"


def _array(numbers: Sequence[int]) -> bytes:
    if not numbers:
        return b"\0"
    return b"".join((long(len(numbers)), *map(_NUMBERS.__getitem__, numbers), b"\0"))


class _Numbers(dict[int, bytes]):
    """Numbers in Avro: the small ones are written already."""

    def __missing__(self, number: int) -> bytes:
        return long(number)


_NUMBERS = _Numbers((number, long(number)) for number in range(-SMALL, SMALL))


def _kind(field: Schema) -> str:
    kind = field["type"]
    if isinstance(kind, list):
        return ",".join(map(str, kind))
    return f"{kind['type']},{kind.get('items')}" if isinstance(kind, dict) else str(kind)


_ITEMS = f"""\
{{0}} = []
add = {{0}}.append
{NUMBER.format("count")}
while count:
    if not 0 < count <= len(v): unknown()
    for _ in range(count):
        {NUMBER.format("n").replace(chr(10), chr(10) + " " * 8).strip()}
        add(n)
    {NUMBER.format("count").replace(chr(10), chr(10) + " " * 4).strip()}
"""
_OR_NULL = """\
b = v[p]
p += 1
if b == 0:
    {{0}} = None
elif b == 2:
    {0}
else:
    unknown()
"""


def _or_null(read: str) -> str:
    return _OR_NULL.format(read.strip().replace("\n", "\n    "))


_READ = DECODED | {
    "null,int": _or_null(NUMBER),
    "null,long": _or_null(NUMBER),
    "null,string": _or_null(DECODED["string"]),
    "array,int": _ITEMS,
    "array,long": _ITEMS,
}


def compile_record_decoder(
    schema: Schema, header: bytes
) -> Callable[[bytes], tuple[Any, ...] | None]:
    """Make a function that decodes a record.

    Args:
        schema: Its schema, as JSON.
        header: What every such record begins with.

    Returns:
        A function of the record's bytes that returns its fields in the order of the schema; None
        if these are not its bytes, or not all of them, or something is not foreseen.
    """
    kinds = [_kind(field) for field in schema["fields"]]
    names: dict[str, Any] = dict(DECODING)
    variables = [f"v_{field['name']}" for field in schema["fields"]]
    lines: list[str] = []
    for field, kind, variable in zip(schema["fields"], kinds, variables, strict=True):
        if kind in _READ:
            lines += _READ[kind].format(variable).splitlines()
        elif kind.startswith("enum,"):
            names[f"of_{field['name']}"] = field["type"]["symbols"]
            lines += NUMBER.format("n").splitlines()
            lines += ["if n < 0: unknown()", f"{variable} = of_{field['name']}[n]"]
        else:
            return lambda _: None
    source = [
        "def decode(v):",
        "    try:",
        f"        p = {len(header)}",
        *(f"        {line}" for line in lines),
        "        if p != len(v):",
        "            return None",
        "    except (IndexError, ValueError):",
        "        return None",
        f"    return ({', '.join(variables)},)",
    ]
    decode: Callable[[bytes], tuple[Any, ...] | None] = compiled(source, names)["decode"]
    return decode
