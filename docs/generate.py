"""Writes docs/reference/: what the code says of its settings, topics, schemas, metrics, commands.

A test holds the pages to the code: `make docs` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from streams import metrics
from streams.cli.commands import COMMANDS, command
from streams.cli.examples import EXAMPLES
from streams.contract.reasons import Reason
from streams.contract.topics import FOREVER, Topic, Topics
from streams.metrics.worker import WorkerMetrics
from streams.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs/reference"
WRITTEN = "This page is written by `make docs` from {}; a test holds it to that.\n"
DAY_MS = 24 * 60 * 60 * 1000


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in r)} |\n" for r in lines)


def settings() -> str:
    """Every setting, its variable, default and meaning."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if name == "data_dir":
            default = "the user's data directory, `thewall/worker`"
        elif default in (None, "", {}):
            default = "not set"
        else:
            default = f"`{json.dumps(default)}`"
        allowed = get_args(field.annotation)
        text = field.description or ""
        if allowed and all(isinstance(one, str) for one in allowed):
            text += f": {', '.join(f'`{one}`' for one in allowed)}"
        if SecretStr in allowed or field.annotation is SecretStr:
            text += ". A secret: it is never shown"
        rows.append((f"`THEWALL_{name.upper()}`", default, f"{text}."))
    return (
        "# Settings\n\nEach is an environment variable; some are options of a command, too. "
        + WRITTEN.format("`streams/settings.py`")
        + "\n"
        + _table(("variable", "default", "meaning"), rows)
    )


def _kept(topic: Topic) -> str:
    if topic.retention_ms is None:
        return "the latest value of each key"
    return "for good" if topic.retention_ms == FOREVER else f"{topic.retention_ms // DAY_MS} days"


def topics() -> str:
    """Every topic, its key, records, cleanup, retention, and subjects."""
    declared = Topics.of(Settings(bootstrap_servers="broker", registry_url="registry"))
    rows = [
        (
            f"`{topic.name}`",
            topic.key,
            " ".join(f"[{r.__name__}](schemas.md#{r.__name__.lower()})" for r in topic.records)
            or "JSON",
            topic.cleanup,
            _kept(topic),
            topic.about,
        )
        for topic in declared.all()
    ]
    settings_of = "\n".join(
        f"- `{topic.name}`: {', '.join(f'`{k}={v}`' for k, v in topic.config().items())}"
        for topic in declared.all()
    )
    return (
        "# Topics\n\nAs they are named by default, in the first application version. "
        + WRITTEN.format("`streams/contract/topics.py`")
        + "\n"
        + _table(("topic", "key", "records", "cleanup", "kept", "what"), rows)
        + f"\n## Settings on the broker\n\n{settings_of}\n"
    )


def _type(of: Any) -> str:
    match of:
        case list():
            return " or ".join(map(_type, of))
        case {"type": "array"}:
            return f"list of {_type(of['items'])}"
        case {"type": "enum"}:
            return " or ".join(f"`{symbol}`" for symbol in of["symbols"])
        case {"name": name}:
            return f"record {name}"
        case {"type": inner}:
            return _type(inner)
        case _:
            return f"`{of}`"


def _records(schema: dict[str, Any], seen: set[str]) -> Iterator[str]:
    """A record as a section, and the records that are nested in it, once each."""
    if schema["name"] in seen:
        return
    seen.add(schema["name"])
    rows = [
        (
            f"`{field['name']}`",
            _type(field["type"]),
            f"`{json.dumps(field['default'])}`" if "default" in field else "",
            field["doc"],
        )
        for field in schema["fields"]
    ]
    columns = ("field", "type", "default", "meaning")
    yield f"\n## {schema['name']}\n\n{schema['doc']}\n\n{_table(columns, rows)}"
    for field in schema["fields"]:
        of = field["type"]
        for inner in of if isinstance(of, list) else [of]:
            one = inner.get("items", inner) if isinstance(inner, dict) else inner
            if isinstance(one, dict) and one.get("type") == "record":
                yield from _records(one, seen)


