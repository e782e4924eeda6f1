"""What a request has to pass before any route sees it."""

from __future__ import annotations

import json

import pytest

from streams.settings import Settings
from streams.views.door import MOST_BYTES
from streams.web.guard import HEADERS, Guard

TOKEN = "a token that nobody knows"  # noqa: S105


async def app(scope, receive, send):
    body = (await receive()).get("body", b"")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"seen %d" % len(body)})


async def ask(
    method: str = "GET",
    path: str = "/api/walls",
    body: bytes = b"",
    chunks: int = 1,
    settings: Settings | None = None,
    guard: Guard | None = None,
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    given = {"host": "127.0.0.1:6060"} | {k.replace("_", "-"): v for k, v in headers.items()}
    if body and chunks == 1:
        given.setdefault("content-length", str(len(body)))
    if chunks > 1:
        given["transfer-encoding"] = "chunked"
    size = max(1, len(body) // chunks)
    parts = [body[i : i + size] for i in range(0, len(body), size)] or [b""]
    sent: list[dict] = []

    async def receive():
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
    }
    guard = guard or Guard(app, settings or Settings(), lambda: 0.25)
    await guard(scope, receive, send)
    found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(part.get("body", b"") for part in sent[1:])


JSON = {"content_type": "application/json"}


async def test_every_answer_has_the_security_headers_and_says_how_old_it_is():
    for host in ("127.0.0.1:6060", "evil.example"):
        _, headers, _ = await ask(host=host)
        for name, value in HEADERS.items():
            assert headers[name.lower()] == value
        assert headers["thewall-age"] == "0.250"


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:6060", "127.0.0.1", "[::1]:6060", "10.1.2.3:6060", "wall.lan:80",
     "WALL.lan"],
)  # fmt: skip
async def test_it_is_reached_by_address_and_by_the_names_it_was_given(host):
    assert (await ask(host=host, settings=Settings(page_names="x, wall.lan")))[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:6060", "", "a b", "localhost.evil"])
async def test_a_name_that_is_not_ours_is_refused(host):
    status, headers, body = await ask(host=host)
    assert status == 421
    assert headers["content-type"] == "application/problem+json"
    assert "THEWALL_PAGE_NAMES" in json.loads(body)["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:7070"},
        {"origin": "null"},
    ],
)
async def test_a_write_that_another_site_has_begun_is_refused(method, headers):
    assert (await ask(method, **headers))[0] == 403


async def test_the_pages_own_writes_pass_and_so_do_those_without_a_browser():
    same = {"origin": "http://127.0.0.1:6060", "sec_fetch_site": "same-origin"}
    assert (await ask("DELETE", **same))[0] == 200
    assert (await ask("PUT", body=b"{}", **same, **JSON))[0] == 200
    assert (await ask("DELETE"))[0] == 200


async def test_reading_is_for_everybody():
    assert (await ask("GET", sec_fetch_site="cross-site", origin="http://evil.example"))[0] == 200


async def test_a_write_has_to_be_of_the_right_kind():
    assert (await ask("PUT", body=b"{}"))[0] == 415
    assert (await ask("PUT", body=b"{}", content_type="text/plain"))[0] == 415
    assert (await ask("PUT", body=b"{}", content_type="Application/JSON; charset=utf-8"))[0] == 200
    # What a form of another site sends, with nothing in it.
    assert (await ask("POST", content_type="application/x-www-form-urlencoded"))[0] == 415
    config = "/api/walls/w/config"
    assert (await ask("POST", config, b"1", content_type="text/plain"))[0] == 200
    assert (await ask("POST", config, b"1", content_type="application/json"))[0] == 415


async def test_a_body_that_is_too_large_is_refused_whether_it_says_so_or_not():
    large = b"x" * (MOST_BYTES + 1)
    assert (await ask("PUT", body=large, **JSON))[0] == 413
    assert (await ask("PUT", body=large, chunks=9, **JSON))[0] == 413
    assert (await ask("PUT", content_length="9" * 30, **JSON))[0] == 413
    assert (await ask("PUT", body=large[:-1], chunks=9, **JSON))[2] == b"seen %d" % MOST_BYTES
    config = "/api/walls/w/config"
    assert (await ask("POST", config, large, content_type="text/plain"))[0] == 200


async def test_with_a_token_writes_take_it():
    settings = Settings(api_token=TOKEN)
    assert (await ask("DELETE", settings=settings))[0] == 401
    assert (await ask("DELETE", settings=settings, authorization="Bearer x"))[0] == 401
    assert (await ask("DELETE", settings=settings, authorization=f"Bearer {TOKEN}"))[0] == 200
    assert (await ask("GET", settings=settings))[0] == 200


async def test_beyond_loopback_nobody_writes_without_a_token():
    settings = Settings(page_host="0.0.0.0")
    assert (await ask("DELETE", settings=settings))[0] == 403
    settings = Settings(page_host="0.0.0.0", api_token=TOKEN)
    assert (await ask("DELETE", settings=settings, authorization=f"Bearer {TOKEN}"))[0] == 200


async def test_a_client_that_writes_too_often_is_told_when_to_go_on_and_may_read():
    guard = Guard(app, Settings(writes_per_s=0.1), lambda: None)
    assert (await ask("DELETE", guard=guard))[0] == 200
    status, headers, body = await ask("DELETE", guard=guard)
    assert (status, headers["retry-after"]) == (429, "10")
    assert "0.1 times per second" in json.loads(body)["detail"]
    assert (await ask(guard=guard))[0] == 200


async def test_a_large_config_counts_as_many_writes():
    guard = Guard(app, Settings(writes_per_s=1), lambda: None)
    large = b"1 " * 40_960  # ten times 8 KiB
    config = "/api/walls/w/config"
    assert (await ask("POST", config, large, guard=guard, content_type="text/plain"))[0] == 200
    assert (await ask("DELETE", guard=guard))[0] == 429


async def test_tokens_are_not_guessed_faster_than_one_may_write():
    guard = Guard(app, Settings(writes_per_s=0.1, api_token=TOKEN), lambda: None)
    assert (await ask("DELETE", guard=guard, authorization="Bearer 1"))[0] == 401
    assert (await ask("DELETE", guard=guard, authorization="Bearer 2"))[0] == 429


async def test_what_another_site_has_begun_is_not_counted_against_the_page():
    guard = Guard(app, Settings(writes_per_s=0.1), lambda: None)
    for _ in range(3):
        assert (await ask("POST", guard=guard, sec_fetch_site="cross-site"))[0] == 403
    assert (await ask("DELETE", guard=guard))[0] == 200
