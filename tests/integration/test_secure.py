"""The least rights suffice, and fewer do not: a broker and a registry with TLS, users and ACLs."""

from __future__ import annotations

import json

import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from domain.settings import settings_for
from domain.wall import Wall
from streams.client.client import Client
from streams.contract.topics import Topics
from streams.devstack.ports import free_port
from streams.devstack.secure import SecureStack
from streams.operations.rights import ROLES, rights
from streams.settings import Settings
from tests.harness.processes import run_thewall, running_worker, thewall
from tests.harness.waiting import wait_until
from tests.harness.web import running_web

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("secure")]


@pytest.fixture(scope="module")
def secure_stack(tmp_path_factory):
    stack = SecureStack(tmp_path_factory.mktemp("secure"))
    stack.up()
    yield stack
    stack.down()


@pytest.fixture
def as_role(secure_stack, tmp_path):
    """The settings of a role, as the stack has them."""
    found = secure_stack.addresses()
    where = {
        "bootstrap_servers": found.bootstrap_servers,
        "registry_url": found.registry_url,
        "data_dir": tmp_path / "data",
        "session_timeout_s": 6,
        "web_port": free_port(),
    }

    def settings(role, **more):
        return Settings(**where | secure_stack.security(role) | more)

    for role in ROLES:
        of_role = rights(role, settings(role, guarantee="exactly-once"))
        secure_stack.grant(role, [(r.resource, r.name, r.operations, r.prefixed) for r in of_role])
    return settings


def test_each_role_can_do_what_it_is_for_with_the_rights_that_are_listed_and_no_more(
    as_role, tmp_path
):
    wall = tmp_path / "wall.conf"
    wall.write_text("21 25 28\n17\n17 22 17 19 17\n")
    worker = as_role("worker", guarantee="exactly-once")
    producer, reader = as_role("producer"), as_role("reader")

    # Nobody but the operator creates topics and registers schemas.
    early = run_thewall(worker, "worker", "--processes", "1", "--no-web")
    assert early.returncode == 1
    assert "are not there, or user worker may not see them" in early.stderr
    refused = run_thewall(producer, "topics")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    operator = as_role("operator")
    thewall(operator, "topics")

    with (
        running_worker(worker, tmp_path / "worker.log"),
        running_web(as_role("web"), tmp_path / "web.log") as web,
    ):
        thewall(producer, "submit", str(wall), "--wait")
        assert "32,233,500" in thewall(reader, "overview", "default")
        thewall(reader, "verify")
        answer = web.config("other", "30 29\n", "?wait=20")
        assert answer.status == 200, answer.body
        assert thewall(reader, "consume", "daily", "--max", "2")

        # Kafka's own tools know the user and the certificates, too.
        thewall(producer, "produce", stdin='{"wall": "typed", "profile": 1, "heights": [29]}\n')
        wait_until(lambda: Client(operator).totals("typed"), 30, "what was typed is built")
        row = thewall(reader, "console", "wall.daily", "--from-beginning", "--max-messages", "1")
        assert json.loads(row.partition("\t")[2])["wall"] == "default"

        forbidden = run_thewall(reader, "submit", str(wall), "--wall", "mine")
        assert forbidden.returncode == 1
        assert "user reader has no right to write to wall." in forbidden.stderr
        assert len(forbidden.stderr.splitlines()) == 1
        assert Client(operator).topics.all() == Topics.of(operator).all()
        wait_until(lambda: web.is_ready(), 10, "the page")


def test_a_wrong_password_and_no_tls_are_said_as_such(as_role):
    wrong = run_thewall(as_role("reader", kafka_password="another password"), "overview", "w")  # noqa: S106
    assert wrong.returncode == 1
    assert "refuses user reader: wrong user, password or mechanism" in wrong.stderr
    assert "another password" not in wrong.stderr
    strange = run_thewall(as_role("reader", kafka_ca=None), "overview", "w")
    assert strange.returncode == 1
    assert "no TLS with the broker" in strange.stderr
    unknown = run_thewall(as_role("reader", registry_password="another"), "overview", "w")  # noqa: S106
    assert unknown.returncode == 1
    assert "refuses user reader: wrong user or password" in unknown.stderr


def take_away(stack, topic, operation):
    """Take one right of a topic away from the worker."""
    admin = stack.admin()
    of_topic = AclBindingFilter(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:worker", None,
        AclOperation[operation.upper()], AclPermissionType.ALLOW,
    )  # fmt: skip
    (removed,) = admin.delete_acls([of_topic]).values()
    assert removed.result(30)


RIGHTS_THAT_END = [
    ("Write", "daily", "no right to write to topic wall.daily: the worker's user needs Write"),
    ("Read", "profiles", "no right to read topic wall.profiles: the worker's user needs Read"),
]


@pytest.mark.parametrize(("operation", "name", "words"), RIGHTS_THAT_END)
def test_a_right_that_is_taken_away_under_way_is_named_and_once_given_back_nothing_is_lost(
    as_role, secure_stack, tmp_path, operation, name, words
):
    worker, operator = as_role("worker"), as_role("operator")
    thewall(operator, "topics")
    client = Client(operator)
    topic = getattr(client.topics, name)
    wall = Wall(
        f"without-{operation}-{name}".lower(), settings_for(), {1: bytes([21, 25]), 2: bytes([30])}
    )
    log = tmp_path / "worker.log"
    with running_worker(worker, log) as running:
        take_away(secure_stack, topic.name, operation)
        client.submit(wall)
        wait_until(lambda: running.process.poll() is not None, 60, "the worker has ended")
    assert running.process.poll() == 70
    assert words in log.read_text()
    secure_stack.grant("worker", [("topic", topic.name, (operation,), False)])
    with running_worker(worker, log):
        client.wait_until_built(wall, 60, lambda *_: None)
        thewall(as_role("reader"), "verify", wall.id)
