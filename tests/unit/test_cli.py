"""The parts of the command line that need no Kafka."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from domain.account import account_of
from domain.materials import MATERIALS
from domain.modes import modes
from domain.settings import settings_for
from domain.wall import Wall
from streams.cli import app
from streams.cli.display import fits, printable
from streams.cli.read import note_what_is_building
from streams.client import client as client_module
from streams.client.client import Client
from streams.client.completion import WallCompletion
from streams.client.kafka import ClientError
from streams.contract.codecs import Codecs
from streams.contract.topics import Topics
from streams.settings import Settings

EXERCISE = "21 25 28\n17\n17 22 17 19 17\n"


def run(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments], env=os.environ | variables,
        input=stdin, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_compute_prints_one_json_object():
    done = run("compute", "-", "--json", stdin=EXERCISE)
    result = json.loads(done.stdout)
    assert (result["wall"], result["crews"], result["cost"]) == ("default", None, 32_233_500)
    assert list(result["profiles"][1]) == ["profile", "sections", "days", "ice", "cost", "daily"]
    first_day = {"day": 1, "ice": 195, "cost": 370_500, "cumulative_cost": 370_500}
    assert result["profiles"][1]["daily"][0] == first_day
    assert len(result["profiles"][1]["daily"]) == 13


def test_compute_with_four_crews_costs_the_same_and_takes_longer():
    result = json.loads(run("compute", "-", "--crews", "4", "--json", stdin=EXERCISE).stdout)
    assert (result["crews"], result["cost"], result["days"]) == (4, 32_233_500, 26)


def test_compute_prints_a_table_for_people():
    done = run("compute", "-", stdin=EXERCISE)
    assert "1,755" in done.stdout
    assert "32,233,500" in done.stdout


def test_every_bad_place_of_a_file_is_on_standard_error_and_the_status_is_1():
    done = run("compute", "-", stdin="1 31\n\n2 x\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.split(":")[1:3] for line in done.stderr.splitlines()] == [
        ["1", "3"],
        ["2", "1"],
        ["3", "3"],
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("compute", "-", "--crews", "0"),
        ("compute", "-", "--material", "gold"),
        ("compute", "-", "--mode", "magic"),
        ("compute", "-", "--crews", "2", "--mode", "crew-per-section"),
        ("compute", "-", "--wall", "a/b"),
        ("day", "w", "1", "0"),
        ("day", "w", "one", "1"),
        ("nonsense",),
        ("compute",),
    ],
)
def test_wrong_usage_has_status_2_and_no_output(arguments):
    done = run(*arguments, stdin=EXERCISE)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_said_in_a_sentence():
    done = run("compute", "/nowhere.conf")
    assert (done.returncode, done.stderr) == (
        1,
        "/nowhere.conf can't be read: No such file or directory\n",
    )


def test_a_table_that_is_not_for_a_terminal_is_never_folded():
    done = run("compute", "-", "--wall", "w" * 64, stdin=" 30" * 2000 + "\n" + EXERCISE)
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("all ")]
    assert rows == [["all", "2,009", "13", "16,965", "32,233,500"]]


def test_standard_output_without_unicode_is_no_traceback():
    done = run("compute", "-", stdin=EXERCISE, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "yd?" in done.stdout


def test_compute_takes_the_default_wall_from_the_environment_and_needs_no_stack():
    nowhere = {
        "THEWALL_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "THEWALL_REGISTRY_URL": "http://x.invalid",
    }
    done = run("compute", "-", "--json", stdin=EXERCISE, THEWALL_DEFAULT_WALL="north", **nowhere)
    assert json.loads(done.stdout)["wall"] == "north"


@pytest.mark.parametrize("command", app.registered_commands, ids=lambda c: c.callback.__name__)
def test_every_command_explains_itself(command):
    assert command.callback.__doc__
    done = CliRunner().invoke(app, [command.name or command.callback.__name__, "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output


def test_help_lists_the_materials_and_modes_that_there_are():
    done = CliRunner().invoke(app, ["compute", "--help"], env={"COLUMNS": "200"})
    words = re.findall(r"[a-z-]+", done.output)
    assert set(MATERIALS) | set(modes()) <= set(words)


def test_what_would_steer_a_terminal_is_not_printed():
    assert printable("a\x1b[31mb\r\x07\nc") == "a\ufffd[31mb\ufffd\ufffd\nc"


def test_a_table_fits_if_its_widest_cells_do(monkeypatch):
    monkeypatch.setattr("streams.cli.display.OUT._width", 12)
    assert fits(["day", "all"], [["1", 99_999]])
    assert not fits(["day", "all"], [["1", 1_000_000]])


def row(state: str, **fields: object) -> dict[str, object]:
    return {"wall": "w", "state": state} | fields


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (row("COMPLETE", profile=1, version=4), ""),
        (row("BUILDING", profile=1, version=4), "amounts of the last complete one"),
        (row("BUILDING", profile=1, version=-1), "no amounts yet: profile 1"),
        (
            row(
                "BUILDING",
                profiles={
                    1: row("COMPLETE", profile=1, version=4),
                    2: row("BUILDING", profile=2, version=-1),
                },
            ),
            "no amounts yet: profile 2",
        ),
    ],
)
def test_people_are_told_when_amounts_are_not_of_the_latest_plan(found, words, monkeypatch):
    said = []
    monkeypatch.setattr("streams.cli.read.note", said.append)
    note_what_is_building(found)
    assert len(said) == bool(words)
    assert words in "".join(said)


ONE = Wall("w", settings_for(), {1: bytes([21, 25, 28])})
OTHER = Wall("w", settings_for(), {1: bytes([29]), 2: bytes([28])})


def published(wall: Wall) -> dict[str, dict[str, object]]:
    """The rows of `wall.overview` of a wall that is built."""
    result = account_of(wall)
    rows = {
        f"{wall.id}/{p.profile}": {
            "wall": wall.id, "profile": p.profile, "version": 1, "state": "COMPLETE",
            "sections": p.sections, "days": p.days, "ice": p.ice, "cost": p.cost,
        }
        for p in result.profiles
    }  # fmt: skip
    rows[wall.id] = {
        "wall": wall.id, "state": "COMPLETE", "mode": wall.settings.mode,
        "crews": wall.settings.crews, "material": wall.settings.material,
        "profiles": len(result.profiles), "sections": sum(p.sections for p in result.profiles),
        "days": result.days, "ice": result.ice, "cost": result.cost,
    }  # fmt: skip
    return rows


def test_a_wall_is_awaited_until_every_row_is_as_computed_and_complete():
    awaited = WallCompletion(ONE)
    for key, found in published(ONE).items():
        assert awaited.missing
        awaited.take(key, found | {"state": "BUILDING"})
        assert key in awaited.missing
        awaited.take(key, found)
    assert not awaited.missing
    assert awaited.built == awaited.profiles == 1


def test_a_row_of_another_plan_or_of_a_profile_to_be_withdrawn_is_awaited():
    awaited = WallCompletion(ONE)
    for key, found in published(OTHER).items():
        awaited.take(key, found)
    assert awaited.what_is_missing() == "missing: profile 1; to be withdrawn: w/2"
    awaited.take("w/2", None)
    for key, found in published(ONE).items():
        awaited.take(key, found)
    assert not awaited.missing


def test_a_wall_with_the_same_amounts_in_another_mode_is_not_the_wall():
    awaited = WallCompletion(ONE)
    for key, found in published(ONE).items():
        awaited.take(key, found | ({"mode": "crew-pool", "crews": 99} if key == "w" else {}))
    assert awaited.missing == {"w"}
    assert awaited.what_is_missing() == "missing: the wall's totals"


class Message:
    """A record on a topic, as a consumer hands it over."""

    def __init__(self, key: str, value: bytes | None) -> None:
        self._key, self._value = key.encode(), value

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes | None:
        return self._value


@pytest.fixture
def client_of(monkeypatch):
    """A client that reads these records from any topic, and then nothing more."""

    def client(records: list[tuple[str, bytes | None]]) -> Client:
        class Reader:
            def __init__(self, *_: object) -> None:
                self.at_end = False

            def __enter__(self):
                return self

            def __exit__(self, *error: object) -> None:
                pass

            def read(self, *_: object, follow: bool):
                for number, record in enumerate(records, start=1):
                    self.at_end = number == len(records)
                    yield Message(*record)
                while follow:
                    yield None

        monkeypatch.setattr(client_module, "Reader", Reader)
        client = object.__new__(Client)
        client.settings = Settings(bootstrap_servers="x", registry_url="x")
        client.topics = Topics.of(client.settings)
        names = sorted({name for topic in client.topics.all() for name in topic.records})
        client.codecs = Codecs({name: number for number, name in enumerate(names, start=1)})
        client._resolved = set()
        return client

    return client


def rows_of(client: Client, *walls: Wall) -> list[tuple[str, bytes | None]]:
    return [
        (key, client.codecs.encode("ProfileOverview" if "/" in key else "WallOverview", found))
        for wall in walls
        for key, found in published(wall).items()
    ]


def test_that_a_wall_was_built_once_in_the_past_is_not_that_it_is_built(client_of):
    rows = rows_of(client_of([]), ONE, OTHER)
    with pytest.raises(ClientError, match=r"not built after 0\.05 s .*profile 1.*w/2.*worker"):
        client_of(rows).wait_until_built(ONE, 0.05, lambda *_: None)
    client_of(rows).wait_until_built(OTHER, 0.05, lambda *_: None)


def test_a_foreign_record_on_the_overview_does_not_end_the_wait(client_of):
    rows = rows_of(client_of([]), OTHER)
    client_of([("w/2", b"junk"), *rows]).wait_until_built(OTHER, 0.05, lambda *_: None)
    with pytest.raises(ClientError, match="profile 2"):
        client_of([*rows, ("w/2", b"junk")]).wait_until_built(OTHER, 0.05, lambda *_: None)


def test_a_bad_record_over_an_accepted_profile_does_not_hide_it_from_withdrawal(client_of):
    codecs = client_of([]).codecs

    def profile(number: int, *heights: int) -> bytes:
        fields = {"wall": "w", "profile": number, "heights": list(heights)}
        return codecs.encode("ProfileSubmitted", fields)

    accepted_then_bad = [("w/3", profile(3, 1)), ("w/3", b"junk"), ("w/3", profile(3, 31))]
    withdrawn = [("w/4", profile(4, 1)), ("w/4", b"junk"), ("w/4", None)]
    only_bad = [("w/5", b"junk"), ("w/6", profile(7, 1)), ("v/8", profile(8, 1))]
    no_keys = [(key, profile(9, 1)) for key in ("w", "w/09", "w/-9", "w/9999999", "w/x", "w/9/9")]
    assert client_of([*accepted_then_bad, *withdrawn, *only_bad, *no_keys]).live_profiles("w") == {
        3
    }


def test_a_published_profile_is_live_though_compaction_left_only_a_bad_record(client_of):
    rows = rows_of(client_of([]), OTHER)
    assert client_of([("w/2", b"junk"), *rows]).live_profiles("w") == {1, 2}
    assert client_of([("w/2", b"junk")]).live_profiles("w") == set()
