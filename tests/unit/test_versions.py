"""Application versions: which topics are whose, and which version a worker runs."""

from __future__ import annotations

import pytest

from streams.client import versions
from streams.client.kafka import ClientError
from streams.context import StageContext
from streams.contract.topics import Topics
from streams.settings import Settings

SETTINGS = Settings(bootstrap_servers="x", registry_url="x", app_version=2)


def names(settings: Settings, of: str) -> set[str]:
    return {topic.name for topic in getattr(Topics.of(settings), of)}


def test_a_version_has_its_own_topics_between_the_stages_and_the_same_at_both_ends():
    first = SETTINGS.model_copy(update={"app_version": 1})
    assert names(SETTINGS, "inputs") == names(first, "inputs")
    assert names(SETTINGS, "outputs") == names(first, "outputs")
    assert names(first, "intermediate") & names(SETTINGS, "intermediate") == set()
    assert "wall.accepted" in names(first, "intermediate")
    assert "wall.v2.accepted" in names(SETTINGS, "intermediate")
    assert "thewall-v2-ledger-changelog" in names(SETTINGS, "changelogs")


def test_a_shadow_publishes_beside_the_final_topics():
    shadow = SETTINGS.model_copy(update={"shadow": True})
    assert names(shadow, "intermediate") == names(SETTINGS, "intermediate")
    assert names(shadow, "outputs") == {
        f"wall.v2.{name}" for name in ("daily", "overview", "simulation.events", "dead-letters")
    }


def test_every_topic_is_of_the_version_that_it_is_named_after(monkeypatch):
    first = SETTINGS.model_copy(update={"app_version": 1})
    shadow = SETTINGS.model_copy(update={"shadow": True})
    there = {topic.name: 8 for s in (first, shadow) for topic in Topics.of(s).all()}
    monkeypatch.setattr(
        versions, "existing_partitions", lambda _: there | {"wall.v3": 1, "v2.x": 1}
    )
    found = {version: set(names) for version, names in versions.topics_by_version(first).items()}
    assert found == {
        1: names(first, "intermediate") | names(first, "changelogs"),
        2: names(shadow, "intermediate") | names(shadow, "outputs") | names(shadow, "changelogs"),
    }


@pytest.mark.parametrize(
    ("given", "recorded", "runs"),
    [(0, None, 1), (0, 3, 3), (2, None, 2), (3, 3, 3), (2, 3, None), (4, 3, None)],
)
def test_a_worker_runs_the_current_version_or_none(monkeypatch, given, recorded, runs):
    monkeypatch.setattr(versions, "recorded_version", lambda _: recorded)
    settings = SETTINGS.model_copy(update={"app_version": given})
    if runs is None:
        with pytest.raises(ClientError, match="has switched to version 3"):
            versions.version_to_run(settings)
    else:
        assert versions.version_to_run(settings).version == runs


def test_plans_of_a_newer_application_version_are_newer():
    first, second = (StageContext(None, None, 1, version) for version in (1, 2))
    assert first.plan_version(7) == 7
    assert first.plan_version(10**12) < second.plan_version(0) < second.plan_version(1)
    assert StageContext(None, None, 1, 4095).plan_version(10**12) < 2**53
