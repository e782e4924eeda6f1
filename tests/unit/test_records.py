"""The record classes are what the schemas say."""

from __future__ import annotations

import json
import types
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from streams.contract import records
from streams.contract.codecs import Codecs, load_schema
from streams.contract.records import DeadLetter, Header, LedgerRow, Plan, Shortened, UnderWay
from streams.contract.topics import Topics
from streams.settings import Settings

TOPICS = Topics.of(Settings(bootstrap_servers="x", registry_url="x"))
TYPES = list(dict.fromkeys(of for topic in TOPICS.all() for of in topic.records))
PRIMITIVE = {"string": str, "int": int, "long": int, "boolean": bool, "bytes": bytes}


def check(hint: Any, avro: Any, where: str) -> None:
    """The type hint of a field is that of its Avro type."""
    if isinstance(avro, list):
        null, other = avro
        assert null == "null", where
        assert get_origin(hint) in (Union, types.UnionType), where
        assert get_args(hint)[1] is type(None), where
        check(get_args(hint)[0], other, where)
    elif isinstance(avro, str):
        assert hint is PRIMITIVE[avro] if avro in PRIMITIVE else hint.__name__ == avro, where
    elif avro["type"] == "array":
        assert get_origin(hint) is list, where
        check(get_args(hint)[0], avro["items"], where)
    elif avro["type"] == "map":
        assert get_origin(hint) is dict, where
        assert get_args(hint)[0] is str, where
        check(get_args(hint)[1], avro["values"], where)
    elif avro["type"] == "enum":
        assert hint == Literal[tuple(avro["symbols"])], where
    else:
        check_record(hint, avro)


def check_record(record_type: type, schema: dict[str, Any]) -> None:
    assert is_dataclass(record_type)
    assert record_type.__name__ == schema["name"]
    assert [f.name for f in fields(record_type)] == [f["name"] for f in schema["fields"]]
    hints = get_type_hints(record_type)
    for field in schema["fields"]:
        check(hints[field["name"]], field["type"], f"{schema['name']}.{field['name']}")


@pytest.mark.parametrize("record_type", TYPES, ids=lambda of: of.__name__)
def test_a_class_has_exactly_the_fields_of_its_schema(record_type):
    check_record(record_type, json.loads(load_schema(record_type.__name__)))


def test_every_class_is_on_a_topic_or_nested_in_one_that_is():
    classes = {
        of for of in vars(records).values()
        if is_dataclass(of) and of.__module__ == records.__name__
    }  # fmt: skip
    assert classes == {*TYPES, Plan, UnderWay, Header, Shortened}


@pytest.mark.parametrize(
    "record",
    [
        LedgerRow(),
        LedgerRow(
            published=3, material="ice", sections=2, step_days=[1, 4], steps=[2, -2], building=9,
            planned=Plan("crew-pool", 2, "ice", sections=3, unfinished=2, withdrawn=False),
            built_sections=[1], built_first_days=[1], built_days=[30],
            earlier=UnderWay(
                5, Plan("crew-pool", 3, "ice", sections=3, unfinished=1, withdrawn=False), [2],
                [4], [9], 17,
            ),
        ),
        DeadLetter("why", "t", 0, 1, 2, None, b"\xff", [Header("a", None), Header("a", b"b")]),
    ],
)  # fmt: skip
def test_a_record_with_others_inside_is_read_as_it_was_written(record):
    codecs = Codecs({type(record): 7})
    data = codecs.encode(record)
    assert codecs.of(type(record)).decode(data) == record
    assert codecs.decode_any(data, type(record)) == record
