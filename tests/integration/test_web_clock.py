"""The clock of a wall over the API, and days that pass on a stream of events."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from streams.client.clocks import WallClock
from streams.client.kafka import ANY_PARTITION, produce
from tests.harness.command_line import thewall_here
from tests.harness.processes import environment, thewall
from tests.harness.waiting import wait_until
from tests.harness.walls import EXERCISE_CONFIG
from tests.harness.web import EventStream, running_web

pytestmark = pytest.mark.timeout(300)

CLOCK = "/api/walls/w/clock"


def told(stream: EventStream) -> int:
    """The last day that a stream has told of."""
    return max((clock["told"] for clock in stream.named("clock")), default=0)


def test_a_clock_is_started_paused_resumed_and_stopped(shared):
    web, client, settings = shared.web, shared.client, shared.settings
    assert web.config("w", EXERCISE_CONFIG, "?wait=30").status == 200
    assert web.get(CLOCK).json["state"] is None
    stream = EventStream(web, "wall=w&topics=clock")
    started = web.send("POST", f"{CLOCK}/start", {"ms_per_day": 250})
    assert started.status == 202, started.body
    run = started.json["clock"]["run"]
    assert web.ask("POST", f"{CLOCK}/start").status == 409
    wait_until(lambda: told(stream) >= 2, 20, "days pass on the stream")

    # What does not become a clock does not replace one.
    produce(settings, [(client.topics.clock.name, "w", b"no clock", ANY_PARTITION)])
    paused = web.ask("POST", f"{CLOCK}/pause").json["clock"]
    assert (paused["run"], paused["state"]) == (run, "PAUSED")
    # A day that is due between the pause and its record may be told, too.
    wait_until(lambda: told(stream) >= paused["day"], 20, "what was due before the pause is told")
    assert web.ask("POST", f"{CLOCK}/pause").status == 409
    assert web.get(CLOCK).json["day"] == paused["day"]
    assert WallClock(client, "w").read().day == paused["day"]  # type: ignore[union-attr]

    resumed = web.send("POST", f"{CLOCK}/resume", {"ms_per_day": 50}).json["clock"]
    assert (resumed["day"], resumed["ms_per_day"]) == (paused["day"], 50)
    wait_until(lambda: told(stream) == 14, 20, "the last crews are relieved")
    stopped = web.ask("POST", f"{CLOCK}/stop").json["clock"]
    assert (stopped["state"], stopped["day"]) == ("STOPPED", 14)
    days = [clock["told"] for clock in stream.named("clock")]
    assert days == sorted(days)
    stream.close()

    (of_run,) = web.get("/api/walls/w/runs").json["runs"]
    assert (of_run["run"], of_run["state"]) == (run, "STOPPED")
    assert (of_run["first_day"], of_run["last_day"], of_run["cost"]) == (1, 14, 32_233_500)
    events = web.get(f"/api/walls/w/events?run={run}&limit=1000").json["events"]
    passed = [event for event in events if event["kind"] == "DayPassed"]
    assert [event["day"] for event in passed] == list(range(14, 0, -1))
    assert {event["kind"] for event in events} == {"DayPassed", "SectionCompleted", "CrewRelieved"}

    again = web.send("POST", f"{CLOCK}/start", {"from_day": 5}).json["clock"]
    assert (again["day"], again["told"]) == (5, 5)
    # The wall goes, and its clock goes with it.
    assert web.ask("DELETE", "/api/walls/w?wait=30").status == 200
    assert WallClock(client, "w").read() is None
    assert web.get(CLOCK).status == 404


def test_days_go_on_where_a_stream_broke_off_when_the_web_process_is_started_again(
    shared, second_web
):
    web, client = second_web, shared.client
    assert web.config("v", EXERCISE_CONFIG, "?wait=30").status == 200
    stream = EventStream(web, "wall=v&topics=clock,audit")
    assert web.send("POST", "/api/walls/v/clock/start", {"ms_per_day": 300}).status == 202
    wait_until(lambda: told(stream) >= 2, 20, "days pass")
    web.process.kill()
    web.process.wait()
    stream.ended.wait(10)
    missed_ms = time.time() * 1000
    clock = WallClock(client, "v").read()
    # Nobody listens, and days pass.
    wait_until(lambda: clock.day_at(int(time.time() * 1000)) >= told(stream) + 3, 20)
    web.start()
    web.wait_until_ready()
    resumed = EventStream(web, "wall=v&topics=clock,audit", stream.last_event_id)
    wait_until(lambda: told(resumed) == 14, 30, "the last day")
    wait_until(lambda: len(_passed(resumed)) + len(_passed(stream)) == 14, 10)
    assert resumed.named("hello")[0]["resumed"]
    assert _passed(stream) + _passed(resumed) == list(range(1, 15))
    assert any(e["at_ms"] < missed_ms + 900 for e in resumed.audit()), "those that were missed"
    last = resumed.last_event_id
    resumed.close()
    # Who has heard of everything is not told it again; the clock may have moved beyond its end.
    quiet = EventStream(web, "wall=v&topics=clock,audit", last)
    wait_until(lambda: len(quiet.named("age")) >= 2, 10)
    assert quiet.named("hello")[0]["resumed"]
    assert {clock["told"] for clock in quiet.named("clock")} <= {14}
    assert quiet.audit() == []
    quiet.close()


def test_a_wall_is_watched_until_ctrl_c(shared):
    web = shared.web
    assert web.config("u", EXERCISE_CONFIG, "?wait=30").status == 200
    command = [sys.executable, "-m", "streams", "watch", "u"]
    with subprocess.Popen(
        command,
        env=environment(web.settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell lets what it starts in the background ignore Ctrl-C: these tests, for one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline().decode()
        assert first.startswith("wall u: day 13 of 13, 16,965 yd³, 32,233,500 GD so far")
        assert web.send("POST", "/api/walls/u/clock/start", {"ms_per_day": 200}).status == 202
        days = [int(process.stdout.readline().split()[3]) for _ in range(6)]
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(20) == 130
        finally:
            process.kill()
    assert days == sorted(set(days))
    assert days[0] == 0
    run = thewall(web.settings, "simulate", "pause", "u", "--json")
    assert json.loads(run)["state"] == "PAUSED"


def _passed(stream: EventStream) -> list[int]:
    return [event["day"] for event in stream.audit() if event["kind"] == "DayPassed"]


def test_without_a_worker_a_clock_is_set_and_no_day_is_told(settings, client, tmp_path):
    thewall_here(settings, "topics")
    with running_web(settings, tmp_path / "web.log") as web:
        assert web.ask("POST", f"{CLOCK}/start").status == 404
        assert web.ask("POST", f"{CLOCK}/pause").status == 404
        WallClock(client, "w")._set(lambda *_: _clock_of_now(), "r")
        wait_until(lambda: web.get(CLOCK).status == 200, 10)
        assert web.get(CLOCK).json["told"] == 0
        paused = web.ask("POST", f"{CLOCK}/pause")
        assert (paused.status, paused.json["clock"]["state"]) == (202, "PAUSED")
        assert web.ask("DELETE", CLOCK).status == 202
        assert web.get(CLOCK).status == 404


def _clock_of_now():
    from domain.clock import Clock

    return Clock("r", "RUNNING", 0, int(time.time() * 1000), 1000)
