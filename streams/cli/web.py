"""`thewall web`."""

from __future__ import annotations

import socket
import sys
import time
import urllib.request
from typing import Annotated

import typer

from streams.addresses import asked_directly, reachable_host, shown_host
from streams.cli.display import note, progress
from streams.cli.settings import load_settings, read_settings
from streams.client.kafka import ClientError
from streams.devstack.processes import Daemon
from streams.operations.supervisor import end_with_parent, supervise
from streams.settings import Settings

READY_S = 60


def web(
    port: Annotated[
        int | None, typer.Option("--port", help="Port of the page.", min=1, max=65535)
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Interface of the page.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Start it again if it ends.")] = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when standard input does.")
    ] = False,
) -> None:
    """Serve the page and the whole API until Ctrl-C, from a replica of the compacted topics.

    It belongs to no consumer group: it answers whatever the workers do.
    """
    settings = load_settings(page_port=port, page_host=host)
    if with_parent:
        end_with_parent()
    else:
        check_page_port(settings)
    if restart:
        raise typer.Exit(supervise(settings, 0, page=True, restart=True))
    from streams.web.app import run_web  # only here: FastAPI takes a moment to import

    raise typer.Exit(run_web(settings))


def background_page() -> Daemon:
    """The web process that runs in the background on this machine, or would."""
    return Daemon("web", read_settings().data_dir)


def check_page_port(settings: Settings) -> None:
    """Make sure that the page's port is free, unless our own page has it.

    Raises:
        ClientError: Another process has it.
    """
    if background_page().alive():
        return
    try:
        family = socket.AF_INET6 if ":" in settings.page_host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.page_host, settings.page_port))
    except OSError as error:
        raise ClientError(
            f"the page can't be at {settings.page_host}, port {settings.page_port} "
            f"({error.strerror}): set THEWALL_PAGE_PORT, or leave the page out with --no-web"
        ) from error


def start_page_in_background(settings: Settings) -> None:
    """Start the web process in the background and wait until it is ready.

    It is one of its own, beside the workers': `thewall rebuild` stops those, and the page goes on.

    Raises:
        ClientError: It ended, or was not ready in time.
    """
    daemon = background_page()
    if not daemon.alive():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "streams", "web", "--restart"]
        command += ["--port", str(settings.page_port), "--host", settings.page_host]
        daemon.start(command)
    started = time.monotonic()
    with progress() as update:
        while not _is_ready(settings):
            waited = time.monotonic() - started
            if not daemon.alive():
                raise ClientError(f"the web process ended while starting{daemon.last_words()}")
            if waited > READY_S:
                raise ClientError(f"the page is not ready in {READY_S} s{daemon.last_words()}")
            update("waiting for the page", int(waited), READY_S)
            time.sleep(0.1)
    note(f"the page is at {page_url(settings)}")


def page_url(settings: Settings) -> str:
    """Where this machine reaches the page."""
    return f"http://{shown_host(reachable_host(settings.page_host))}:{settings.page_port}"


def _is_ready(settings: Settings) -> bool:
    url = page_url(settings)
    try:
        with (
            asked_directly(url),
            urllib.request.urlopen(f"{url}/ready/", timeout=2) as answer,  # noqa: S310
        ):
            return bool(answer.status == 200)
    except OSError:
        return False


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(web)
