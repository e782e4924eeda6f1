"""`thewall web` and `thewall open`."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.addresses import reachable_host, shown_host
from streams.cli.asking import running_page
from streams.cli.display import note, progress
from streams.cli.options import usage_of_wall
from streams.cli.settings import load_settings
from streams.operations.background import BackgroundPage, check_can_listen
from streams.operations.supervisor import end_with_parent, supervise
from streams.settings import Settings


def web(
    port: Annotated[
        int | None, typer.Option("--port", help="Port of the page.", min=1, max=65535)
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Interface of the page.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Restart it if it ends.")] = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when standard input does.")
    ] = False,
) -> None:
    """Serve the page and the whole API until Ctrl-C, from a replica of the compacted topics.

    It is in no consumer group: it answers even while workers start, stop or fail.
    """
    settings = load_settings(page_port=port, page_host=host)
    if with_parent:
        end_with_parent()
    check_can_listen(settings.page_host, [settings.page_port])
    if restart:
        raise typer.Exit(supervise(settings, 0, page=True, restart=True))
    from streams.web.app import run_web  # only here: FastAPI takes a moment to import

    raise typer.Exit(run_web(settings))


def start_page_in_background(settings: Settings) -> None:
    """Start the web process in the background and wait until it is ready.

    It is a daemon of its own: `thewall rebuild` stops the workers, and the page keeps running.

    Raises:
        ClientError: It ended, or was not ready in time.
    """
    with progress() as update:
        BackgroundPage(settings).start(1, update)
    host = shown_host(reachable_host(settings.page_host))
    note(f"the page is at http://{host}:{settings.page_port}")


def open_(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Wall id; all walls if not given.", callback=usage_of_wall
        ),
    ] = None,
) -> None:
    """Open the page in the browser, and print its address."""
    address = running_page(load_settings())
    url = f"{address}/" if name is None else f"{address}/?wall={name}"
    typer.echo(url)
    typer.launch(url)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(web)
    app.command("open")(open_)
