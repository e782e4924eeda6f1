"""Who needs which rights on the broker: the least with which each kind of process works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.contract.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.contract.topics import Topic
    from streams.settings import Settings

READ, WRITE, DESCRIBE = "Read", "Write", "Describe"
CONSOLE_GROUPS = "console-consumer-"
"""How groups begin that Apache Kafka's console consumer makes up for itself."""
TRANSACTIONAL_ID = "transactional-id"
ROLES = ("worker", "web", "producer", "reader", "operator")


@dataclass(frozen=True, slots=True)
class Right:
    """What may be done to a resource.

    Attributes:
        resource: `topic`, `group` or `transactional-id`.
        name: Its name, or the beginning of its name.
        operations: As Kafka names them.
        prefixed: Whether the right is one to all resources whose names begin so.
    """

    resource: str
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False

    def arguments(self, principal: str) -> str:
        """The arguments of Apache Kafka's `kafka-acls` that give the right to somebody."""
        operations = " ".join(f"--operation {operation}" for operation in self.operations)
        pattern = " --resource-pattern-type prefixed" if self.prefixed else ""
        return (
            f"--add --allow-principal {principal} {operations} "
            f"--{self.resource} {self.name}{pattern}"
        )


def rights(role: str, settings: Settings) -> list[Right]:
    """The rights of a role, under the names and the application version of the settings."""
    topics = Topics.of(settings)
    state = (topics.handled, *topics.changelogs)
    match role:
        case "worker":
            writes = (
                # The doors: what comes over HTTP and by lines of JSON, and the ticks of clocks.
                topics.walls, topics.profiles, topics.ticks, *topics.intermediate,
                # On versions it records which topics it has met: one may be made anew.
                *topics.outputs, topics.versions, *state,
            )  # fmt: skip
            reads = (*topics.doors, *topics.intermediate, topics.versions, *state)
            once = settings.guarantee == "exactly-once"
            transactions = (Right(TRANSACTIONAL_ID, f"{settings.group}-", (WRITE, DESCRIBE), True),)
            return [
                *_of_topics(reads, writes),
                *(transactions if once else ()),
                Right("group", settings.group, (READ,)),
                # Of nobody: but a client that reads without a group names one.
                Right("group", f"{settings.app_id}-reader", (READ,)),
            ]
        case "web":
            return [
                *_of_topics(topics.all(), topics.doors),  # dead letters are sent again
                Right("group", f"{settings.app_id}-web", (READ,)),
                Right("group", f"{settings.app_id}-reader", (READ,)),
                Right("group", settings.group, (DESCRIBE,)),
            ]
        case "producer":
            submitted = (topics.walls, topics.profiles, topics.clock, topics.submissions)
            # What there is already, to withdraw what is left out, and what has been built.
            reads = (*submitted, *topics.outputs, topics.versions, topics.changelog("overview"))
            return [
                *_of_topics(reads, submitted),
                Right("group", f"{settings.app_id}-reader", (READ,)),
            ]
        case "reader":
            # Of a wall's totals, a row for each profile is on the overview table's changelog.
            overview = topics.changelog("overview")
            reads = (*topics.doors, *topics.outputs, topics.versions, overview)
            return [
                *_of_topics(reads, ()),
                Right("group", f"{settings.app_id}-reader", (READ,)),
                Right("group", CONSOLE_GROUPS, (READ,), prefixed=True),
            ]
        case "operator":
            return [
                Right("topic", f"{settings.topic_prefix}.", ("All",), prefixed=True),
                Right("topic", f"{settings.app_id}-", ("All",), prefixed=True),
                Right("group", settings.app_id, ("All",), prefixed=True),
                Right("group", CONSOLE_GROUPS, (READ,), prefixed=True),
                # Its temporary workers, of a replay or a rebuild, may send in transactions.
                Right(TRANSACTIONAL_ID, f"{settings.app_id}-", ("All",), prefixed=True),
            ]
        case _:
            raise ValueError(f"{role} is no role; there is {', '.join(ROLES)}")


def _of_topics(reads: Iterable[Topic], writes: Iterable[Topic]) -> list[Right]:
    by_name: dict[str, tuple[str, ...]] = {}
    for topics, operation in ((reads, READ), (writes, WRITE)):
        for topic in topics:
            before = by_name.get(topic.name, ())
            by_name[topic.name] = before if operation in before else (*before, operation)
    return [Right("topic", name, operations) for name, operations in sorted(by_name.items())]
