"""The way of an event, from a config file to rows, on a real broker and a real registry."""

from __future__ import annotations

import json
import socket
import urllib.request
from random import Random

import pytest

from domain.settings import settings_for
from domain.wall import Wall
from tests.harness.command_line import run_here, thewall_here
from tests.harness.processes import Worker, thewall
from tests.harness.waiting import wait_until
from tests.harness.walls import EXERCISE_CONFIG


def config_of(wall: Wall) -> str:
    return "".join(f"{' '.join(map(str, heights))}\n" for heights in wall.profiles.values())


def quiet(*_: object) -> None:
    pass


def test_the_exercises_wall_by_command_line_web_and_console_consumer(worker, settings, tmp_path):
    conf = tmp_path / "profiles.conf"
    conf.write_text(EXERCISE_CONFIG)
    built = thewall(settings, "submit", str(conf), "--wait", "--json")
    assert json.loads(built) == json.loads(thewall_here(settings, "compute", str(conf), "--json"))
    assert json.loads(built)["cost"] == 32_233_500

    assert worker.get("/profiles/1/days/1/") == (200, '{"day": "1", "ice_amount": "585"}')
    assert worker.get("/profiles/1/overview/1/") == (200, '{"day": "1", "cost": "1,111,500"}')
    assert worker.get("/profiles/overview/1/") == (200, '{"day": "1", "cost": "3,334,500"}')
    assert worker.get("/profiles/overview/") == (200, '{"day": null, "cost": "32,233,500"}')
    nothing = '{"day": "14", "ice_amount": "0"}'
    assert worker.get("/walls/default/profiles/2/days/14/") == (200, nothing)
    day = json.loads(thewall(settings, "day", "default", "1", "3", "--json"))
    assert (day["ice"], day["cumulative_cost"]) == (390, 2_964_000)

    printed = thewall(
        settings, "console", f"{settings.topic_prefix}.daily", "--from-beginning",
        "--timeout-ms", "30000", "--max-messages", "35",
    )  # fmt: skip
    key, value = printed.splitlines()[0].split("\t")
    row = json.loads(value)
    assert key == f"{row['wall']}/{row['profile']}/{row['day']}"
    assert len(printed.splitlines()) == 35

    lines = thewall(settings, "consume", "simulation.events").splitlines()
    events = [json.loads(line)["value"] for line in lines]
    assert sum("section" in event for event in events) == 9


def test_submitting_again_replaces_the_wall(worker, settings, client):
    first = Wall("w", settings_for(2), {1: bytes([1, 2]), 2: bytes([3]), 3: bytes([4])})
    second = Wall("w", settings_for(), {1: bytes([20, 30]), 2: bytes([3])})
    for wall, gone in ((first, []), (second, [3]), (second, [])):
        assert client.submit(wall) == gone
        client.wait_until_built(wall, 60, quiet)
        pool = ["--crews", "2"] if wall is first else []
        computed = thewall_here(
            settings, "compute", "-", "--wall", "w", "--json", *pool, stdin=config_of(wall)
        )
        shown = thewall_here(settings, "overview", "w", "--json", "--daily")
        assert json.loads(shown) == json.loads(computed)


def test_a_withdrawn_profile_leaves_no_row(worker, settings, client):
    wall = Wall("w", settings_for(), {1: bytes([29]), 2: bytes([28])})
    client.submit(wall)
    client.wait_until_built(wall, 60, quiet)
    thewall(settings, "withdraw", "w", "1")
    client.wait_until_built(Wall("w", settings_for(), {2: bytes([28])}), 60, quiet)
    assert {key[:3] for key in client.latest(client.topics.daily)} == {"w/2"}
    assert set(client.totals("w")) == {2}
    assert worker.get("/walls/w/profiles/1/days/1/")[0] == 404
    thewall_here(settings, "withdraw", "w")
    wait_until(lambda: not client.latest(client.topics.overview, of_wall="w"), 60, "no row is left")
    assert client.latest(client.topics.daily) == {}


