"""The habits that keep the house as it is."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

from streams.cli import app
from streams.settings import Settings
from streams.topics import Topics

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_the_domain_imports_only_the_standard_library_and_itself():
    for path in (ROOT / "domain").rglob("*.py"):
        for module in imports_of(path):
            top = module.partition(".")[0]
            assert top == "domain" or top in sys.stdlib_module_names, f"{path}: {module}"


def test_arrows_between_folders_point_one_way():
    may_import = {
        "agents": {"agents.", "avro", "batching", "pipeline", "metrics", "topics"},
        "batching": {"batching"},
        "devstack": {"devstack"},
        "web": {"web", "avro", "batching", "pipeline", "settings", "topics", "metrics"},
    }
    for folder, allowed in may_import.items():
        for path in (ROOT / "streams" / folder).rglob("*.py"):
            for module in imports_of(path):
                if module.startswith("streams."):
                    name = module.removeprefix("streams.").partition(".")[0]
                    assert name in allowed, f"{path.name} imports {module}"


def test_every_command_target_and_topic_is_in_the_readme():
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert re.search(rf"`[^`]*\b{name}\b", README), name
    for target in ("demo", "test", "stop", "help"):
        assert f"make {target}" in README
    settings = Settings(bootstrap_servers="x", registry_url="x")
    for topic in Topics.of(settings).all():
        if not topic.name.endswith("-changelog"):
            assert f"`{topic.name}`" in README, topic.name


def test_every_field_of_every_schema_says_what_it_is():
    for path in (ROOT / "schemas").glob("*.avsc"):
        schema = json.loads(path.read_text())
        assert schema["name"] == path.stem
        assert schema["doc"]
        assert all(field.get("doc") for field in schema["fields"]), path.name


def test_no_module_collects_leftovers():
    names = {path.stem for path in ROOT.glob("[dst]*/**/*.py")}
    assert not names & {"utils", "util", "helpers", "helper", "common", "misc"}
