"""Answers that a client has already: entity tags, and 304 for those who have seen them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.requests import Request


def unchanged(request: Request, response: Response, tag: str) -> Response | None:
    """A 304 if the client has this version of the answer; if not, the answer gets its tag.

    Args:
        request: What was asked.
        response: Gets the header, if the answer is sent.
        tag: Differs if the answer does.
    """
    # Without the quotes and the W/ that a proxy which compresses puts before them.
    given = request.headers.get("if-none-match", "")
    tags = {part.strip().removeprefix("W/").strip('"') for part in given.split(",")}
    headers = {"ETag": f'"{tag}"'}
    if tag in tags or "*" in tags:
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return None
