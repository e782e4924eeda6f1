"""The web process answers from its replica, whatever the workers do."""

from __future__ import annotations

import gzip
import json
import signal
import struct
import time
from random import Random

import pytest

from domain.account import account_of
from domain.settings import settings_for
from domain.wall import Wall
from streams.client.kafka import ANY_PARTITION, produce
from streams.devstack.ports import free_port
from tests.harness.command_line import thewall_here
from tests.harness.processes import run_thewall, running_worker, thewall
from tests.harness.waiting import wait_until
from tests.harness.walls import EXERCISE_CONFIG
from tests.harness.web import EventStream, WebProcess, running_web

pytestmark = pytest.mark.timeout(400)

THE_EXERCISES = {
    "/profiles/1/days/1/": b'{"day": "1", "ice_amount": "585"}',
    "/profiles/1/overview/1/": b'{"day": "1", "cost": "1,111,500"}',
    "/profiles/overview/1/": b'{"day": "1", "cost": "3,334,500"}',
    "/profiles/overview/": b'{"day": null, "cost": "32,233,500"}',
}


@pytest.fixture
def web(settings, worker, tmp_path):
    with running_web(settings, tmp_path / "web.log") as web:
        yield web


def test_the_exercises_four_answers_byte_for_byte_with_and_without_the_last_slash(shared):
    web, worker = shared.web, shared.worker
    assert web.config("default", EXERCISE_CONFIG, "?wait=30").status == 200
    for path, body in THE_EXERCISES.items():
        for asked in (path, path.rstrip("/"), f"/walls/default{path}"):
            answer = web.get(asked)
            assert (answer.status, answer.body) == (200, body)
            assert answer.headers["content-type"] == "application/json"
            assert float(answer.headers["thewall-age"]) < 30
        assert worker.get(path) == (200, body.decode())
    assert web.get("/profiles/x/days/1/").status == 400
    assert web.get("/profiles/1/days/0/").status == 400
    assert web.get("/profiles/9/days/1/").status == 404
    assert web.get("/walls/none/profiles/overview/").status == 404


def test_two_workers_and_the_web_process_answer_alike_and_as_the_domain(
    settings, worker, web, client, tmp_path
):
    other = settings.model_copy(update={"web_port": free_port()})
    random = Random(7)
    with running_worker(other, tmp_path / "other.log") as second:
        for name, crews in (("a", None), ("b", 3), ("c", 20)):
            heights = {
                n: bytes(random.randrange(31) for _ in range(random.randrange(1, 60)))
                for n in range(1, 6)
            }
            wall = Wall(name, settings_for(crews), heights)
            client.submit(wall)
            client.wait_until_built(wall, 120, lambda *_: None)
            account = account_of(wall)
            wait_until(lambda name=name: web.get(f"/api/walls/{name}").json["state"] == "COMPLETE")
            assert web.get(f"/api/walls/{name}").json["cost"] == account.cost
            for day in (1, 2, account.days, account.days + 1):
                cost = f"{account.wall_cost_by(day):,}"
                paths = {f"/walls/{name}/profiles/overview/{day}/": ("cost", cost)}
                for p in heights:
                    ice, spent = account.ice_on(p, day), account.cost_by(p, day)
                    paths[f"/walls/{name}/profiles/{p}/days/{day}/"] = ("ice_amount", f"{ice:,}")
                    paths[f"/walls/{name}/profiles/{p}/overview/{day}/"] = ("cost", f"{spent:,}")
                for path, (field, amount) in paths.items():
                    body = json.dumps({"day": str(day), field: amount})
                    assert web.get(path).body.decode() == body
                    assert worker.get(path) == second.get(path) == (200, body)
            _assert_parts_are_the_domains(web, wall, account)


