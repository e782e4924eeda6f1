"""What import-linter does not see of the structure."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_module_is_named_for_leftovers():
    names = {path.stem for path in ROOT.glob("[dst]*/**/*.py")}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc"}


def test_nobody_asks_an_admin_client_for_what_a_group_has_committed():
    # librdkafka ends the process, without a word, if the coordinator that it asks is none any more.
    asking = "." + "list_consumer_group_offsets("
    ours = [*ROOT.glob("streams/**/*.py"), *ROOT.glob("tests/**/*.py")]
    assert not [path for path in ours if asking in path.read_text()]
