"""Avro in the registry's wire format: magic byte, 4-byte schema id, body. For bench and peers."""

from __future__ import annotations

import io
import json
import struct
import urllib.request
from pathlib import Path
from typing import Any, TypeAlias

import fastavro

Record: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[1]
SCHEMA_FOLDERS = (ROOT / "schemas", ROOT / "bench" / "peers" / "schemas")
HEADER_BYTES = 5

TOPIC_RECORDS = {
    "walls": ("WallConfigured",),
    "profiles": ("ProfileSubmitted",),
    "accepted": ("ProfileAccepted", "SettingsAccepted"),
    "build-commands": ("BuildSection", "RelieveCrew"),
    "progress": ("ProfilePlanned", "SectionsBuilt"),
    "simulation.events": ("SectionCompleted", "CrewRelieved", "PlanReplaced", "ProfileCompleted"),
    "daily": ("DailyUsage",),
    "totals": ("ProfileTotals",),
    "overview": ("WallOverview", "ProfileOverview"),
}
"""The records on each topic of the job."""

STATE_RECORDS = {
    "planner": "WallState",
    "crews": "CrewRow",
    "ledger": "LedgerState",
    "overview": "TotalsState",
}
"""The record that each stage of a peer keeps as state, and writes to its changelog."""


def schema_text(name: str) -> str:
    """The text of a record's schema: the project's, or a peer's own for its state."""
    for folder in SCHEMA_FOLDERS:
        path = folder / f"{name}.avsc"
        if path.exists():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError(f"no schema {name}.avsc in {' or '.join(map(str, SCHEMA_FOLDERS))}")


class Wire:
    """Records to bytes and back, with the ids that the registry gives."""

    def __init__(self, registry_url: str, prefix: str) -> None:
        """Register the schemas of all topics under a prefix."""
        self._url = registry_url
        self._schemas: dict[str, Any] = {}
        self._headers: dict[str, bytes] = {}
        self._by_id: dict[int, tuple[str, Any]] = {}
        for topic, names in TOPIC_RECORDS.items():
            for name in names:
                one = len(names) == 1
                self._add(name, f"{prefix}.{topic}-" + ("value" if one else f"thewall.{name}"))
        for stage, name in STATE_RECORDS.items():
            self._add(name, f"{prefix}-peer-{stage}-changelog-value")

    def _add(self, name: str, subject: str) -> None:
        text = schema_text(name)
        body = json.dumps({"schema": text, "schemaType": "AVRO"}).encode()
        request = urllib.request.Request(  # noqa: S310 - the bench's own registry
            f"{self._url}/subjects/{subject}/versions",
            data=body,
            headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            schema_id = int(json.load(answer)["id"])
        schema = fastavro.parse_schema(json.loads(text), named_schemas={})
        self._schemas[name] = schema
        self._headers[name] = struct.pack(">bI", 0, schema_id)
        self._by_id[schema_id] = (name, schema)

    def header(self, name: str) -> bytes:
        """The bytes that every value of a record starts with."""
        return self._headers[name]

    def encode(self, name: str, record: Record) -> bytes:
        """A record in wire format."""
        out = io.BytesIO()
        out.write(self._headers[name])
        fastavro.schemaless_writer(out, self._schemas[name], record)
        return out.getvalue()

    def decode(self, data: bytes) -> tuple[str, Record]:
        """The name and the fields of a record."""
        name, schema = self._by_id[int.from_bytes(data[1:HEADER_BYTES])]
        body = io.BytesIO(data)
        body.seek(HEADER_BYTES)
        return name, fastavro.schemaless_reader(body, schema, None)  # type: ignore[return-value]
