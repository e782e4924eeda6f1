"""The bench, without running it: the keys of its figures and the size of its loads."""

from __future__ import annotations

from bench.engines import ENGINES
from bench.quick import KEYS, loads


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
