"""The app around the agents."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from faust.types import TP

from streams.batching import BatchApp

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_an_agent_with_a_bug_ends_the_worker(monkeypatch):
    died: list[str] = []
    monkeypatch.setattr("streams.batching.app.crash", lambda what, _: died.append(what))
    agents: list[Any] = []
    app = SimpleNamespace(
        _sources={},
        buffers={},
        topic=lambda *_, **__: None,
        agent=lambda *_, **__: lambda agent: agents.append(agent) or agent,
    )

    @BatchApp.batch_agent(app, "in")
    async def ledger(_batches):
        raise ZeroDivisionError

    await agents[0](None)
    assert died == ["agent ledger failed"]


def test_the_pure_python_stream_of_faust_is_refused(monkeypatch):
    monkeypatch.setattr("faust.streams._CStreamIterator", None)
    with pytest.raises(RuntimeError, match="without its compiled extension"):
        BatchApp("none", output=Mock())


@pytest.mark.parametrize("behind", [True, False])
def test_partitions_that_wait_while_a_large_batch_is_being_sent_are_not_stuck(monkeypatch, behind):
    app = BatchApp("none", output=Mock(is_behind=behind))
    monkeypatch.setattr(app, "assigned_sources", lambda: [("in", 0), ("in", 1)])
    app.count_progress(TP("in", 0))
    assert (app._progress["in", 0] > 0, app._progress["in", 1] > 0) == (True, behind)


@pytest.mark.parametrize("waits_for", ["the registry does not answer", None])
def test_a_worker_that_waits_for_the_registry_is_not_stuck(monkeypatch, waits_for):
    asked: list[Callable[[], bool]] = []
    monkeypatch.setattr(
        "streams.batching.app.Watchdog", lambda *_, is_halted, **__: asked.append(is_halted)
    )
    app = BatchApp("none", output=Mock(), waits_for=lambda: waits_for)
    app.watch("none", timeout_s=1)
    (is_halted,) = asked
    assert is_halted() == (waits_for is not None)
