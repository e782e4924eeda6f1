"""Lines of JSON: each becomes the event that it means, once, or a dead letter."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.settings import settings_for
from domain.wall import Wall
from streams.agents.submissions import submit
from streams.batching import RecordBatch, Rows
from streams.batching.table import RowStore
from streams.contract.records import ProfileSubmitted, WallConfigured
from streams.operations.verification import expected_rows
from tests.stages.simulation import (
    NOON,
    LogRecord,
    Simulation,
    offline_pipeline,
    published_rows,
)

CONTEXT = offline_pipeline()
TOPICS = CONTEXT.topics
PROFILE = {"wall": "w", "profile": 1, "heights": [21, 25, 28]}


class Door:
    """The stage with its table; it says what it has sent, by topic: keys, and values decoded."""

    def __init__(self):
        self.store = RowStore()

    def __call__(self, *lines, offset=0, at_ms=NOON):
        records = [
            LogRecord(
                TOPICS.submissions.name, 0, offset + n, None,
                json.dumps(line).encode() if isinstance(line, dict) else line, at_ms + n,
            )
            for n, line in enumerate(lines)
        ]  # fmt: skip
        rows = Rows(self.store, 0)
        outcome = submit(RecordBatch(TOPICS.submissions.name, 0, records), rows, CONTEXT)
        rows.apply()
        sent = []
        for message in (*outcome.messages, *outcome.announcements):
            assert message.partition == -1  # the key decides, as in Java's partitioner
            topic = next(t for t in TOPICS.all() if t.name == message.topic)
            value = message.value and CONTEXT.codecs.decode_any(message.value, *topic.records)
            sent.append((topic, message.key, value))
        return sent


def reason(line) -> str:
    ((topic, _, letter),) = Door()(line)
    assert topic is TOPICS.dead_letters
    assert letter.topic == TOPICS.submissions.name
    return letter.reason


def test_a_profile_goes_to_its_topic_under_its_key():
    assert Door()(PROFILE) == [(TOPICS.profiles, b"w/1", ProfileSubmitted("w", 1, [21, 25, 28]))]


def test_a_withdrawal_is_a_tombstone():
    line = {"wall": "w", "profile": 2, "withdraw": True}
    assert Door()(line) == [(TOPICS.profiles, b"w/2", None)]


@pytest.mark.parametrize(
    ("line", "mode", "crews", "material"),
    [
        ({"wall": "w", "crews": 4}, "crew-pool", 4, "ice"),
        ({"wall": "w", "mode": "crew-per-profile"}, "crew-per-profile", None, "ice"),
        ({"wall": "w", "material": "ice"}, "crew-per-section", None, "ice"),
    ],
)
def test_settings_go_to_the_topic_of_walls(line, mode, crews, material):
    assert Door()(line) == [(TOPICS.walls, b"w", WallConfigured("w", mode, crews, material))]


def test_spaces_and_the_end_of_a_line_from_windows_do_no_harm():
    assert len(Door()(b' {"wall": "w",\t"crews": 4} \r')) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (None, "a null value; a line is JSON such as"),
        (b"", "the line is empty"),
        (b"\xff", "not UTF-8 at byte 1"),
        (b"\0\0\0\0\1abc", "Avro is for wall.profiles and wall.walls"),
        (b" " * 1_048_577, "1,048,577 bytes, of 1,048,576 that it may have"),
        (b'{"wall" "w"}', "not JSON at column 9"),
        (b'{"wall": "w",\n "profile" 1}', "not JSON at line 2, column 12"),
        (b'{"wall": "w", "profile": NaN}', "NaN is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[1]", "the line is an array"),
        (b"7", "the line is the number 7"),
        (b'{"wall": "w", "wall": "v", "crews": 4}', "'wall' stands there twice"),
        ({"profile": 1, "heights": [1]}, "wall is missing"),
        ({"wall": 5, "crews": 1}, "wall is the number 5; it must be text"),
        ({"wall": "a/b", "crews": 1}, "wall id 'a/b' is not 1 to 64 of"),
        ({"wall": "w"}, "neither a profile nor a setting"),
        ({"wall": "w", "withdraw": True}, "withdraw without a profile"),
        ({"wall": "w", "heights": [1]}, "heights without a profile"),
        (PROFILE | {"crews": 4}, "crews together with a profile"),
        (PROFILE | {"withdraw": True}, "heights together with withdraw"),
        (PROFILE | {"height": 4}, "unknown key 'height'; the keys are wall, profile, heights"),
        ({"wall": "w", "profile": 1}, "heights is missing"),
        ({"wall": "w", "profile": 1, "withdraw": False}, "withdraw is true, or left out"),
        (PROFILE | {"profile": "1"}, "profile '1' is not a whole number"),
        (PROFILE | {"profile": True}, "profile True is not a whole number"),
        (PROFILE | {"profile": 0}, "profile 0 is not a whole number from 1"),
        (PROFILE | {"heights": "1 2"}, "heights is text, '1 2'; it must be a list"),
        (PROFILE | {"heights": []}, "0 sections"),
        (PROFILE | {"heights": [1] * 2001}, "2,001 sections"),
        (PROFILE | {"heights": [1, 31]}, "section 2 has height 31; heights are whole numbers"),
        (PROFILE | {"heights": [1.0]}, "section 1 has height 1.0"),
        (PROFILE | {"heights": [True]}, "section 1 has height True"),
        (b'{"wall": "w", "profile": 1' + b"0" * 9999 + b"}", "more than 20 digits"),
        ({"wall": "w", "crews": "4"}, "crews is text, '4'; it must be a whole number"),
        ({"wall": "w", "crews": 0}, "number of crews 0 is not a whole number from 1"),
        ({"wall": "w", "crews": 4, "mode": "crew-per-section"}, "leave the number of crews out"),
        ({"wall": "w", "mode": "crew-pool"}, "needs a number of crews"),
        ({"wall": "w", "mode": "teleport"}, "mode 'teleport' is unknown; there is crew-per"),
        ({"wall": "w", "material": None}, "material is null; it must be text"),
        ({"wall": "w", "material": "gold"}, "material 'gold' is unknown"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_a_dead_letter_that_says_what_would_be_right(line, words):
    assert words in reason(line)


def test_lines_delivered_again_are_not_submitted_again():
    door = Door()
    bad = b"not JSON"
    assert len(door(PROFILE, bad, {"wall": "w", "crews": 4})) == 3
    assert door(PROFILE, bad, {"wall": "w", "crews": 4}) == []
    assert len(door(PROFILE, bad, {"wall": "w", "crews": 4}, PROFILE)) == 1  # the new one


def test_lines_of_a_topic_that_was_made_anew_are_new():
    door = Door()
    door(PROFILE, PROFILE, PROFILE)
    assert len(door(PROFILE, at_ms=NOON + 60_000)) == 1
    assert door(PROFILE, at_ms=NOON + 60_000) == []


def test_a_broker_whose_clock_goes_back_hides_no_line_and_submits_none_again():
    door = Door()
    door(PROFILE, at_ms=NOON + 60_000)
    assert len(door(PROFILE, offset=1, at_ms=NOON)) == 1
    assert door(PROFILE, at_ms=NOON + 60_000) == []
    assert door(PROFILE, offset=1, at_ms=NOON) == []


@pytest.mark.parametrize("seed", range(200))
def test_whatever_happens_no_line_comes_back_over_what_was_submitted_since(seed):
    """Lines and another door in turn, with deaths, offset resets and wipes in between."""
    random = Random(seed)
    sim = Simulation(CONTEXT, random, death_rate=random.choice((0, 0.1, 0.5)))
    profiles: dict[int, bytes] = {}
    crews = None
    for _ in range(random.randrange(1, 20)):
        number = random.randrange(1, 4)
        heights = bytes(random.randrange(31) for _ in range(random.randrange(1, 4)))
        match random.randrange(4):
            case 0:
                crews = random.randrange(1, 4)
                sim.submit_line(json.dumps({"wall": "w", "crews": crews}))
            case 1:
                sim.submit_line(
                    json.dumps({"wall": "w", "profile": number, "heights": list(heights)})
                )
                profiles[number] = heights
            case 2:
                sim.submit_line(json.dumps({"wall": "w", "profile": number, "withdraw": True}))
                profiles.pop(number, None)
            case 3:  # with lines still to be handled, nobody could say which comes later
                sim.handle_lines()
                sim.submit_profile("w", number, heights)
                profiles[number] = heights
        for _ in range(random.choice((0, 1, 10, 50))):
            sim.step()
        match random.randrange(12):
            case 0:
                sim.rewind()
            case 1:
                sim.handle_lines()
                sim.wipe()
    sim.run()
    assert published_rows(sim) == expected_rows([Wall("w", settings_for(crews), profiles)])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("w"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
KEYS = st.sampled_from(["wall", "profile", "heights", "withdraw", "crews", "mode", "material"])
LINES = st.dictionaries(KEYS | st.text(), VALUES | st.integers(0, 31) | st.lists(st.integers()))


@given(st.none() | st.binary() | LINES.map(lambda line: json.dumps(line).encode()))
def test_any_bytes_are_one_event_or_one_dead_letter(line):
    ((topic, key, value),) = Door()(line)
    if topic is TOPICS.dead_letters:
        assert (value.value, value.offset) == (line, 0)
        assert value.reason
    else:
        assert topic in (TOPICS.profiles, TOPICS.walls)
        assert key
