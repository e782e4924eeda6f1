"""Where a number comes from: the factors, the sections, and the event that set the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query

from domain.rules import FEET_PER_DAY
from streams.contract.codecs import BadRecord
from streams.contract.topics import OFFSETS_PER_VERSION, partition_of
from streams.views.answers import NotThere
from streams.web.models import Explanation, Factors, Place, SourceEvent, WallId
from streams.web.problems import documented
from streams.web.replica import SETTINGS
from streams.web.state import Here, Web
from streams.web.tails import time_of

if TYPE_CHECKING:
    from streams.contract.records import ProfileTotals
    from streams.web.replica import WallRows

router = APIRouter(prefix="/api/walls", tags=["walls"])


@router.get("/{wall}/explain", responses=documented(400, 404, 503))
async def explain(
    web: Here,
    wall: WallId,
    profile: Annotated[int, Query(ge=1, description="Profile number")],
    day: Annotated[int, Query(ge=1, le=10**9, description="Day, from 1")],
) -> Explanation:
    """Where the ice and the cost of a profile on a day come from.

    While a newer plan is being built, the amounts are those of the last complete one, and neither
    its sections nor its source are known any more.
    """
    rows = web.wall(wall)
    row = rows.totals.get(profile)
    if row is None or row.record.withdrawn:
        raise NotThere(f"wall {wall} has no profile {profile} that was built")
    totals, settings = row.record, rows.settings
    is_complete = rows.is_complete(profile)
    sections: list[int] = []
    source = None
    if is_complete:
        planned, _ = await web.plans.of(rows)
        start = planned.start_of(profile)
        sections = [
            place - start + 1
            for place in range(start, start + planned.profiles[profile])
            if 0 < planned.first_days[place] <= day <= planned.last_day(place)
        ]
        source = await _source(web, rows, totals.version)
    return Explanation(
        wall=wall,
        profile=profile,
        day=day,
        state="COMPLETE" if is_complete else "BUILDING",
        version=totals.version,
        material=totals.material,
        mode=settings.mode,
        crews=settings.crews,
        factors=_factors(totals, day),
        sections=sections,
        source=source,
    )


def _factors(totals: ProfileTotals, day: int) -> Factors:
    at_work, by_now = totals.curve.at_work(day), totals.curve.feet_by(day)
    yd3_per_ft, gd_per_ft = totals.yd3_per_ft, totals.gd_per_ft
    return Factors(
        sections_at_work=at_work,
        feet_per_day=FEET_PER_DAY,
        yd3_per_ft=yd3_per_ft,
        gd_per_yd3=gd_per_ft // (yd3_per_ft or 1),
        ice=at_work * FEET_PER_DAY * yd3_per_ft,
        cost=at_work * FEET_PER_DAY * gd_per_ft,
        cumulative_ft=by_now,
        cumulative_ice=by_now * yd3_per_ft,
        cumulative_cost=by_now * gd_per_ft,
    )


async def _source(web: Web, rows: WallRows, version: int) -> SourceEvent | None:
    """The event that a version is of."""
    by_version = {row.record.changed_at: number for number, row in rows.plans.items()}
    number = by_version.get(version)
    if number is None:
        return None
    plan = rows.plans[number].record
    topics = web.generation.topics
    accepted = Place(
        topic=topics.accepted.name,
        partition=partition_of(rows.wall, web.settings.partitions),
        offset=version % OFFSETS_PER_VERSION,
        time=None,
    )
    submitted = Place(
        topic=(topics.walls if number == SETTINGS else topics.profiles).name,
        partition=plan.source_partition,
        offset=plan.source_offset,
        time=None,
    )
    # The row names the last event that said the same; the log, for as long as it is kept, the one
    # that said it first.
    message = await web.reader.record(accepted.topic, accepted.partition, accepted.offset)
    if message is not None:
        accepted.time = time_of(message)
        try:
            event = web.generation.codecs.decode_any(
                message.value() or b"", *topics.accepted.records
            )
            submitted.partition, submitted.offset = event.source_partition, event.source_offset
        except BadRecord:
            pass
    original = await web.reader.record(submitted.topic, submitted.partition, submitted.offset)
    submitted.time = time_of(original) if original is not None else None
    return SourceEvent(
        what="settings" if number == SETTINGS else "profile",
        profile=None if number == SETTINGS else number,
        version=version,
        submitted=submitted,
        accepted=accepted,
    )
