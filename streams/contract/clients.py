"""How every client of the broker and of the registry is made: addresses, TLS, users."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from confluent_kafka.schema_registry import SchemaRegistryClient

from streams.addresses import asked_directly

if TYPE_CHECKING:
    from pydantic import SecretStr

    from streams.settings import Settings

REGISTRY_TIMEOUT_S = 10


def _told(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()


def broker_config(settings: Settings, **more: Any) -> dict[str, Any]:
    """What librdkafka has to know to reach the broker.

    Args:
        settings: Where it is, and who we are.
        more: librdkafka's other properties, with _ for the dots in their names.
    """
    config: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "log_level": 0,  # it would write every attempt to standard error
        # An admin client asks the node that it takes for the controller. If that is gone, each
        # question fails until the cluster's nodes are looked up anew, for 5 minutes unless set.
        "topic.metadata.refresh.interval.ms": 5_000,
        **{name.replace("_", "."): value for name, value in more.items()},
    }
    protocol = settings.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return config
    config["security.protocol"] = protocol
    if "SSL" in protocol:
        files = {
            "ssl.ca.location": settings.kafka_ca,
            "ssl.certificate.location": settings.kafka_certificate,
            "ssl.key.location": settings.kafka_key,
        }
        config |= {name: str(path) for name, path in files.items() if path is not None}
        if settings.kafka_key_password is not None:
            config["ssl.key.password"] = _told(settings.kafka_key_password)
    if "SASL" in protocol:
        config["sasl.mechanism"] = settings.kafka_sasl_mechanism
        config["sasl.username"] = settings.kafka_user
        config["sasl.password"] = _told(settings.kafka_password)
    return config


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """The same for clients in Python; None without TLS."""
    if "SSL" not in settings.kafka_security_protocol:
        return None
    context = ssl.create_default_context(cafile=settings.kafka_ca)
    if settings.kafka_certificate is not None:
        context.load_cert_chain(
            settings.kafka_certificate,
            settings.kafka_key,
            _told(settings.kafka_key_password) or None,
        )
    return context


def aiokafka_security(settings: Settings) -> dict[str, Any]:
    """What aiokafka has to know beside the address; nothing for a broker without TLS and users."""
    protocol = settings.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return {}
    known: dict[str, Any] = {"security_protocol": protocol, "ssl_context": ssl_context(settings)}
    if "SASL" in protocol:
        known |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": _told(settings.kafka_password),
        }
    return known


def registry_client(settings: Settings) -> SchemaRegistryClient:
    """A client of the registry. It repeats nothing: who calls it does, within a timeout."""
    config: dict[str, Any] = {
        "url": settings.registry_url,
        "timeout": REGISTRY_TIMEOUT_S,
        "max.retries": 0,
    }
    if settings.registry_user:
        password = _told(settings.registry_password)
        config["basic.auth.user.info"] = f"{settings.registry_user}:{password}"
    if settings.registry_ca is not None:
        config["ssl.ca.location"] = str(settings.registry_ca)
    with asked_directly(settings.registry_url):
        return SchemaRegistryClient(config)


def broker_properties(settings: Settings) -> dict[str, str]:
    """The same for clients in Java, by name; nothing for a broker without TLS and users."""
    protocol = settings.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return {}
    known: dict[str, str] = {"security.protocol": protocol}
    if "SSL" in protocol and settings.kafka_ca is not None:
        known |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(settings.kafka_ca)}
    if "SSL" in protocol and settings.kafka_certificate is not None:
        # In one file it would have to be with its key: so both are told as text.
        files = (settings.kafka_certificate, settings.kafka_key)
        chain, key = ("" if file is None else file.read_text("ascii") for file in files)
        known |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": chain,
            "ssl.keystore.key": key,
        }
        if settings.kafka_key_password is not None:
            known["ssl.key.password"] = _told(settings.kafka_key_password)
    if "SASL" in protocol:
        mechanism = settings.kafka_sasl_mechanism
        kind = "plain.Plain" if mechanism == "PLAIN" else "scram.Scram"
        user, password = (
            text.replace("\\", r"\\").replace('"', r"\"")
            for text in (settings.kafka_user, _told(settings.kafka_password))
        )
        known |= {
            "sasl.mechanism": mechanism,
            "sasl.jaas.config": f"org.apache.kafka.common.security.{kind}LoginModule required "
            f'username="{user}" password="{password}";',
        }
    return known


def registry_properties(settings: Settings) -> dict[str, str]:
    """What Apicurio's deserializer has to know beside the registry's address."""
    known = {}
    if settings.registry_user:
        known["apicurio.registry.auth.username"] = settings.registry_user
        known["apicurio.registry.auth.password"] = _told(settings.registry_password)
    if settings.registry_ca is not None:
        known["apicurio.registry.tls.truststore.type"] = "PEM"
        known["apicurio.registry.tls.truststore.location"] = str(settings.registry_ca)
    return known
