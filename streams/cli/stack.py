"""`thewall up`, `down`, `status`, `console` and `produce`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from streams.cli.display import note, print_json, print_table, progress
from streams.cli.options import AsJson
from streams.cli.settings import load_settings, read_settings
from streams.client.client import Client
from streams.client.kafka import existing_partitions
from streams.client.versions import with_current_version
from streams.contract.clients import broker_properties, registry_properties
from streams.contract.topics import Topics
from streams.devstack import Stack, StackError, artifacts
from streams.devstack.console import console_command, producer_command
from streams.devstack.processes import java_environment
from streams.devstack.running import stack_in
from streams.devstack.secure import SecureStack
from streams.devstack.stack import stack_directory
from streams.operations.background import BackgroundWorkers
from streams.operations.rights import ROLES, rights

Port = Annotated[int | None, typer.Option(help="A free port if not given.", min=1, max=65535)]


def up(
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete all data first.")] = False,
    kafka_port: Port = None,
    registry_port: Port = None,
    brokers: Annotated[
        int | None,
        typer.Option(
            help="1, or 3: a cluster that does without any one of them. As many as the data is "
            "of, else 1, if not given.",
            min=1,
            max=3,
            show_default=False,
        ),
    ] = None,
    secure: Annotated[
        bool,
        typer.Option(
            "--secure", help="With TLS, users and rights; needs --fresh if there is data without."
        ),
    ] = False,
) -> None:
    """Start Kafka and the schema registry on this machine.

    With --secure, commands and workers are the user operator unless THEWALL_KAFKA_USER and
    THEWALL_REGISTRY_USER name another; worker, web, producer and reader have the rights that
    `thewall acls` lists. What was made secure stays so until --fresh.
    """
    directory = stack_directory()
    kept = stack_in(directory) if not fresh else Stack(directory)
    stack = SecureStack(directory) if secure else kept
    in_use = _has_workers(stack)
    if in_use and fresh:
        raise StackError(
            "workers that run in the background use this Kafka: stop them first with "
            "`thewall worker --stop`"
        )
    if not fresh and all(daemon.alive() for daemon in stack.daemons):
        note("the stack runs already")
    with progress() as update:
        running = stack.up(
            fresh=fresh, brokers=brokers, kafka_port=kafka_port, registry_port=registry_port,
            same_ports=in_use, on_progress=update,
        )  # fmt: skip
    if isinstance(stack, SecureStack):
        settings = with_current_version(load_settings())
        # Whatever workers are set to: the stack is there to try things.
        settings = settings.model_copy(update={"guarantee": "exactly-once"})
        for role in ROLES:
            of_role = rights(role, settings)
            stack.grant(role, [(r.resource, r.name, r.operations, r.prefixed) for r in of_role])
        note(f"users are {', '.join(ROLES)}; their passwords are in {directory / 'secure'}")
    note(f"Kafka answers at {running.bootstrap_servers}, the registry at {running.registry_url}")
    note(f"data and logs are in {stack.directory}; stop with `thewall down`")


def _has_workers(stack: Stack) -> bool:
    """Whether workers run in the background on this stack: at another address they would stay."""
    running = BackgroundWorkers(read_settings()).running()
    return running is not None and (
        running.settings.bootstrap_servers == stack.addresses().bootstrap_servers
    )


def down() -> None:
    """Stop Kafka and the schema registry; their data stays."""
    stopped = stack_in(stack_directory()).down()
    note("the stack is stopped" if stopped else "the stack does not run")


def status(as_json: AsJson = False) -> None:
    """Show whether Kafka and the schema registry run, and where; exit status 1 if they do not."""
    stack = stack_in(stack_directory())
    rows = []
    for daemon in stack.daemons:
        process = daemon.process()
        rows.append(
            {
                "name": daemon.name,
                "running": process is not None,
                "pid": process.pid if process else None,
                "address": stack.address(daemon) if process else None,
                "memory_mb": process.memory_info().rss >> 20 if process else None,
                "log": str(daemon.log_file),
            }
        )
    if as_json:
        print_json({"directory": str(stack.directory), "processes": rows})
    else:
        shown = [
            [
                r["name"],
                "runs" if r["running"] else "stopped",
                r["address"],
                r["memory_mb"],
                r["log"],
            ]
            for r in rows
        ]
        print_table("stack", ["process", "state", "address", "MiB", "log"], shown)
    if not all(row["running"] for row in rows):
        raise typer.Exit(1)


def console(
    context: typer.Context,
    topic: Annotated[
        str, typer.Argument(metavar="TOPIC", help="Full name, for example wall.daily.")
    ],
) -> None:
    """Run Apache Kafka's console consumer on a topic; more arguments are passed on to it."""
    settings = load_settings()
    _fetch_tools()
    is_text = topic == Topics.of(settings).submissions.name
    _run(
        console_command(
            topic, settings.bootstrap_servers, None if is_text else settings.registry_url,
            context.args, broker_properties(settings), registry_properties(settings),
        )
    )  # fmt: skip


def produce(
    context: typer.Context,
    topic: Annotated[
        str,
        typer.Argument(metavar="[TOPIC]", help="Full name; that of submissions if not given."),
    ] = "",
) -> None:
    """Run Apache Kafka's console producer: each line of standard input becomes a record.

    What the topic of submissions takes is JSON, a profile, its withdrawal or a wall's settings on
    each line; what is wrong with a line is on the topic of dead letters. More arguments are passed
    on to the console producer.
    """
    settings = load_settings()
    arguments = context.args
    if topic.startswith("-"):  # an option of the console producer's: no topic begins so
        topic, arguments = "", [topic, *arguments]
    submissions = Topics.of(settings).submissions.name
    if not topic and submissions not in existing_partitions(settings):
        Client(settings)  # makes the topics
    _fetch_tools()
    security = broker_properties(settings)
    _run(producer_command(topic or submissions, settings.bootstrap_servers, arguments, security))


def _fetch_tools() -> None:
    with progress() as update:
        artifacts.fetch(artifacts.locked(), update)


def _run(command: list[str]) -> None:
    # A fixed program; arguments are no shell's.
    os.execve(command[0], command, java_environment())  # noqa: S606


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command(
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(console)
    app.command(
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(produce)
