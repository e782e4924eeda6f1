"""Checks on Avro that others wrote, before a library reads it.

An array says how many items follow, items may take no bytes, and a type may hold itself: a few
bytes can ask for any number of steps. fastavro takes them all, holding the interpreter's lock, and
where it skips a field it does not even notice that the bytes have ended. So a schema is first
reduced to what the bytes depend on, within limits; then each body is walked through, in no more
steps than its bytes allow, and fastavro reads only what has passed: in the same steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    # From the bytes, where a value begins, and the steps left, to where the value ends.
    Check: TypeAlias = Callable[[bytes, int, "_Steps"], int]

MAX_DEPTH = 32
MAX_PARTS = 2_000
# A step is a field or an item. All but nulls, and what is made of them alone, have bytes.
STEPS_PER_BYTE = 8
STEPS_OF_AN_EMPTY_BODY = 1_000

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
# For names without one: fastavro would else take that of the type around.
NO_NAMESPACE = "_"


class UnsafeSchema(ValueError):
    """A schema that can't be read with; the message says why."""


class DamagedBody(ValueError):
    """Bytes that are not what their schema says; the message says where."""


def plain_schema(schema: Any) -> Any:
    """The schema reduced to what the bytes depend on, for fastavro to parse.

    Logical types, defaults, aliases and docs are left out, so that a reader gets the underlying
    types; names are full names; an error is a record.

    Args:
        schema: The schema as JSON.

    Raises:
        UnsafeSchema: It is no schema, it is recursive, or it is larger or deeper than allowed.
    """
    return _Reduction().reduce(schema, NO_NAMESPACE, 0)[0]


