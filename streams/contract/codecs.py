"""Bytes to records and back, in the registry's wire format: magic byte, 4-byte schema id, body.

A record is an instance of one of the classes of `streams.contract.records`; its class says which
schema it has.
"""

from __future__ import annotations

import io
import json
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import partial
from importlib import resources
from operator import itemgetter
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    TypeAlias,
    TypeVar,
    get_args,
    get_type_hints,
    overload,
)

import fastavro
from confluent_kafka.schema_registry import (
    ConfigCompatibilityLevel,
    Schema,
    SchemaRegistryClient,
    ServerConfig,
)
from confluent_kafka.schema_registry.error import SchemaRegistryError

from streams.contract.avro_checks import BodyCheck, DamagedBody, plain_schema
from streams.contract.batch_codecs import compile_decoder, compile_encoder
from streams.contract.clients import registry_client
from streams.contract.reasons import Reason
from streams.contract.record_codecs import compile_record_decoder, compile_record_encoder
from streams.contract.records import SUBMITTED
from streams.contract.registry import retry_while_down
from streams.contract.writer_schemas import HEADER_BYTES, NAMESPACE, WriterSchema, WriterSchemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from streams.contract.batch_codecs import Decoder, Encoder
    from streams.contract.column_codecs import ColumnDecoder, ColumnEncoder
    from streams.contract.topics import Topic
    from streams.settings import Settings

# The fields of a record by name, as Avro has them: what becomes JSON at once needs no instance.
Fields: TypeAlias = dict[str, Any]
R = TypeVar("R")
S = TypeVar("S")

# An old consumer reads a new producer (forward), and a rebuild by new code reads what an old
# producer left on a compacted topic years ago (backward, transitive): both, so full.
COMPATIBILITY = ConfigCompatibilityLevel.FULL_TRANSITIVE


# An id has four bytes, of which registries use the positive numbers.
LARGEST_ID = 0xFFFFFFFF


class BadRecord(ValueError):
    """A record's bytes are not what its topic holds; the message says why.

    Attributes:
        kind: Which kind of reason that is.
    """

    def __init__(self, message: str, kind: Reason) -> None:
        """Say why a record is bad."""
        super().__init__(message)
        self.kind = kind


class _Shape(Generic[R]):
    """From a record to its fields and back, nested records included."""

    def __init__(self, record_type: type[R]) -> None:
        self._type = record_type
        self._names = [field.name for field in fields(record_type)]  # type: ignore[arg-type]
        self._in_order = itemgetter(*self._names)
        self._nested = {
            name: _Shape(inner)
            for name, hint in get_type_hints(record_type).items()
            for inner in get_args(hint)
            if isinstance(inner, type) and is_dataclass(inner)
        }

    def fields_of(self, record: R) -> Fields:
        values = {name: getattr(record, name) for name in self._names}
        for name, shape in self._nested.items():
            values[name] = _map(shape.fields_of, values[name])
        return values

    def record_of(self, values: Fields) -> R:
        for name, shape in self._nested.items():
            values[name] = _map(shape.record_of, values[name])
        return self._type(*self._in_order(values))  # half the time of naming them


def _map(convert: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, list):
        return [convert(item) for item in value]
    return None if value is None else convert(value)


