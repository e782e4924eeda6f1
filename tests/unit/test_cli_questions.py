"""Commands that need no Kafka: what if, files to begin with, examples in the help."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from streams.cli import commands
from streams.cli.display import evenly
from streams.cli.examples import EXAMPLES
from streams.cli.init import INTERNAL, settings_file
from streams.cli.questions import explained
from streams.settings import Settings
from tests.harness.command_line import invoke
from tests.harness.walls import EXERCISE_CONFIG


def test_what_if_of_a_file_has_the_days_of_each_number_of_crews():
    done = invoke("compare", "-", "--crews", "1..9", "--json", stdin=EXERCISE_CONFIG)
    outcomes = json.loads(done.stdout)["outcomes"]
    assert [o["days"] for o in outcomes] == [87, 48, 31, 26, 23, 21, 18, 15, 13]
    assert {o["cost"] for o in outcomes} == {32_233_500}


def test_the_fewest_crews_that_are_done_by_a_day():
    done = invoke("compare", "-", "--by-day", "20", stdin=EXERCISE_CONFIG)
    (row,) = (line.split() for line in done.stdout.splitlines()[2:])
    assert (row[0], row[1], row[-1]) == ("7", "18", "yes")


def test_bars_of_what_if_are_as_long_as_the_build():
    done = invoke("compare", "-", "--crews", "1..2", stdin=EXERCISE_CONFIG)
    one, two = done.stdout.splitlines()[2:]
    assert (one.count("█"), two.count("█")) == (30, 30 * 48 // 87)


def test_of_very_many_numbers_of_crews_the_table_has_some():
    done = invoke("compare", "-", "--crews", "1..100", stdin=EXERCISE_CONFIG)
    assert len(done.stdout.splitlines()) == 2 + 40
    assert "40 of 100 numbers of crews; --json has them all" in done.stderr
    assert evenly(range(1, 101), 40)[0] == 1
    assert evenly(range(1, 101), 40)[-1] == 100


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "-"),
        ("compare", "-", "--crews", "9..1"),
        ("compare", "-", "--crews", "0"),
        ("compare", "-", "--crews", "many"),
        ("compare", "-", "--crews", "1..9999999999"),
        ("export", "w", "--format", "xls"),
        ("explain", "w", "1", "0"),
        ("deadletters", "show", "seventeen"),
        ("deadletters", "resubmit"),
        ("deadletters", "resubmit", "1/2", "--reason", "x"),
        ("open", "a/b"),
    ],
)
def test_wrong_usage_has_status_2_and_no_output(arguments):
    done = invoke(*arguments, stdin=EXERCISE_CONFIG)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_page_that_does_not_run_is_not_opened():
    nowhere = {"THEWALL_BOOTSTRAP_SERVERS": "127.0.0.1:1", "THEWALL_REGISTRY_URL": "127.0.0.1:1"}
    done = invoke("open", THEWALL_PAGE_PORT="1", **nowhere)
    assert (done.returncode, done.stdout) == (1, "")
    assert "start it with `thewall web`" in done.stderr


def test_init_writes_a_wall_that_computes_and_replaces_no_file(tmp_path):
    assert invoke("init", str(tmp_path / "new")).returncode == 0
    computed = invoke("compute", str(tmp_path / "new/wall.conf"), "--json")
    assert json.loads(computed.stdout)["cost"] == 32_233_500
    (tmp_path / "new/wall.conf").write_text("1 2 3\n")
    (tmp_path / "new/thewall.env").unlink()
    again = invoke("init", str(tmp_path / "new"))
    assert (again.returncode, "wall.conf already" in again.stderr) == (1, True)
    assert (tmp_path / "new/wall.conf").read_text() == "1 2 3\n"
    assert not (tmp_path / "new/thewall.env").exists()


def test_the_settings_file_has_every_setting_and_sets_none(monkeypatch):
    lines = settings_file().splitlines()
    assert all(not line or line.startswith("#") for line in lines)
    assigned = dict(line[1:].split("=", 1) for line in lines if line.startswith("#THEWALL_"))
    named = {f"THEWALL_{name.upper()}" for name in Settings.model_fields if name not in INTERNAL}
    assert assigned.keys() == named
    before = Settings()
    for name, value in assigned.items():
        monkeypatch.setenv(name, value)
    assert Settings() == before


def whole_names(those, before=""):
    for name, command in those.items():
        if hasattr(command, "commands"):
            yield from whole_names(command.commands, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


ROOT = Path(__file__).parents[2]
COMMANDS = dict(whole_names({name: commands.command(name) for name in commands.COMMANDS}))


def test_every_command_has_examples():
    assert EXAMPLES.keys() == COMMANDS.keys()
    assert all(EXAMPLES.values())


@pytest.mark.parametrize(
    ("name", "example"), [(name, e) for name, examples in EXAMPLES.items() for e in examples]
)
def test_every_example_is_a_command_that_is_understood(name, example):
    arguments = shlex.split(example.partition(" > ")[0])[len(name.split()) :]
    COMMANDS[name].make_context(name, arguments)
    assert example.startswith(name)
    shown = invoke(*name.split(), "--help", COLUMNS="200").stdout
    assert f"thewall {example}\n" in shown


def documented() -> list[tuple[str, str]]:
    """Page and arguments of each command line in the README and the pages of docs/."""
    line = re.compile(r"^ {4}(?:.* \| )?(?:\.venv/bin/)?thewall ([^|>\n]+)", re.MULTILINE)
    pages = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    return [(page.name, found) for page in pages for found in line.findall(page.read_text())]


@pytest.mark.parametrize(("page", "line"), documented())
def test_every_command_line_of_the_docs_is_understood(page, line):
    arguments = shlex.split(line)
    words = 2 if " ".join(arguments[:2]) in COMMANDS else 1
    COMMANDS[" ".join(arguments[:words])].make_context(line, arguments[words:])


def test_an_explanation_names_the_factors_the_sections_and_the_event():
    place = {"topic": "wall.profiles", "partition": 2, "offset": 7, "time": None}
    factors = {
        "sections_at_work": 3, "feet_per_day": 1, "yd3_per_ft": 195, "gd_per_yd3": 1900,
        "ice": 585, "cost": 1_111_500, "cumulative_ft": 3, "cumulative_ice": 585,
        "cumulative_cost": 1_111_500,
    }  # fmt: skip
    text = "\n".join(
        explained(
            {
                "wall": "w", "profile": 1, "day": 1, "state": "COMPLETE", "version": 9,
                "material": "ice", "mode": "crew-pool", "crews": 4, "factors": factors,
                "sections": [1, 2, 3],
                "source": {
                    "what": "profile", "profile": 1, "version": 9, "submitted": place,
                    "accepted": place | {"topic": "wall.accepted"},
                },
            }
        )
    )  # fmt: skip
    assert "3 sections × 1 ft × 195 yd³ = 585 yd³" in text
    assert "585 yd³ × 1,900 GD = 1,111,500 GD" in text
    assert "sections 1, 2, 3" in text
    assert "submitted at wall.profiles[2] offset 7" in text
