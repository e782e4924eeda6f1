"""`thewall worker`."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.addresses import reachable_host, shown_host
from streams.cli.display import note, progress
from streams.cli.settings import load_settings, read_settings
from streams.cli.web import start_page_in_background
from streams.client.errors import ClientError
from streams.operations.background import BackgroundPage, BackgroundWorkers, check_can_listen
from streams.operations.supervisor import (
    default_worker_count,
    end_with_parent,
    supervise,
    web_ports,
)
from streams.settings import Settings


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
    restart: Annotated[
        bool, typer.Option("--restart", help="Restart any process that ends.")
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option("--processes", help="Processes to run; one per core if not given.", min=1),
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the workers that run in the background.")
    ] = False,
    no_web: Annotated[
        bool, typer.Option("--no-web", help="Do not start the page and its API (`thewall web`).")
    ] = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when standard input does.")
    ] = False,
) -> None:
    """Run workers until Ctrl-C: every stage of the pipeline, the web views, and the page.

    Each process has web views on its own port, from --web-port upwards; each answers for all walls.
    The page is `thewall web`, one more process beside the workers.
    """
    if stop:
        settings = read_settings()
        stopped = BackgroundWorkers(settings).stop()
        stopped = BackgroundPage(settings).stop() or stopped
        note("the workers are stopped" if stopped else "no worker runs in the background")
        return
    settings = load_settings(web_port=web_port, web_host=web_host)
    if with_parent:
        end_with_parent()
        processes = 1
    page = not (no_web or with_parent)
    processes = processes or default_worker_count(settings)
    if background:
        if page:
            BackgroundPage(settings).check_addresses()
        start_workers_in_background(settings, processes)
        if page:
            start_page_in_background(settings)
        return
    check_can_listen(settings.web_host, web_ports(settings, processes))
    if page:
        check_can_listen(settings.page_host, [settings.page_port])
    if restart or processes > 1 or page:
        raise typer.Exit(supervise(settings, processes, page=page, restart=restart))
    from streams.app import run_worker  # only here: Faust takes a second to import
    from streams.batching import StoreInUse

    try:
        run_worker(settings)
    except StoreInUse as error:
        raise ClientError(str(error)) from error


def start_workers_in_background(settings: Settings, processes: int) -> None:
    """Start workers in the background, wait until they are ready, and say where they are.

    Raises:
        ClientError: They ended, or were not ready in time.
    """
    workers = BackgroundWorkers(settings)
    with progress() as update:
        started = workers.start(processes, update)
    if not started:
        note(f"workers run already in the background; their log is {workers.log_file}")
        return
    views = ", ".join(
        f"http://{shown_host(reachable_host(host))}:{port}"
        for host, port in workers.addresses(settings, processes)
    )
    note(f"workers are ready: {processes}, with web views at {views}")
    note(f"their log is {workers.log_file}; stop them with `thewall worker --stop`")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(worker)
