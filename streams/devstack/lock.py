"""The lock file: every file that the embedded stack is made of, with its size and checksum.

`python -m streams.devstack.lock` resolves the versions below anew and writes `artifacts.lock`;
nothing else resolves: `thewall up` fetches exactly what the lock file names.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streams.devstack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jgo.maven import Artifact

LOCK_FILE = Path(__file__).with_name("artifacts.lock")

KAFKA = "4.3.1"
REGISTRY = "3.3.3"
SERDE = "3.1.7"

# Of what a part needs, "+" stands for all that Maven resolves for it.
PARTS = {
    "broker": (
        f"org.apache.kafka:kafka_2.13:{KAFKA}+",
        # The stock tools run on the broker's jars: what Kafka Connect adds to them is not needed.
        f"org.apache.kafka:kafka-tools:{KAFKA}",
        # Kafka brings slf4j 1.7 without an output; this one writes to standard error.
        "org.slf4j:slf4j-simple:1.7.36",
    ),
    "registry": (f"io.apicurio:apicurio-registry-app:{REGISTRY}:all:tar.gz",),
    "console": (f"io.apicurio:apicurio-registry-avro-serde-kafka:{SERDE}+",),
}
# Test tools that the deserializer's POM lists by mistake, annotations that nothing loads, and an
# lz4 whose classes Kafka brings under another name.
UNNEEDED_GROUPS = {
    "org.mockito",
    "net.bytebuddy",
    "org.objenesis",
    "com.google.errorprone",
    "org.lz4",
}


@dataclass(frozen=True)
class Locked:
    """One file of the lock.

    Attributes:
        coordinate: `group:artifact:version`, with `:classifier:type` if it is not a plain jar.
        size: Its length in bytes.
        sha256: Its checksum in hexadecimal.
    """

    coordinate: str
    size: int
    sha256: str

    @property
    def version(self) -> str:
        """The version part of the coordinate."""
        return split(self.coordinate)[2]

    @property
    def path(self) -> Path:
        """Where it lies in a Maven repository."""
        group, artifact, version, classifier, type_ = split(self.coordinate)
        suffix = f"-{classifier}" if classifier else ""
        return Path(*group.split("."), artifact, version, f"{artifact}-{version}{suffix}.{type_}")


@dataclass(frozen=True)
class Lock:
    """All locked files, by the part of the stack that needs them."""

    parts: dict[str, tuple[Locked, ...]]

    def files(self) -> tuple[Locked, ...]:
        """Every file of every part."""
        return tuple(file for part in self.parts.values() for file in part)

    def version(self, artifact: str) -> str:
        """The locked version of `group:artifact`."""
        for file in self.files():
            if file.coordinate.startswith(f"{artifact}:"):
                return file.version
        raise StackError(f"{LOCK_FILE.name}: {artifact} is not locked; regenerate the lock file")

    @property
    def kafka_version(self) -> str:
        """The version of the broker and of the stock tools."""
        return self.version("org.apache.kafka:kafka_2.13")

    @property
    def registry_version(self) -> str:
        """The version of the schema registry."""
        return self.version("io.apicurio:apicurio-registry-app")


def split(coordinate: str) -> tuple[str, str, str, str, str]:
    """Group, artifact, version, classifier and type of a coordinate."""
    match coordinate.split(":"):
        case [group, artifact, version]:
            return group, artifact, version, "", "jar"
        case [group, artifact, version, classifier, type_]:
            return group, artifact, version, classifier, type_
    raise StackError(
        f"{coordinate!r} is not a coordinate; write group:artifact:version[:classifier:type]"
    )


def read_lock(path: Path = LOCK_FILE) -> Lock:
    """Read a lock file.

    Raises:
        StackError: It is not a lock file.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        parts = {
            part: tuple(Locked(name, row["bytes"], row["sha256"]) for name, row in rows.items())
            for part, rows in tables.items()
        }
        for file in Lock(parts).files():
            split(file.coordinate)
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise StackError(
            f"{path}: not a lock file ({error}); `python -m streams.devstack.lock` writes one"
        ) from error
    return Lock(parts)


def format_lock(lock: Lock) -> str:
    """The text of a lock file."""
    lines = [
        "# Every file of the embedded stack, in Maven coordinates. Do not edit:",
        "# `python -m streams.devstack.lock` writes this from the versions in lock.py.",
    ]
    for part, files in lock.parts.items():
        lines += ["", f"[{part}]"]
        lines += [
            f'"{file.coordinate}" = {{ bytes = {file.size}, sha256 = "{file.sha256}" }}'
            for file in sorted(files, key=lambda file: file.coordinate)
        ]
    return "\n".join(lines) + "\n"


def resolve() -> Lock:
    """Resolve and fetch every part, and take the checksums."""
    from jgo.maven import MavenContext  # slow to import, and only needed here

    locked: dict[tuple[str, ...], str] = {}
    parts: dict[str, tuple[Locked, ...]] = {}
    with tempfile.TemporaryDirectory() as directory:
        context = MavenContext(repo_cache=Path(directory), timeout=60)

        def closure(wanted: Iterable[str]) -> Iterable[Artifact]:
            for item in wanted:
                group, artifact, version, classifier, type_ = split(item.removesuffix("+"))
                component = context.project(group, artifact).at_version(version)
                yield component.artifact(classifier, type_)
                if item.endswith("+"):
                    _, needed = context.resolver.resolve(
                        [context.create_dependency(item.removesuffix("+"))]
                    )
                    yield from (dependency.artifact for dependency in needed)

        for part, wanted in PARTS.items():
            chosen = {}
            for artifact in closure(wanted):
                # An artifact that an earlier part has is on the same class path already.
                key = (artifact.groupId, artifact.artifactId, artifact.classifier)
                if artifact.groupId not in UNNEEDED_GROUPS and key not in locked:
                    locked[key] = part
                    chosen[key] = artifact
            with ThreadPoolExecutor(8) as pool:
                parts[part] = tuple(pool.map(_checksum, chosen.values()))
    return Lock(parts)


def _checksum(artifact: Artifact) -> Locked:
    path = artifact.resolve()
    suffix = "" if artifact.packaging == "jar" else f":{artifact.classifier}:{artifact.packaging}"
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}{suffix}"
    with path.open("rb") as file:
        return Locked(
            coordinate, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
        )


if __name__ == "__main__":
    fresh = resolve()
    LOCK_FILE.write_text(format_lock(fresh), encoding="utf-8")
    megabytes = sum(file.size for file in fresh.files()) / 1e6
    sys.stdout.write(f"{LOCK_FILE.name}: {len(fresh.files())} files, {megabytes:.0f} MB\n")