class Codec(Generic[R]):
    """One of the project's own records: instances to bytes and back.

    Attributes:
        type: The record's class.
        name: Its name, as in `schemas/<name>.avsc`.
        schema_id: The id that the registry gave its schema.
        header: What each of its records begins with.
        json: Its schema as JSON.
        schema: Its schema as fastavro parsed it.
    """

    def __init__(self, record_type: type[R], schema_id: int, codecs: Codecs) -> None:
        self.type = record_type
        self.name = record_type.__name__
        self.schema_id = schema_id
        self.header = struct.pack(">bI", 0, schema_id)
        self.json = json.loads(load_schema(self.name))
        self.schema = fastavro.parse_schema(self.json, named_schemas={})
        self._codecs = codecs
        self._shape = _Shape(record_type)
        self._encode = compile_record_encoder(self.json, self.header, self._shape.fields_of)
        # The fields in order of a record that begins with the header; None if it is not read so.
        self.read = compile_record_decoder(self.json, self.header)
        self._encoders: dict[tuple[str, ...], Encoder] = {}
        self._decoders: dict[int, Decoder] = {}
        self._column_encoders: dict[tuple[str, ...], ColumnEncoder] = {}
        self._column_decoders: dict[int, ColumnDecoder] = {}

    def encode(self, record: R) -> bytes:
        """The record in wire format."""
        return self._encode(record)

    def decode(self, data: bytes) -> R:
        """A record that this codec encoded, or an earlier version of it.

        Raises:
            BadRecord: It is neither.
        """
        if not data.startswith(self.header):
            return self._codecs.decode_any(data, self.type)
        values = self.read(data)
        if values is not None:
            return self.type(*values)
        body = io.BytesIO(data)
        body.seek(HEADER_BYTES)
        return self.record_of(fastavro.schemaless_reader(body, self.schema, None))  # type: ignore[arg-type]

    def record_of(self, values: Fields) -> R:
        """The record that has these fields; takes the dictionary over."""
        return self._shape.record_of(values)

    def encoder(self, *columns: str) -> Encoder:
        """Encodes many records that differ in these fields: see `batch_codecs.compile_encoder`."""
        encoder = self._encoders.get(columns)
        if encoder is None:
            encoder = compile_encoder(self.json, self.header, columns)
            self._encoders[columns] = encoder
        return encoder

    def decoder(self, in_common: int) -> Decoder:
        """Decodes many records that begin alike: see `batch_codecs.compile_decoder`."""
        decoder = self._decoders.get(in_common)
        if decoder is None:
            decoder = compile_decoder(self.json, self.header, in_common)
            self._decoders[in_common] = decoder
        return decoder

    def column_encoder(self, *columns: str) -> ColumnEncoder:
        """Encodes the records of many groups: see `column_codecs.ColumnEncoder`."""
        encoder = self._column_encoders.get(columns)
        if encoder is None:
            from streams.contract.column_codecs import ColumnEncoder  # only here: it needs numpy

            encode = self.encoder(*columns)
            encoder = ColumnEncoder(self.json, self.header, columns, encode)
            self._column_encoders[columns] = encoder
        return encoder

    def column_decoder(self, in_common: int) -> ColumnDecoder:
        """Decodes many records into columns: see `column_codecs.ColumnDecoder`."""
        decoder = self._column_decoders.get(in_common)
        if decoder is None:
            from streams.contract.column_codecs import ColumnDecoder  # only here: it needs numpy

            decode = self.decoder(in_common)
            decoder = ColumnDecoder(self.json, self.header, in_common, decode)
            self._column_decoders[in_common] = decoder
        return decoder


def load_schema(name: str) -> str:
    """The text of `schemas/<name>.avsc`."""
    return (resources.files("schemas") / f"{name}.avsc").read_text(encoding="utf-8")


