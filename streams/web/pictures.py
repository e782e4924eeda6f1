"""The picture of a wall."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from streams.web.caching import unchanged
from streams.web.models import WallId
from streams.web.problems import documented
from streams.web.state import Here

router = APIRouter(prefix="/api/walls", tags=["walls"])
MEDIA_TYPE = "application/octet-stream"


@router.get(
    "/{wall}/picture",
    response_class=Response,
    responses=documented(400, 404, 503)
    | {
        200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "Unchanged"},
    },
)
async def picture(web: Here, wall: WallId, request: Request) -> Response:
    """The whole wall in one binary answer, gzipped: first days, crews and heights.

    A u32 with the length of the JSON head; the head, `{"version", "days", "profiles": [[number,
    sections], …], "crews"}`, padded to 4 bytes; and little-endian arrays, one place a section in
    the order of profiles and sections: u32 first day of work (0 if there is none), u32 crew, u8
    starting height in feet. `crews` says how crews are named: `profile.section` or `profile`, and
    there is no array of crews; `number`, and it has their numbers; or a list, and it has 1 + the
    place of the name in it. 0 is no crew. Last day of work: first day + 29 - height.
    """
    rows = web.wall(wall)
    answer = Response(media_type=MEDIA_TYPE)
    if (seen := unchanged(request, answer, rows.picture_tag)) is not None:
        return seen
    _, answer.body = await web.plans.of(rows)
    answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Content-Length"] = str(len(answer.body))
    return answer
