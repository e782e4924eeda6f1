"""`thewall web`."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.cli.settings import load_settings


def web(
    port: Annotated[
        int | None, typer.Option("--port", help="Port of the page.", min=1, max=65535)
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Interface of the page.")] = None,
) -> None:
    """Serve the page and the whole API until Ctrl-C, from a replica of the compacted topics.

    It belongs to no consumer group: it answers whatever the workers do.
    """
    settings = load_settings(page_port=port, page_host=host)
    from streams.web.app import run_web  # only here: FastAPI takes a moment to import

    raise typer.Exit(run_web(settings))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(web)
