"""The schemas that records were written with: fetched by their id, and checked before use.

Whoever writes to a topic names a schema by its id in the registry, any schema of any application.
It is asked for once and remembered. What can't be read with has a reason instead, which becomes
that of the record's dead letter.
"""

from __future__ import annotations

import asyncio
import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import fastavro
from confluent_kafka.schema_registry.error import SchemaRegistryError

from streams.contract.avro_checks import BodyCheck, DamagedBody, UnsafeSchema, plain_schema
from streams.contract.records import SUBMITTED
from streams.contract.registry import is_outage, retry_while_down, wait_while_down

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from confluent_kafka.schema_registry import SchemaRegistryClient

NAMESPACE = "thewall"
SUBMITTED_NAMES = {record_type.__name__ for record_type in SUBMITTED}
HEADER_BYTES = 5
MAX_SCHEMA_CHARACTERS = 1 << 18
ASKED_AGAIN_AFTER_S = 5.0
LOOK_UPS_AT_ONCE = 4
# Beyond this number, those that no batch has named for a while are forgotten.
REMEMBERED = 256
FORGOTTEN_AFTER_S = 60.0


class WriterSchema(NamedTuple):
    """A schema that records were written with.

    Attributes:
        problem: Why it can't be read with; empty if it can.
        name: The record of ours that it is a version of; empty if it is of none.
        full_name: Its name as it stands; empty if it has none.
        schema: The schema to read with.
        reader: Our version of it; None if that makes no difference.
        check: Walks through a body before it is read; None for what only the stages write.
        is_final: Whether the registry will always give this answer.
    """

    problem: str = ""
    name: str = ""
    full_name: str = ""
    schema: Any = None
    reader: Any = None
    check: BodyCheck | None = None
    is_final: bool = True

    def read(self, data: bytes) -> dict[str, Any]:
        """The fields of a value that was written with it, as in our version.

        Raises:
            DamagedBody: It was not, or something follows it.
        """
        # First: reading what others wrote may not end, or pass over bytes that are not there.
        if self.check is not None:
            _check_end(self.check.end_of(data, HEADER_BYTES), data)
        body = io.BytesIO(data)
        body.seek(HEADER_BYTES)
        try:
            fields: Any = fastavro.schemaless_reader(body, self.schema, self.reader)
        except Exception as error:
            raise DamagedBody(f"{error or type(error).__name__}"[:200]) from error
        _check_end(body.tell(), data)
        return fields  # type: ignore[no-any-return]


def _check_end(end: int, data: bytes) -> None:
    if end != len(data):
        raise DamagedBody(f"{len(data) - end:,} bytes follow it, and nothing may")


class _Fetched(NamedTuple):
    """What a look-up found, until when it holds, and when it was last named, in seconds."""

    schema: WriterSchema
    holds_until: float
    named_at: float


