"""Each operation that the API describes is asked for real, and answers as it is described."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import jsonschema_rs
import pytest
from pydantic import SecretStr

from streams.client.kafka import ANY_PARTITION, produce
from tests.harness.command_line import thewall_here
from tests.harness.waiting import wait_until
from tests.harness.walls import EXERCISE_CONFIG
from tests.harness.web import Answer, EventStream, WebProcess, running_web

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(400)

TOKEN = "a token of 8 or more"  # noqa: S105
# What others would have to do at this very moment, and a wall of two million days.
BY_CHANCE = {
    ("get", "/api/walls/{wall}/proof", "429"),
    ("get", "/api/walls/{wall}/proof", "422"),
    ("get", "/api/compare", "429"),
    ("delete", "/api/walls/{wall}", "422"),
    ("delete", "/api/walls/{wall}/profiles/{profile}", "422"),
}
GOOD: dict[str, Any] = {
    "wall": "w", "profile": "1", "day": "1", "crew": "1.1", "topic": "profiles",
    "partition": "0", "offset": "0",
}  # fmt: skip
QUERIES = {
    "/api/walls/{wall}/explain": "?profile=1&day=1",
    "/api/compare": "?wall=w&crews=1..3",
}
BODIES: dict[tuple[str, str], Any] = {
    ("put", "/api/walls/{wall}"): {"crews": 2},
    ("put", "/api/walls/{wall}/profiles/{profile}"): {"heights": [21, 25]},
    ("post", "/api/profiles/"): {"wall": "w", "profile": 2, "heights": [29]},
}
BAD_BODIES: dict[tuple[str, str], Any] = {
    ("put", "/api/walls/{wall}"): {"mode": "none"},
    ("put", "/api/walls/{wall}/profiles/{profile}"): {"heights": [31]},
    ("post", "/api/profiles/"): {"profile": 0, "heights": []},
    ("post", "/api/walls/{wall}/clock/start"): {"ms_per_day": 49},
    ("post", "/api/walls/{wall}/clock/resume"): {"ms_per_day": 86_400_001},
}


class Contract:
    """The description, and what was asked of it."""

    def __init__(self, web: WebProcess) -> None:
        self.api = web.get("/api/openapi.json").json
        self.asked: set[tuple[str, str, str]] = set()
        self._validators: dict[str, Any] = {}

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, operations in self.api["paths"].items():
            for method, operation in operations.items():
                yield method, path, operation

    def check(self, method: str, path: str, answer: Answer) -> None:
        """The answer is one of those that are described, and its body is as its schema says."""
        status = str(answer.status)
        documented = self.api["paths"][path][method]["responses"]
        assert status in documented, (method, path, status, answer.body[:300])
        self.asked.add((method, path, status))
        content = documented[status].get("content", {})
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if answer.body and status != "304":
            assert kind in content, (method, path, status, kind)
        if kind.endswith("json"):
            assert kind == "application/problem+json" or answer.status < 300
            lines = answer.body.splitlines() if kind.endswith("ndjson") else [answer.body]
            for line in lines:
                self._validator(content[kind]["schema"]).validate(json.loads(line))
        assert "content-security-policy" in answer.headers

    def _validator(self, schema: dict[str, Any]) -> Any:
        name = json.dumps(schema)
        if name not in self._validators:
            whole = schema | {"components": self.api["components"]}
            self._validators[name] = jsonschema_rs.validator_for(whole)
        return self._validators[name]


def url(path: str, **names: str) -> str:
    return path.format(**(GOOD | names)) + QUERIES.get(path, "")


def send(web: WebProcess, method: str, path: str, at: str, body: Any = None, **headers: str):
    """A request with the body that the operation takes."""
    if path.endswith("/config"):
        return web.ask("POST", at, body or b"1 2\n", content_type="text/plain", **headers)
    if body is None:
        body = BODIES.get((method, path))
    if body is None:
        return web.ask(method.upper(), at, **headers)
    return web.ask(
        method.upper(), at, json.dumps(body).encode(), content_type="application/json", **headers
    )


def test_each_operation_answers_with_each_status_that_it_describes(
    settings, worker, client, tmp_path
):
    nothing = settings.model_copy(
        update={
            "topic_prefix": f"n{uuid4().hex[:8]}",
            "api_token": SecretStr(TOKEN),
            "writes_per_s": 3.0,
        }
    )
    idle = settings.model_copy(
        update={"topic_prefix": f"i{uuid4().hex[:8]}", "app_id": f"i{uuid4().hex[:8]}"}
    )
    thewall_here(idle, "topics")
    with ExitStack() as stack:
        web = stack.enter_context(running_web(settings, tmp_path / "web.log"))
        slow = stack.enter_context(running_web(idle, tmp_path / "idle.log"))
        unready = WebProcess(nothing, tmp_path / "unready.log")
        stack.callback(unready.process.kill)
        contract = Contract(web)
        letter = _a_dead_letter(web, settings, client)
        for wall in ("w", settings.default_wall):
            assert web.config(wall, EXERCISE_CONFIG, "?wait=30").status == 200
        _ask_what_works(contract, web, letter)
        _ask_what_is_refused(contract, web, slow)
        wait_until(lambda: _answers(unready), 60)
        for method, path, _ in contract.operations():
            if path in ("/health/", "/metrics", "/api/rules"):
                continue
            answer = send(unready, method, path, url(path), authorization=f"Bearer {TOKEN}")
            assert answer.status == 503, (method, path)
            contract.check(method, path, answer)
            if method != "get":
                contract.check(method, path, send(unready, method, path, url(path)))
        for method, path, operation in contract.operations():
            if method != "get" and "429" in operation["responses"]:
                wait_until(partial(_writes_too_often, contract, unready, method, path), 30)
    documented = {
        (method, path, status)
        for method, path, operation in contract.operations()
        for status in operation["responses"]
    }
    missing = sorted(map(" ".join, documented - contract.asked - BY_CHANCE))
    assert not missing, "\n".join(missing)


def _writes_too_often(contract: Contract, web: WebProcess, method: str, path: str) -> bool:
    answer = send(web, method, path, url(path))
    contract.check(method, path, answer)
    return answer.status == 429


def _answers(web: WebProcess) -> bool:
    try:
        return web.get("/health/").status == 200
    except OSError:
        return False


def _a_dead_letter(web: WebProcess, settings, client) -> dict[str, str]:
    produce(settings, [(client.topics.profiles.name, "d/1", b"bad", ANY_PARTITION)])
    produce(settings, [(client.topics.accepted.name, "d", b"bad", ANY_PARTITION)])
    wait_until(lambda: len(web.get("/api/deadletters").json["dead_letters"]) == 2, 30)
    found = web.get("/api/deadletters").json["dead_letters"]
    return {"input" if d["resubmittable"] else "other": d for d in found}


def _ask_what_works(contract: Contract, web: WebProcess, letters: dict[str, Any]) -> None:
    event = web.send("PUT", "/api/walls/w/profiles/1?wait=30", {"heights": [21, 25]}).json
    for method, path, operation in contract.operations():
        names = {}
        if "deadletters" in path:
            letter = letters["input"]
            names = {"partition": str(letter["partition"]), "offset": str(letter["offset"])}
        elif path.startswith("/api/topics/"):
            names = {"partition": str(event["partition"]), "offset": str(event["offset"])}
        at = url(path, **names)
        if path == "/api/stream":
            stream = EventStream(web, "")
            stream.close()
            contract.asked.add((method, path, "200"))
            continue
        if method == "delete":
            continue
        answer = send(web, method, path, at)
        assert answer.status in (200, 202), (method, path, answer.body[:300])
        contract.check(method, path, answer)
        if "etag" in answer.headers and "304" in operation["responses"]:
            seen = web.get(at, if_none_match=answer.headers["etag"])
            assert seen.status == 304
            contract.check(method, path, seen)
        if method != "get" and "200" in operation["responses"]:
            contract.check(method, path, send(web, method, path, f"{at}?wait=30"))
    for kind in ("rows", "csv", "parquet"):
        at = f"/api/walls/w/timeline?format={kind}"
        contract.check("get", "/api/walls/{wall}/timeline", web.get(at))
    contract.check("post", "/api/walls/{wall}/config", web.config("w", "1\n", "?dry_run=1&wait=1"))
    assert web.config("w", EXERCISE_CONFIG, "?wait=30").status == 200
    for path in ("/api/walls/{wall}/profiles/{profile}", "/api/walls/{wall}"):
        contract.check("delete", path, web.ask("DELETE", url(path)))
        assert web.config("w", EXERCISE_CONFIG, "?wait=30").status == 200
        contract.check("delete", path, web.ask("DELETE", f"{url(path)}?wait=30"))
        assert web.config("w", EXERCISE_CONFIG, "?wait=30").status == 200
    _ask_of_clocks(contract, web)
    resubmit = "/api/deadletters/{partition}/{offset}/resubmit"
    other = letters["other"]
    names = {"partition": str(other["partition"]), "offset": str(other["offset"])}
    refused = web.ask("POST", resubmit.format(**names))
    assert refused.status == 409
    contract.check("post", resubmit, refused)


def _ask_of_clocks(contract: Contract, web: WebProcess) -> None:
    """What does not fit a clock that is stopped, or that runs; and its withdrawal."""
    path = "/api/walls/{wall}/clock"
    for act in ("pause", "resume", "stop"):
        contract.check("post", f"{path}/{act}", web.ask("POST", url(f"{path}/{act}")))
    for _ in range(2):
        contract.check("post", f"{path}/start", web.ask("POST", url(f"{path}/start")))
    contract.check("delete", path, web.ask("DELETE", url(path)))


def _ask_what_is_refused(contract: Contract, web: WebProcess, slow: WebProcess) -> None:
    """Bad parameters and bodies, what is not there, and what is not allowed."""
    bad = {
        "wall": "no%20wall", "profile": "x", "day": "x", "partition": "x", "offset": "x",
        "crew": "c" * 60,
    }  # fmt: skip
    none = {"wall": "none", "profile": "999", "crew": "999", "topic": "none", "offset": "99999"}
    queries = {
        "/api/walls": "?limit=0",
        "/api/deadletters": "?after=x",
        "/api/stream": "?topics=x",
        "/api/topics/{topic}": "?offset=1",
        "/api/compare": "?wall=w&crews=3..1",
        "/api/walls/{wall}/events": "?after=x",
        "/profiles/overview/": "",
        "/walls/{wall}/profiles/overview/": "",
        "/api/profiles/": "?wait=x",
    }
    for method, path, operation in contract.operations():
        documented = operation["responses"]
        if "400" in documented and path != "/api/topics":
            names = {} if path in queries and "wall" not in path else bad
            if path == "/api/topics/{topic}":
                names = {}
            at = path.format(**(GOOD | names)) + queries.get(path, "")
            answer = send(web, method, path, at)
            assert answer.status == 400, (at, answer)
            contract.check(method, path, answer)
        if "404" in documented:
            at = path.format(**(GOOD | none)) + QUERIES.get(path, "").replace("wall=w", "wall=none")
            process = web if "{" in path or "?" in at else slow
            contract.check(method, path, send(process, method, path, at))
            if "{wall}" not in path and path.startswith("/profiles"):
                contract.check(method, path, send(slow, method, path, url(path)))
        if "403" in documented:
            contract.check(method, path, send(web, method, path, url(path), origin="http://e.vil"))
        if "413" in documented:
            kind = "text/plain" if path.endswith("/config") else "application/json"
            answer = web.ask(
                method.upper(), url(path), b"x", content_type=kind, content_length="99999999"
            )
            contract.check(method, path, answer)
        if "415" in documented:
            answer = web.ask(method.upper(), url(path), b"x", content_type="text/html")
            contract.check(method, path, answer)
        if "422" in documented and method not in ("get", "delete"):
            if path.endswith("/config"):
                answer = web.config("w", "31\n")
            else:
                answer = send(web, method, path, url(path), BAD_BODIES.get((method, path)))
            contract.check(method, path, answer)
        if "504" in documented and method != "delete":
            contract.check(method, path, send(slow, method, path, f"{url(path)}?wait=0.2"))
    for path in ("/api/walls/{wall}/profiles/{profile}", "/api/walls/{wall}"):
        if "504" in contract.api["paths"][path]["delete"]["responses"]:
            contract.check("delete", path, slow.ask("DELETE", f"{url(path)}?wait=0.2"))
    contract.check("get", "/api/compare", web.get("/api/compare?wall=w&by_day=1"))
    streams = [EventStream(web, "") for _ in range(10)]
    contract.check("get", "/api/stream", web.get("/api/stream"))
    for stream in streams:
        stream.close()


# A hundred generated requests or so for each operation: no fault, no status and no body that is
# not described. What is well-formed and still refused is refused for what no schema can say.
CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)


def test_generated_requests_find_nothing_that_is_not_described(settings, worker, tmp_path):
    with running_web(settings, tmp_path / "web.log") as web:
        assert web.config("default", EXERCISE_CONFIG, "?wait=30").status == 200
        found = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")), "run", "--no-color",
                f"http://127.0.0.1:{web.port}/api/openapi.json", "--exclude-path", "/api/stream",
                "--seed", "1", "--max-examples", "5", "--max-time", "60", "--checks",
                ",".join(CHECKS), "--phases", "examples,coverage,fuzzing",
            ],
            capture_output=True, text=True, check=False, timeout=200, cwd=tmp_path,
        )  # fmt: skip
        assert found.returncode == 0, found.stdout[-6000:]
        assert web.get("/ready/").status == 200
