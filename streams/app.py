"""Builds the app from the settings: the only place that knows everything."""

from __future__ import annotations

import gc
import json
import logging
import platform
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import faust
import uvloop

from streams import logs, metrics
from streams.addresses import shown_host
from streams.agents import crews, intake, ledger, overview, planner, submissions
from streams.batching import (
    BatchApp,
    BatchProducer,
    CrashJournal,
    RocksDirectory,
    TransactionalProducer,
)
from streams.client.group import Group
from streams.client.remade import watch_topics
from streams.client.versions import check_current, version_to_run
from streams.clock import ticker
from streams.context import StageContext
from streams.contract.clients import aiokafka_security, broker_config, ssl_context
from streams.contract.codecs import prepare_codecs
from streams.contract.reasons import Reason
from streams.contract.topics import Topics, require_topics
from streams.metrics.worker import WorkerMetrics
from streams.views import pages
from streams.views.door import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.batching import Record
    from streams.settings import Settings

__all__ = ["create_app", "run_worker"]

STAGES = ("submissions", "intake", "planner", "crews", "ledger", "overview")
TABLES = ("intake", "planner", "clock", "crews", "ledger", "overview")

log = logging.getLogger(__name__)


def create_app(settings: Settings) -> BatchApp:
    """Make the app: topics and schemas are there, agents, tables and views are registered.

    Waits for a registry that is down.

    Raises:
        TopicMissing: A topic is not there, and the settings do not say to create it.
        SchemaMissing: A schema is not there, likewise.
        TopicMismatch: A topic is there with another number of partitions than is set.
        SchemaRegistryError: The registry refuses a schema.
        KafkaException: The broker refuses a topic or does not answer.
        StoreInUse: Another worker has the directory that this one's tables are kept in.
    """
    on_disk = settings.store == "rocksdb"
    # First: if another worker has the directory, nothing may be done.
    brokers, security = settings.bootstrap_servers, broker_config(settings)
    directory = RocksDirectory(settings.worker_dir, brokers, security) if on_disk else None
    require_topics(settings)
    topic_watch = watch_topics(settings)
    topics = Topics.of(settings)
    codecs = prepare_codecs(settings, topics.all())
    codecs.fetch_earlier_schemas((topics.handled, *topics.changelogs))

    async def fetch_schemas(records: Sequence[Record]) -> None:
        await codecs.fetch_schemas(record.value for record in records)

    def waits_for() -> str | None:
        if not (outage := codecs.outage()):
            return None
        return (
            f"the registry at {settings.registry_url} does not answer, and a record needs a schema "
            f"of it: {outage}"
        )

    observer = WorkerMetrics(STAGES, (*TABLES, "submissions"))
    metrics.expect_dead_letters((t.name for t in (*topics.doors, *topics.intermediate)), Reason)
    metrics.note_build(settings.version)
    context = StageContext(topics, codecs, settings.partitions, settings.version)
    app = BatchApp(
        settings.app_id,
        output=_output(settings, topics),
        prepare=fetch_schemas,
        waits_for=waits_for,
        dead_letter=context.dead_letter,
        # Between the start and the first assignment, a rebuild may have switched.
        check_assignment=lambda: check_current(settings, codecs),
        find_fault=topic_watch.fault,
        observer=observer,
        directory=directory,
        journal=CrashJournal(settings.worker_dir),
        version=settings.version,
        broker=[f"kafka://{address}" for address in brokers.split(",")],
        broker_credentials=_credentials(settings),
        datadir=settings.worker_dir,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication_factor,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * 1024 * 1024,
        # A group that was formed during an outage without some topic forms again when it is back.
        consumer_metadata_max_age_ms=5_000,
        broker_max_poll_records=16_384,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 10,
        stream_buffer_maxsize=16,
        stream_wait_empty=True,
        stream_recovery_delay=1.0,
        table_standby_replicas=0,
        web_bind=settings.web_host,
        # Announced to the group, and not bound: a worker asks another there for its walls.
        web_host=settings.advertised_host,
        web_port=settings.web_port,
        canonical_url=f"http://{shown_host(settings.advertised_host)}:{settings.web_port}",
        web_application_options={"client_max_size": MOST_BYTES},
        web_tables_enabled=False,
        web_router_enabled=False,
        web_stats_enabled=False,
        web_graph_enabled=False,
        web_metrics_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.read_until = {
        (topic, partition): offset
        for topic, offsets in settings.read_until.items()
        for partition, offset in enumerate(offsets)
    }
    tables = {name: app.batch_table(name, settings.partitions) for name in TABLES}
    intake.register(app, tables["intake"], context)
    planner.register(app, tables["planner"], tables["clock"], context)
    crews.register(app, tables["crews"], context)
    ledger.register(app, tables["ledger"], context)
    overview.register(app, tables["overview"], context)
    if settings.writes_inputs:
        ticker.register(app, tables["clock"], context)
        handled = app.batch_table("submissions", 1, changelog=topics.handled.name)
        submissions.register(app, handled, context)
    app.watch(brokers, settings.watchdog_s, security)
    observer.watch(app, pages.register(app, tables["overview"], context, settings))
    return app


def _output(settings: Settings, topics: Topics) -> BatchProducer:
    """What the stages send with, as the guarantee asks for."""
    options: dict[str, Any] = {
        # Shorter than the session: a worker that was stopped, and has lost its partitions
        # meanwhile, must not wake up and send what it held.
        "timeout_s": settings.session_timeout_s * 0.9,
        "max_suspension_s": settings.session_timeout_s * 0.8,
        "security": aiokafka_security(settings),
    }
    if settings.guarantee == "at-least-once":
        return BatchProducer(settings.bootstrap_servers, **options)
    partitions = {topic.name: topic.partitions(settings) for topic in topics.all()}
    return TransactionalProducer(
        settings.bootstrap_servers,
        settings.group,
        # A large plan is one transaction, and the broker may be slow. Brokers allow 15 minutes.
        transaction_timeout_s=min(10 * settings.session_timeout_s, 900),
        partitions_of=partitions.__getitem__,
        **options,
    )


def _credentials(settings: Settings) -> Any:
    """Who a worker's consumer is, as Faust takes it; None without TLS and without a user."""
    context = ssl_context(settings)
    if "SASL" not in settings.kafka_security_protocol:
        return None if context is None else faust.SSLCredentials(context)
    password = settings.kafka_password.get_secret_value() if settings.kafka_password else ""
    return faust.SASLCredentials(
        username=settings.kafka_user,
        password=password,
        mechanism=settings.kafka_sasl_mechanism,
        ssl_context=context,
    )


def run_worker(settings: Settings) -> None:
    """Run a worker until it is told to stop; ends the process with the worker's exit status.

    Raises:
        ClientError: The settings name an application version that is not current, or somebody's
            consumer is in the workers' group.
    """
    logs.set_up(settings.log_level, settings.log_format)
    given, settings = settings, version_to_run(settings)
    waits = False
    while (group := Group(settings, Topics.of(settings))).is_fenced():
        # A rebuild switches just now, or was killed a moment ago: another version may be current.
        if not waits:
            log.warning("a rebuild keeps workers out of group %s; waiting for it", group.name)
            waits = True
        time.sleep(0.5)
        settings = version_to_run(given)
    group.check_only_workers()
    uvloop.install()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    log.info(
        "worker starts: version %s, application version %d, Python %s, settings %s",
        version("the-wall"), settings.version, platform.python_version(),
        json.dumps(settings.shown()),
    )  # fmt: skip
    app = create_app(settings)
    # A batch makes many objects, in no cycles: looking for cycles again and again finds none.
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    worker = app.Worker(
        loglevel=settings.log_level,
        logging_config=logs.config(settings.log_level, settings.log_format),
    )
    app.stopping = lambda: worker.should_stop
    worker.execute_from_commandline()
