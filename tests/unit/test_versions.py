"""Application versions: which topics are whose, and which version a worker runs."""

from __future__ import annotations

import pytest

from streams.client import versions
from streams.client.errors import ClientError
from streams.context import StageContext
from streams.contract.topics import Topics, partition_mismatch
from streams.settings import Settings

SETTINGS = Settings(bootstrap_servers="x", registry_url="x", app_version=2)


def names(settings: Settings, of: str) -> set[str]:
    topics = getattr(Topics.of(settings), of)
    return {topic.name for topic in (topics() if callable(topics) else topics)}


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
    "neighbour",
    [{"topic_prefix": "wall.v3"}, {"app_id": "thewall-v3", "topic_prefix": "other"},
     {"app_id": "thewall-v3", "topic_prefix": "wall.v3"}],
    ids=["prefix", "application id", "both"],
)  # fmt: skip
def test_topics_of_a_neighbour_that_is_named_as_a_version_is_are_not_ours(monkeypatch, neighbour):
    first = SETTINGS.model_copy(update={"app_version": 1})
    theirs = first.model_copy(update=neighbour)
    there = {topic.name: 8 for s in (first, SETTINGS, theirs) for topic in Topics.of(s).all()}
    monkeypatch.setattr(versions, "existing_partitions", lambda _: there)
    found = versions.topics_by_version(first)
    assert found.keys() == {1, 2}
    only_theirs = names(theirs, "all") - names(first, "all")
    assert only_theirs.isdisjoint(name for of_version in found.values() for name in of_version)
    assert versions.numbers_in_use(first) == {2, 3}


def test_a_wipe_that_is_not_done_keeps_workers_from_running(monkeypatch):
    wiping = versions.Recorded(None, wiped_digest="ab")
    monkeypatch.setattr(versions, "recorded", lambda *_: wiping)
    for check in (versions.version_to_run, versions.check_current):
        with pytest.raises(ClientError, match=r"wipe` was ended before it was done.*run it again"):
            check(SETTINGS)


@pytest.mark.parametrize(
    ("given", "recorded", "runs"),
    [(0, None, 1), (0, 3, 3), (2, None, 2), (3, 3, 3), (2, 3, None), (4, 3, None)],
)
def test_a_worker_runs_the_current_version_or_none(monkeypatch, given, recorded, runs):
    monkeypatch.setattr(versions, "recorded", lambda *_: versions.Recorded(recorded))
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


def test_advice_on_partitions_does_not_go_in_a_circle():
    settings = SETTINGS.model_copy(update={"app_version": 1})
    there = {topic.name: topic.partitions(settings) for topic in Topics.of(settings).all()}
    six = settings.model_copy(update={"partitions": 6})
    assert partition_mismatch(there, settings) is None
    assert "THEWALL_PARTITIONS is 6: set it to 4" in partition_mismatch(there, six)
    enlarged = there | {"wall.profiles": 6}
    said = partition_mismatch(enlarged, settings)
    assert "wall.profiles has 6 partitions, and must have 4" in said
    assert "delete the topic" in said
    assert "submit again" in said
    # Whoever sets the number of the one topic is told of the others.
    assert "THEWALL_PARTITIONS is 6: set it to 4" in partition_mismatch(enlarged, six)
