"""The cache of Java files in the user's home: fetched once, checked against the lock file."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from platformdirs import user_cache_path
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from streams.devstack.errors import StackError
from streams.devstack.lock import Lock, Locked, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Progress: TypeAlias = Callable[[str, int, int], None]
    Fetch: TypeAlias = Callable[[Locked, Path, Callable[[int], None]], Path]

ATTEMPTS = 5
PARALLEL = 6


class BrokenDownload(OSError):
    """The file that came is not the one that the lock file names."""


class Stopped(Exception):
    """Another file failed, or the user stopped: this download ends."""


def from_maven(file: Locked, into: Path, on_bytes: Callable[[int], None]) -> Path:
    """Fetch a file from the repository that jgo knows, into a directory; returns where it lies."""
    from jgo.maven import MavenContext, PythonResolver  # slow to import, rarely needed

    @contextmanager
    def progress(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield on_bytes

    resolver = PythonResolver(progress_callback=progress)
    context = MavenContext(resolver=resolver, repo_cache=into, timeout=30)
    group, artifact, version, classifier, type_ = split(file.coordinate)
    component = context.project(group, artifact).at_version(version)
    return component.artifact(classifier, type_).resolve()


class Cache:
    """The files of the embedded stack on this machine.

    A file appears under its name only when it is whole and checked; a download goes on in
    `partial/`, in the same file system. An archive is kept unpacked, not as an archive.
    """

    def __init__(self, root: Path | None = None, fetch: Fetch = from_maven) -> None:
        """Use the cache at a directory; by default the user's own, which XDG variables move."""
        self.root = root or user_cache_path("thewall")
        self._fetch = fetch

    def path(self, file: Locked) -> Path:
        """Where a file is in the cache; for an archive the directory that it is unpacked in."""
        path = self.root / "maven" / file.path
        return path.with_name(path.name.removesuffix(".tar.gz"))

    def has(self, file: Locked) -> bool:
        """Whether the cache has this file, whole and unchanged."""
        path = self.path(file)
        # A directory was renamed into place when it was complete.
        return path.is_dir() or (path.is_file() and _sha256(path) == file.sha256)

    def ensure(self, lock: Lock, on_progress: Progress) -> None:
        """Fetch what is missing.

        Args:
            lock: The files to have.
            on_progress: Told what happens, and how many of how many bytes are there.

        Raises:
            StackError: A file cannot be fetched, or what comes is not what the lock names.
        """
        missing = [file for file in lock.files() if not self.has(file)]
        if not missing:
            return
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "fetch.lock").open("w") as guard:
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_progress("Waiting for another fetch into the same cache", 0, 0)
                fcntl.flock(guard, fcntl.LOCK_EX)
            self._fetch_all([file for file in missing if not self.has(file)], on_progress)

    def _fetch_all(self, missing: list[Locked], on_progress: Progress) -> None:
        partial = self.root / "partial"
        shutil.rmtree(partial, ignore_errors=True)  # of a fetch that was killed
        total = sum(file.size for file in missing)
        counter, stop, done = threading.Lock(), threading.Event(), 0

        def on_bytes(count: int) -> None:
            nonlocal done
            if stop.is_set():
                raise Stopped
            with counter:
                done += count
                on_progress("Fetching Kafka and the registry", min(done, total), total)

        with ThreadPoolExecutor(PARALLEL) as pool:
            # The largest first, so that the small ones fill up beside it.
            order = sorted(missing, key=lambda file: -file.size)
            jobs = [
                pool.submit(self._fetch_one, file, partial / str(number), on_bytes)
                for number, file in enumerate(order)
            ]
            try:
                for job in as_completed(jobs):
                    job.result()
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)
        shutil.rmtree(partial, ignore_errors=True)

    def _fetch_one(self, file: Locked, partial: Path, on_bytes: Callable[[int], None]) -> None:
        received = 0

        def count(size: int) -> None:
            nonlocal received
            received += size
            on_bytes(size)

        def attempt() -> Path:
            nonlocal received
            on_bytes(-received)  # what a failed attempt brought does not count
            received = 0
            shutil.rmtree(partial, ignore_errors=True)
            path = self._fetch(file, partial, count)
            if (found := _sha256(path)) != file.sha256:
                raise BrokenDownload(
                    f"its sha256 is {found[:12]}…, the lock file says {file.sha256[:12]}…"
                )
            return path

        # jgo raises RuntimeError for any answer but 200, OSError for a network that fails.
        patiently = Retrying(
            retry=retry_if_exception_type((OSError, RuntimeError)),
            wait=wait_exponential(multiplier=0.5, max=8),
            stop=stop_after_attempt(ATTEMPTS),
            reraise=True,
        )
        try:
            path = patiently(attempt)
        except (OSError, RuntimeError) as error:
            raise StackError(
                f"{file.coordinate} could not be fetched ({error}); look at the network and the "
                f"disk, then run it again: what is whole in {self.root} is kept"
            ) from error
        self._install(file, path)

    def _install(self, file: Locked, path: Path) -> None:
        target = self.path(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.name.endswith(".tar.gz"):
            unpacked = path.with_name("unpacked")
            with tarfile.open(path) as archive:
                archive.extractall(unpacked, filter="data")
            path.unlink()
            path = unpacked
        path.replace(target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
