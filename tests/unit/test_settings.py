"""Settings and their environment variables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.cli.settings import InvalidSettings, read_settings
from streams.contract.topics import Topics, topic_config
from streams.settings import Settings

SETTINGS = Settings(bootstrap_servers="x", registry_url="x", app_version=2)


def test_settings_go_to_another_process_by_its_environment(monkeypatch):
    given = SETTINGS.model_copy(update={"read_until": {"wall.walls": [1, 2]}, "shadow": True})
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == given
    assert json.loads(given.environment()["THEWALL_READ_UNTIL"]) == {"wall.walls": [1, 2]}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BOOTSTRAP_SERVERS", "SASL_SSL://a:1", "only PLAINTEXT:// may stand before it"),
        ("REGISTRY_URL", "ftp://a", "is no registry's address"),
        ("WEB_HOST", "http://127.0.0.1", "is no host"),
        ("WEB_PORT", "http", "valid integer"),
        ("APP_ID", "the wall", "pattern"),
        ("TOPIC_PREFIX", "a/b", "pattern"),
        ("DEFAULT_WALL", "a/b", "wall id 'a/b' is not"),
        ("DATA_DIR", "~nobody-of-that-name/x", "~nobody-of-that-name/x can't be had"),
    ],
)
def test_a_variable_that_can_not_be_is_refused_by_name(monkeypatch, name, value, words):
    monkeypatch.setenv(f"THEWALL_{name}", value)
    with pytest.raises(InvalidSettings, match=rf"THEWALL_{name}: ") as refused:
        read_settings()
    assert words in str(refused.value)
    assert "Value error" not in str(refused.value)


def test_a_variable_that_is_no_json_is_refused(monkeypatch):
    monkeypatch.setenv("THEWALL_READ_UNTIL", "{")
    with pytest.raises(InvalidSettings, match="read_until"):
        read_settings()


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch):
    monkeypatch.setenv("THEWALL_WEB_PORT", "")
    monkeypatch.setenv("THEWALL_DEFAULT_WALL", "")
    settings = read_settings()
    assert (settings.web_port, settings.default_wall) == (6066, "default")


def test_a_data_directory_is_the_same_from_wherever_a_process_is_started(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/jon")
    for given, meant in {"here": tmp_path / "here", "~/there": Path("/home/jon/there")}.items():
        monkeypatch.setenv("THEWALL_DATA_DIR", given)
        assert read_settings().data_dir == meant


def test_a_record_can_not_have_to_be_on_more_replicas_than_there_are(monkeypatch):
    monkeypatch.setenv("THEWALL_REPLICATION_FACTOR", "3")
    monkeypatch.setenv("THEWALL_MIN_INSYNC_REPLICAS", "2")
    settings = read_settings()
    assert settings.min_insync_replicas == 2
    topic = next(iter(Topics.of(settings).all()))
    assert topic_config(topic, settings) == topic.config() | {"min.insync.replicas": "2"}
    monkeypatch.setenv("THEWALL_MIN_INSYNC_REPLICAS", "4")
    with pytest.raises(InvalidSettings, match="MIN_INSYNC_REPLICAS: 4 of 3 replicas"):
        read_settings()
