"""Application versions: which one publishes, and which topics belong to which.

Each version has its own consumer group, changelogs and intermediate topics. The last record of
`wall.versions` names the current one; before the first switch it is version 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

from streams.client.errors import ClientError
from streams.client.kafka import (
    REQUEST_TIMEOUT_S,
    admin_of,
    ask_registry,
    asking_registry,
    existing_partitions,
)
from streams.client.reader import Reader
from streams.contract.records import VersionSwitched
from streams.contract.topics import Topics, delete_topics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.contract.codecs import Codecs
    from streams.settings import Settings


UNFINISHED_WIPE = (
    "`thewall replay --wipe` was ended before it was done, and rows are missing: stop the workers "
    "and run it again"
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What `wall.versions` says of an application.

    Attributes:
        version: The version that the last rebuild switched to; None if there was no rebuild.
        wiped_digest: If a wipe was begun and is not done: digest of the rows before it.
        topic_ids: Ids of the topics that the state was made of, by name, as far as they are known.
    """

    version: int | None = None
    wiped_digest: str | None = None
    topic_ids: Mapping[str, str] = field(default_factory=dict)

    def applied_to(self, settings: Settings) -> Settings:
        """The settings with the current version, unless they name one."""
        if settings.app_version:
            return settings
        return settings.model_copy(update={"app_version": self.version or 1})

    def check_whole(self) -> None:
        """Make sure that no wipe was ended before it was done.

        Raises:
            ClientError: One was.
        """
        if self.wiped_digest is not None:
            raise ClientError(UNFINISHED_WIPE)


def recorded(settings: Settings, codecs: Codecs | None = None) -> Recorded:
    """What `wall.versions` says of the application.

    Args:
        settings: Which application.
        codecs: Decode it; without them, the registry is asked.

    Raises:
        ClientError: The broker or the registry does not answer.
    """
    topic = Topics.of(settings).versions
    last: dict[bytes, bytes | None] = {}
    with Reader(settings) as reader:
        for message in reader.read(topic.name):
            if message is not None:
                last[message.key() or b""] = message.value()
    keys = (settings.app_id, wipe_key(settings), topics_key(settings))
    values = [last.get(key.encode()) for key in keys]
    if not any(values):
        return Recorded()
    codecs = codecs or ask_registry(settings, [topic])
    with asking_registry(settings):
        codecs.fetch_schemas_blocking(values)
    switched, wiping, made_of = (
        None if value is None else codecs.decode_any(value, VersionSwitched) for value in values
    )
    return Recorded(
        None if switched is None else switched.version,
        None if wiping is None else wiping.digest,
        {} if made_of is None else made_of.topic_ids,
    )


def wipe_key(settings: Settings) -> str:
    """Key on `wall.versions` of the record that stands there while a wipe is not done."""
    return f"{settings.app_id}/wipe"


def topics_key(settings: Settings) -> str:
    """Key on `wall.versions` of the record that has the ids of the topics."""
    return f"{settings.app_id}/topics"


def check_current(settings: Settings, codecs: Codecs | None = None) -> None:
    """Make sure that a worker of this version may publish, if it is not a shadow.

    Args:
        settings: The worker's.
        codecs: Those of a worker that runs: no registry has to be up for it.

    Raises:
        ClientError: Another version is current, or a wipe is not done; or the broker or the
            registry does not answer.
    """
    if settings.shadow:
        return
    found = recorded(settings, codecs)
    found.check_whole()
    current = found.version
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
    return recorded(settings).applied_to(settings)


def version_to_run(settings: Settings) -> Settings:
    """The settings with the version that a worker is to run.

    Raises:
        ClientError: They name one that must not publish, because another is current; or a wipe
            is not done; or the broker or the registry does not answer.
    """
    if settings.shadow:
        return settings
    found = recorded(settings)
    found.check_whole()
    current = found.version
    if settings.app_version and current not in (None, settings.app_version):
        raise ClientError(
            f"THEWALL_APP_VERSION is {settings.app_version}, but `thewall rebuild` has switched to "
            f"version {current}: two versions must not publish; unset it, and the current one runs"
        )
    return found.applied_to(settings)


def topics_by_version(settings: Settings) -> dict[int, list[str]]:
    """Existing topics that belong to a single version, including the output of shadows.

    Another installation may be named as a version of ours is, `wall.v2` or `thewall-v2`: that it
    has input topics, or that the version's log is missing, says that the topics are not ours.

    Raises:
        ClientError: The broker does not answer.
    """
    existing = existing_partitions(settings).keys()
    found = {}
    for version in {1, *numbers_in_use(settings)}:
        topics = _topics_of_version(settings, version)
        prefix = topics.accepted.name.removesuffix("accepted")
        own_inputs = {f"{prefix}{name}" for name in ("walls", "profiles", "versions")}
        is_ours = version == 1 or own_inputs.isdisjoint(existing)
        if is_ours and topics.accepted.name in existing:
            outputs = topics.outputs if version > 1 else ()
            named = [topic.name for topic in (*topics.changelogs, *topics.intermediate, *outputs)]
            found[version] = [name for name in named if name in existing]
    return found


def _topics_of_version(settings: Settings, version: int) -> Topics:
    return Topics.of(settings.model_copy(update={"app_version": version, "shadow": version > 1}))


def numbers_in_use(settings: Settings) -> set[int]:
    """Versions that topics are named after: of ours, and of another installation.

    Raises:
        ClientError: The broker does not answer.
    """
    prefix, app_id = re.escape(settings.topic_prefix), re.escape(settings.app_id)
    named = re.compile(rf"(?:{prefix}\.v([1-9]\d*)\..+|{app_id}-v([1-9]\d*)-[a-z]+-changelog)")
    matches = filter(None, map(named.fullmatch, existing_partitions(settings)))
    return {int(match[1] or match[2]) for match in matches}


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
    admin = admin_of(settings)
    for version in existing.keys() & set(versions):
        group = settings.model_copy(update={"app_version": version}).group
        try:
            admin.delete_consumer_groups([group])[group].result(REQUEST_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].name() != "GROUP_ID_NOT_FOUND":
                raise ClientError(
                    f"group {group} can't be deleted: {error.args[0].str()}; stop its workers"
                ) from error
        dropped += existing[version]
    # Last, what says whose the others are.
    logs = {_topics_of_version(settings, version).accepted.name for version in existing}
    delete_topics(settings, [name for name in dropped if name not in logs])
    delete_topics(settings, [name for name in dropped if name in logs])
    return dropped
