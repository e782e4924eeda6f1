"""The web process as one of its own, asked over HTTP, and its stream of events."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.devstack.ports import free_port
from tests.harness.forking import parent
from tests.harness.processes import environment
from tests.harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.settings import Settings


class Answer(NamedTuple):
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WebProcess:
    """`thewall web` on a free port."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.port = free_port()
        self.log = log
        self.settings = settings.model_copy(update={"page_port": self.port})
        self.start()

    def start(self) -> None:
        self.process = parent("streams.web.app").start(
            ["web"], environment(self.settings), self.log
        )

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Headers by name, with _ for -."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=body,
            method=method,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return Answer(answer.status, _lower(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, _lower(error.headers), error.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def send(self, method: str, path: str, value: Any) -> Answer:
        """A request with a JSON body."""
        body = json.dumps(value).encode()
        return self.ask(method, path, body, content_type="application/json")

    def config(self, wall: str, text: str, query: str = "") -> Answer:
        path = f"/api/walls/{wall}/config{query}"
        return self.ask("POST", path, text.encode(), content_type="text/plain")

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return self.get("/ready/").status == 200
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        wait_until(self.is_ready, 90, "the web process is ready")

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@contextmanager
def running_web(settings: Settings, log: Path) -> Iterator[WebProcess]:
    web = WebProcess(settings, log)
    try:
        web.wait_until_ready()
        yield web
    finally:
        if web.process.poll() is None:
            web.process.kill()
            web.process.wait()


class Event(NamedTuple):
    """A server-sent event."""

    name: str
    id: str | None
    data: Any


class EventStream:
    """Reads server-sent events on a thread, as a browser does."""

    def __init__(self, web: WebProcess, query: str, last_event_id: str | None = None) -> None:
        self.events: list[Event] = []
        self.last_event_id = last_event_id
        self.ended = threading.Event()
        self._connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        self._connection.request("GET", f"/api/stream?{query}", headers=headers)
        self._response = self._connection.getresponse()
        assert self._response.status == 200, self._response.read()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            for raw in self._response:
                line = raw.decode().rstrip("\n")
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    # As a browser has it: an id holds until the next one.
                    self.last_event_id = fields.get("id", self.last_event_id)
                    self.events.append(
                        Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
                    )
                    fields = {}
        except (OSError, http.client.HTTPException, ValueError, AttributeError):  # closed
            pass
        self.ended.set()

    def close(self) -> None:
        self._connection.close()

    def named(self, name: str) -> list[Any]:
        """The data of the events of a name, so far."""
        return [event.data for event in list(self.events) if event.name == name]

    def audit(self) -> list[dict[str, Any]]:
        """The audit events so far, one by one."""
        return [event for told in self.named("audit") for event in told["events"]]
