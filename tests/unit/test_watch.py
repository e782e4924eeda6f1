"""What is watched in a terminal is what the page's stream tells."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from streams.cli.watch import Watched, duration, in_words, line, view
from streams.client.errors import ClientError
from tests.unit.test_cli import invoke

WALL = {
    "state": "COMPLETE", "mode": "crew-pool", "crews": 2, "profile_count": 1, "sections": 2,
    "ice": 585, "cost": 1_111_500,
}  # fmt: skip
# Two sections at work on days 1 and 2, one on day 3; nothing on day 4.
RUNS = [
    {
        "first_day": 1, "last_day": 1, "sections_at_work": 2, "ice": 390, "cost": 741_000,
        "cumulative_ice": 390, "cumulative_cost": 741_000,
    },
    {
        "first_day": 2, "last_day": 2, "sections_at_work": 1, "ice": 195, "cost": 370_500,
        "cumulative_ice": 585, "cumulative_cost": 1_111_500,
    },
]  # fmt: skip
CLOCK = {"state": "RUNNING", "run": "r1", "day": 0, "told": 0, "last_day": 3, "ms_per_day": 500}
PASSED = {
    "kind": "DayPassed", "time": 0, "run": "r1", "profile": None, "section": None, "crew": None,
    "day": 1, "sections": 2, "ice": 390, "cumulative_cost": 741_000,
}  # fmt: skip


class Answers:
    """An API that answers so, or not at all."""

    def __init__(self, **changes: Any) -> None:
        self.answers = {
            "walls/w": WALL,
            "walls/w/clock": CLOCK,
            "walls/w/events": {"events": []},
            "walls/w/timeline": {"runs": RUNS},
        } | changes
        self.asked: list[str] = []

    def ask(self, path: str, _query: Any = None) -> Answers:
        self.asked.append(path)
        if self.answers.get(path) is None:
            raise ClientError("no answer")
        self.found = self.answers[path]
        return self

    def json(self) -> Any:
        return self.found


def watched() -> Watched:
    found = Watched()
    found.ask(Answers(), "w")  # type: ignore[arg-type]
    return found


def shown(found: Watched, height: int = 24) -> str:
    console = Console(width=100, height=height, force_terminal=False)
    with console.capture() as captured:
        console.print(view(found, "w", height))
    return captured.get()


def test_ice_and_cost_are_those_by_the_end_of_the_day_that_was_told():
    found = watched()
    assert found.amounts() == (0, 0, 0, 0)
    found.hear("clock", CLOCK | {"told": 1})
    assert found.amounts() == (2, 390, 390, 741_000)
    found.hear("clock", CLOCK | {"told": 3})
    assert (found.day, found.amounts()) == (2, (1, 195, 585, 1_111_500))


def test_without_a_run_under_way_the_whole_build_is_shown():
    found = watched()
    found.hear("clock", CLOCK | {"state": "PAUSED", "day": 1, "told": 2})
    assert found.day == 1
    found.hear("clock", CLOCK | {"state": "STOPPED", "day": 1})
    assert found.day == found.days == 2
    assert "stopped after day 1, run r1" in shown(found)


def test_the_view_fits_the_terminal_and_has_the_newest_events():
    found = watched()
    found.hear("clock", CLOCK | {"told": 1})
    found.hear("audit", {"events": [PASSED | {"day": day} for day in range(1, 50)], "skipped": 0})
    found.hear("age", {"now": 0, "age_s": 0.2})
    text = shown(found, height=16)
    assert len(text.splitlines()) < 16
    assert "day 49 passed: 2 sections at work, 390 yd³; 741,000 GD so far" in text
    assert "day 40" not in text
    assert "66%" in text
    assert "as of 0.2 s ago" in text


def test_what_others_wrote_does_not_steer_the_terminal():
    found = watched()
    finished = PASSED | {"kind": "SectionCompleted", "crew": "\x1b[2J", "section": 1, "profile": 1}
    found.hear("audit", {"events": [finished], "skipped": 0})
    assert "\x1b" not in shown(found)


def test_a_stream_that_broke_off_is_said_and_what_was_missed_is_asked_for():
    found = watched()
    found.hear("lost", None)
    assert "not connected" in shown(found)
    found.hear("hello", {"resumed": False})
    nobody, api = Answers(**{"walls/w": None}), Answers()
    with pytest.raises(ClientError):
        found.ask(nobody, "w")  # type: ignore[arg-type]
    found.ask(api, "w")  # type: ignore[arg-type]
    assert len(api.asked) == 4
    found.hear("hello", {"resumed": True})
    found.ask(api, "w")  # type: ignore[arg-type]
    assert len(api.asked) == 4


def test_a_wall_that_is_withdrawn_has_gone():
    found = watched()
    found.hear("rows", {"summary": None})
    assert line(found, "w") == "wall w has gone"
    assert "has gone" in shown(found)


@pytest.mark.parametrize(
    ("ms", "words"), [(50, "50 ms"), (1_500, "1,500 ms"), (60_000, "1 min"), (86_400_000, "1 d")]
)
def test_a_length_of_time_is_in_its_largest_whole_unit(ms, words):
    assert duration(ms) == words


def test_every_kind_of_event_is_a_sentence():
    from streams.web.tails import AUDIT

    for kind in AUDIT:
        event = PASSED | {"kind": kind.__name__, "version": 1, "section": 1, "profile": 1}
        assert " " in in_words(event), kind


def test_without_a_page_it_is_said_what_to_start():
    nowhere = {"THEWALL_BOOTSTRAP_SERVERS": "127.0.0.1:1", "THEWALL_REGISTRY_URL": "127.0.0.1:1"}
    done = invoke("watch", "default", THEWALL_PAGE_PORT="1", **nowhere)
    assert (done.returncode, done.stdout) == (1, "")
    assert "start it with `thewall web`" in done.stderr
