"""The bench, without running it: the keys of its figures and the size of its loads."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bench.cluster import Rows
from bench.engines import ENGINES
from bench.quick import KEYS, loads
from bench.throughput import Wrong, _check_audit
from bench.workload import Workload


def test_the_quick_runs_figures_have_the_promised_keys():
    assert KEYS == (
        "pipeline_sections_per_s", "naive_faust_ratio", "quix_ratio", "kafka_streams_ratio",
        "plain_ratio", "latency_p50_ms", "latency_p95_ms", "recovery_ratio",
        "cpu_us_per_section", "kafka_streams_cpu_us_per_section",
    )  # fmt: skip


def test_the_fast_engines_are_timed_on_a_million_sections_and_every_engine_warmed_up():
    for engine in ENGINES.values():
        warm, timed = loads(engine.share, seed=1)
        assert warm.walls > 0
        assert timed.sections * engine.share > 1_000_000 - engine.share * 300


WORKLOAD = Workload("w", 1)


def audit(**other):
    """The audit events of a right run, and the last one once more, with other fields."""
    events = [
        (
            f"{key}/{section}",
            {
                "wall": "w00000", "profile": 1, "version": 7, "section": section, "crew": crew,
                "day": day, "crew_relieved_on": relieved_on, "run": None, "at_ms": None,
            },
        )
        for key, sections in WORKLOAD.expected.completed.items()
        for section, (crew, day, relieved_on) in sections.items()
    ]  # fmt: skip
    return [*events, (events[-1][0], events[-1][1] | other)]


def check(events):
    cluster = SimpleNamespace(audited=lambda _: events)
    return _check_audit(cluster, WORKLOAD, Rows(versions={"w00000/1": 7}))


def test_an_audit_that_is_right_counts_as_often_as_it_was_sent():
    assert check(audit()) == WORKLOAD.expected.unfinished + 1


@pytest.mark.parametrize(
    "other",
    [
        {"crew": "99"}, {"day": 99}, {"crew_relieved_on": 1}, {"version": 8}, {"section": 301},
        {"profile": 2}, {"wall": "w00001"}, {"run": "r"}, {"at_ms": 1},
    ],
    ids=str,
)  # fmt: skip
def test_an_audit_event_that_is_wrong_in_any_field_is_found(other):
    with pytest.raises(Wrong, match="the audit event"):
        check(audit(**other))


def test_an_audit_event_that_is_missing_is_found():
    with pytest.raises(Wrong, match="1 sections have no audit event"):
        check(audit()[1:])
