"""`thewall verify` and `thewall replay`."""

from __future__ import annotations

from typing import Annotated

import typer

from streams.cli.display import note, print_json, progress
from streams.cli.options import AsJson
from streams.cli.settings import load_settings
from streams.client.client import Client
from streams.client.errors import ClientError
from streams.client.reading import Reading
from streams.client.remade import topic_fault
from streams.operations.replay import Replay
from streams.operations.supervisor import temporary_worker

MOST_DIFFERENCES = 20


def verify(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Wall id; all if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the published rows with the domain's; exit status 1 if anything differs."""
    # Only here: intake's rules bring Faust, which takes a second to import.
    from streams.operations.verification import accepted_walls, expected_rows, published_rows

    client = Reading(load_settings())
    client.check_whole()
    expected, found = expected_rows(accepted_walls(client)), published_rows(client)
    if name is not None:
        expected, found = expected.of_wall(name), found.of_wall(name)
        if not expected.overview and not found.overview and not found.daily:
            raise ClientError(f"there is no wall {name}")
    differences = expected.differences(found)
    if as_json:
        print_json(
            {
                "equal": not differences,
                "digest": found.digest(),
                "expected_digest": expected.digest(),
                "rows": len(found.daily) + len(found.overview),
                "differences": differences,
            }
        )
    else:
        for difference in differences[:MOST_DIFFERENCES]:
            print(difference)  # noqa: T201
        if len(differences) > MOST_DIFFERENCES:
            note(f"… and {len(differences) - MOST_DIFFERENCES:,} more; --json has them all")
        rows = f"{len(found.daily) + len(found.overview):,} rows, digest {found.digest()[:16]}"
        verdict = f"{len(differences):,} differ from" if differences else "equal to"
        note(f"{rows}: {verdict} what the domain computes")
    if differences:
        raise typer.Exit(1)


def replay(
    to: Annotated[
        str, typer.Option("--to", help="earliest, an offset, or a date and time.")
    ] = "earliest",
    wipe: Annotated[
        bool, typer.Option("--wipe", help="Delete tables and published rows first.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", help="How long to wait, in seconds.", min=1)
    ] = 600.0,
    as_json: AsJson = False,
) -> None:
    """Process the submitted events again, with a temporary worker, and compare the rows.

    All workers of the group have to be stopped first. Exit status 1 if the rows are not the same
    as before, or not what the domain computes.
    """
    from streams.operations.verification import accepted_walls, expected_rows, published_rows

    client = Client(load_settings())
    task = Replay(client)
    task.group.check_stopped()
    if not wipe:
        client.check_whole()
    # If the same was ended midway before, what there is now is not what there was.
    before = client.recorded.wiped_digest
    if before is None:
        # Rows of topics that are gone will not be the same again.
        is_new = topic_fault(client.settings, client.recorded) is not None
        before = "" if is_new else published_rows(client).digest()
    if wipe:
        task.wipe(before)
    else:
        task.reset(to)
    log_file = client.settings.data_dir / "replay.log"
    with progress() as update:
        for until in (task.before_clocks(), None) if wipe else (None,):
            with temporary_worker(client.settings, log_file, until) as check:
                task.group.wait_until_done(
                    timeout, lambda done, of: update("replaying records", done, of), until, check
                )
    after = published_rows(client)
    equal = not expected_rows(accepted_walls(client)).differences(after)
    digest = after.digest()
    if as_json:
        print_json({"before": before or None, "after": digest, "equal_to_domain": equal})
    else:
        note(f"digest before {before[:16] or 'of topics that are gone'}, after {digest[:16]}")
        note("equal to what the domain computes" if equal else "not what the domain computes")
    if before not in ("", digest) or not equal:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(verify)
    app.command()(replay)
