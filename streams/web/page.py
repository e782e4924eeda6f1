"""The page at `/`: what `make install` has built into `static/`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import FileResponse, PlainTextResponse
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.responses import Response
    from starlette.types import Scope

STATIC = Path(str(resources.files("streams.web"))) / "static"
NOT_BUILT = """\
The page is not built: run `make install`, and start this process again.

The API works without it: /api/ says what there is.
"""


class Assets(StaticFiles):
    """The page's scripts and styles, which have a hash of themselves in their names."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file; it never changes under this name."""
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer


def register(app: FastAPI) -> None:
    """Serve the page, if it is built, or say that it is not."""
    index = STATIC / "index.html"

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        if not index.is_file():
            return PlainTextResponse(NOT_BUILT, 503)
        return FileResponse(index)

    if (STATIC / "assets").is_dir():
        app.mount("/assets", Assets(directory=STATIC / "assets"))
    # Icons and the like, which have to be where they are looked for.
    for file in sorted(STATIC.glob("*")):
        if file.is_file() and file != index:
            _serve(app, file)


def _serve(app: FastAPI, file: Path) -> None:
    @app.get(f"/{file.name}", include_in_schema=False)
    async def one() -> FileResponse:
        return FileResponse(file)
