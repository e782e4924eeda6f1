"""The pipeline as it stands."""

from __future__ import annotations

from fastapi import APIRouter

from streams.web.models import Pipeline
from streams.web.problems import documented, unavailable
from streams.web.state import Here

router = APIRouter(prefix="/api/pipeline", tags=["operations"])


@router.get("", responses=documented(503))
async def pipeline(web: Here) -> Pipeline:
    """Stages, the topics between them, lag in records and seconds, rates, and workers."""
    web.generation  # noqa: B018 - refused before anything is known
    if web.pipeline.latest is None:
        raise unavailable("the broker was not yet asked")
    return web.pipeline.latest
