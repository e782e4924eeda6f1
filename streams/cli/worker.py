"""`thewall worker`."""

from __future__ import annotations

import sys
import time
import urllib.request
from typing import Annotated

import typer

from streams.cli.display import note, progress
from streams.cli.settings import load_settings, read_settings
from streams.cli.web import background_page, check_page_port, start_page_in_background
from streams.client.kafka import ClientError
from streams.devstack.processes import Daemon
from streams.operations.supervisor import (
    default_worker_count,
    end_with_parent,
    supervise,
    web_ports,
)
from streams.settings import Settings

READY_S = 120


def worker(
    web_port: Annotated[
        int | None, typer.Option("--web-port", help="Port of the web views.", min=1, max=65535)
    ] = None,
    web_host: Annotated[
        str | None, typer.Option("--web-host", help="Interface of the web views.")
    ] = None,
    background: Annotated[
        bool,
        typer.Option("--background", help="Start them, wait until ready, and return."),
    ] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Start again whatever ends.")] = False,
    processes: Annotated[
        int | None,
        typer.Option("--processes", help="Processes to run; one a core unless given.", min=1),
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the workers that run in the background.")
    ] = False,
    no_web: Annotated[
        bool, typer.Option("--no-web", help="Without the page and its API, `thewall web`.")
    ] = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when standard input does.")
    ] = False,
) -> None:
    """Run workers until Ctrl-C: every stage of the pipeline, the web views, and the page.

    The web views of each process are at a port of their own, from --web-port upwards; any of them
    answers for all. The page is `thewall web`, one process beside the workers.
    """
    daemon = background_worker()
    if stop:
        stopped = daemon.stop()
        stopped = background_page().stop() or stopped
        note("the workers are stopped" if stopped else "no worker runs in the background")
        return
    settings = load_settings(web_port=web_port, web_host=web_host)
    if with_parent:
        end_with_parent()
        processes = 1
    processes = processes or default_worker_count(settings)
    page = not (no_web or with_parent)
    if page:
        check_page_port(settings)
    if background:
        start_in_background(daemon, settings, processes)
        if page:
            start_page_in_background(settings)
        return
    if restart or processes > 1 or page:
        raise typer.Exit(supervise(settings, processes, page=page, restart=restart))
    from streams.app import run_worker  # only here: Faust takes a second to import
    from streams.batching import StoreInUse

    try:
        run_worker(settings)
    except StoreInUse as error:
        raise ClientError(str(error)) from error


def background_worker() -> Daemon:
    """The supervisor of the workers that run in the background on this machine, or would."""
    return Daemon("worker", read_settings().data_dir)


def in_background(daemon: Daemon, settings: Settings) -> tuple[Settings, int]:
    """The settings with those of the running background workers' command line, and their number."""
    process = daemon.process()
    if process is None:
        return settings, default_worker_count(settings)
    *_, processes, _, port, _, host = process.cmdline()
    return settings.model_copy(update={"web_port": int(port), "web_host": host}), int(processes)


def start_in_background(daemon: Daemon, settings: Settings, processes: int) -> None:
    """Start workers in the background and wait until they are ready.

    Raises:
        ClientError: They ended, or were not ready in time.
    """
    if daemon.alive():
        note(f"workers run already in the background; their log is {daemon.log_file}")
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "streams", "worker", "--restart", "--no-web"]
    # Last, in this order: `in_background` reads them from there.
    command += ["--processes", str(processes), "--web-port", str(settings.web_port)]
    daemon.start([*command, "--web-host", settings.web_host])
    started = time.monotonic()
    with progress() as update:
        while not all(map(_is_ready, web_ports(settings, processes))):
            waited = time.monotonic() - started
            if not daemon.alive():
                raise ClientError(f"the workers ended while starting{daemon.last_words(lines=12)}")
            if waited > READY_S:
                raise ClientError(f"the workers are not ready in {READY_S} s{daemon.last_words()}")
            update("waiting for the workers", int(waited), READY_S)
            time.sleep(0.1)
    views = ", ".join(f"http://127.0.0.1:{port}" for port in web_ports(settings, processes))
    note(f"workers are ready: {processes}, with web views at {views}")
    note(f"their log is {daemon.log_file}; stop them with `thewall worker --stop`")


def _is_ready(port: int) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/ready/"
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(worker)
