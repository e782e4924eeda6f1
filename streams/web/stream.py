"""Server-sent events: what changes, as it changes."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse

from streams.web.cursors import CLOCKS, OLDEST_S, ROWS, Cursor
from streams.web.hub import KINDS, MOST_QUEUED, Listener
from streams.web.models import WallId
from streams.web.problems import Refusal, documented
from streams.web.replica import SETTINGS
from streams.web.state import Here, Web
from streams.web.summaries import clock_summary, profile_summaries, wall_summary
from streams.web.tails import MOST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from streams.web.replica import WallRows

router = APIRouter(prefix="/api/stream", tags=["events"])

RETRY_MS = 1_000
AGE_EVERY_S = 1.0
# Rows are told of ten times a second at most, and seldom enough that it takes a tenth of the time.
SHORTEST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
SHARE_OF_TIME = 0.1
MOST_PROFILES_AT_ONCE = 500
MOST_AUDIT_PER_S = 200


@router.get(
    "",
    response_class=StreamingResponse,
    responses=documented(400, 429, 503)
    | {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(
    web: Here,
    request: Request,
    wall: Annotated[
        WallId | None, Query(description="Of this wall, with its profiles; of all, if left out")
    ] = None,
    topics: Annotated[
        str, Query(description=f"What to be told of, with commas between: {', '.join(KINDS)}")
    ] = ",".join(KINDS),
    last_event_id: Annotated[
        str | None, Header(description="Goes on behind the event of this id")
    ] = None,
) -> StreamingResponse:
    """What changes, as server-sent events; the data of each is a JSON object.

    - `hello`, first: `{"now", "version", "resumed"}`, the server's clock in milliseconds; if it is
      resumed, what follows is what was missed, and else the page has to ask for everything anew
    - `rows`: `{"wall", "summary", "profiles", "withdrawn", "tag", "picture"}`: the totals of a wall
      (null if it has gone), those of its profiles that changed, and the entity tags of the wall and
      of its picture; at most ten times a second
    - `clock`: as `/api/walls/{wall}/clock`, when a clock was set or days of it were told; at most
      ten times a second
    - `audit`: `{"events", "skipped"}`: audit events, at most 200 a second, and how many more there
      were, of whichever wall
    - `deadletter`: `{"dead_letters", "skipped"}`
    - `pipeline`, each second: as `/api/pipeline`
    - `age`, each second: `{"now", "age_s"}`: how old what is shown is at most, in seconds
    - `reset`: `{"reason"}`: ask for everything anew
    """
    kinds = frozenset(part for part in topics.split(",") if part)
    if unknown := kinds - set(KINDS):
        raise Refusal(400, f"topics: {sorted(unknown)[0][:40]!r} is not one of {', '.join(KINDS)}")
    teller = _Teller(web, Listener(wall, kinds), last_event_id)
    address = request.client.host if request.client else "unknown"
    web.hub.listen(teller.listener, address)
    return StreamingResponse(
        _events(web, teller, address),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(web: Web, teller: _Teller, address: str) -> AsyncIterator[bytes]:
    try:
        yield teller.hello()
        while not web.hub.closing.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(teller.until_age_s()):
                    await teller.listener.wake.wait()
            began = time.monotonic()
            for event in teller.due():
                yield event
            took = time.monotonic() - began
            await web.hub.pause(min(LONGEST_PAUSE_S, max(SHORTEST_PAUSE_S, took / SHARE_OF_TIME)))
    finally:
        web.hub.leave(teller.listener, address)


class _Teller:
    """Makes events of what a listener has still to be told."""

    def __init__(self, web: Web, listener: Listener, last_event_id: str | None) -> None:
        self.listener = listener
        self._web = web
        # Refused while there is nothing to tell.
        self._now_rows = self._now_clocks = web.cursor()
        self._age_at = time.monotonic()
        self._allowance, self._allowed_at = float(MOST_AUDIT_PER_S), time.monotonic()
        self._resumed = last_event_id is not None and self._resume(last_event_id)

    def hello(self) -> bytes:
        """The first event; it has no id before what was missed is told."""
        told = {
            "now": _now_ms(),
            "version": self._web.generation.settings.version,
            "resumed": self._resumed,
        }
        return _event("hello", told, None if self._resumed else self._cursor(), RETRY_MS)

    def until_age_s(self) -> float:
        """Seconds until the next `age` is due."""
        return max(0.0, self._age_at - time.monotonic())

    def due(self) -> Iterator[bytes]:
        """The events that are due; the last one has the id of them all."""
        self.listener.wake.clear()
        told = list(self._told())
        for index, (name, data) in enumerate(told, start=1):
            # A stream that breaks off between them has to begin again with the first.
            yield _event(name, data, self._cursor() if index == len(told) else None)
        if time.monotonic() >= self._age_at:
            self._age_at = time.monotonic() + AGE_EVERY_S
            age_s = self._web.following.age_s
            yield _event("age", {"now": _now_ms(), "age_s": age_s and round(age_s, 3)})
            if "pipeline" in self.listener.kinds and (found := self._web.pipeline.latest):
                yield _event("pipeline", found.model_dump(mode="json"))

    def _told(self) -> Iterator[tuple[str, Any]]:
        listener = self.listener
        if listener.reset is not None:
            reason, listener.reset = listener.reset, None
            yield "reset", {"reason": reason}
        for wall in list(listener.profiles):
            yield "rows", self._rows(wall, listener.profiles.pop(wall))
        now_ms = _now_ms()
        walls = self._web.generation.replica.walls
        for wall in sorted(listener.clocks & walls.keys()):
            yield "clock", clock_summary(walls[wall], now_ms).model_dump(mode="json")
        listener.clocks.clear()
        self._now_clocks = self._web.cursor()
        if not listener.profiles:
            self._now_rows = self._now_clocks
        if listener.audit:
            events, skipped = listener.audit.take(self._allowed())
            if events or skipped:
                listed = [e.model_dump(mode="json") for e in events]
                yield "audit", {"events": listed, "skipped": skipped}
        if listener.dead_letters:
            letters, skipped = listener.dead_letters.take(MOST)
            listed = [letter.model_dump(mode="json") for letter in letters]
            yield "deadletter", {"dead_letters": listed, "skipped": skipped}
        if listener.profiles or listener.audit:
            listener.wake.set()

    def _rows(self, wall: str, changed: set[int]) -> dict[str, Any]:
        rows = self._web.generation.replica.walls.get(wall)
        if rows is None or not rows.profiles:
            gone = sorted(changed - {SETTINGS})
            return {"wall": wall, "summary": None, "profiles": [], "withdrawn": gone}
        numbers = sorted(changed - {SETTINGS})
        if len(numbers) > MOST_PROFILES_AT_ONCE:
            self.listener.profiles[wall] = set(numbers[MOST_PROFILES_AT_ONCE:])
            numbers = numbers[:MOST_PROFILES_AT_ONCE]
        existing = set(rows.profiles)
        found = profile_summaries(rows, (n for n in numbers if n in existing))
        return {
            "wall": wall,
            "summary": wall_summary(rows).model_dump(mode="json"),
            "profiles": [profile.model_dump(mode="json") for profile in found],
            "withdrawn": [number for number in numbers if number not in existing],
            "tag": rows.tag,
            "picture": rows.picture_tag,
        }

    def _allowed(self) -> int:
        """Audit events that may be told now."""
        if self._resumed:
            self._resumed = False  # what was missed is told at once
            self.listener.audit.most = self.listener.dead_letters.most = MOST_QUEUED
            return MOST
        now = time.monotonic()
        earned = (now - self._allowed_at) * MOST_AUDIT_PER_S
        self._allowance = min(float(MOST_AUDIT_PER_S), self._allowance + earned)
        self._allowed_at = now
        most = min(int(self._allowance), len(self.listener.audit.events))
        self._allowance -= most
        return most

    def _cursor(self) -> str:
        """What has been told by now."""
        web, listener = self._web, self.listener
        now = web.cursor()
        rows = {part: self._now_rows.positions[part] for part in ROWS}
        clocks = {part: self._now_clocks.positions[part] for part in CLOCKS}
        queues = {
            "audit": listener.audit.told(web.audit.positions),
            "dead_letters": listener.dead_letters.told(web.dead_letters.positions),
        }
        return str(Cursor(now.at, self._now_rows.generation, rows | clocks | queues))

    def _resume(self, text: str) -> bool:
        """Queue what has changed since an event; whether that is known."""
        before, now = Cursor.parse(text), self._web.cursor()
        if before is None or not before.fits(now) or now.at - before.at > OLDEST_S:
            return False
        self._now_rows = self._now_clocks = before

        def changed(rows: WallRows, parts: tuple[str, ...]) -> set[int]:
            return {
                number
                for part in parts
                for number, row in getattr(rows, part).items()
                if row.source.offset >= before.positions[part][row.source.partition]
            }

        for rows in self._web.generation.replica.walls.values():
            if profiles := changed(rows, ROWS):
                self.listener.rows_changed({rows.wall: profiles})
            if changed(rows, CLOCKS):
                self.listener.clocks_changed({rows.wall})
        # All that was missed is told, however much that is.
        self.listener.audit.most = self.listener.dead_letters.most = MOST
        since = before.positions["audit"]
        self.listener.audit_came(*self._web.audit.missed(since))
        since = before.positions["dead_letters"]
        self.listener.dead_letters_came(*self._web.dead_letters.missed(since))
        return self.listener.reset is None


def _event(name: str, data: Any, id_: str | None = None, retry: int | None = None) -> bytes:
    text = json.dumps(data, separators=(",", ":"))
    return format_sse_event(data_str=text, event=name, id=id_, retry=retry)


def _now_ms() -> int:
    return int(time.time() * 1000)