class Codecs:
    """The codecs of all records, and the schemas that others have written with."""

    def __init__(
        self,
        ids: Mapping[type[Any], int],
        client: SchemaRegistryClient | None = None,
        patience_s: float | None = None,
    ) -> None:
        """Make codecs under the registry's ids; without a client, foreign schemas are unknown.

        Args:
            ids: The ids of the records' schemas.
            client: Asks the registry.
            patience_s: How long blocking calls wait for a registry that is down, in seconds; None
                for ever.
        """
        self._by_type: dict[type[Any], Codec[Any]] = {
            record_type: Codec(record_type, id_, self) for record_type, id_ in ids.items()
        }
        self.by_name = {codec.name: codec for codec in self._by_type.values()}
        own = {
            codec.schema_id: WriterSchema(
                name=codec.name,
                full_name=f"{NAMESPACE}.{codec.name}",
                schema=codec.schema,
                check=BodyCheck(plain_schema(codec.json)) if codec.type in SUBMITTED else None,
            )
            for codec in self.by_name.values()
        }
        self._writers = WriterSchemas(
            own, {c.name: c.json for c in self.by_name.values()}, client, patience_s
        )

    def of(self, record_type: type[R]) -> Codec[R]:
        """The codec of a class of records."""
        return self._by_type[record_type]

    def encode(self, record: object) -> bytes:
        """The record in wire format."""
        return self._by_type[type(record)].encode(record)

    async def fetch_schemas(self, values: Iterable[bytes | None]) -> None:
        """Fetch the schemas that these values were written with and that are not known.

        A registry that is down is not a bad record: this waits until it answers. Decoding does
        too, for a schema that was not fetched, but it blocks.
        """
        await self._writers.fetch(values)

    def outage(self) -> str:
        """Why the registry did not answer when it was asked last; empty if it did."""
        return self._writers.outage

    def fetch_schemas_blocking(self, values: Iterable[bytes | None]) -> None:
        """As `fetch_schemas`, for callers without an event loop.

        Raises:
            OSError: The registry is still down after these codecs' patience.
        """
        self._writers.fetch_blocking(values)

    def fetch_earlier_schemas(self, topics: Iterable[Topic]) -> None:
        """Fetch the schemas that rows may have been written with by an earlier version; blocks.

        Args:
            topics: The changelogs of tables.
        """
        self._writers.keep_earlier_versions(
            topic.subject(row_type) for topic in topics for row_type in topic.records
        )

    @overload
    def decode_any(self, data: bytes, one: type[R], /) -> R: ...
    @overload
    def decode_any(self, data: bytes, one: type[R], other: type[S], /) -> R | S: ...
    @overload
    def decode_any(self, data: bytes, /, *types: type[Any]) -> Any: ...
    def decode_any(self, data: bytes, /, *types: type[Any]) -> Any:
        """Decode a record that came from outside, whatever version of its schema wrote it.

        Args:
            data: The value as it is on the topic.
            types: The records that the topic may hold.

        Returns:
            An instance of one of the types, with the fields of our version of its schema.

        Raises:
            BadRecord: It is not one of these records in the registry's wire format.
        """
        for of in types:
            own = self._by_type[of]
            if of not in SUBMITTED and data.startswith(own.header):
                found = own.read(data)
                if found is not None:
                    with suppress(ValueError):
                        return own.type(*found)
        codec, values = self._decode(data, types)
        try:
            return codec.record_of(values)
        except ValueError as error:
            raise BadRecord(f"the {codec.name} contradicts itself: {error}", Reason.BODY) from error

    def decode_fields(self, data: bytes, *types: type[Any]) -> Fields:
        """As `decode_any`, but the fields by name, nested records as dictionaries."""
        return self._decode(data, types)[1]

    def _decode(self, data: bytes, types: Sequence[type[Any]]) -> tuple[Codec[Any], Fields]:
        if data[:1] != b"\0" or len(data) < HEADER_BYTES:
            raise BadRecord(_no_header(data, types), Reason.SCHEMA)
        schema_id = int.from_bytes(data[1:HEADER_BYTES])
        writer = self._writers.of_id(schema_id)
        codec = self.by_name.get(writer.name)
        if codec is None or codec.type not in types:
            expected = _named(types)
            if writer.problem:
                raise BadRecord(
                    f"{writer.problem}; register the schema of {expected}, use its id",
                    Reason.SCHEMA,
                )
            raise BadRecord(
                f"schema id {schema_id} is of {writer.full_name or 'no record'}; this topic takes "
                f"{expected}",
                Reason.SCHEMA,
            )
        try:
            values = writer.read(data)
        except DamagedBody as error:
            text = f"the body is not Avro of {writer.name}: {error}"
            raise BadRecord(text, Reason.BODY) from error
        return codec, values


