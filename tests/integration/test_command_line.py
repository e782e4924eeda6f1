"""Commands that ask: of the web process where it runs, of the topics where not."""

from __future__ import annotations

import json

import pytest

from streams.devstack.ports import free_port
from tests.harness.command_line import run_here, thewall_here
from tests.harness.processes import run_thewall, thewall
from tests.harness.waiting import wait_until
from tests.harness.walls import EXERCISE_CONFIG
from tests.harness.web import running_web

QUESTIONS = (
    ("overview", "w", "--daily", "--json"),
    ("overview", "w", "1", "--day", "3"),
    ("day", "w", "1", "3", "--json"),
    ("events", "w", "--max", "5", "--json"),
    ("deadletters", "list", "--json"),
    ("timeline", "w", "--json"),
    ("explain", "w", "1", "3", "--json"),
    ("compare", "w", "--crews", "1..3", "--json"),
    ("export", "w", "2", "--to", "3"),
)


LINES = """\
{"wall": "w", "profile": 4, "heights": [29]}
{"wall": "w", "profile": 1, "heights": [31]}
"""


@pytest.fixture
def web(settings, worker, tmp_path):
    with running_web(settings, tmp_path / "web.log") as web:
        yield web


def test_the_web_process_and_the_topics_answer_alike(web, settings, client):
    thewall_here(settings, "submit", "-", "--wall", "w", "--wait", stdin=EXERCISE_CONFIG)
    assert "32,233,500" in thewall_here(web.settings, "overview", "w")  # as built by now
    thewall(settings, "produce", stdin=LINES)
    wait_until(lambda: any(client.read(client.topics.dead_letters)), 30, "a dead letter")

    def way(offset: int) -> list[str]:
        steps = web.get(f"/api/topics/submissions/0/{offset}/way").json["steps"]
        return [step["topic"].partition(".")[2] for step in steps]

    wait_until(lambda: way(0)[-1] == "overview", 30, "the line is built")
    assert way(0)[:3] == ["submissions", "profiles", "accepted"]
    assert way(1) == ["submissions", "dead-letters"]
    nobody = settings.model_copy(update={"page_port": free_port()})
    for question in QUESTIONS:
        asked, read = (thewall_here(s, *question) for s in (web.settings, nobody))
        assert asked == read, question
    explained = json.loads(thewall_here(web.settings, "explain", "w", "1", "3", "--json"))
    assert explained["factors"]["cumulative_cost"] == 2_964_000
    # A page of another installation, on the port that ours would have, is not asked.
    other = web.settings.model_copy(update={"app_id": "other", "topic_prefix": "other"})
    refused = run_thewall(other, "explain", "w", "1", "3")
    assert (refused.returncode, "there is no wall yet" in refused.stderr) == (1, True)
    assert run_here(other, "open").returncode == 1


def test_dead_letters_are_sent_again_without_a_web_process_too(worker, settings, client):
    thewall(settings, "produce", stdin="hello\n")

    def letters():
        return json.loads(thewall_here(settings, "deadletters", "list", "--json"))["dead_letters"]

    wait_until(lambda: any(client.read(client.topics.dead_letters)), 30, "a dead letter")
    (letter,) = letters()
    place = f"{letter['partition']}/{letter['offset']}"
    assert "not JSON at column 1" in thewall_here(settings, "deadletters", "show", place)
    thewall(settings, "deadletters", "resubmit", "--reason", "not JSON")
    wait_until(lambda: len(list(client.read(client.topics.dead_letters))) == 2, 30, "another")
    assert [one["resubmission_of"] for one in letters()] == [place, None]
    again = run_here(settings, "deadletters", "resubmit", place)
    assert (again.returncode, "resubmitted already" in again.stderr) == (1, True)
