"""The five stages of the job as functions from a record and a state row to records.

They are written once for the Python peers, so that what is compared is the engine. A stage yields
`Sent` records; the engine encodes and sends them. Versions are offsets on the accepted log, as the
contract has it, so a record that is delivered again, or settings that come late, end in the same
rows. Withdrawals and dead letters are not part of the job that is timed.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from domain.daily import curve_of, daily_rows
from domain.materials import material_named
from domain.modes import mode_named
from domain.plan import Scope
from domain.planning import plan_wall
from domain.settings import WallSettings, settings_for
from domain.wall import checked_heights, checked_wall_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.wire import Record

SPAN = struct.Struct(">I")


class Sent(NamedTuple):
    """A record that a stage sends.

    Attributes:
        topic: Its topic, without the prefix.
        key: Its key.
        name: The record's name; empty for a tombstone.
        record: Its fields.
    """

    topic: str
    key: str
    name: str
    record: Record


def accept_settings(submitted: Record, partition: int, offset: int) -> Sent:
    """A wall's settings, checked, for the log of its wall."""
    wall = checked_wall_id(submitted["wall"])
    settings = settings_for(submitted["crews"], submitted["material"], submitted["mode"])
    fields = {
        "wall": wall, "mode": settings.mode, "crews": settings.crews,
        "material": settings.material, "source_partition": partition, "source_offset": offset,
    }  # fmt: skip
    return Sent("accepted", wall, "SettingsAccepted", fields)


def accept_profile(submitted: Record, partition: int, offset: int) -> Sent:
    """A profile, checked, for the log of its wall."""
    wall = checked_wall_id(submitted["wall"])
    fields = {
        "wall": wall, "profile": submitted["profile"],
        "heights": checked_heights(submitted["heights"]),
        "source_partition": partition, "source_offset": offset,
    }  # fmt: skip
    return Sent("accepted", wall, "ProfileAccepted", fields)


def fold(state: Record | None, name: str, event: Record, offset: int) -> tuple[Record, int | None]:
    """A wall's state after an event, and the first profile that has to be planned again."""
    default = WallSettings()
    state = state or {
        "mode": default.mode, "crews": default.crews, "material": default.material,
        "settings_changed_at": -1, "profiles": [],
    }  # fmt: skip
    if name == "SettingsAccepted":
        settings = {field: event[field] for field in ("mode", "crews", "material")}
        if all(state[field] == value for field, value in settings.items()):
            return state, None
        return state | settings | {"settings_changed_at": offset}, 0
    number = event["profile"]
    others = [row for row in state["profiles"] if row["profile"] != number]
    for row in state["profiles"]:
        if row["profile"] == number and row["heights"] == event["heights"]:
            return state, None
    row = {"profile": number, "heights": event["heights"], "changed_at": offset}
    profiles = sorted([*others, row], key=lambda known: known["profile"])
    return state | {"profiles": profiles}, number


def plan(wall: str, state: Record, first: int) -> Iterator[Sent]:
    """The plans of a wall's profiles from one on: one command a section, by crew."""
    if not state["profiles"]:
        return
    settings = WallSettings(state["mode"], state["crews"], state["material"])
    plans = plan_wall(settings, {row["profile"]: row["heights"] for row in state["profiles"]})
    pooled = mode_named(settings.mode).SCOPE is Scope.EARLIER
    earlier = version = state["settings_changed_at"]
    for row in state["profiles"]:
        number = row["profile"]
        version = max(earlier, row["changed_at"])
        if pooled:
            earlier = version
        if number < first or (not pooled and first and number != first):
            continue
        tasks = plans.profiles[number].tasks
        planned = {
            "wall": wall, "profile": number, "version": version, "mode": settings.mode,
            "crews": settings.crews, "material": settings.material,
            "sections": len(row["heights"]), "unfinished": len(tasks), "withdrawn": False,
        }  # fmt: skip
        yield Sent("progress", f"{wall}/{number}", "ProfilePlanned", planned)
        for _, section, crew, first_day, days, relieves in tasks:
            order = {
                "wall": wall, "profile": number, "section": section, "crew": crew,
                "version": version, "first_day": first_day, "days": days, "relieves": relieves,
            }  # fmt: skip
            yield Sent("build-commands", f"{wall}/{crew}", "BuildSection", order)
    for crew, day in plans.relieved.items():
        order = {"wall": wall, "crew": crew, "version": version, "day": day}
        yield Sent("build-commands", f"{wall}/{crew}", "RelieveCrew", order)


def build(name: str, order: Record, last: Record | None) -> tuple[Record, Sent]:
    """A crew's last order after this one, and the audit event."""
    wall, crew = order["wall"], order["crew"]
    if name == "RelieveCrew":
        known = last or {"profile": 0, "section": 0, "busy_until": 0}
        row = known | {"version": order["version"], "relieved_on": order["day"]}
        return row, Sent("simulation.events", f"{wall}/crew/{crew}", "CrewRelieved", order)
    profile, section, version = order["profile"], order["section"], order["version"]
    day = order["first_day"] + order["days"] - 1
    relieved_on = day + 1 if order["relieves"] else None
    row = {
        "version": version, "profile": profile, "section": section, "busy_until": day,
        "relieved_on": relieved_on,
    }  # fmt: skip
    completed = {
        "wall": wall, "profile": profile, "section": section, "crew": crew, "version": version,
        "day": day, "crew_relieved_on": relieved_on,
    }  # fmt: skip
    return row, Sent(
        "simulation.events", f"{wall}/{profile}/{section}", "SectionCompleted", completed
    )


