"""`thewall worker`."""

from __future__ import annotations

import sys
import time
import urllib.request
from typing import Annotated

import typer

from streams.broker import ClientError
from streams.cli.display import note, progress
from streams.devstack.processes import Daemon
from streams.settings import Settings, load_settings
from streams.supervisor import end_with_parent, supervise

READY_S = 120


def worker(
    web_port: Annotated[
        int | None, typer.Option("--web-port", help="Port of the web views.", min=1, max=65535)
    ] = None,
    web_host: Annotated[
        str | None, typer.Option("--web-host", help="Interface of the web views.")
    ] = None,
    background: Annotated[
        bool, typer.Option("--background", help="Start it, wait until it is ready, and return.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start it again whenever it ends.")
    ] = False,
    processes: Annotated[
        int, typer.Option("--processes", help="Workers to run, each restarted.", min=1)
    ] = 1,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the worker that runs in the background.")
    ] = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when standard input does.")
    ] = False,
) -> None:
    """Run a worker until Ctrl-C: every stage of the pipeline, and the web views."""
    daemon = background_worker()
    if stop:
        note("the worker is stopped" if daemon.stop() else "no worker runs in the background")
        return
    settings = load_settings(web_port=web_port, web_host=web_host)
    if background:
        start_in_background(daemon, settings)
        return
    if with_parent:
        end_with_parent()
    if restart or processes > 1:
        raise typer.Exit(supervise(settings, processes))
    from streams.app import run_worker  # only here: Faust takes a second to import

    run_worker(settings)


def background_worker() -> Daemon:
    """The worker that runs in the background on this machine, or would."""
    return Daemon("worker", Settings().data_dir)


def background_settings(daemon: Daemon, settings: Settings) -> Settings:
    """The settings with those that the running background worker was given on its command line."""
    process = daemon.process()
    if process is None:
        return settings
    *_, port, _, host = process.cmdline()
    return settings.model_copy(update={"web_port": int(port), "web_host": host})


def start_in_background(daemon: Daemon, settings: Settings) -> None:
    """Start the background worker and wait until it is ready.

    Raises:
        ClientError: It ended, or was not ready in time.
    """
    if daemon.alive():
        note(f"a worker runs already in the background; its log is {daemon.log_file}")
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "streams", "worker", "--restart"]
    command += ["--web-port", str(settings.web_port)]
    # Last, in this order: `background_settings` reads them from there.
    daemon.start([*command, "--web-host", settings.web_host])
    started = time.monotonic()
    with progress() as update:
        while not _is_ready(settings):
            waited = time.monotonic() - started
            if not daemon.alive():
                raise ClientError(f"the worker ended while starting{daemon.last_words(lines=12)}")
            if waited > READY_S:
                raise ClientError(f"the worker is not ready in {READY_S} s{daemon.last_words()}")
            update("waiting for the worker", int(waited), READY_S)
            time.sleep(0.1)
    note(f"a worker is ready, its web views are at http://127.0.0.1:{settings.web_port}")
    note(f"its log is {daemon.log_file}; stop it with `thewall worker --stop`")


def _is_ready(settings: Settings) -> bool:
    try:
        url = f"http://127.0.0.1:{settings.web_port}/ready/"
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(worker)
