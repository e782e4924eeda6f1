"""Asks a worker or the web process whether it is ready, and which it is."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any

from streams.addresses import reachable_host


def ready_answer(host: str, port: int) -> dict[str, Any]:
    """What `/ready/` at an address answers; nothing if nothing does, or something else."""
    # Not urllib, which would ask a proxy that the environment names.
    connection = HTTPConnection(reachable_host(host), port, timeout=2)
    try:
        connection.request("GET", "/ready/")
        answer = json.loads(connection.getresponse().read(10_000))
    except (OSError, HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}
