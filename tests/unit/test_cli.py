"""The parts of the command line that need no Kafka."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from streams.cli import app

EXERCISE = "21 25 28\n17\n17 22 17 19 17\n"


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
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


def test_every_command_explains_itself():
    for command in app.registered_commands:
        assert command.callback.__doc__
