"""The command line, as far as it needs no Kafka."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

from domain.materials import MATERIALS
from domain.modes import modes
from streams.cli import app, commands, display
from streams.cli.display import fits, printable
from streams.cli.read import note_what_is_building
from streams.contract.records import ProfileTotals
from tests.harness.command_line import invoke
from tests.harness.walls import EXERCISE_CONFIG


def run(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "streams", *arguments], env=os.environ | variables,
        input=stdin, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_compute_prints_one_json_object():
    done = run("compute", "-", "--json", stdin=EXERCISE_CONFIG)
    result = json.loads(done.stdout)
    assert (result["wall"], result["crews"], result["cost"]) == ("default", None, 32_233_500)
    assert list(result["profiles"][1]) == ["profile", "sections", "days", "ice", "cost", "daily"]
    first_day = {"day": 1, "ice": 195, "cost": 370_500, "cumulative_cost": 370_500}
    assert result["profiles"][1]["daily"][0] == first_day
    assert len(result["profiles"][1]["daily"]) == 13


def test_compute_with_four_crews_costs_the_same_and_takes_longer():
    result = json.loads(
        invoke("compute", "-", "--crews", "4", "--json", stdin=EXERCISE_CONFIG).stdout
    )
    assert (result["crews"], result["cost"], result["days"]) == (4, 32_233_500, 26)


def test_compute_prints_a_table_for_people():
    done = invoke("compute", "-", stdin=EXERCISE_CONFIG)
    assert "1,755" in done.stdout
    assert "32,233,500" in done.stdout


def test_every_bad_place_of_a_file_is_on_standard_error_and_the_status_is_1():
    done = invoke("compute", "-", stdin="1 31\n\n2 x\n")
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
    done = invoke(*arguments, stdin=EXERCISE_CONFIG)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_missing_file_is_reported_in_one_sentence():
    done = invoke("compute", "/nowhere.conf")
    assert (done.returncode, done.stderr) == (
        1,
        "/nowhere.conf can't be read: No such file or directory\n",
    )


def test_a_table_in_a_pipe_is_never_folded():
    done = invoke("compute", "-", "--wall", "w" * 64, stdin=" 30" * 2000 + "\n" + EXERCISE_CONFIG)
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("all ")]
    assert rows == [["all", "2,009", "13", "16,965", "32,233,500"]]


def test_standard_output_without_unicode_is_no_traceback():
    done = run("compute", "-", stdin=EXERCISE_CONFIG, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "yd?" in done.stdout


def test_compute_takes_the_default_wall_from_the_environment_and_needs_no_stack():
    nowhere = {
        "THEWALL_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "THEWALL_REGISTRY_URL": "http://x.invalid",
    }
    done = invoke(
        "compute", "-", "--json", stdin=EXERCISE_CONFIG, THEWALL_DEFAULT_WALL="north", **nowhere
    )
    assert json.loads(done.stdout)["wall"] == "north"


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_every_command_explains_itself(name):
    assert commands.command(name).help
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output


def test_the_list_of_commands_has_each_command_of_every_module_and_its_whole_line():
    in_modules = set()
    for module in {module for module, _ in commands.COMMANDS.values()}:
        found = typer.Typer()
        import_module(f"streams.cli.{module}").register(found)
        in_modules |= {(module, name) for name in typer.main.get_group(found).commands}
    assert {(module, name) for name, (module, _) in commands.COMMANDS.items()} == in_modules
    shown = [line.split(None, 1) for line in invoke("--help", COLUMNS="80").stdout.splitlines()]
    listed = [[name, line] for name, (_, line) in commands.COMMANDS.items()]
    assert shown[-len(listed) :] == listed


def test_a_command_that_does_not_exist_is_met_with_one_that_does():
    assert "Did you mean 'overview'?" in invoke("overvew").stderr


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("thewall ov", ["overview"]),
        ("thewall overview --da", ["--day", "--daily"]),
        ("thewall simulate st", ["start", "stop", "status"]),
        ("thewall deadletters resubmit --a", ["--again"]),
    ],
)
def test_a_shell_completes_commands_groups_and_options(typed, offered):
    place = str(len(typed.split()) - 1)
    asked = {"_THEWALL_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": place}
    done = CliRunner().invoke(app, env=asked, prog_name="thewall")
    assert done.output.split() == offered


def test_help_lists_every_material_and_mode():
    done = CliRunner().invoke(app, ["compute", "--help"], env={"COLUMNS": "200"})
    words = re.findall(r"[a-z-]+", done.output)
    assert set(MATERIALS) | set(modes()) <= set(words)


def test_control_characters_are_not_printed():
    assert printable("a\x1b[31mb\r\x07\nc") == "a\ufffd[31mb\ufffd\ufffd\nc"


def test_a_table_fits_if_its_widest_cells_do(monkeypatch):
    monkeypatch.setattr(display.console(), "_width", 12)
    assert fits(["day", "all"], [["1", 99_999]])
    assert not fits(["day", "all"], [["1", 1_000_000]])


def totals(profile: int, state: str, *steps: int) -> ProfileTotals:
    """Of a profile; without steps it has no amounts yet."""
    return ProfileTotals(
        "w", profile, 4, state, False, "crew-per-section", None, "ice", 1, 0, 0, 0,
        list(range(1, len(steps) + 1)), list(steps),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([totals(1, "COMPLETE", 1, -1)], ""),
        ([totals(1, "BUILDING", 1, -1)], "amounts of the last complete one"),
        ([totals(1, "BUILDING")], "no amounts yet: profile 1"),
        ([totals(1, "COMPLETE", 1, -1), totals(2, "BUILDING")], "no amounts yet: profile 2"),
    ],
)
def test_people_are_told_when_amounts_are_not_of_the_latest_plan(found, words, monkeypatch):
    said = []
    monkeypatch.setattr("streams.cli.read.note", said.append)
    note_what_is_building(found)
    assert len(said) == bool(words)
    assert words in "".join(said)
