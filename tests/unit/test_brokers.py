"""How many brokers the embedded stack has, and what follows from that."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from streams.cli import app
from streams.cli.settings import load_settings
from streams.devstack import Stack, StackError, artifacts
from streams.devstack.broker import common_properties
from streams.devstack.processes import Daemon
from streams.devstack.secure import SecureStack

ONE = {"kafka": 29998, "controller": 29997, "registry": 29996, "management": 29995}
THREE = ONE | {"kafka-2": 29994, "kafka-3": 29993, "controller-2": 29992, "controller-3": 29991}


@pytest.fixture
def stack(tmp_path, monkeypatch):
    """A stack that does not run; its ports are up to the test."""
    monkeypatch.setenv("THEWALL_STACK_DIR", str(tmp_path))
    monkeypatch.setattr(artifacts, "fetch", lambda *_: None)
    return Stack(tmp_path)


@pytest.fixture
def ports(tmp_path):
    """Write down the ports that a stack had the last time."""
    return lambda ports: (tmp_path / "ports.json").write_text(json.dumps(ports))


def test_clients_of_three_brokers_know_all_of_them_and_how_many_replicas_topics_have(stack, ports):
    ports(THREE)
    addresses = stack.addresses()
    assert addresses.bootstrap_servers == "127.0.0.1:29998,127.0.0.1:29994,127.0.0.1:29993"
    assert addresses.settings == {"replication_factor": 3, "min_insync_replicas": 2}


def test_clients_of_one_broker_are_told_nothing_beside_its_address(stack, ports):
    ports(ONE)
    assert stack.addresses().bootstrap_servers == "127.0.0.1:29998"
    assert stack.addresses().settings == {}


def test_a_command_makes_topics_as_a_cluster_that_runs_has_them(stack, ports, monkeypatch):
    ports(THREE)
    monkeypatch.setattr(Stack, "runs", lambda _: True)
    found = load_settings()
    assert (found.replication_factor, found.min_insync_replicas) == (3, 2)
    assert load_settings(min_insync_replicas=1).min_insync_replicas == 1


@pytest.mark.parametrize(("had", "asked"), [(ONE, "3"), (THREE, "1")])
def test_data_of_another_number_of_brokers_is_kept_and_the_start_refused(
    stack, ports, had, asked, tmp_path
):
    ports(had)
    (tmp_path / "data/kafka").mkdir(parents=True)
    done = CliRunner().invoke(app, ["up", "--brokers", asked])
    assert isinstance(done.exception, StackError)
    assert "begin anew with --fresh" in str(done.exception)
    assert (tmp_path / "data/kafka").exists()
    assert json.loads((tmp_path / "ports.json").read_text()) == had


def test_two_brokers_which_could_not_do_without_one_are_refused(stack, tmp_path):
    done = CliRunner().invoke(app, ["up", "--brokers", "2"])
    assert isinstance(done.exception, StackError)
    assert "it has 1, or 3 of which one may fail" in str(done.exception)
    assert not list(tmp_path.iterdir())


def test_what_kafka_keeps_itself_has_as_many_replicas_as_there_are_brokers():
    for controllers, replicas, in_sync in ([1], 1, 1), ([1, 2, 3], 3, 2):
        told = common_properties(controllers)
        assert {told[name] for name in told if name.endswith("replication.factor")} == {replicas}
        assert {told[n] for n in told if n.endswith(("min.isr", "insync.replicas"))} == {in_sync}


def test_a_secure_stack_of_an_earlier_version_that_runs_is_left_alone_and_said(
    ports, tmp_path, monkeypatch
):
    ports(ONE)
    monkeypatch.setattr(artifacts, "fetch", lambda *_: None)
    monkeypatch.setattr(Daemon, "alive", lambda _: True)
    with pytest.raises(StackError, match="kafka was started by an earlier version: run `thewall d"):
        SecureStack(tmp_path).up()
    assert json.loads((tmp_path / "ports.json").read_text()) == ONE
