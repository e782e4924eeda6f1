"""What the stages count: dead letters by kind of reason, and the time from submit to row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams import metrics
from streams.agents.crews import build
from streams.agents.intake import accept
from streams.agents.ledger import account
from streams.agents.planner import plan
from streams.batching import RecordBatch, Rows
from streams.batching.table import RowStore
from streams.contract.reasons import Reason
from streams.contract.records import ProfileSubmitted
from tests.stages.simulation import LogRecord, offline_pipeline


@pytest.fixture(scope="module")
def context():
    return replace(offline_pipeline(), partitions=1)


def run(stage, topic, records, context, tables=1):
    rows = [Rows(RowStore(), 0) for _ in range(tables)]
    given = [
        LogRecord(topic.name, 0, n, key, value, at_ms)
        for n, (key, value, at_ms) in enumerate(records)
    ]
    return stage(RecordBatch(topic.name, 0, given), *rows, context)


def on(topic, outcome):
    """What a stage has sent to a topic, as the next one reads it."""
    return [(m.key, m.value, 0) for m in outcome.messages if m.topic == topic.name]


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        (None, b"", Reason.KEY),
        (b"w/01", b"", Reason.KEY),
        (b"w/1", b"\x01", Reason.SCHEMA),
        (b"w/1", b"\x00\x00\x0f\x0f\x0f\x0f", Reason.SCHEMA),
        (b"w/1", b"x" * 2**21, Reason.SIZE),
        (b"w/1", None, Reason.TOMBSTONE),
        (b"w/1", ProfileSubmitted("w", 2, [1]), Reason.KEY),
        (b"w/1", ProfileSubmitted("w", 1, [31]), Reason.CONTENT),
    ],
    ids=lambda one: str(one)[:20],
)
def test_a_dead_letter_is_counted_by_the_kind_of_its_reason(context, key, value, kind):
    topic = context.topics.profiles
    counter = metrics.DEAD_LETTERS.labels(topic.name, kind)
    before = counter._value.get()
    if isinstance(value, ProfileSubmitted):
        value = context.codecs.encode(value)
    run(accept, topic, [(key, value, 0)], context)
    assert counter._value.get() == before + 1


def test_a_damaged_body_is_counted_as_one(context):
    topic = context.topics.profiles
    counter = metrics.DEAD_LETTERS.labels(topic.name, Reason.BODY)
    before = counter._value.get()
    whole = context.codecs.encode(ProfileSubmitted("w", 1, [1, 2]))
    run(accept, topic, [(b"w/1", whole[:-1], 0)], context)
    assert counter._value.get() == before + 1


def test_the_time_from_submit_to_row_counts_from_the_event_that_changed_the_plan(
    context, monkeypatch
):
    seen = []
    monkeypatch.setattr(metrics, "count_published", seen.append)
    topics, encode = context.topics, context.codecs.encode
    submitted = [
        (b"w/1", encode(ProfileSubmitted("w", 1, [30, 29])), 1_000),
        (b"w/2", encode(ProfileSubmitted("w", 2, [28])), 2_000),
    ]
    accepted = run(accept, topics.profiles, submitted, context)
    planned = run(
        lambda batch, clocks, rows, of: plan(batch, rows, clocks, of),
        topics.accepted, on(topics.accepted, accepted), context, tables=2,
    )  # fmt: skip
    built = run(build, topics.build_commands, on(topics.build_commands, planned), context)
    progress = on(topics.progress, planned) + on(topics.progress, built)
    outcome = run(account, topics.progress, progress, context)
    assert seen == []  # only once the rows are acknowledged
    for note in outcome.on_acknowledged:
        note()
    assert seen == [1_000, 2_000]
