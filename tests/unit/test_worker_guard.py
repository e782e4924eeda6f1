"""What stands before a worker's views, as an HTTP client meets it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from streams import metrics
from streams.settings import Settings
from streams.views.door import MOST_BYTES
from streams.views.guard import OWN_HEADERS, guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

POST: dict[str, Any] = {"data": b"{}", "headers": {"Content-Type": "application/json"}}


async def view(request: web.Request) -> web.Response:
    return web.json_response(len(await request.read()))


@asynccontextmanager
async def worker(**settings: Any) -> AsyncIterator[TestClient]:
    """The views of a worker with these settings."""
    app: Any = SimpleNamespace(
        web=SimpleNamespace(web_app=web.Application(client_max_size=MOST_BYTES))
    )
    guard(app, Settings(**settings))
    app.web.web_app.router.add_get("/profiles/overview/", view)
    app.web.web_app.router.add_post("/api/profiles/", view)
    async with TestClient(TestServer(app.web.web_app)) as client:
        yield client


async def test_every_answer_has_the_security_headers_and_names_no_version():
    async with worker() as client:
        for path, status in (("/profiles/overview/", 200), ("/none", 404), ("/api/profiles/", 405)):
            answer = await client.get(path)
            assert answer.status == status
            for name, value in OWN_HEADERS.items():
                assert answer.headers[name] == value
            assert answer.headers["Server"] == "thewall"
            assert answer.content_type == "application/json"


async def test_what_is_no_http_is_told_no_version_either():
    async with worker() as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n")
        answer = await reader.read()
        writer.close()
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b"Server: thewall" in answer
    assert b"ython" not in answer
    assert b"aiohttp" not in answer


@pytest.mark.parametrize("name", ["evil.example:6066", "wall.lan.evil"])
async def test_a_name_that_is_not_ours_is_refused(name):
    async with worker(web_names="wall.lan") as client:
        for method, path in (("GET", "/profiles/overview/"), ("POST", "/api/profiles/")):
            answer = await client.request(method, path, headers={"Host": name})
            assert answer.status == 421
            assert "THEWALL_WEB_NAMES" in (await answer.json())["error"]


@pytest.mark.parametrize("name", ["wall.lan", "worker-1.lan:6066", "localhost", "10.1.2.3:6066"])
async def test_a_worker_is_reached_by_address_and_by_the_names_it_was_given(name):
    async with worker(web_names="x, wall.lan", web_advertised_host="worker-1.lan") as client:
        answer = await client.get("/profiles/overview/", headers={"Host": name})
        assert answer.status == 200


async def test_a_write_that_another_site_has_begun_is_refused():
    async with worker() as client:
        headers = POST["headers"] | {"Origin": "http://evil.example"}
        assert (await client.post("/api/profiles/", data=b"{}", headers=headers)).status == 403
        assert (await client.post("/api/profiles/", **POST)).status == 200


async def test_a_client_that_writes_too_often_is_told_when_to_go_on_and_may_read():
    async with worker(writes_per_s=0.1) as client:
        assert (await client.post("/api/profiles/", **POST)).status == 200
        answer = await client.post("/api/profiles/", **POST)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "10")
        assert "127.0.0.1 writes more often" in (await answer.json())["error"]
        assert (await client.get("/profiles/overview/")).status == 200


async def test_a_body_that_is_too_large_is_refused_in_a_sentence():
    async with worker() as client:
        large = b"x" * (MOST_BYTES + 1)
        answer = await client.post("/api/profiles/", data=large, headers=POST["headers"])
        assert answer.status == 413
        assert (await answer.json())["error"] == "the body is larger than 65,536 bytes"


async def test_beyond_loopback_nobody_writes_without_a_token():
    async with worker(web_host="0.0.0.0") as client:
        assert (await client.post("/api/profiles/", **POST)).status == 403
    token = "a token that nobody knows"  # noqa: S105
    async with worker(web_host="0.0.0.0", api_token=token) as client:
        assert (await client.post("/api/profiles/", **POST)).status == 401
        headers = POST["headers"] | {"Authorization": f"Bearer {token}"}
        assert (await client.post("/api/profiles/", data=b"{}", headers=headers)).status == 200


async def test_what_somebody_makes_up_becomes_no_label_of_a_metric():
    async with worker() as client:
        for method in ("PROPFIND", "MKCOL"):
            answer = await client.request(
                method, f"/made/up/{method}", headers={"Host": "evil.example"}
            )
            assert answer.status == 421
    text = metrics.exposition(metrics.EVERY).decode()
    assert 'method="none",route="none",status="4xx"' in text
    assert "MKCOL" not in text
    assert "/made/up" not in text
