"""`thewall worker`."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.settings import load_settings


def worker(
    web_port: Annotated[
        int | None, typer.Option("--web-port", help="Port of the web views.", min=1, max=65535)
    ] = None,
    web_host: Annotated[
        str | None, typer.Option("--web-host", help="Interface of the web views.")
    ] = None,
) -> None:
    """Run a worker until Ctrl-C: every stage of the pipeline, and the web views."""
    from streams.app import run_worker  # only here: Faust takes a second to import

    run_worker(load_settings(web_port=web_port, web_host=web_host))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(worker)
