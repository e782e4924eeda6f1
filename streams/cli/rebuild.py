"""`thewall rebuild`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.display import note, print_json, progress
from streams.cli.options import AsJson
from streams.cli.settings import load_settings
from streams.cli.worker import start_workers_in_background
from streams.client.errors import ClientError
from streams.client.versions import drop, topics_by_version, version_to_run
from streams.operations.background import BackgroundWorkers

if TYPE_CHECKING:
    from streams.operations.rebuild import Comparison

MOST_DIFFERENCES = 20


def rebuild(
    to_version: Annotated[
        int | None,
        typer.Option(
            "--to-version",
            help="The new application version; the next, if not given.",
            min=2,
            max=4095,
        ),
    ] = None,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Delete the topics and groups of all other versions.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Longest wait for workers, in seconds.", min=1)
    ] = 3600.0,
    as_json: AsJson = False,
) -> None:
    """Build all state again beside the running workers, compare, and switch to it.

    The workers of the current version keep running until the new version has caught up. Then they
    have to stop: background workers of this machine are stopped, and you are asked to stop any
    others. If the new rows are not what the domain computes, nothing is switched, and the exit
    status is 1.
    """
    # Another version has topics of its own.
    settings = load_settings(create_topics=True)
    if drop_old:
        _drop_old(as_json)
        return
    from streams.operations.rebuild import Rebuild  # only here: it brings Faust

    task = Rebuild(settings, to_version, timeout)
    old, new = task.settings.version, task.shadow.settings.version
    note(f"version {new} is being built beside version {old}")
    with progress() as update:
        task.catch_up(update)
    workers = BackgroundWorkers(settings)
    running = workers.running()
    workers.stop()
    switched = False
    try:
        if not task.group.wait_until_stopped(
            timeout,
            lambda workers: note(
                f"version {new} has caught up: stop the {workers} workers of version {old} "
                f"(group {task.group.name}) now; waiting for it"
            ),
        ):
            raise ClientError(
                f"nothing is switched: group {task.group.name} still has workers; stop them when "
                "`thewall rebuild` asks for it, and run it again"
            )
        with progress() as update, task.at_cut(update) as cut:
            found = task.compare(cut)
            if not found.wrong():
                task.switch(found.rebuilt.digest())
                switched = True
    finally:
        if running is not None:
            of_workers = running.settings
            if switched and of_workers.app_version:
                of_workers = of_workers.model_copy(update={"app_version": new})
            start_workers_in_background(of_workers, running.processes)
    _report(found, old, new, as_json)
    if not switched:
        raise typer.Exit(1)
    if settings.app_version:
        note(f"THEWALL_APP_VERSION is {old}: unset it, or no worker runs")
    if running is None:
        note(f"start the workers again, as before: they run version {new} now")
    note(f"delete what version {old} has left with `thewall rebuild --drop-old`")


def _report(found: Comparison, old: int, new: int, as_json: bool) -> None:
    corrected, wrong = found.corrected(), found.wrong()
    if as_json:
        print_json(
            {
                "version": old if wrong else new,
                "current": found.current.digest(),
                "rebuilt": found.rebuilt.digest(),
                "expected": found.expected.digest(),
                "corrected": corrected,
                "wrong": wrong,
            }
        )
    if wrong:
        _show(wrong)
        note(f"version {new} is not what the domain computes: version {old} stays")
        return
    rows = f"{len(found.rebuilt.daily) + len(found.rebuilt.overview):,} rows"
    note(f"{rows}, digest {found.rebuilt.digest()[:16]}: equal to what the domain computes")
    if corrected:
        _show(corrected)
        note(f"{len(corrected):,} rows of version {old} were not; they are corrected")
    note(f"version {new} is the current one")


def _show(differences: list[str]) -> None:
    for difference in differences[:MOST_DIFFERENCES]:
        note(difference)
    if len(differences) > MOST_DIFFERENCES:
        note(f"… and {len(differences) - MOST_DIFFERENCES:,} more; --json has them all")


def _drop_old(as_json: bool) -> None:
    settings = version_to_run(load_settings())
    old = sorted(topics_by_version(settings).keys() - {settings.version})
    dropped = drop(settings, old)
    if as_json:
        print_json({"version": settings.version, "dropped": dropped})
    else:
        note(f"deleted {len(dropped)} topics; version {settings.version} is the current one")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(rebuild)