def _assert_parts_are_the_domains(web, wall, account):
    lines = web.get(f"/api/walls/{wall.id}/timeline?format=csv").body.decode().splitlines()[1:]
    rows = [tuple(map(int, line.split(","))) for line in lines]
    assert sum(row[2] for row in rows) == account.ice
    assert rows[-1][5] == account.cost
    answer = web.get(f"/api/walls/{wall.id}/picture")
    raw = gzip.decompress(answer.body)
    (length,) = struct.unpack_from("<I", raw)
    head = json.loads(raw[4 : 4 + length])
    assert head["days"] == account.days
    assert head["profiles"] == [[n, len(h)] for n, h in wall.profiles.items()]
    assert raw.endswith(b"".join(wall.profiles.values()))
    same = web.get(f"/api/walls/{wall.id}/picture", if_none_match=answer.headers["etag"])
    assert (same.status, same.body) == (304, b"")
    proof = web.get(f"/api/walls/{wall.id}/proof").json
    assert proof["equal"], proof
    told = web.get(f"/api/walls/{wall.id}/explain?profile=1&day=1").json
    assert told["factors"]["ice"] == account.ice_on(1, 1)
    assert len(told["sections"]) == told["factors"]["sections_at_work"]
    crews = web.get(f"/api/walls/{wall.id}/crews?limit=1000").json
    assert crews["crew_count"] == len(crews["crews"])


def test_while_a_worker_is_killed_200_questions_are_answered(
    settings, worker, web, client, tmp_path
):
    other = settings.model_copy(update={"web_port": free_port()})
    with running_worker(other, tmp_path / "other.log") as second:
        for name in "abcdef":
            assert web.config(name, EXERCISE_CONFIG, "?wait=30").status == 200
        answers = []
        for number in range(200):
            if number == 20:
                second.kill()
            answers.append(web.get(f"/walls/{'abcdef'[number % 6]}/profiles/overview/"))
            time.sleep(0.05)
        assert {(a.status, a.body) for a in answers} == {
            (200, THE_EXERCISES["/profiles/overview/"])
        }


def test_a_rebuild_is_followed_and_no_question_is_refused(settings, web, worker):
    assert web.config("default", EXERCISE_CONFIG, "?wait=30").status == 200
    stream = EventStream(web, "topics=rows")
    worker.stop()
    from threading import Event, Thread

    done, answers = Event(), []

    def keep_asking() -> None:
        while not done.wait(0.05):
            answers.append(web.get("/profiles/overview/"))

    asking = Thread(target=keep_asking)
    asking.start()
    thewall_here(settings, "rebuild")
    wait_until(lambda: web.get("/ready/").json["version"] == 2, 30, "version 2 is followed")
    done.set()
    asking.join()
    assert {(a.status, a.body) for a in answers} == {(200, THE_EXERCISES["/profiles/overview/"])}
    wait_until(lambda: stream.named("reset"), 10, "streams are told")
    with running_worker(settings, web.log.with_name("again.log")):
        assert (
            web.send("PUT", "/api/walls/default/profiles/9?wait=30", {"heights": [29]}).json[
                "built"
            ]["profile_count"]
            == 4
        )
    stream.close()


def test_it_is_ready_when_the_topics_are_there_and_says_so_until_then(settings, tmp_path):
    web = WebProcess(settings, tmp_path / "web.log")
    try:
        wait_until(lambda: _status(web, "/health/") == 200, 60)
        refused = web.get("/api/walls")
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        thewall_here(settings, "topics")
        web.wait_until_ready()
        assert web.get("/api/walls").json == {"walls": [], "next": None}
    finally:
        web.process.kill()
        web.process.wait()


def _status(web, path):
    try:
        return web.get(path).status
    except OSError:
        return None


def test_a_write_can_wait_until_exactly_it_is_built(shared):
    web = shared.web
    put = web.send("PUT", "/api/walls/w/profiles/1?wait=30", {"heights": [28, 30]})
    assert put.status == 200
    assert put.json["built"]["days"] == 2
    crews = web.send("PUT", "/api/walls/w?wait=30", {"crews": 1})
    assert (crews.json["built"]["mode"], crews.json["built"]["crews"]) == ("crew-pool", 1)
    again = web.send("PUT", "/api/walls/w/profiles/1?wait=30", {"heights": [28, 29]})
    assert again.json["built"]["days"] == 3
    same = web.send("PUT", "/api/walls/w/profiles/1?wait=30", {"heights": [28, 29]})
    assert same.json["built"] == again.json["built"]
    gone = web.ask("DELETE", "/api/walls/w?wait=30")
    assert (gone.status, gone.json["built"], gone.json["withdrawn"]) == (200, None, [1])
    assert web.get("/api/walls/w").status == 404
    assert web.ask("DELETE", "/api/walls/w").status == 404
    assert web.ask("DELETE", "/api/walls/w/profiles/1").status == 404


