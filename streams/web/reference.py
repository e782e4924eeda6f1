"""The API reference at `/api/`: the OpenAPI description as a page without scripts."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

STYLE = """\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { font-weight: 600; } h2 { margin-top: 3rem; border-bottom: 1px solid; }
section { margin: 1.5rem 0; } h3 { font: 600 1rem ui-monospace, monospace; margin: 0; }
h3 b { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; margin: .5rem 0; }
td, th { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top; }
code, pre, td:first-child { font-family: ui-monospace, monospace; font-size: .9rem; }
pre { white-space: pre-wrap; }
"""


def register(app: FastAPI) -> None:
    """Serve the reference."""

    @app.get("/api", include_in_schema=False)
    @app.get("/api/", include_in_schema=False)
    async def reference() -> Response:
        return HTMLResponse("".join(_page(app.openapi())))

    @app.get("/api/reference.css", include_in_schema=False)
    async def style() -> Response:
        return Response(STYLE, media_type="text/css")


def _page(api: dict[str, Any]) -> Iterator[str]:
    title = escape(api["info"]["title"])
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: API</title>'
    yield '<meta name="viewport" content="width=device-width">'
    yield '<link rel="stylesheet" href="/api/reference.css"></head><body>'
    yield f"<h1>{title}: API</h1><p>{escape(api['info']['description'])}</p>"
    yield '<p>As <a href="/api/openapi.json">OpenAPI</a>. <a href="/">The page</a>.</p>'
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in api["paths"].items():
        for method, operation in operations.items():
            by_tag.setdefault(operation["tags"][0], []).append((method, path, operation))
    for tag, found in by_tag.items():
        yield f"<h2>{escape(tag.capitalize())}</h2>"
        for method, path, operation in found:
            yield from _operation(method, path, operation)
    yield "<h2>Schemas</h2>"
    for name, schema in sorted(api["components"]["schemas"].items()):
        yield f'<section id="{escape(name)}"><h3>{escape(name)}</h3>'
        yield f"<p>{escape(schema.get('description', ''))}</p>"
        rows = [
            (field, _kind(of_field), of_field.get("description", ""))
            for field, of_field in schema.get("properties", {}).items()
        ]
        yield from _table(rows)
        yield "</section>"
    yield "</body></html>"


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<section><h3><b>{method.upper()}</b> {escape(path)}</h3>"
    yield f"<pre>{escape(operation.get('description', operation['summary']))}</pre>"
    yield from _table(
        [
            (p["name"], f"{p['in']}, {_kind(p['schema'])}", p.get("description", ""))
            for p in operation.get("parameters", ())
        ]
    )
    body = operation.get("requestBody", {}).get("content", {})
    yield from _table([("body", f"{kind}: {_kind(c['schema'])}", "") for kind, c in body.items()])
    yield from _table(
        [
            (status, _content(answer.get("content", {})), answer["description"])
            for status, answer in sorted(operation["responses"].items())
        ]
    )
    yield "</section>"


def _table(rows: list[tuple[str, str, str]]) -> Iterator[str]:
    """Rows of a name, HTML that says what it is, and words."""
    if rows:
        yield "<table>"
        for name, kind, words in rows:
            yield f"<tr><td>{escape(name)}<td>{kind}<td>{escape(words)}</tr>"
        yield "</table>"


def _content(content: dict[str, Any]) -> str:
    return ", ".join(f"{escape(kind)}: {_kind(c.get('schema', {}))}" for kind, c in content.items())


def _kind(schema: dict[str, Any]) -> str:
    """What a schema is, as HTML."""
    if reference := schema.get("$ref"):
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if choices := schema.get("anyOf"):
        return " or ".join(map(_kind, choices))
    if "items" in schema:
        return f"list of {_kind(schema['items'])}"
    if "enum" in schema:
        return escape(" or ".join(json.dumps(value) for value in schema["enum"]))
    return escape(str(schema.get("type", "anything")))