def _named(types: Iterable[type[Any]]) -> str:
    return " or ".join(record_type.__name__ for record_type in types)


def _no_header(data: bytes, types: Iterable[type[Any]]) -> str:
    expected = f"a zero byte, a 4-byte schema id and the Avro body of {_named(types)}"
    if len(data) < HEADER_BYTES:
        return f"the value has {len(data)} bytes; a record is {expected}"
    return f"the value starts with byte {data[0]:#04x}; it must start with {expected}"


def _set_compatibility(client: SchemaRegistryClient, subject: str) -> None:
    try:
        if client.get_config(subject).compatibility_level == COMPATIBILITY.value:
            return
    except SchemaRegistryError as error:
        if error.http_status_code != 404:  # none of its own yet
            raise
    try:
        client.set_config(subject, ServerConfig(compatibility=COMPATIBILITY))
    except SchemaRegistryError as error:
        if error.http_status_code != 409:  # another worker has set it this moment
            raise


class SchemaMissing(RuntimeError):
    """The registry does not have a schema of ours, and we are not the one who registers it."""


def reading_codecs(settings: Settings, topics: Iterable[Topic], patience_s: float) -> Codecs:
    """Codecs for who only reads: nothing is registered, and each schema is asked for by its id.

    They have ids of their own, which no registry gives: what they encode, only they can decode.

    Args:
        settings: Where the registry is.
        topics: The topics whose records are read.
        patience_s: How long to wait for a registry that is down, in seconds.
    """
    types = dict.fromkeys(of for topic in topics for of in topic.records)
    ids = {of: LARGEST_ID - n for n, of in enumerate(types)}
    return Codecs(ids, registry_client(settings), patience_s)


def prepare_codecs(
    settings: Settings, topics: Iterable[Topic], timeout_s: float | None = None
) -> Codecs:
    """The codecs of the topics' records, registered if the settings say so, else as they are.

    Args:
        settings: Where the registry is, and whether schemas that are missing are registered.
        topics: The topics.
        timeout_s: How long to wait for a registry that is down, in seconds; None for ever.

    Raises:
        SchemaRegistryError: The registry refuses a schema, for example as incompatible.
        SchemaMissing: It does not have one, and the settings do not say to register it.
        OSError: The registry is still down after the timeout.
    """
    ask = _register if settings.create_topics else _look_up
    client = registry_client(settings)
    begun = time.monotonic()

    def left_s() -> float | None:
        # One timeout for all calls, those that wait for a thread included.
        return None if timeout_s is None else max(0.0, begun + timeout_s - time.monotonic())

    def id_of(subject_and_type: tuple[str, type[Any]]) -> tuple[type[Any], int]:
        subject, record_type = subject_and_type
        schema = Schema(load_schema(record_type.__name__), "AVRO")
        return record_type, ask(client, subject, schema, left_s)

    subjects = [(topic.subject(of), of) for topic in topics for of in topic.records]
    with ThreadPoolExecutor(max_workers=8) as pool:
        return Codecs(dict(pool.map(id_of, subjects)), client)


Left: TypeAlias = "Callable[[], float | None]"


def _register(client: SchemaRegistryClient, subject: str, schema: Schema, left_s: Left) -> int:
    schema_id = retry_while_down(partial(client.register_schema, subject, schema), left_s())
    retry_while_down(partial(_set_compatibility, client, subject), left_s())
    return schema_id


def _look_up(client: SchemaRegistryClient, subject: str, schema: Schema, left_s: Left) -> int:
    try:
        found = retry_while_down(partial(client.lookup_schema, subject, schema), left_s())
    except SchemaRegistryError as error:
        if error.http_status_code != 404:
            raise
        raise SchemaMissing(
            f"the registry has no schema {subject} like this code's: let somebody who may register "
            "it run `thewall topics`"
        ) from error
    return int(found.schema_id or 0)
