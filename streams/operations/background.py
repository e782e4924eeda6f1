"""Workers and the page in the background: each one supervisor, known by its state file."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import psutil
from filelock import FileLock

from streams.addresses import shown_host
from streams.client.errors import ClientError
from streams.devstack.processes import Daemon
from streams.operations.readiness import ready_answer
from streams.operations.supervisor import STOP_DEADLINE_S, web_ports
from streams.settings import SECRETS, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

READY_S = 120


@dataclass(frozen=True, slots=True)
class Running:
    """What runs in the background.

    Attributes:
        settings: What it was started with; of workers, those of the first.
        processes: How many processes there are.
    """

    settings: Settings
    processes: int


class Background:
    """Processes of a kind that run in the background for a data directory, or would."""

    NAME: ClassVar[str]
    SHOWN: ClassVar[str]
    # Of these, processes that run with another value are not the ones that are wanted.
    SAME: ClassVar[tuple[str, ...]] = ("bootstrap_servers", "registry_url", "topic_prefix")

    def __init__(self, settings: Settings) -> None:
        """Name the processes of the settings' data directory; nothing is touched yet."""
        self._settings = settings
        # The supervisor gives its processes this long; it needs a moment more.
        self._daemon = Daemon(self.NAME, settings.data_dir, STOP_DEADLINE_S + 10)

    def command(self, processes: int) -> list[str]:
        """The arguments of `thewall` that run the processes, and start again what ends."""
        raise NotImplementedError

    def addresses(self, settings: Settings, processes: int) -> list[tuple[str, int]]:
        """Host and port of each process."""
        raise NotImplementedError

    @property
    def log_file(self) -> str:
        """Path of their log."""
        return str(self._daemon.log_file)

    def running(self) -> Running | None:
        """What runs, with the settings that it was started with; None if nothing does."""
        facts = self._daemon.facts()
        if not facts:
            return None
        # Secrets are in no file: they are what they are for this command.
        token = self._settings.model_dump(include=set(SECRETS))
        try:
            settings = Settings.model_validate(facts["settings"] | token)
            return Running(settings, int(facts["processes"]))
        except (KeyError, TypeError, ValueError):  # started by another version of this program
            return Running(self._settings, 1)

    def stop(self) -> bool:
        """Stop them; whether any ran."""
        return self._daemon.stop()

    def check_addresses(self, processes: int = 1) -> None:
        """Make sure that they run already, or can be where the settings say.

        Raises:
            ClientError: Another program is there, or others of ours run with other settings.
        """
        running = self.running()
        if running is None:
            for host, port in self.addresses(self._settings, processes):
                check_can_listen(host, [port])
            return
        for name in self.SAME:
            there, asked = getattr(running.settings, name), getattr(self._settings, name)
            if there != asked:
                raise ClientError(
                    f"{self.SHOWN} run already in the background, with THEWALL_{name.upper()} "
                    f"{there}, not {asked}: stop them first with `thewall worker --stop`"
                )

    def start(self, processes: int, on_progress: Callable[[str, int, int], None]) -> bool:
        """Start them and wait until they are ready; whether they were started now.

        Args:
            processes: How many.
            on_progress: Called with what is going on, how much is done, and of how much.

        Raises:
            ClientError: Their addresses are taken; or one ended, and all are stopped; or they were
                not ready in time, and go on.
        """
        settings = self._settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(settings.data_dir / f"{self.NAME}.lock"):
            self.check_addresses(processes)
            if self._daemon.alive():
                return False
            self._daemon.start(
                [sys.executable, "-m", "streams", *self.command(processes)],
                os.environ | settings.environment(),
                processes=processes,
                settings=settings.model_dump(mode="json", exclude=set(SECRETS)),
            )
            self._wait_until_ready(processes, on_progress)
            return True

    def _wait_until_ready(
        self, processes: int, on_progress: Callable[[str, int, int], None]
    ) -> None:
        started = time.monotonic()
        seen: set[int] = set()
        while True:
            there = self._process_ids()
            if seen - there or not self._daemon.alive():
                self.stop()
                raise ClientError(f"{self.SHOWN} ended while starting{self._daemon.last_words(1)}")
            seen |= there
            answers = [
                ready_answer(host, port) for host, port in self.addresses(self._settings, processes)
            ]
            # Theirs, not those of another program that has got their port.
            if all(answer.get("ready") and answer.get("pid") in there for answer in answers):
                return
            waited = time.monotonic() - started
            if waited > READY_S:
                reason = next((str(a["reason"]) for a in answers if "reason" in a), "no answer")
                raise ClientError(
                    f"not ready after {READY_S} s: {self.SHOWN} ({reason}), and go on; the log is "
                    f"{self.log_file}; stop them with `thewall worker --stop`"
                )
            on_progress(f"waiting for {self.SHOWN}", int(waited), READY_S)
            time.sleep(0.1)

    def _process_ids(self) -> set[int]:
        process = self._daemon.process()
        try:
            return {child.pid for child in process.children()} if process is not None else set()
        except psutil.Error:
            return set()


class BackgroundWorkers(Background):
    """The workers in the background; their page is apart."""

    NAME, SHOWN = "worker", "the workers"
    SAME = (*Background.SAME, "app_id", "web_host", "web_port")

    def command(self, processes: int) -> list[str]:
        """The arguments of `thewall` that run them."""
        return ["worker", "--restart", "--no-web", "--processes", str(processes)]

    def addresses(self, settings: Settings, processes: int) -> list[tuple[str, int]]:
        """Where their web views are."""
        return [(settings.web_host, port) for port in web_ports(settings, processes)]


class BackgroundPage(Background):
    """The page's process, which goes on when a rebuild stops the workers."""

    NAME, SHOWN = "web", "the page"
    SAME = (*Background.SAME, "page_host", "page_port")

    def command(self, processes: int) -> list[str]:
        """The arguments of `thewall` that run it."""
        del processes
        return ["web", "--restart"]

    def addresses(self, settings: Settings, processes: int) -> list[tuple[str, int]]:
        """Where it is."""
        del processes
        return [(settings.page_host, settings.page_port)]


def check_can_listen(host: str, ports: Iterable[int]) -> None:
    """Make sure that nothing is in the way of listening at addresses.

    Raises:
        ClientError: Something is; the message says what.
    """
    for port in ports:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, kind, protocol, _, address in found:
                with socket.socket(family, kind, protocol) as probe:
                    # As servers do: a port that was ours a moment ago may be ours again.
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(address)
        except OSError as error:
            why = {
                errno.EADDRINUSE: "another program has that port",
                errno.EADDRNOTAVAIL: "this machine does not have that address",
            }.get(error.errno or 0, error.strerror)
            raise ClientError(
                f"nothing of ours can be at {shown_host(host)}:{port}: {why}; THEWALL_WEB_HOST and "
                "THEWALL_WEB_PORT are for workers, THEWALL_PAGE_HOST and THEWALL_PAGE_PORT for the "
                "page, which --no-web leaves out"
            ) from error
