"""The least rights suffice, and fewer do not: a broker and a registry with TLS, users and ACLs."""

from __future__ import annotations

import pytest

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
        of_role = rights(role, settings(role))
        secure_stack.grant(role, [(r.resource, r.name, r.operations, r.prefixed) for r in of_role])
    return settings


def test_each_role_can_do_what_it_is_for_with_the_rights_that_are_listed_and_no_more(
    as_role, tmp_path
):
    wall = tmp_path / "wall.conf"
    wall.write_text("21 25 28\n17\n17 22 17 19 17\n")
    worker, producer, reader = as_role("worker"), as_role("producer"), as_role("reader")

    # Nobody but the operator creates topics and registers schemas.
    early = run_thewall(worker, "worker", "--processes", "1", "--no-web")
    assert early.returncode == 1
    assert "are not there, or user worker may not see them" in early.stderr
    refused = run_thewall(producer, "topics")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    thewall(as_role("operator"), "topics")

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

        forbidden = run_thewall(reader, "submit", str(wall), "--wall", "mine")
        assert forbidden.returncode == 1
        assert "user reader has no right to write to wall." in forbidden.stderr
        assert len(forbidden.stderr.splitlines()) == 1
        topics = Topics.of(as_role("operator")).all()
        assert Client(as_role("operator")).topics.all() == topics
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
