"""Whether the process is well, and whether it shows anything yet."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from fastapi import APIRouter, Response

from streams import metrics
from streams.web.models import Health, Ready
from streams.web.problems import documented, unavailable
from streams.web.state import Here

router = APIRouter(tags=["operations"])
UNLISTED: dict[str, Any] = {"include_in_schema": False}


@router.get("/health", **UNLISTED)
@router.get("/health/")
async def health() -> Health:
    """Whether the process answers at all."""
    return Health(status="ok")


@router.get("/ready", **UNLISTED)
@router.get("/ready/", responses=documented(503))
async def ready(web: Here) -> Ready:
    """Whether it has read its topics to the ends as they were when it began, and may answer."""
    if web.is_stopping:
        raise unavailable("the process is stopping")
    generation = web.generation
    return Ready(
        ready=True,
        # Whoever starts processes on a machine with others knows its own by the process id.
        pid=os.getpid(),
        version=generation.settings.version,
        installation=generation.settings.installation,
        age_s=round(web.following.age_s or 0.0, 3),
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics_page() -> Response:
    """Metrics in Prometheus' text format."""
    text = await asyncio.to_thread(metrics.exposition, metrics.EVERY, metrics.WEB)
    return Response(text, media_type=metrics.CONTENT_TYPE)
