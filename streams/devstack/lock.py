"""Regenerates `artifacts.lock`: run `python -m streams.devstack.lock` after changing a version.

Resolves what each part of the stack needs from the registry of Java packages, and writes every
file's coordinate and checksum. Nothing else resolves: what runs fetches exactly what is locked.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from jgo.maven import MavenContext, PythonResolver

from streams.devstack.artifacts import LOCK_FILE, Artifact, download

KAFKA = "4.3.1"
REGISTRY = "3.3.3"
REGISTRY_SERDE = "3.1.7"

JARS = {
    "kafka": (
        f"org.apache.kafka:kafka_2.13:{KAFKA}",
        # Kafka logs through SLF4J 1.7; this prints what it logs, for the log file.
        "org.slf4j:slf4j-simple:1.7.36",
    ),
    # The console consumer's Avro deserializer; Kafka's own jars go first.
    "console": (f"io.apicurio:apicurio-registry-avro-serde-kafka:{REGISTRY_SERDE}",),
}
"""Jars by part, with all that they need."""

ALONE = (
    # The tools that we run need no more than the broker has; the others bring Kafka Connect.
    Artifact("kafka", "org.apache.kafka", "kafka-tools", KAFKA, "", "jar", sha256=""),
)
"""Jars without what they need."""

NEVER_LOADED = {
    # Test tools and annotations that the deserializer lists, and an lz4 that Kafka brings itself.
    "org.mockito",
    "net.bytebuddy",
    "org.objenesis",
    "com.google.errorprone",
    "org.lz4",
}
"""Groups that are left out."""

REGISTRY_APP = Artifact(
    "registry", "io.apicurio", "apicurio-registry-app", REGISTRY, "all", "tar.gz", sha256=""
)


def artifacts() -> list[Artifact]:
    """Every file of the stack."""
    with TemporaryDirectory() as scratch:
        repository = Path(scratch)
        context = MavenContext(repo_cache=repository, resolver=PythonResolver())
        found = {(artifact.group, artifact.name): artifact for artifact in ALONE}
        for part, coordinates in JARS.items():
            wanted = [context.create_dependency(coordinate) for coordinate in coordinates]
            inputs, transitive = context.resolver.resolve(wanted)
            needed = [d for d in transitive if d.scope in ("compile", "runtime") and not d.optional]
            for dependency in (*inputs, *needed):
                group, name, version, classifier, packaging = dependency.artifact.key
                artifact = Artifact(part, group, name, version, classifier, packaging, sha256="")
                if group not in NEVER_LOADED:
                    found.setdefault((group, name), artifact)
        return [
            replace(
                artifact, sha256=sha256(download(artifact, repository).read_bytes()).hexdigest()
            )
            for artifact in (*found.values(), REGISTRY_APP)
        ]


def main() -> None:
    """Write the lock file."""
    lines = [
        f"{a.part} {a.group}:{a.name}:{a.version}:{a.classifier}:{a.packaging} {a.sha256}"
        for a in artifacts()
    ]
    LOCK_FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