class WriterSchemas:
    """Writers' schemas by their id: ours at once, others once they are fetched."""

    def __init__(
        self,
        own: dict[int, WriterSchema],
        own_json: Mapping[str, Any],
        client: SchemaRegistryClient | None,
        patience_s: float | None = None,
    ) -> None:
        """Begin with our own.

        Args:
            own: Our schemas by their id.
            own_json: Our schemas as JSON, by the names of their records.
            client: The registry; without one, no other schema is known.
            patience_s: How long blocking calls wait for a registry that is down, in seconds; None
                for ever.
        """
        self._own = own
        self._own_json = own_json
        self._client = client
        self._patience_s = patience_s
        # Of others, in the order in which they were last named.
        self._fetched: dict[int, _Fetched] = {}
        self.outage = ""
        """Why the registry did not answer when it was asked last; empty if it did."""
        # Apart from the event loop's: a registry that hangs must not hold up what else needs it.
        self._threads = ThreadPoolExecutor(LOOK_UPS_AT_ONCE, thread_name_prefix="registry")

    async def fetch(self, values: Iterable[bytes | None]) -> None:
        """Fetch the schemas that these values were written with and that are not known.

        A registry that is down is not a bad record: this waits until it answers.

        Raises:
            SchemaRegistryError: The registry does not accept our credentials.
        """
        missing = self._missing(values)
        for start in range(0, len(missing), LOOK_UPS_AT_ONCE):
            ids = missing[start : start + LOOK_UPS_AT_ONCE]
            self._remember(ids, await asyncio.gather(*map(self._look_up_while_free, ids)))

    async def _look_up_while_free(self, schema_id: int) -> WriterSchema:
        async def look_up() -> WriterSchema:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._look_up, schema_id)

        return await wait_while_down(look_up)

    def fetch_blocking(self, values: Iterable[bytes | None]) -> None:
        """As `fetch`, for callers without an event loop.

        Raises:
            OSError: The registry is still down after the patience.
        """
        for schema_id in self._missing(values):
            found = retry_while_down(partial(self._look_up, schema_id), self._patience_s)
            self._remember([schema_id], [found])

    def keep_earlier_versions(self, subjects: Iterable[str]) -> None:
        """Fetch what subjects of ours ever held, and never forget it; blocks.

        Rows that a table already has may be of any of them, whenever they are asked for.
        """
        client = self._client
        if client is None:
            return
        for subject in subjects:
            for version in retry_while_down(partial(client.get_versions, subject)):
                found = retry_while_down(partial(client.get_version, subject, version))
                schema_id = found.schema_id
                if schema_id is not None and schema_id not in self._own:
                    look_up = partial(self._look_up, schema_id)
                    self._own[schema_id] = retry_while_down(look_up)

    def of_id(self, schema_id: int) -> WriterSchema:
        """The schema of an id; one that was not fetched before blocks until it is."""
        own = self._own.get(schema_id)
        if own is not None:
            return own
        if schema_id not in self._fetched:
            self.fetch_blocking([b"\0" + schema_id.to_bytes(4)])
        return self._fetched[schema_id].schema

    def _missing(self, values: Iterable[bytes | None]) -> list[int]:
        """The ids of these values that have to be asked for; notes that the others were named."""
        headers = {value[:HEADER_BYTES] for value in values if value}
        ids = {int.from_bytes(h[1:]) for h in headers if h[0] == 0 and len(h) == HEADER_BYTES}
        now = time.monotonic()
        missing = []
        for schema_id in ids - self._own.keys():
            fetched = self._fetched.pop(schema_id, None)
            if fetched is None or fetched.holds_until < now:
                missing.append(schema_id)
            if fetched is not None:
                self._fetched[schema_id] = fetched._replace(named_at=now)
        return missing

    def _remember(self, ids: Iterable[int], found: Iterable[WriterSchema]) -> None:
        now = time.monotonic()
        for schema_id, schema in zip(ids, found, strict=True):
            # The registry may give an id that it does not know to a schema that comes later.
            holds_s = inf if schema.is_final else ASKED_AGAIN_AFTER_S
            self._fetched.pop(schema_id, None)
            self._fetched[schema_id] = _Fetched(schema, now + holds_s, now)
        while len(self._fetched) > REMEMBERED:
            oldest, fetched = next(iter(self._fetched.items()))
            # Not before: a batch that has fetched it may not be decoded yet.
            if fetched.named_at > now - FORGOTTEN_AFTER_S:
                break
            del self._fetched[oldest]

    def _look_up(self, schema_id: int) -> WriterSchema:
        """Ask the registry for a schema, once."""
        try:
            found = self._ask(schema_id)
        except Exception as error:
            self.outage = f"{error or type(error).__name__}"[:200]
            raise
        self.outage = ""
        return found

    def _ask(self, schema_id: int) -> WriterSchema:
        absent = WriterSchema(f"schema id {schema_id} is not in the registry", is_final=False)
        if self._client is None:
            return absent
        try:
            found = self._client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if is_outage(error) or error.http_status_code == HTTPStatus.UNAUTHORIZED:
                raise
            if error.http_status_code == HTTPStatus.NOT_FOUND:
                return absent
            problem = f"the registry does not give schema id {schema_id}: {error.error_message}"
            return WriterSchema(problem, is_final=False)
        finally:
            # It keeps all that it was ever asked for; what is worth keeping is kept here.
            self._client.clear_caches()  # type: ignore[no-untyped-call]
        kind = (found.schema_type or "AVRO").upper()
        if kind != "AVRO":
            return WriterSchema(f"schema id {schema_id} is of type {kind}, and records are Avro")
        if found.references:
            names = ", ".join(str(reference.name) for reference in found.references)
            return WriterSchema(
                f"schema id {schema_id} refers to other schemas ({names[:100]}); a record's schema "
                "has to stand by itself"
            )
        try:
            return self._version_of_ours(found.schema_str or "")
        except Exception as error:  # noqa: BLE001 - of others' schemas, nothing is known
            why = f"{error or type(error).__name__}"[:200]
            return WriterSchema(f"schema id {schema_id} can't be read with: {why}")

    def _version_of_ours(self, text: str) -> WriterSchema:
        if len(text) > MAX_SCHEMA_CHARACTERS:
            raise UnsafeSchema(
                f"it has {len(text):,} characters, of {MAX_SCHEMA_CHARACTERS:,} that it may have"
            )
        schema = json.loads(text)
        plain = plain_schema(schema)
        full_name = plain.get("name", "") if isinstance(plain, dict) else ""
        name = full_name.removeprefix(f"{NAMESPACE}.")
        if name == full_name or name not in self._own_json:
            return WriterSchema(full_name=full_name)
        parsed = fastavro.parse_schema(plain, named_schemas={})
        ours = self._own_json[name]
        # The same but for its docs is read without resolving one by the other.
        reader = None if plain == plain_schema(ours) else fastavro.parse_schema(ours, {})
        # What stages alone write is not checked byte by byte, as under our own ids.
        is_ours = reader is None and name not in SUBMITTED_NAMES
        check = None if is_ours else BodyCheck(plain)
        return WriterSchema("", name, full_name, parsed, reader, check)
