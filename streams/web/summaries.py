"""Totals of walls and profiles, from the replica's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from domain.days import last_day
from streams.web.models import ClockSummary, ProfileSummary, WallSummary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.web.replica import WallRows

NOT_YET = -1


def _state(complete: bool) -> Literal["BUILDING", "COMPLETE"]:
    return "COMPLETE" if complete else "BUILDING"


def wall_summary(rows: WallRows) -> WallSummary:
    """The totals of a wall that has profiles."""
    sums, settings = rows.sums, rows.settings
    # What is accepted and has no totals yet is being built for the first time.
    first_time = [heights for number, heights in rows.heights.items() if rows.is_new(number)]
    return WallSummary(
        wall=rows.wall,
        state=_state(rows.complete),
        version=rows.version,
        mode=settings.mode,
        crews=settings.crews,
        material=settings.material,
        profile_count=sums.profiles + len(first_time),
        sections=sums.sections + sum(map(len, first_time)),
        days=sums.days,
        ice=sums.ice,
        cost=sums.cost,
    )


def clock_summary(rows: WallRows, now_ms: int) -> ClockSummary:
    """The clock of a wall at a time, in milliseconds since the epoch."""
    clock, last = rows.clock, last_day(rows.sums.days)
    if clock is None:
        return ClockSummary(
            wall=rows.wall, state=None, run=None, day=0, told=0, last_day=last, at_ms=None,
            ms_per_day=None,
        )  # fmt: skip
    return ClockSummary(
        wall=rows.wall,
        state=clock.state,
        run=clock.run,
        day=clock.held_at(now_ms, last),
        told=rows.told_day,
        last_day=last,
        at_ms=clock.at_ms,
        ms_per_day=clock.ms_per_day,
    )


def profile_summaries(rows: WallRows, profiles: Iterable[int]) -> list[ProfileSummary]:
    """The totals of profiles that the wall has."""
    return [profile_summary(rows, number) for number in profiles]


def profile_summary(rows: WallRows, profile: int) -> ProfileSummary:
    """The totals of a profile that the wall has."""
    row = rows.totals.get(profile)
    if row is None or rows.is_new(profile):
        heights = rows.plans[profile].record.heights or b""
        return ProfileSummary(
            profile=profile, state="BUILDING", version=NOT_YET, sections=len(heights), days=0,
            ice=0, cost=0,
        )  # fmt: skip
    totals, published = row.record, rows.published.get(profile)
    version = totals.version
    if totals.state != "COMPLETE":
        # Its totals name the plan that is being built; the amounts are of the one before.
        before = published.record.version if published else NOT_YET
        version = before if before < version else NOT_YET
    return ProfileSummary(
        profile=profile,
        state=_state(rows.is_complete(profile)),
        version=version,
        sections=totals.sections,
        days=totals.days,
        ice=totals.ice,
        cost=totals.cost,
    )