def test_without_a_worker_a_write_is_accepted_and_what_it_replaces_is_known(settings, tmp_path):
    thewall_here(settings, "topics")
    with running_web(settings, tmp_path / "web.log") as web:
        thewall_here(settings, "submit", "-", "--wall", "w", stdin="1\n2\n3\n")
        checked = web.config("w", "5\n", "?dry_run=1")
        assert (checked.status, checked.json["withdrawn"]) == (200, [2, 3])
        late = web.config("w", "5\n", "?wait=0.5")
        assert late.status == 504
        assert web.ask("DELETE", "/api/walls/w/profiles/3").status == 404
        assert web.ask("DELETE", "/api/walls/w/profiles/1").status == 202
        with running_worker(settings, tmp_path / "worker.log"):
            built = web.send("PUT", "/api/walls/w/profiles/7?wait=30", {"heights": [29]})
            assert built.json["built"]["profile_count"] == 1


def test_a_config_with_bad_places_names_each_of_them(shared):
    answer = shared.web.config("bad", "1 2\n31 x 5\n\n7 -1\n", "?wait=1")
    assert answer.status == 422
    places = [(e["line"], e["column"]) for e in answer.json["errors"]]
    assert places == [(2, 1), (2, 4), (3, 1), (4, 3)]
    assert shared.web.get("/api/walls/bad").status == 404


def test_a_dead_letter_is_looked_at_and_sent_again_once(shared):
    web, topic = shared.web, shared.client.topics.profiles.name
    stream = EventStream(web, "topics=deadletter")
    produce(shared.settings, [(topic, "d/1", b"no avro \xff", ANY_PARTITION)])
    wait_until(lambda: web.get("/api/deadletters").json["dead_letters"], 30, "it is a dead letter")
    (letter,) = web.get("/api/deadletters").json["dead_letters"]
    wait_until(lambda: stream.named("deadletter"), 10, "the stream tells of it")
    assert letter["source"]["topic"] == topic
    assert (letter["key"], letter["resubmittable"]) == ("d/1", True)
    place = f"/api/deadletters/{letter['partition']}/{letter['offset']}"
    assert web.get(place).json["value_base64"] == "bm8gYXZybyD/"
    way = web.get(
        f"/api/topics/{topic}/{letter['source']['partition']}/{letter['source']['offset']}/way"
    ).json
    assert (way["state"], way["reason"]) == ("DEAD_LETTER", letter["reason"])

    sent = web.ask("POST", f"{place}/resubmit")
    assert sent.status == 202
    assert web.ask("POST", f"{place}/resubmit").status == 409
    wait_until(lambda: len(web.get("/api/deadletters").json["dead_letters"]) == 2, 30)
    latest = web.get("/api/deadletters").json["dead_letters"][0]
    assert latest["resubmission_of"] == f"{letter['partition']}/{letter['offset']}"
    assert web.get(f"/api/deadletters?reason={'x' * 40}").json["dead_letters"] == []

    # What was fixed meanwhile is not replaced by what was wrong.
    fixed = web.send("PUT", "/api/walls/d/profiles/1?wait=30", {"heights": [29]})
    assert fixed.status == 200
    place = f"/api/deadletters/{latest['partition']}/{latest['offset']}"
    refused = web.ask("POST", f"{place}/resubmit")
    assert refused.status == 409
    assert "newer" in refused.json["detail"]
    assert web.ask("POST", f"{place}/resubmit?again=1").status == 202
    assert web.ask("POST", "/api/deadletters/0/999999/resubmit").status == 404
    stream.close()


