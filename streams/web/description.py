"""The API's OpenAPI description without a broker: `python -m streams.web.description`."""

from __future__ import annotations

import json
from typing import Any

from streams.settings import Settings
from streams.web.app import create_app


def description() -> dict[str, Any]:
    """What `/api/openapi.json` answers; the page's types are made from it."""
    nowhere = Settings(bootstrap_servers="nowhere:9092", registry_url="http://nowhere")
    return create_app(nowhere, lambda _error: None).openapi()


if __name__ == "__main__":
    print(json.dumps(description(), indent=1))  # noqa: T201 - it is a command
