"""What the peers run in: environments of their own, in the user's cache, made when first used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from filelock import FileLock
from jgo.maven import MavenContext, PythonResolver
from platformdirs import user_cache_path

from streams.devstack.processes import java

PEERS = Path(__file__).parent / "peers"
JAVA_RELEASE = "-21"


def cache() -> Path:
    """Where the bench keeps what it fetched and built."""
    path = user_cache_path("thewall") / "bench"
    path.mkdir(parents=True, exist_ok=True)
    return path


def python_with(requirements: Path) -> Path:
    """A Python that has exactly what a requirements file pins."""
    content = requirements.read_bytes() + sys.version.encode()
    home = cache() / sha256(content).hexdigest()[:16]
    with FileLock(home.with_suffix(".lock")):
        if not (home / "installed").exists():
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", home], check=True)
            pip = [home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "-r", requirements], check=True, stdout=sys.stderr)
            (home / "installed").touch()
    return home / "bin" / "python"


def jars_of(coordinates: Path) -> list[Path]:
    """The jars of a file of coordinates, one a line, with all that they need."""
    context = MavenContext(repo_cache=cache() / "jars", resolver=PythonResolver())
    wanted = [context.create_dependency(line) for line in coordinates.read_text().split()]
    inputs, transitive = context.resolver.resolve(wanted)
    needed = [d for d in transitive if d.scope in ("compile", "runtime") and not d.optional]
    return [dependency.artifact.resolve() for dependency in (*inputs, *needed)]


def java_command(peer: Path, heap_mb: int) -> list[str]:
    """The beginning of a command that runs a Java peer, built when first used.

    It is compiled by Eclipse's compiler, which is a jar like the others: the project's Java runtime
    has no compiler, and no JDK needs to be there.
    """
    sources = sorted(peer.rglob("*.java"))
    content = b"".join(path.read_bytes() for path in (*peer.glob("*.txt"), *sources))
    home = cache() / sha256(content).hexdigest()[:16]
    with FileLock(home.with_suffix(".lock")):
        if not (home / "class-path").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            path = ":".join(map(str, jars_of(peer / "jars.txt")))
            (compiler,) = jars_of(peer / "compiler.txt")
            command = [*java(heap_mb=512), "-jar", compiler, JAVA_RELEASE, "-nowarn"]
            arguments = ["-cp", path, "-d", home / "classes", *sources]
            subprocess.run([*command, *arguments], check=True, stdout=sys.stderr)
            (home / "class-path").write_text(f"{home / 'classes'}:{path}")
        return [*java(heap_mb), "-cp", (home / "class-path").read_text()]
