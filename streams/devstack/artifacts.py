"""The files that the stack runs: fetched once, checked against the lock file, kept in a cache."""

from __future__ import annotations

import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from filelock import FileLock
from platformdirs import user_cache_path
from tenacity import Retrying, stop_after_attempt, wait_exponential

from streams.addresses import own_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LOCK_FILE = Path(__file__).with_name("artifacts.lock")
TRIES = 3
TIMEOUT_S = 60


class FetchError(RuntimeError):
    """A file could not be fetched, or is not the one that is locked."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One locked file.

    Attributes:
        part: What it belongs to: `kafka`, `registry` or `console`.
        group: Group id.
        name: Artifact id.
        version: Version.
        classifier: Classifier, or an empty string.
        packaging: `jar`, or how else the file's name ends.
        sha256: Checksum of the file, in hexadecimal.
    """

    part: str
    group: str
    name: str
    version: str
    classifier: str
    packaging: str
    sha256: str

    @property
    def filename(self) -> str:
        """The file's name in the cache; of an archive, the directory that it is unpacked in."""
        if self.packaging == "tar.gz":
            return f"{self.name}-{self.version}"
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{classifier}.{self.packaging}"


def locked(lock_file: Path = LOCK_FILE) -> list[Artifact]:
    """The artifacts of the lock file.

    Each line is `part group:name:version:classifier:packaging sha256`.
    """
    artifacts = []
    for line in lock_file.read_text(encoding="utf-8").splitlines():
        part, coordinate, checksum = line.split()
        group, name, version, classifier, packaging = coordinate.split(":")
        artifacts.append(Artifact(part, group, name, version, classifier, packaging, checksum))
    return artifacts


def cache_directory() -> Path:
    """Where the files are kept: the user's cache, as XDG has it.

    Raises:
        FetchError: The user has no home.
    """
    try:
        return own_path(user_cache_path("thewall") / "artifacts")
    except ValueError as error:
        raise FetchError(f"there is no cache directory: {error}") from error


def download(artifact: Artifact, directory: Path) -> Path:
    """Fetch one file into a directory from the registry of Java packages."""
    try:
        from jgo.maven import MavenContext, PythonResolver  # only here: the cache mostly has all
    except ImportError as error:
        raise FetchError(
            "jgo is not installed: install the-wall[embedded], which has it"
        ) from error
    context = MavenContext(repo_cache=directory, resolver=PythonResolver(), timeout=TIMEOUT_S)
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    return component.artifact(artifact.classifier, artifact.packaging).resolve()


def fetch(
    artifacts: Iterable[Artifact],
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
    cache: Path | None = None,
    get: Callable[[Artifact, Path], Path] = download,
) -> None:
    """Bring what is missing into the cache.

    Args:
        artifacts: The files that have to be there.
        on_progress: Called with what is going on, how many files are done, and of how many.
        cache: The cache; the user's if not given.
        get: How to fetch one file into a directory.

    Raises:
        FetchError: A file could not be fetched or is not the one that is locked. What was
            fetched before stays, so that another try goes on from there.
    """
    cache = cache or cache_directory()
    missing = [artifact for artifact in artifacts if not _is_whole(artifact, cache)]
    if not missing:
        return  # also from a cache that is not ours to write in
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / ".lock"):
        missing = [artifact for artifact in missing if not _is_whole(artifact, cache)]
        for left_over in cache.glob(".partial-*"):  # by a fetch that was killed
            shutil.rmtree(left_over)
        on_progress("fetching Kafka and the registry", 0, len(missing))
        with ThreadPoolExecutor(max_workers=8) as pool:
            waiting = [pool.submit(_fetch_one, artifact, cache, get) for artifact in missing]
            try:
                for done, future in enumerate(as_completed(waiting), start=1):
                    future.result()
                    on_progress("fetching Kafka and the registry", done, len(missing))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _fetch_one(artifact: Artifact, cache: Path, get: Callable[[Artifact, Path], Path]) -> None:
    # Under the cache, so that the rename at the end is within one file system: a file is in the
    # cache whole and checked, or not at all.
    with TemporaryDirectory(dir=cache, prefix=".partial-") as scratch:
        # A directory of its own in the scratch one: each try begins by removing it.
        path = retry_download(artifact, Path(scratch) / "download", get)
        found = _checksum(path)
        if found != artifact.sha256:
            raise FetchError(
                f"{artifact.filename} is not the file that is locked: its SHA-256 is {found}, "
                f"not {artifact.sha256}; try again, the download may have been cut off"
            )
        if artifact.packaging == "tar.gz":
            with tarfile.open(path) as archive:
                archive.extractall(Path(scratch) / "unpacked", filter="data")
            path = Path(scratch) / "unpacked"
        path.replace(cache / artifact.filename)


def _is_whole(artifact: Artifact, cache: Path) -> bool:
    path = cache / artifact.filename
    # A directory got its name when all of it was unpacked.
    return path.is_dir() or (path.is_file() and _checksum(path) == artifact.sha256)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def retry_download(
    artifact: Artifact, scratch: Path, get: Callable[[Artifact, Path], Path]
) -> Path:
    """What a download returns, tried again a few times: a proxy may fail for a moment."""
    try:
        for attempt in Retrying(
            stop=stop_after_attempt(TRIES), wait=wait_exponential(max=4), reraise=True
        ):
            with attempt:
                shutil.rmtree(scratch, ignore_errors=True)
                scratch.mkdir()
                return get(artifact, scratch)
    except (OSError, RuntimeError) as error:
        raise FetchError(
            f"{artifact.filename} could not be fetched ({TRIES} tries): {error}; check the "
            "network and try again"
        ) from error
    raise AssertionError("unreachable")  # pragma: no cover


def class_path(*parts: str, cache: Path | None = None) -> str:
    """Java's class path of the jars of these parts, as they are in the cache.

    Raises:
        FetchError: Java can't be told of the cache's path.
    """
    cache = cache or cache_directory()
    if ":" in str(cache):
        raise FetchError(
            f"the cache {cache} has a colon in its path, which divides Java's class path; set "
            "XDG_CACHE_HOME to a directory without"
        )
    return ":".join(
        str(cache / artifact.filename) for artifact in locked() if artifact.part in parts
    )
