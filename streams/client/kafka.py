"""Requests to the broker and the registry: timeouts, retries, and errors that people can read."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from streams.client.errors import ClientError
from streams.contract.clients import broker_config
from streams.contract.codecs import prepare_codecs, reading_codecs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from confluent_kafka import Message

    from streams.contract.codecs import Codecs
    from streams.contract.topics import Topic
    from streams.settings import Settings

T = TypeVar("T")

REQUEST_TIMEOUT_S = 10.0
"""Timeout of a request to the broker or the registry, in seconds."""

FAILOVER_TIMEOUT_S = 30.0
"""Timeout of what waits for one particular broker, in seconds: the leader, or the controller.

A cluster takes 9 s to notice that a broker is gone, unless set otherwise, and a few more to elect.
"""


def admin_of(settings: Settings) -> AdminClient:
    """An admin client, one for all questions of this process: connecting takes a moment."""
    return _admin(tuple(broker_config(settings).items()))[0]


@lru_cache(maxsize=8)
def _admin(config: tuple[tuple[str, Any], ...]) -> tuple[AdminClient, list[KafkaError]]:
    """A client, and the errors that it was told."""
    told: list[KafkaError] = []
    return AdminClient(dict(config) | {"error_cb": told.append}), told


def existing_partitions(settings: Settings) -> dict[str, int]:
    """Number of partitions of each topic on the broker.

    Raises:
        ClientError: The broker does not answer.
    """
    try:
        topics = admin_of(settings).list_topics(timeout=REQUEST_TIMEOUT_S).topics
    except KafkaException as error:
        raise no_broker(settings, error) from error
    return {name: len(topic.partitions) for name, topic in topics.items()}


def no_broker(settings: Settings, error: KafkaException) -> ClientError:
    """What to say of a broker that does not answer, or not us."""
    admin, told = _admin(tuple(broker_config(settings).items()))
    admin.poll(0)
    for reason in told:
        if reason.code() == KafkaError._AUTHENTICATION:  # noqa: SLF001 - public in all but name
            return ClientError(
                f"the broker at {settings.bootstrap_servers} refuses user "
                f"{settings.kafka_user or 'nobody'}: wrong user, password or mechanism"
            )
        if reason.code() == KafkaError._SSL:  # noqa: SLF001
            return ClientError(
                f"no TLS with the broker at {settings.bootstrap_servers}: "
                f"{reason.str()[:300]}; look at THEWALL_KAFKA_SECURITY_PROTOCOL, _CA and "
                "_CERTIFICATE"
            )
    return ClientError(
        f"the broker at {settings.bootstrap_servers} does not answer ({error.args[0].str()}); "
        "start it with `thewall up`"
    )


def retry_until_led(call: Callable[[], T]) -> T:
    """Result of a call that is retried while a partition has no leader or the leader moves."""
    return Retrying(
        retry=retry_if_exception(_passes),
        stop=stop_after_delay(FAILOVER_TIMEOUT_S),
        wait=wait_fixed(0.2),
        reraise=True,
    )(call)


def _passes(error: BaseException) -> bool:
    """Whether a failure may be over in a moment: a right that is missing stays so."""
    return isinstance(error, KafkaException) and "AUTHORIZATION" not in error.args[0].name()


def connect_registry(settings: Settings, topics: Iterable[Topic]) -> Codecs:
    """The codecs of the topics, whose schemas are registered if the settings say so.

    Raises:
        ClientError: The registry does not answer.
        SchemaMissing: It lacks a schema, and the settings do not say to register it.
        SchemaRegistryError: The registry refuses a schema.
    """
    with asking_registry(settings):
        return prepare_codecs(settings, topics, REQUEST_TIMEOUT_S)


def ask_registry(settings: Settings, topics: Iterable[Topic]) -> Codecs:
    """Codecs that register nothing: see `reading_codecs`.

    Raises:
        ClientError: The registry can't be asked.
    """
    with asking_registry(settings):
        return reading_codecs(settings, topics, REQUEST_TIMEOUT_S)


@contextmanager
def asking_registry(settings: Settings) -> Iterator[None]:
    """Say of a registry that does not answer what can be done.

    Raises:
        ClientError: It does not answer, or refuses us, or can't be asked.
    """
    try:
        yield
    except SchemaRegistryError as error:
        if error.http_status_code not in (401, 403):
            raise
        why = "wrong user or password" if error.http_status_code == 401 else "no right to do this"
        raise ClientError(
            f"the registry at {settings.registry_url} refuses user "
            f"{settings.registry_user or 'nobody'}: {why}"
        ) from error
    except OSError as error:
        raise ClientError(
            f"the registry at {settings.registry_url} does not answer ({error}); start it "
            "with `thewall up`"
        ) from error
    except (ImportError, ValueError) as error:
        # What the client makes of a proxy in the environment that it can't use.
        raise ClientError(
            f"the registry at {settings.registry_url} can't be asked: {error}"
        ) from error


ANY_PARTITION = -1
UNHEARD = logging.getLogger("librdkafka")
UNHEARD.addHandler(logging.NullHandler())
UNHEARD.propagate = False


def produce(
    settings: Settings, records: Iterable[tuple[str, bytes | str, bytes | None, int]]
) -> int:
    """Send records, and wait until the broker has acknowledged all of them.

    Args:
        settings: Where the broker is.
        records: Topic, key, value (None for a tombstone) and partition of each record;
            ANY_PARTITION for the partition that the key belongs to.

    Returns:
        The latest timestamp that the records have on the broker, in milliseconds since the epoch.

    Raises:
        ClientError: The broker did not take some of them.
    """
    failures: list[tuple[KafkaError, str]] = []
    topic = ""
    latest_ms = 0
    producer = Producer(
        {
            **broker_config(settings),
            "enable.idempotence": True,
            # Java's partitioner: librdkafka's default would choose a partition where no stage
            # expects the key.
            "partitioner": "murmur2_random",
            "linger.ms": 1,
            "message.timeout.ms": int(FAILOVER_TIMEOUT_S * 1000),
        },
        logger=UNHEARD,  # a fatal error is written whatever the log level
    )

    def acknowledged(topic: str, error: KafkaError | None, message: Message) -> None:
        nonlocal latest_ms
        if error is None:
            latest_ms = max(latest_ms, message.timestamp()[1])
        else:
            failures.append((error, topic))

    def no_right(error: KafkaError, topic: str) -> str:
        # Who may write to no topic at all is refused by the cluster, before a topic is named.
        if "authorization failed" not in error.str().lower():
            return error.str()
        return f"user {settings.kafka_user or 'nobody'} has no right to write to {topic}"

    for topic, key, value, partition in records:
        while True:
            try:
                producer.produce(topic, value, key, partition, partial(acknowledged, topic))
                break
            except BufferError:
                producer.poll(0.1)
            except (KafkaException, SystemError) as error:
                failures.insert(0, (_fatal(error), failures[0][1] if failures else topic))
                break
    try:
        unanswered = producer.flush(FAILOVER_TIMEOUT_S + 1)
    except (KafkaException, SystemError) as error:
        failures.insert(0, (_fatal(error), failures[0][1] if failures else topic))
        unanswered = 0
    if failures or unanswered:
        why = no_right(*failures[0]) if failures else "it did not answer"
        raise ClientError(
            f"the broker did not take {len(failures) + unanswered:,} records ({why}); do the "
            "same again: nothing is counted twice"
        )
    return latest_ms


def _fatal(error: BaseException) -> KafkaError:
    """What the client raises when a broker will take nothing from it any more.

    It does so from within a callback, which Python then takes for a fault of its own.
    """
    if isinstance(error, KafkaException):
        return error.args[0]  # type: ignore[no-any-return]
    if error.__cause__ is None:
        raise error
    return _fatal(error.__cause__)