def built(order: Record) -> Sent:
    """One section built, for an engine that reports them one by one."""
    wall, profile = order["wall"], order["profile"]
    report = {
        "wall": wall, "profile": profile, "version": order["version"],
        "sections": [order["section"]], "first_days": [order["first_day"]],
        "days": [order["days"]],
    }  # fmt: skip
    return Sent("progress", f"{wall}/{profile}", "SectionsBuilt", report)


def account(row: Record | None, name: str, event: Record) -> tuple[Record, bool]:
    """A profile's row after an event, and whether its plan is complete now.

    The row is changed in place; what was built counts once, whatever is delivered again.
    """
    row = row or _nothing(-1, 0, 0)
    version = event["version"]
    if version <= row["published"] or version < row["building"]:
        return row, False
    if version > row["building"]:
        row = _nothing(row["published"], row["published_from"], row["published_to"])
        row["building"] = version
    if name == "ProfilePlanned":
        for field in ("sections", "unfinished", "mode", "crews", "material"):
            row[field] = event[field]
    else:
        row["built"] += _mark(row, event)
    return row, row["built"] == row["unfinished"]


def _nothing(published: int, published_from: int, published_to: int) -> Record:
    return {
        "published": published, "published_from": published_from, "published_to": published_to,
        "building": -1, "sections": 0, "unfinished": -1, "mode": "", "crews": None,
        "material": "", "built": 0, "spans": bytearray(),
    }  # fmt: skip


def _mark(row: Record, event: Record) -> int:
    """Write built sections to the row; how many were not there yet."""
    spans = row["spans"]
    if isinstance(spans, bytes):  # as decoded
        spans = row["spans"] = bytearray(spans)
    needed = SPAN.size * max(event["sections"], default=0)
    if len(spans) < needed:
        spans.extend(bytes(needed - len(spans)))
    new = 0
    for section, first_day, days in zip(
        event["sections"], event["first_days"], event["days"], strict=True
    ):
        at = SPAN.size * (section - 1)
        if spans[at : at + SPAN.size] == b"\0\0\0\0":
            SPAN.pack_into(spans, at, first_day * 32 + days)
            new += 1
    return new


def publish(wall: str, profile: int, row: Record) -> tuple[Record, list[Sent]]:
    """The rows of a plan that is complete, those that announce it last; and the state after."""
    key, version, used = f"{wall}/{profile}", row["building"], material_named(row["material"])
    curve = curve_of(divmod(span, 32) for (span,) in SPAN.iter_unpack(row["spans"]) if span)
    sent: list[Sent] = []
    ice = cost = 0
    for day, ice_today, cost_today, cost in daily_rows(curve, used):
        ice += ice_today
        usage = {
            "wall": wall, "profile": profile, "day": day, "version": version,
            "ice": ice_today, "cost": cost_today, "cumulative_cost": cost,
        }  # fmt: skip
        sent.append(Sent("daily", f"{key}/{day}", "DailyUsage", usage))
    first, last = curve.first_day(), curve.last_day()
    if row["published_to"]:
        for day in range(row["published_from"], row["published_to"] + 1):
            if not first <= day <= last:
                sent.append(Sent("daily", f"{key}/{day}", "", {}))  # noqa: PERF401 - reads better
    subject = {"wall": wall, "profile": profile, "version": version}
    if row["published"] >= 0:
        replaced = subject | {"old_version": row["published"]}
        sent.append(Sent("simulation.events", key, "PlanReplaced", replaced))
    sent.append(Sent("simulation.events", key, "ProfileCompleted", subject | {"day": last}))
    amounts = subject | {
        "state": "COMPLETE", "sections": row["sections"], "days": last, "ice": ice, "cost": cost,
    }  # fmt: skip
    sent.append(Sent("overview", key, "ProfileOverview", amounts))
    totals = amounts | {
        "withdrawn": False, "mode": row["mode"], "crews": row["crews"],
        "material": row["material"], "step_days": [day for day, _ in curve.steps],
        "steps": [change for _, change in curve.steps],
    }  # fmt: skip
    sent.append(Sent("totals", wall, "ProfileTotals", totals))
    after = _nothing(version, first, last)
    after["building"] = version
    return after, sent


def add_up(state: Record | None, totals: Record) -> tuple[Record, Sent]:
    """A wall's totals after those of one profile, and its overview."""
    fields = ("profile", "version", "sections", "days", "ice", "cost")
    rows = {row["profile"]: row for row in (state or {"profiles": []})["profiles"]}
    known = rows.get(totals["profile"])
    if known is None or known["version"] < totals["version"]:
        rows[totals["profile"]] = {field: totals[field] for field in fields}
    wall = totals["wall"]
    overview = {
        "wall": wall, "state": "COMPLETE", "mode": totals["mode"], "crews": totals["crews"],
        "material": totals["material"], "profiles": len(rows),
        "sections": sum(row["sections"] for row in rows.values()),
        "days": max(row["days"] for row in rows.values()),
        "ice": sum(row["ice"] for row in rows.values()),
        "cost": sum(row["cost"] for row in rows.values()),
    }  # fmt: skip
    return {"profiles": list(rows.values())}, Sent("overview", wall, "WallOverview", overview)