@pytest.mark.timeout(500)
def test_overview_equals_compute_for_random_walls(worker, settings, client, tmp_path):
    random = Random(3)
    for number, (profiles, most) in enumerate([(1, 2000), (50, 40), (7, 300), (12, 2000), (3, 5)]):
        for crews in (None, random.choice((1, 3, 20))):
            name = f"random-{number}-{crews}"
            heights = {
                n: bytes(random.randrange(31) for _ in range(random.randint(1, most)))
                for n in range(1, profiles + 1)
            }
            wall = Wall(name, settings_for(crews), heights)
            client.submit(wall)
            client.wait_until_built(wall, 120, quiet)
            conf = tmp_path / "profiles.conf"
            conf.write_text(config_of(wall))
            pool = [] if crews is None else ["--crews", str(crews)]
            computed = thewall_here(settings, "compute", str(conf), "--wall", name, "--json", *pool)
            shown = thewall_here(settings, "overview", name, "--json", "--daily")
            assert json.loads(shown) == json.loads(computed)


def test_a_profile_posted_to_the_web_api_is_built(worker, client):
    assert worker.post(b'{"profile": 1, "heights": [21, 25, 28]}') == 202
    client.wait_until_built(Wall("default", settings_for(), {1: bytes([21, 25, 28])}), 60, quiet)
    assert worker.post(b'{"profile": 1, "heights": [31]}') == 400
    assert worker.post(b'{"profile": 1, "heights": "<b>"}') == 400
    assert worker.post(b"not json") == 400
    assert worker.post(b'{"profile": 1, "heights": [1]}', "text/plain") == 415
    assert worker.get("/profiles/x/days/1/")[0] == 400
    assert worker.get("/profiles/1/days/0/")[0] == 400
    assert worker.get("/profiles/2/days/1/")[0] == 404
    assert worker.get("/walls/none/profiles/overview/")[0] == 404
    assert 'thewall_records_total{stage="intake"}' in worker.get("/metrics")[1]
    assert worker.get("/tables/")[0] == 404
    assert worker.get("/router/")[0] == 404
    # What another site's name is bound to, and what is no HTTP.
    there = urllib.request.Request(worker.url("/profiles/overview/"), headers={"Host": "evil.lan"})
    assert worker.request(there)[0] == 421
    with socket.create_connection(("127.0.0.1", worker.settings.web_port), 10) as connection:
        connection.sendall(b"what is this\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert b"Server: thewall\r\n" in answer
    assert "Traceback" not in worker.log.read_text()


def test_errors_of_commands_are_one_sentence_without_a_traceback(settings):
    broker_down = {"THEWALL_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    registry_down = {"THEWALL_REGISTRY_URL": "http://127.0.0.1:1"}
    for arguments, variables, status, words in (
        (("overview", "nothing"), {}, 1, "there is no wall nothing"),
        (("withdraw", "nothing"), {}, 1, "there is no wall nothing"),
        (("consume", "nothing"), {}, 2, "there is no topic nothing"),
        (("overview", "w"), broker_down, 1, "does not answer"),
        (("withdraw", "w"), registry_down, 1, "does not answer"),
        (("overview", "w"), {"THEWALL_PARTITIONS": "many"}, 1, "THEWALL_PARTITIONS"),
    ):
        done = run_here(settings, *arguments, **variables)
        assert (done.returncode, done.stdout) == (status, ""), done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_a_worker_says_why_it_is_not_ready_until_it_is(settings, tmp_path):
    worker = Worker(settings, tmp_path / "worker.log")
    answers = []

    def answers_ready() -> bool:
        try:
            answers.append(worker.get("/ready/"))
        except OSError:
            return False
        return answers[-1][0] == 200

    try:
        wait_until(answers_ready, 90)
    finally:
        worker.kill()
    reasons = {json.loads(body)["reason"] for status, body in answers[:-1] if status == 503}
    assert reasons <= {"the group is forming", "tables are being recovered"}
    assert reasons
    assert json.loads(answers[-1][1]) == {"ready": True, "pid": worker.process.pid}
