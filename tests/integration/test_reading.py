"""Commands that only read change nothing, and read no more than they have to."""

from __future__ import annotations

import json

from confluent_kafka.admin import AdminClient

from domain.settings import settings_for
from domain.wall import Wall
from streams.client.reader import Reader
from streams.client.reading import Reading
from streams.contract.clients import broker_config, registry_client
from tests.harness.command_line import run_here, thewall_here

WALL = Wall("w", settings_for(3), {1: bytes([21, 25, 28]), 2: bytes([17])})


def test_questions_about_an_installation_that_is_not_there_create_neither_topics_nor_schemas(
    settings,
):
    for command, sentence in (
        (["overview", "w"], "there is no wall w"),
        (["day", "w", "1", "1"], "there is no wall w"),
        (["verify", "w"], "there is no wall w"),
    ):
        done = run_here(settings, *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert sentence in done.stderr
    assert thewall_here(settings, "consume", "profiles") == ""
    admin = AdminClient(broker_config(settings))
    subjects = registry_client(settings).get_subjects()
    mine = [name for name in (*admin.list_topics().topics, *subjects) if settings.app_id in name]
    assert mine == []


def test_a_question_about_a_wall_reads_one_partition_of_the_table_and_no_daily_rows(
    worker, settings, client, monkeypatch
):
    client.submit(WALL)
    client.wait_until_built(WALL, 60, lambda *_: None)
    read = []
    plain = Reader.read

    def noted(reader, topic, partition=None, **more):
        read.append((topic, partition))
        return plain(reader, topic, partition, **more)

    monkeypatch.setattr(Reader, "read", noted)
    reading = Reading(settings)
    assert reading.totals("w").keys() == {1, 2}
    (versions, _), (changelog, partition) = read
    assert versions == reading.topics.versions.name
    assert changelog == reading.topics.changelog("overview").name
    assert partition is not None
    day = json.loads(thewall_here(settings, "day", "w", "1", "4", "--json"))
    row = client.latest(client.topics.daily)["w/1/4"]
    assert day == {f: row[f] for f in ("wall", "profile", "day", "ice", "cost", "cumulative_cost")}


def test_a_registry_that_is_down_is_said_of_a_wall_that_is_there(worker, settings, client):
    client.submit(WALL)
    client.wait_until_built(WALL, 60, lambda *_: None)
    for command in (["overview", "w"], ["verify"]):
        done = run_here(settings, *command, THEWALL_REGISTRY_URL="http://127.0.0.1:1")
        assert (done.returncode, done.stdout) == (1, "")
        assert "the registry at http://127.0.0.1:1 does not answer" in done.stderr
