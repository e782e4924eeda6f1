"""Application versions: which one publishes, and which topics belong to which.

Each version has its own consumer group, changelogs and intermediate topics. The last record of
`wall.versions` names the current one; before the first switch it is version 1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.client.kafka import (
    REQUEST_TIMEOUT_S,
    ClientError,
    connect_registry,
    existing_partitions,
)
from streams.client.reader import Reader
from streams.contract.records import VersionSwitched
from streams.contract.topics import Topics, delete_topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.settings import Settings


def recorded_version(settings: Settings) -> int | None:
    """The version that the last rebuild switched to; None if there was no rebuild.

    Raises:
        ClientError: The broker or the registry does not answer.
    """
    topic = Topics.of(settings).versions
    if topic.name not in existing_partitions(settings):
        return None
    last: bytes | None = None
    with Reader(settings) as reader:
        for message in reader.read(topic.name):
            if message is not None and message.key() == settings.app_id.encode():
                last = message.value()
    if last is None:
        return None
    codecs = connect_registry(settings, [topic])
    codecs.fetch_schemas_blocking([last])
    return codecs.decode_any(last, VersionSwitched).version


def check_current(settings: Settings) -> None:
    """Make sure that a worker of this version may publish, if it is not a shadow.

    Raises:
        ClientError: Another version is current; or the broker or the registry does not answer.
    """
    current = None if settings.shadow else recorded_version(settings)
    if current not in (None, settings.version):
        raise ClientError(
            f"`thewall rebuild` has switched to version {current} while this worker of version "
            f"{settings.version} was starting: started again, it is of the current one"
        )


def with_current_version(settings: Settings) -> Settings:
    """The settings with the current version, unless they name one.

    Raises:
        ClientError: The broker or the registry does not answer.
    """
    if settings.app_version:
        return settings
    return settings.model_copy(update={"app_version": recorded_version(settings) or 1})


def version_to_run(settings: Settings) -> Settings:
    """The settings with the version that a worker is to run.

    Raises:
        ClientError: They name one that must not publish, because another is current; or the
            broker or the registry does not answer.
    """
    if settings.shadow:
        return settings
    current = recorded_version(settings)
    if settings.app_version and current not in (None, settings.app_version):
        raise ClientError(
            f"THEWALL_APP_VERSION is {settings.app_version}, but `thewall rebuild` has switched to "
            f"version {current}: two versions must not publish; unset it, and the current one runs"
        )
    return with_current_version(settings)


def topics_by_version(settings: Settings) -> dict[int, list[str]]:
    """Existing topics that belong to a single version, including the output of shadows.

    Raises:
        ClientError: The broker does not answer.
    """
    first = Topics.of(settings.model_copy(update={"app_version": 1, "shadow": False}))
    of_first = {topic.name for topic in (*first.intermediate, *first.changelogs)}
    prefix, app_id = re.escape(settings.topic_prefix), re.escape(settings.app_id)
    named = re.compile(rf"(?:{prefix}\.v(\d+)\..+|{app_id}-v(\d+)-[a-z]+-changelog)")
    found: dict[int, list[str]] = {}
    for name in existing_partitions(settings):
        if name in of_first:
            found.setdefault(1, []).append(name)
        elif match := named.fullmatch(name):
            found.setdefault(int(match[1] or match[2]), []).append(name)
    return found


def drop(settings: Settings, versions: Iterable[int]) -> list[str]:
    """Delete the topics and groups of versions.

    Returns:
        The names of the topics.

    Raises:
        ClientError: A group still has workers.
        KafkaException: The broker did not delete the topics.
    """
    existing = topics_by_version(settings)
    dropped: list[str] = []
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 4})
    for version in versions:
        group = settings.model_copy(update={"app_version": version}).group
        try:
            admin.delete_consumer_groups([group])[group].result(REQUEST_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].name() != "GROUP_ID_NOT_FOUND":
                raise ClientError(
                    f"group {group} can't be deleted: {error.args[0].str()}; stop its workers"
                ) from error
        dropped += existing.get(version, [])
    delete_topics(settings, dropped)
    return dropped
