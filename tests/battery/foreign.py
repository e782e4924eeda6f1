"""Records as anybody might put them on the input topics, good and bad, with what has to become of
them where that is known beforehand."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import fastavro
from hypothesis import strategies as st

from streams.contract.batch_codecs import varint
from streams.contract.codecs import load_schema

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
LOGICAL = {
    "int": ["date", "time-millis"], "long": ["timestamp-millis", "local-timestamp-micros"],
    "bytes": ["decimal", "unknown"], "string": ["uuid", "unknown"],
}  # fmt: skip
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@dataclass
class Foreign:
    """A record to send.

    Attributes:
        topic: `walls` or `profiles`.
        key: Its key.
        schema: Schema that its id is to stand for; None for an id that is in the value.
        value: Its value; with a schema, the body without its header; None for a tombstone.
        must: `accept`, `refuse`, or `decide` where another reader has to be asked.
        on_own_partition: Whether it goes where its key belongs.
        codec: Codec of its record batch.
        headers: Its headers.
        timestamp: Its timestamp in milliseconds; 0 for now.
        zeros: How many zero bytes follow the value.
    """

    topic: str
    key: bytes
    schema: str | None
    value: bytes | None
    must: str
    on_own_partition: bool = True
    codec: str = "none"
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    timestamp: int = 0
    zeros: int = 0


def types(depth: int = 2) -> st.SearchStrategy[Any]:
    """Types of fields that our records do not have."""
    primitive = st.sampled_from(PRIMITIVES)
    logical = st.sampled_from(sorted(LOGICAL)).flatmap(
        lambda kind: st.sampled_from(LOGICAL[kind]).map(
            lambda name: {"type": kind, "logicalType": name, "precision": 4}
        )
    )
    if depth == 0:
        return st.one_of(primitive, logical)
    inner = types(depth - 1)
    return st.one_of(
        primitive, logical,
        inner.map(lambda of: {"type": "array", "items": of}),
        inner.map(lambda of: {"type": "map", "values": of}),
        st.lists(primitive, min_size=1, max_size=3, unique=True),
        st.lists(inner, max_size=3).map(
            lambda of: {"type": "record", "name": "Inner", "fields": [
                {"name": f"f{n}", "type": t} for n, t in enumerate(of)]}
        ),
        st.integers(0, 4).map(lambda size: {"type": "fixed", "name": "Fixed", "size": size}),
        st.just({"type": "enum", "name": "Enum", "symbols": ["A", "B"]}),
        st.just({"type": "error", "name": "Failure", "fields": []}),
    )  # fmt: skip


def values(schema: Any) -> st.SearchStrategy[Any]:
    """Values of such a type."""
    if isinstance(schema, list):
        return st.one_of([values(branch) for branch in schema])
    kind = schema["type"] if isinstance(schema, dict) else schema
    simple = {
        "null": st.none(), "boolean": st.booleans(), "int": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**63), 2**63 - 1), "float": st.floats(width=32, allow_nan=False),
        "double": st.floats(allow_nan=False), "bytes": st.binary(max_size=9),
        "string": st.text(max_size=9), "enum": st.sampled_from(["A", "B"]),
    }  # fmt: skip
    if kind in simple:
        return simple[kind]
    if kind == "array":
        return st.lists(values(schema["items"]), max_size=4)
    if kind == "map":
        return st.dictionaries(st.text(max_size=4), values(schema["values"]), max_size=4)
    if kind == "fixed":
        return st.binary(min_size=schema["size"], max_size=schema["size"])
    return st.fixed_dictionaries({f["name"]: values(f["type"]) for f in schema["fields"]})


def named_apart(schema: Any, numbers: list[int]) -> Any:
    """The schema with a name of its own for each named type."""
    if isinstance(schema, list):
        return [named_apart(branch, numbers) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    apart = {name: named_apart(of, numbers) if name in ("items", "values") else of
             for name, of in schema.items()}  # fmt: skip
    if "fields" in apart:
        apart["fields"] = [f | {"type": named_apart(f["type"], numbers)} for f in apart["fields"]]
    if "name" in apart and "type" in apart:
        numbers.append(len(numbers))
        apart["name"] += str(len(numbers))
    return apart


def plain(schema: Any) -> Any:
    """As fastavro writes it: without logical types, which would ask for other values."""
    if isinstance(schema, list):
        return [plain(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    if "logicalType" in schema:
        return schema["type"]
    return {name: [f | {"type": plain(f["type"])} for f in of] if name == "fields"
            else plain(of) if name in ("items", "values") else "record" if of == "error" else of
            for name, of in schema.items()}  # fmt: skip


@st.composite
def records(draw) -> Foreign:
    """One foreign record."""
    wall, number = f"w{draw(st.integers(1, 5))}", draw(st.integers(1, 20))
    heights = draw(st.lists(st.integers(0, 30), min_size=1, max_size=20))
    kind = draw(st.sampled_from(
        ["good"] * 4 + ["mutated"] * 6 + ["bomb"] * 2 + ["key", "heights", "id", "bytes", "large",
         "tombstone", "partition", "settings"]
    ))  # fmt: skip
    key = f"{wall}/{number}".encode()
    headers = draw(st.lists(
        st.tuples(st.text(st.characters(codec="utf-8"), max_size=5),
                  st.none() | st.binary(max_size=9)), max_size=3,
    ))  # fmt: skip
    made = {
        "codec": draw(st.sampled_from(CODECS)), "headers": headers,
        "timestamp": draw(st.sampled_from([0, 0, 1, 10**12])),
    }  # fmt: skip
    if kind == "bytes":
        return Foreign("profiles", key, None, draw(st.binary(max_size=40)), "decide", **made)
    if kind == "id":
        unknown = draw(st.sampled_from([0, 10**6, 2**31 - 1, 2**31, 2**32 - 1]))
        value = b"\0" + unknown.to_bytes(4) + draw(st.binary(max_size=20))
        return Foreign("profiles", key, None, value, "refuse", **made)
    if kind == "tombstone":
        return Foreign("profiles", key, None, None, "decide", **made)
    schema, record = _with_more_fields(draw, "ProfileSubmitted")
    record |= {"wall": wall, "profile": number, "heights": heights}
    if kind == "settings":
        schema, record = _with_more_fields(draw, "WallConfigured")
        mode = draw(st.sampled_from([None, "crew-pool", "crew-per-section", "crew-\ud7ff"]))
        record |= {"wall": wall, "mode": mode, "material": draw(st.sampled_from(["ice", "mud"])),
                   "crews": draw(st.none() | st.integers(-1, 5))}  # fmt: skip
        body = _written(schema, record)
        return Foreign("walls", wall.encode(), json.dumps(schema), body, "decide", **made)
    body = _written(schema, record)
    text = json.dumps(schema)
    if kind == "good":
        return Foreign("profiles", key, text, body, "accept", **made)
    if kind == "partition":
        return Foreign("profiles", key, text, body, "refuse", on_own_partition=False, **made)
    if kind == "key":
        other = draw(st.sampled_from([b"", b"w", b"w1/0", b"w1/x", b"\xff/1", b"w9/1", b"w1/01"]))
        return Foreign("profiles", other, text, body, "refuse", **made)
    if kind == "heights":
        wrong = draw(st.sampled_from([[], [31], [-1], [1] * 2001]))
        body = _written(schema, record | {"heights": wrong})
        return Foreign("profiles", key, text, body, "refuse", **made)
    if kind == "large":
        size = draw(st.sampled_from([2**20, 3 * 2**20, 9 * 2**20, 20 * 2**20]))
        made["codec"] = draw(st.sampled_from(["gzip", "zstd", "lz4"]))
        return Foreign("profiles", key, text, body, "refuse", zeros=size, **made)
    if kind == "bomb":
        count = draw(st.sampled_from([2**62, -(2**62), -(2**63), 2**40, 10**6]))
        at = draw(st.integers(0, len(body)))
        body = body[:at] + varint(count) + draw(st.sampled_from([b"", body[at:], b"\0" * 50]))
        return Foreign("profiles", key, text, body, "decide", **made)
    at = draw(st.integers(0, max(0, len(body) - 1)))
    change = draw(st.sampled_from(["flip", "cut", "add", "insert"]))
    if change == "cut":
        body = body[:at]
    elif change == "add":
        body += draw(st.binary(min_size=1, max_size=9))
    else:
        new = draw(st.binary(min_size=1, max_size=2))
        body = body[:at] + new + body[at + (change == "flip") :]
    return Foreign("profiles", key, text, body, "decide", **made)


def _with_more_fields(draw, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A schema of ours with more fields, somewhere; and values of these."""
    schema = json.loads(load_schema(name))
    numbers: list[int] = []
    more = {}
    for number in range(draw(st.integers(0, 3))):
        of = named_apart(draw(types()), numbers)
        field_ = {"name": f"more{number}", "type": of}
        schema["fields"].insert(draw(st.integers(0, len(schema["fields"]))), field_)
        more[f"more{number}"] = draw(values(of))
    return schema, more


def _written(schema: dict[str, Any], record: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(plain(schema), {}), record)
    return out.getvalue()
