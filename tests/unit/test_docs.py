"""What is there is documented."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

from docs.generate import PAGES, pages
from streams.batching import BatchApp
from streams.cli.commands import COMMANDS
from streams.contract.topics import Topics
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_command_target_and_topic_is_in_the_readme():
    for name in COMMANDS:
        assert re.search(rf"`[^`]*\b{name}\b", README), name
    for target in ("demo", "test", "stop", "help"):
        assert f"make {target}" in README
    settings = Settings(bootstrap_servers="x", registry_url="x")
    for topic in Topics.of(settings).all():
        if not topic.name.endswith("-changelog"):
            assert f"`{topic.name}`" in README, topic.name


def test_every_field_of_every_schema_has_a_doc():
    for path in (ROOT / "schemas").glob("*.avsc"):
        schema = json.loads(path.read_text())
        assert schema["name"] == path.stem
        assert schema["doc"]
        assert all(field.get("doc") for field in schema["fields"]), path.name


def test_the_example_of_the_batching_library_is_an_app_with_an_agent_and_a_table(monkeypatch):
    monkeypatch.setattr(BatchApp, "main", lambda _: None)
    text = (ROOT / "streams/batching/README.md").read_text()
    example = text[text.index("    from streams.batching") : text.index("Save it as")]
    names: dict[str, object] = {}
    exec(textwrap.dedent(example), names)  # noqa: S102 - our own text
    app = names["app"]
    assert isinstance(app, BatchApp)
    assert list(app.tables) == ["counts"]
    assert [name.rpartition(".")[2] for name in app.agents] == ["count"]


def test_decisions_have_a_number_of_their_own_and_a_date():
    text = (ROOT / "docs/decisions.md").read_text()
    headings = re.findall(r"^### .*$", text, re.M)
    numbers = [re.fullmatch(r"### (\d+)\. .+ \(\d{4}-\d\d-\d\d\)", h) for h in headings]
    assert sorted(int(n[1]) for n in numbers) == list(range(1, len(headings) + 1))


def test_the_reference_is_what_the_code_says():
    for name, text in pages().items():
        assert (PAGES / name).read_text() == text, f"{name} is of other code: run `make docs`"
