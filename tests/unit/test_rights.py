"""The least rights with which each kind of process works."""

from __future__ import annotations

import pytest

from streams.contract.topics import Topics
from streams.operations.rights import ROLES, rights
from streams.settings import Settings

SETTINGS = Settings(bootstrap_servers="x", registry_url="x")
TOPICS = Topics.of(SETTINGS)


def may(role, operation, settings=SETTINGS):
    found = rights(role, settings)
    return {r.name for r in found if r.resource == "topic" and operation in r.operations}


def test_nobody_but_the_operator_may_change_the_broker():
    for role in ROLES:
        operations = {
            operation for right in rights(role, SETTINGS) for operation in right.operations
        }
        assert ("All" in operations) == (role == "operator")
        assert operations <= {"Read", "Write", "Describe", "All"}


def test_a_reader_writes_nothing_and_a_producer_only_what_is_submitted():
    assert may("reader", "Write") == set()
    assert may("producer", "Write") == {
        "wall.walls", "wall.profiles", "wall.clock", "wall.submissions",
    }  # fmt: skip


def test_a_worker_writes_neither_clocks_nor_lines():
    everything = {topic.name for topic in TOPICS.all()}
    assert everything - may("worker", "Write") == {
        "wall.clock", "wall.submissions",
    }  # fmt: skip
    assert everything - may("worker", "Read") == {topic.name for topic in TOPICS.outputs}


def test_a_web_process_writes_what_is_submitted_and_can_send_every_dead_letter_again():
    assert may("web", "Write") == {topic.name for topic in TOPICS.doors}


def test_the_names_are_those_of_the_application_version():
    later = SETTINGS.model_copy(update={"app_version": 2})
    assert "wall.v2.accepted" in may("worker", "Write", later)
    assert "thewall-v2-ledger-changelog" in may("worker", "Write", later)
    assert "wall.daily" in may("worker", "Write", later)


def test_a_right_can_be_given_with_kafkas_own_tool():
    group, _ = [right for right in rights("worker", SETTINGS) if right.resource == "group"]
    assert group.arguments("User:w") == (
        "--add --allow-principal User:w --operation Read --group thewall"
    )
    prefixed = rights("operator", SETTINGS)[0]
    assert prefixed.arguments("User:o").endswith("--topic wall. --resource-pattern-type prefixed")


def test_only_who_sends_in_transactions_has_rights_to_transactional_ids():
    once = SETTINGS.model_copy(update={"guarantee": "exactly-once"})

    def of_ids(settings, role="worker"):
        return [r for r in rights(role, settings) if r.resource == "transactional-id"]

    assert of_ids(SETTINGS) == []
    (right,) = of_ids(once)
    assert right.arguments("User:w") == (
        "--add --allow-principal User:w --operation Write --operation Describe "
        "--transactional-id thewall- --resource-pattern-type prefixed"
    )
    assert [role for role in ROLES if of_ids(once, role)] == ["worker", "operator"]


def test_who_is_no_role_is_refused():
    with pytest.raises(ValueError, match="there is worker, web"):
        rights("king", SETTINGS)
