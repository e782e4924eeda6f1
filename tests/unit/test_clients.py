"""How the settings of a secured cluster reach every client."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.cli.settings import InvalidSettings, read_settings
from streams.contract.clients import (
    broker_config,
    broker_properties,
    registry_properties,
    ssl_context,
)
from streams.devstack import artifacts
from streams.devstack.console import console_command, producer_command
from streams.settings import SECRETS, Settings

PASSWORD = "nobody knows it"  # noqa: S105


def test_without_security_a_client_is_told_the_address_alone():
    assert broker_config(Settings(bootstrap_servers="a:1")) == {
        "bootstrap.servers": "a:1",
        "log_level": 0,
        "topic.metadata.refresh.interval.ms": 5_000,
    }
    assert ssl_context(Settings()) is None


def test_tls_and_a_user_are_told_to_every_client(tmp_path):
    ca = tmp_path / "ca.pem"
    settings = Settings(
        bootstrap_servers="a:1",
        kafka_security_protocol="SASL_SSL",
        kafka_user="w",
        kafka_password=PASSWORD,
        kafka_ca=ca,
    )
    assert broker_config(settings, group_id="g") == {
        "bootstrap.servers": "a:1",
        "log_level": 0,
        "topic.metadata.refresh.interval.ms": 5_000,
        "group.id": "g",
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(ca),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "w",
        "sasl.password": PASSWORD,
    }


def test_kafkas_own_tools_are_told_nothing_beside_the_address_without_security():
    assert broker_properties(Settings()) == registry_properties(Settings()) == {}


def test_kafkas_own_tools_are_told_of_tls_and_of_a_client_certificate(tmp_path):
    chain, key = tmp_path / "w.crt", tmp_path / "w.key"
    chain.write_text("CHAIN\n")
    key.write_text("KEY\n")
    settings = Settings(
        kafka_security_protocol="SSL", kafka_ca=tmp_path / "ca.pem", kafka_certificate=chain,
        kafka_key=key, kafka_key_password=PASSWORD,
    )  # fmt: skip
    assert broker_properties(settings) == {
        "security.protocol": "SSL",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(tmp_path / "ca.pem"),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": "CHAIN\n",
        "ssl.keystore.key": "KEY\n",
        "ssl.key.password": PASSWORD,
    }


def test_kafkas_own_tools_read_passwords_from_a_file_without_a_name(monkeypatch):
    monkeypatch.setattr(artifacts, "class_path", lambda *_: "jars")
    password = 'ü"\\ 😀'  # noqa: S105
    settings = Settings(
        kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_mechanism="PLAIN", kafka_user="w",
        kafka_password=password, registry_user="r", registry_password=password,
    )  # fmt: skip
    security, of_registry = broker_properties(settings), registry_properties(settings)
    told = console_command("t", "a:1", "http://a:2", (), security, of_registry)
    assert password not in " ".join(told)
    assert "--formatter-config" in told
    command = producer_command("t", "a:1", (), security)
    file = Path(command[command.index("--command-config") + 1])
    assert file.parent == Path("/dev/fd")
    properties = dict(line.split("=", 1) for line in file.read_text("ascii").splitlines())
    unescaped = properties["sasl.jaas.config"].encode().decode("unicode_escape")
    assert unescaped.encode("utf-16", "surrogatepass").decode("utf-16") == (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        'username="w" password="ü\\"\\\\ 😀";'
    )


def test_a_secret_may_be_in_a_file_and_the_variable_itself_goes_first(tmp_path, monkeypatch):
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    monkeypatch.setenv("THEWALL_KAFKA_PASSWORD_FILE", str(file))
    assert read_settings().kafka_password.get_secret_value() == PASSWORD
    monkeypatch.setenv("THEWALL_KAFKA_PASSWORD", "another")
    assert read_settings().kafka_password.get_secret_value() == "another"


def test_a_file_of_a_secret_that_is_not_there_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("THEWALL_API_TOKEN_FILE", str(tmp_path / "nothing"))
    with pytest.raises(InvalidSettings, match=r"THEWALL_API_TOKEN_FILE.*nothing can't be read"):
        read_settings()


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_is_shown_nowhere(name):
    settings = Settings(**{name: PASSWORD})
    assert PASSWORD not in repr(settings)
    assert PASSWORD not in str(settings.shown())
    assert PASSWORD not in str(settings.model_dump(mode="json"))
    assert settings.environment()[f"THEWALL_{name.upper()}"] == PASSWORD


def test_every_secret_is_known_as_one():
    secret = {n for n, f in Settings.model_fields.items() if "SecretStr" in str(f.annotation)}
    assert secret == SECRETS


def test_nobody_else_makes_a_client_of_the_broker_for_settings():
    streams = Path(__file__).parents[2] / "streams"
    own = [p for p in streams.rglob("*.py") if '"bootstrap.servers": settings' in p.read_text()]
    assert own == [streams / "contract/clients.py"]