class _Reduction:
    def __init__(self) -> None:
        self._parts = 0
        # How deep each named type nests; None until its end is seen.
        self._heights: dict[str, int | None] = {}

    def reduce(self, schema: Any, namespace: str, depth: int) -> tuple[Any, int]:
        """The schema reduced, and how many levels it has below itself."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise UnsafeSchema(f"it has more than {MAX_PARTS:,} parts")
        _check_depth(depth)
        if isinstance(schema, str):
            return self._reference(schema, namespace, depth)
        if isinstance(schema, list):
            branches = [self.reduce(branch, namespace, depth + 1) for branch in schema]
            return [plain for plain, _ in branches], 1 + max((h for _, h in branches), default=0)
        kind = schema.get("type") if isinstance(schema, dict) else None
        if kind == "array" or kind == "map":
            inside = "items" if kind == "array" else "values"
            plain, height = self.reduce(schema.get(inside), namespace, depth + 1)
            return {"type": kind, inside: plain}, height + 1
        if kind in ("record", "error", "enum", "fixed"):
            return self._definition(kind, schema, namespace, depth)
        if kind is None:
            raise UnsafeSchema(f"{_shown(schema)} is no type")
        return self.reduce(kind, namespace, depth + 1)

    def _reference(self, name: str, namespace: str, depth: int) -> tuple[str, int]:
        if name in PRIMITIVES:
            return name, 0
        full_name = _full_name(name, namespace)
        if full_name not in self._heights:
            raise UnsafeSchema(f"{_shown(name)} is no type")
        height = self._heights[full_name]
        if height is None:
            raise UnsafeSchema(f"it is recursive: {_shown(name)} holds itself")
        _check_depth(depth + height)
        return full_name, height

    def _definition(
        self, kind: str, schema: dict[str, Any], around: str, depth: int
    ) -> tuple[dict[str, Any], int]:
        name, namespace = schema.get("name"), schema.get("namespace", around)
        if not (name and isinstance(name, str) and isinstance(namespace, str)):
            raise UnsafeSchema(f"{_shown(name)} is no name of a type")
        full_name = _full_name(name, namespace)
        if full_name in self._heights:
            raise UnsafeSchema(f"{_shown(name)} is defined twice")
        self._heights[full_name] = None
        plain: dict[str, Any] = {"type": "record" if kind == "error" else kind, "name": full_name}
        height = 0
        if kind == "fixed":
            plain["size"] = size = schema.get("size")
            if type(size) is not int or size < 0:
                raise UnsafeSchema(f"{_shown(name)} has size {_shown(size)}")
        elif kind == "enum":
            plain["symbols"] = symbols = schema.get("symbols")
            if not (isinstance(symbols, list) and all(isinstance(s, str) for s in symbols)):
                raise UnsafeSchema(f"{_shown(name)} has symbols {_shown(symbols)}")
        else:
            fields, height = self._fields(name, schema.get("fields"), full_name, depth)
            plain["fields"] = fields
        self._heights[full_name] = height
        return plain, height

    def _fields(
        self, name: str, fields: Any, full_name: str, depth: int
    ) -> tuple[list[dict[str, Any]], int]:
        if not isinstance(fields, list):
            raise UnsafeSchema(f"{_shown(name)} has fields {_shown(fields)}")
        plain, height = [], 0
        for field in fields:
            if not (isinstance(field, dict) and isinstance(field.get("name"), str)):
                raise UnsafeSchema(f"{_shown(name)} has a field {_shown(field)}")
            of, levels = self.reduce(field.get("type"), full_name.rpartition(".")[0], depth + 1)
            plain.append({"name": field["name"], "type": of})
            height = max(height, levels + 1)
        return plain, height


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name else f"{namespace or NO_NAMESPACE}.{name}"


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UnsafeSchema(f"it nests more than {MAX_DEPTH} deep")


def _shown(value: Any) -> str:
    return repr(value)[:100]


class BodyCheck:
    """Walks through bodies that were written with a schema."""

    def __init__(self, plain: Any) -> None:
        """Compile a schema that `plain_schema` has reduced."""
        self._check = _compile(plain, dict(_PRIMITIVE_CHECKS))

    def end_of(self, data: bytes, start: int) -> int:
        """Where the body that starts there ends.

        Raises:
            DamagedBody: None starts there, or one that claims more than its bytes can hold.
        """
        steps = _Steps(STEPS_OF_AN_EMPTY_BODY + STEPS_PER_BYTE * (len(data) - start))
        try:
            return self._check(data, start, steps)
        except IndexError:
            raise DamagedBody("the bytes end early") from None


class _Steps:
    """How many steps a walk may still take."""

    def __init__(self, left: int) -> None:
        self._left = left

    def take(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise DamagedBody("more is claimed than the bytes can hold")


def _compile(plain: Any, named: dict[str, Check]) -> Check:
    if isinstance(plain, str):
        return named[plain]
    if isinstance(plain, list):
        return _union([_compile(branch, named) for branch in plain])
    kind = plain["type"]
    if kind == "array":
        return _array(_compile(plain["items"], named))
    if kind == "map":
        return _map(_compile(plain["values"], named))
    if kind == "fixed":
        check = _sized(plain["size"])
    elif kind == "enum":
        check = _enum(len(plain["symbols"]))
    else:
        fields = plain["fields"]
        check = _record([f["name"] for f in fields], [_compile(f["type"], named) for f in fields])
    named[plain["name"]] = check
    return check


def _number(data: bytes, at: int) -> tuple[int, int]:
    """An int or long, and where it ends: zigzag, seven bits a byte, the lowest first."""
    byte = data[at]
    number, shift = byte & 127, 7
    while byte > 127:
        if shift > 63:
            raise DamagedBody("a number has more than 64 bits")
        at += 1
        byte = data[at]
        number |= (byte & 127) << shift
        shift += 7
    if number >> 64:
        raise DamagedBody("a number has more than 64 bits")
    return number >> 1 ^ -(number & 1), at + 1


def _null(_data: bytes, at: int, _steps: _Steps) -> int:
    return at


def _boolean(data: bytes, at: int, _steps: _Steps) -> int:
    if data[at] > 1:
        raise DamagedBody(f"a boolean is {data[at]}")
    return at + 1


def _long(data: bytes, at: int, _steps: _Steps) -> int:
    return at + 1 if data[at] < 128 else _number(data, at)[1]


def _int(data: bytes, at: int, _steps: _Steps) -> int:
    if data[at] < 128:
        return at + 1
    number, at = _number(data, at)
    if number >> 31 not in (0, -1):
        raise DamagedBody(f"an int is {number}, which has more than 32 bits")
    return at


def _bytes(data: bytes, at: int, _steps: _Steps) -> int:
    size, at = _number(data, at)
    return _end(data, at, size)


def _end(data: bytes, at: int, size: int) -> int:
    if not 0 <= size <= len(data) - at:
        raise DamagedBody(f"{size:,} bytes are claimed where {len(data) - at:,} are left")
    return at + size


def _sized(size: int) -> Check:
    return lambda data, at, _steps: _end(data, at, size)


def _enum(symbols: int) -> Check:
    def check(data: bytes, at: int, _steps: _Steps) -> int:
        index, at = _number(data, at)
        if not 0 <= index < symbols:
            raise DamagedBody(f"symbol {index} of {symbols}")
        return at

    return check


def _union(branches: Sequence[Check]) -> Check:
    def check(data: bytes, at: int, steps: _Steps) -> int:
        index, at = _number(data, at)
        if not 0 <= index < len(branches):
            raise DamagedBody(f"branch {index} of {len(branches)}")
        return branches[index](data, at, steps)

    return check


def _record(names: Sequence[str], checks: Sequence[Check]) -> Check:
    def check(data: bytes, at: int, steps: _Steps) -> int:
        steps.take(len(names))
        done = 0
        try:
            for field in checks:
                at = field(data, at, steps)
                done += 1
        except DamagedBody as error:
            raise DamagedBody(f"{names[done]}: {error}"[:200]) from None
        except IndexError:
            raise DamagedBody(f"{names[done]}: the bytes end early") from None
        return at

    return check


def _array(item: Check) -> Check:
    def check_items(data: bytes, at: int, steps: _Steps, count: int) -> int:
        # Numbers of one byte each are most arrays of ours.
        if item in (_int, _long) and at + count <= len(data) and data[at : at + count].isascii():
            return at + count
        for _ in range(count):
            at = item(data, at, steps)
        return at

    return _blocks(check_items)


def _map(value: Check) -> Check:
    def check_items(data: bytes, at: int, steps: _Steps, count: int) -> int:
        for _ in range(count):
            at = value(data, _bytes(data, at, steps), steps)
        return at

    return _blocks(check_items)


def _blocks(check_items: Callable[[bytes, int, _Steps, int], int]) -> Check:
    """Items in blocks, the last of which is empty; a negative count is followed by a size."""

    def check(data: bytes, at: int, steps: _Steps) -> int:
        while True:
            count, at = _number(data, at)
            if count == 0:
                return at
            end = None
            if count < 0:
                count = -count
                size, at = _number(data, at)
                end = _end(data, at, size)
            steps.take(count)
            at = check_items(data, at, steps, count)
            if end not in (None, at):
                raise DamagedBody(f"a block of items ends at byte {at}, not at {end} as it says")

    return check


_PRIMITIVE_CHECKS: dict[str, Check] = {
    "null": _null, "boolean": _boolean, "int": _int, "long": _long, "float": _sized(4),
    "double": _sized(8), "bytes": _bytes, "string": _bytes,
}  # fmt: skip