def test_a_stream_goes_on_where_it_broke_off_when_the_web_process_is_started_again(
    shared, second_web
):
    """Each audit event is told once, and the rows end as they are."""
    web, worker = second_web, shared.worker
    assert web.config("s", EXERCISE_CONFIG, "?wait=30").status == 200
    stream = EventStream(web, "wall=s&topics=rows,audit")
    wait_until(lambda: stream.events, 10)
    assert web.send("PUT", "/api/walls/s/profiles/4?wait=30", {"heights": [20, 21]}).status == 200
    wait_until(lambda: len(stream.audit()) == 3, 10, "two sections and a profile")
    web.process.kill()
    web.process.wait()
    stream.ended.wait(10)
    # Nobody listens, and something happens.
    assert worker.post(b'{"wall": "s", "profile": 5, "heights": [9]}') == 202
    wait_until(lambda: worker.get("/walls/s/profiles/5/overview/30/")[0] == 200, 30)
    web.start()
    web.wait_until_ready()
    resumed = EventStream(web, "wall=s&topics=rows,audit", stream.last_event_id)
    wait_until(lambda: len(resumed.audit()) >= 2, 20, "a section and a profile")
    assert resumed.named("hello")[0]["resumed"]
    assert web.send("PUT", "/api/walls/s/profiles/6?wait=30", {"heights": [29]}).status == 200
    wait_until(lambda: len(resumed.audit()) >= 4, 20)
    assert not resumed.named("reset")
    assert all(told["skipped"] == 0 for told in resumed.named("audit"))
    told = [(e["partition"], e["offset"]) for e in stream.audit() + resumed.audit()]
    assert len(told) == len(set(told))
    page = web.get("/api/walls/s/events?limit=1000").json["events"]
    before = {(e["partition"], e["offset"]) for e in page if e["profile"] in (1, 2, 3)}
    assert set(told) == {(e["partition"], e["offset"]) for e in page} - before
    changed = {p["profile"] for rows in resumed.named("rows") for p in rows["profiles"]}
    assert {5, 6} <= changed
    assert not changed & {1, 2, 3}
    last = resumed.named("rows")[-1]
    assert last["summary"]["profile_count"] == 6
    resumed.close()


def test_a_cursor_of_other_topics_is_answered_by_asking_anew(shared):
    stream = EventStream(shared.web, "topics=rows", "1.000000000000.0.0.0.0.0")
    wait_until(lambda: stream.events, 10)
    assert stream.named("hello")[0]["resumed"] is False
    stream.close()


def test_sigterm_with_open_streams_ends_in_under_5_seconds(second_web):
    streams = [EventStream(second_web, "") for _ in range(5)]
    wait_until(lambda: all(stream.events for stream in streams), 10)
    began = time.monotonic()
    second_web.process.send_signal(signal.SIGTERM)
    assert second_web.process.wait(60) == 0
    assert time.monotonic() - began < 5
    for stream in streams:
        assert stream.ended.wait(5)


def test_streams_of_one_address_are_limited(second_web):
    streams = [EventStream(second_web, "") for _ in range(10)]
    refused = second_web.get("/api/stream")
    assert (refused.status, refused.headers["retry-after"]) == (429, "10")
    for stream in streams:
        stream.close()


def test_a_worker_leads_to_the_page(shared):
    import http.client

    worker = shared.worker
    connection = http.client.HTTPConnection("127.0.0.1", worker.settings.web_port, timeout=10)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.status == 307
    assert answer.headers["Location"] == f"http://127.0.0.1:{worker.settings.page_port}/"


def test_workers_start_a_page_beside_them_unless_told_not_to(settings):
    settings = settings.model_copy(update={"page_port": free_port(), "web_port": free_port()})
    try:
        started = run_thewall(settings, "worker", "--background", "--processes", "1")
        assert started.returncode == 0, started.stderr
        assert f"http://127.0.0.1:{settings.page_port}" in started.stderr
        refused = run_thewall(
            settings.model_copy(update={"data_dir": settings.data_dir / "other"}), "web"
        )
        assert refused.returncode == 1
        assert "THEWALL_PAGE_PORT" in refused.stderr
    finally:
        thewall(settings, "worker", "--stop")
