"""Records as people read them: decoded, with what is not text in base64."""

from __future__ import annotations

import base64
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from streams.contract.codecs import BadRecord
from streams.web.models import RecordHeader, TopicRecord
from streams.web.tails import time_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import Message

    from streams.contract.codecs import Codecs

LONGEST_KEY = 200


def in_base64(data: bytes | None) -> str | None:
    """Bytes as text."""
    return None if data is None else base64.b64encode(data).decode()


def key_text(key: bytes | None) -> str | None:
    """A key as text; what is not UTF-8 is replaced, and what is very long is cut."""
    return None if key is None else key[:LONGEST_KEY].decode(errors="replace")


def headers_of(headers: Iterable[tuple[str, bytes | None]]) -> list[RecordHeader]:
    """Headers with their values in base64."""
    return [RecordHeader(name=name, value=in_base64(value)) for name, value in headers]


def _headers(message: Message) -> list[tuple[str, Any]]:
    try:
        return list(message.headers() or ())  # type: ignore[arg-type]
    except UnicodeDecodeError:
        return []  # a name that is not UTF-8


def decoded(codecs: Codecs, value: bytes, *types: type[Any]) -> tuple[str, dict[str, Any]]:
    """Name and fields of a record, as JSON has them; a line is its text, whatever that is.

    Raises:
        BadRecord: It is none of these.
    """
    if not types:
        return "line", {"text": value.decode(errors="replace")}
    record = codecs.decode_any(value, *types)
    fields: dict[str, Any] = _as_json(asdict(record))
    return type(record).__name__, fields


def topic_record(codecs: Codecs, message: Message, *types: type[Any]) -> TopicRecord:
    """A message of a topic that holds records of these types."""
    value = message.value()
    name, fields, problem = None, None, None
    if value is not None:
        try:
            name, fields = decoded(codecs, value, *types)
        except BadRecord as error:
            problem = str(error)
    return TopicRecord(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        time=time_of(message),
        key=key_text(message.key()),
        headers=headers_of(_headers(message)),
        record=name,
        value=fields,
        problem=problem,
    )


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return in_base64(value)
    if isinstance(value, dict):
        return {name: _as_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return value
