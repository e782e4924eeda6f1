"""The published rows of a wall beside what the domain computes from what was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from domain.digest import computed_amounts, digest
from domain.wall import Wall
from streams.contract.codecs import BadRecord
from streams.contract.records import DailyUsage
from streams.web.models import Proof, WallId
from streams.web.problems import Refusal, documented
from streams.web.state import Here

if TYPE_CHECKING:
    from streams.contract.codecs import Codecs
    from streams.web.replica import WallRows

router = APIRouter(prefix="/api/walls", tags=["walls"])

MOST_DIFFERENCES = 20
MOST_ROWS = 2_000_000

Amounts = dict[str, tuple[int, ...]]


@router.get("/{wall}/proof", responses=documented(400, 404, 422, 429, 503))
async def proof(web: Here, wall: WallId) -> Proof:
    """Read the wall's rows from `wall.daily`, and compute them: their digests are to be equal."""
    rows = web.wall(wall)
    overview = _overview(rows)
    due = sum(totals.days for totals in rows.live_totals)
    if due > MOST_ROWS:
        raise Refusal(
            422, f"{due:,} rows are too many for one answer: `thewall verify {wall}` compares them"
        )
    if web.proving:
        raise Refusal(429, "another wall is being compared", headers={"Retry-After": "2"})
    web.proving = True
    try:
        generation = web.generation
        values = await web.reader.latest(generation.topics.daily.name, f"{wall}/".encode())
        expected = await web.computer.compute(
            computed_amounts, Wall(wall, rows.settings, rows.heights)
        )
        daily = _daily(values, generation.codecs)
    finally:
        web.proving = False
    found = (daily, overview)
    published, right = digest(*found), digest(*expected)
    return Proof(
        wall=wall,
        state="COMPLETE" if rows.complete else "BUILDING",
        equal=published == right,
        rows=len(daily) + len(overview),
        published=published,
        computed=right,
        differences=_differences(found, expected),
    )


def _overview(rows: WallRows) -> Amounts:
    """Overviews as they are published, of the wall and its profiles."""
    found = {
        f"{rows.wall}/{number}": (r.sections, r.days, r.ice, r.cost)
        for number, r in ((n, row.record) for n, row in rows.published.items())
    }
    totals = list(found.values())
    if totals:
        found[rows.wall] = (
            sum(t[0] for t in totals),
            max(t[1] for t in totals),
            sum(t[2] for t in totals),
            sum(t[3] for t in totals),
        )
    return dict(found)


def _daily(values: dict[bytes, bytes], codecs: Codecs) -> Amounts:
    daily: Amounts = {}
    for key, value in values.items():
        try:
            row = codecs.decode_any(value, DailyUsage)
        except BadRecord:
            daily[key.decode(errors="replace")] = ()
        else:
            daily[key.decode(errors="replace")] = (row.ice, row.cost, row.cumulative_cost)
    return daily


def _differences(found: tuple[Amounts, Amounts], expected: tuple[Amounts, Amounts]) -> list[str]:
    texts: list[str] = []
    for name, rows, right in zip(("daily", "overview"), found, expected, strict=True):
        for key in sorted(rows.keys() | right.keys()):
            if rows.get(key) != right.get(key):
                texts.append(f"{name} {key}: {right.get(key)} expected, {rows.get(key)} found")
                if len(texts) == MOST_DIFFERENCES:
                    return texts
    return texts