def schemas() -> str:
    """Every schema and its fields."""
    files = sorted((ROOT / "schemas").glob("*.avsc"))
    seen: set[str] = set()
    parts = [part for path in files for part in _records(json.loads(path.read_text()), seen)]
    return (
        "# Schemas\n\nAvro in the registry's wire format; each subject is FULL_TRANSITIVE. "
        + WRITTEN.format("`schemas/`")
        + "".join(parts)
    )


def described(registry: CollectorRegistry) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    """Name as it is exported, kind, labels and meaning of each metric of ours in a registry."""
    for collector in list(registry._collector_to_names):  # noqa: SLF001 - there is no other way
        for family in collector.collect():
            if not family.name.startswith("thewall_"):
                continue
            labels = getattr(collector, "_labelnames", getattr(family, "_labelnames", ()))
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield name, family.type, tuple(labels), family.documentation


def all_metrics() -> dict[str, list[tuple[str, str, tuple[str, ...], str]]]:
    """Every metric, by the processes that export it."""
    looked_up = CollectorRegistry()
    looked_up.register(WorkerMetrics((), ()))
    return {
        "Every process": sorted(described(metrics.EVERY)),
        "Workers": sorted([*described(metrics.WORKER), *described(looked_up)]),
        "The web process": sorted(described(metrics.WEB)),
    }


def metrics_page() -> str:
    """Every metric, its kind, labels and meaning."""
    parts = []
    for processes, found in all_metrics().items():
        rows = [
            (f"`{name}`", kind, ", ".join(f"`{label}`" for label in labels), f"{text}.")
            for name, kind, labels, text in found
        ]
        parts.append(f"\n## {processes}\n\n{_table(('metric', 'kind', 'labels', 'meaning'), rows)}")
    reasons = [(f"`{reason.value}`", _doc_of(reason)) for reason in Reason]
    return (
        "# Metrics\n\nWorkers export them at `/metrics` on each of their ports, `thewall web` on "
        "its own, beside the client library's `process_…` and `python_…`. Durations are in "
        "seconds. All series of counters and histograms are there from the start. "
        + WRITTEN.format("`streams/metrics/`")
        + "".join(parts)
        + "\n## Reasons of dead letters\n\n"
        + _table(("`reason`", "meaning"), reasons)
    )


def _doc_of(reason: Reason) -> str:
    """The docstring below a member, which Python does not keep."""
    source = (ROOT / "streams/contract/reasons.py").read_text()
    after = source.partition(f'    {reason.name} = "{reason.value}"\n    """')[2]
    return after.partition('"""')[0]


def commands() -> str:
    """Every command, its arguments and options, and examples."""
    parts = []
    for name, found in _commands({name: command(name) for name in COMMANDS}):
        context = found.make_context(name, [], resilient_parsing=True, parent=None)
        rows = []
        for parameter in found.params:
            record = parameter.get_help_record(context)
            if record is None and getattr(parameter, "hidden", False):
                continue
            shown, text = record or (parameter.make_metavar(context), "")
            rows.append((f"`{shown}`", text))
        usage = " ".join(["thewall", name, *found.collect_usage_pieces(context)])
        examples = "".join(f"    thewall {example}\n" for example in EXAMPLES[name])
        section = f"\n## {name}\n\n    {usage}\n\n{(found.help or '').strip()}\n"
        table = "\n" + _table(("", "meaning"), rows) if rows else ""
        parts.append(f"{section}{table}\nFor example:\n\n{examples}")
    return "# Commands\n\n" + WRITTEN.format("`streams/cli/`") + "".join(parts)


def _commands(those: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Commands, and those of the groups among them."""
    for name, found in sorted(those.items()):
        if hasattr(found, "commands"):
            yield from _commands(found.commands, f"{before}{name} ")
        else:
            yield f"{before}{name}", found


def pages() -> dict[str, str]:
    """The text of each page, by file name."""
    return {
        "settings.md": settings(),
        "topics.md": topics(),
        "schemas.md": schemas(),
        "metrics.md": metrics_page(),
        "commands.md": commands(),
    }


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
