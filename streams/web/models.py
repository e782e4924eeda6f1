"""What the API answers and takes: amounts are whole numbers, ice in cubic yards, cost in dragons.

The OpenAPI description is made from these, and the page's types from that.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.rules import (
    FULL_HEIGHT_FT,
    MAX_CREWS,
    MAX_DAY,
    MAX_MS_PER_DAY,
    MAX_PROFILE,
    MAX_SECTIONS,
    MIN_MS_PER_DAY,
    NAME,
)

State = Annotated[
    Literal["BUILDING", "COMPLETE"],
    Field(
        description="BUILDING while a newer plan is being built: the amounts are then those of "
        "the last complete one"
    ),
]
WallId = Annotated[str, Field(pattern=f"^{NAME.pattern}$", description="Wall id")]
ProfileNumber = Annotated[int, Field(ge=1, le=MAX_PROFILE, description="Profile number, from 1")]
Day = Annotated[int, Field(description="Day, counted from 1; 0 if there is none")]
Ice = Annotated[int, Field(description="Material used, in cubic yards")]
Cost = Annotated[int, Field(description="Cost, in gold dragons")]
Partition = Annotated[int, Field(description="Partition of the topic")]
Offset = Annotated[int, Field(description="Offset in the partition")]
Time = Annotated[
    int | None,
    Field(description="Timestamp of the record, in milliseconds since the epoch; null if unknown"),
]
Version = Annotated[
    int,
    Field(
        description="Version of a plan: the offset on its wall's log of the last event that "
        "changed it; -1 if there is none yet"
    ),
]
Cursor = Annotated[
    str | None,
    Field(description="Give it as `after` to read on; null if there is no more"),
]


class Model(BaseModel):
    """What all of them have in common."""

    model_config = ConfigDict(extra="forbid")


class BadPlace(Model):
    """One thing that is wrong with what was sent."""

    line: int | None = Field(None, description="Line of the config, from 1")
    column: int | None = Field(None, description="Column in the line, from 1")
    where: str | None = Field(None, description="Parameter or field, as `body.heights.3`")
    detail: str = Field(description="What is wrong, and what would be right")


class Problem(Model):
    """Problem details, RFC 9457."""

    type: str = Field("about:blank", description="Kind of problem")
    title: str = Field(description="The status in words")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="What was wrong, where, and what would be right")
    instance: str = Field(description="The path that was asked for")
    errors: list[BadPlace] | None = Field(None, description="Every bad place, if there are several")


class WallSummary(Model):
    """A wall's totals."""

    wall: WallId
    state: State
    version: Version
    mode: str = Field(description="Simulation mode")
    crews: int | None = Field(description="Crews in the pool; null in modes without a pool")
    material: str = Field(description="Building material")
    profile_count: int = Field(description="Number of profiles")
    sections: int = Field(description="Number of sections, finished ones included")
    days: int = Field(description="Last day of work; 0 if there is none")
    ice: Ice
    cost: Cost


class Walls(Model):
    """Walls in the order of their ids."""

    walls: list[WallSummary]
    next: Cursor


class ProfileSummary(Model):
    """A profile's totals."""

    profile: ProfileNumber
    state: State
    version: Version
    sections: int = Field(description="Number of sections, finished ones included")
    days: int = Field(description="Last day of work; 0 if there is none")
    ice: Ice
    cost: Cost


class WallDetail(WallSummary):
    """A wall's totals, and those of its profiles in number order."""

    profiles: list[ProfileSummary]
    next: Cursor


class ProfileRow(ProfileSummary):
    """A profile's row in the overview's table."""

    wall: WallId
    mode: str = Field(description="Simulation mode of the latest plan")
    crews: int | None = Field(description="Crews in its pool; null in modes without a pool")
    material: str = Field(description="Building material of the latest plan")
    step_days: list[int] = Field(description="Days on which the sections at work change")
    steps: list[int] = Field(description="On each of them, how many more are at work than before")


class WallTotals(Model):
    """What answers about a wall's amounts are made of: profiles in number order."""

    totals: list[ProfileRow]
    next: Cursor


class WallSettingsBody(Model):
    """How a wall is to be built."""

    mode: str | None = Field(
        None, description="Simulation mode; null for crew-pool if crews is given, else "
        "crew-per-section",
    )  # fmt: skip
    crews: int | None = Field(
        None, ge=1, le=MAX_CREWS, strict=True, description="Crews in the pool"
    )
    material: str = Field("ice", description="Building material")


Heights = Annotated[
    list[Annotated[int, Field(ge=0, le=FULL_HEIGHT_FT, strict=True)]],
    Field(
        min_length=1,
        max_length=MAX_SECTIONS,
        description=f"Starting height of each section in feet, 0..{FULL_HEIGHT_FT}",
    ),
]


class HeightsBody(Model):
    """A profile's starting heights."""

    heights: Heights


class ProfileBody(HeightsBody):
    """A profile of a wall."""

    wall: WallId | None = Field(None, description="Wall id; the default wall if left out")
    profile: Annotated[ProfileNumber, Field(strict=True)]


class Accepted(Model):
    """The event is on its topic: the broker has acknowledged it."""

    topic: str = Field(description="Topic of the event")
    partition: Partition
    offset: Offset
    see: str = Field(description="Where to see what comes of it")
    events: str = Field(description="Where to read what happens to it")


class WallAccepted(Model):
    """The events of a whole wall are on their topics."""

    wall: WallId
    records: int = Field(description="Number of events that were sent")
    profiles: list[int] = Field(description="Profiles that were submitted")
    withdrawn: list[int] = Field(description="Profiles that were withdrawn")
    see: str = Field(description="Where to see what comes of it")
    events: str = Field(description="Where to read what happens to it")


class ConfigChecked(Model):
    """A config without bad places, not submitted."""

    wall: WallId
    profiles: int = Field(description="Number of profiles")
    sections: int = Field(description="Number of sections")
    withdrawn: list[int] = Field(description="Profiles that submitting it would withdraw")


class Built(Accepted):
    """The event was accepted, and what it changed is built."""

    built: WallSummary | None = Field(description="The wall as it is then; null if it has gone")


class WallBuilt(WallAccepted):
    """The events were accepted, and what they changed is built."""

    built: WallSummary | None = Field(description="The wall as it is then; null if it has gone")


ClockStateNow = Annotated[
    Literal["RUNNING", "PAUSED", "STOPPED"] | None,
    Field(
        description="RUNNING: days pass; PAUSED: none does until it is resumed; STOPPED: the run "
        "is over; null: there is no clock"
    ),
]
RunName = Annotated[str, Field(pattern=f"^{NAME.pattern}$", description="Run of a wall's clock")]
MsPerDay = Annotated[
    int,
    Field(
        ge=MIN_MS_PER_DAY, le=MAX_MS_PER_DAY, strict=True,
        description="How long a day takes, in milliseconds",
    ),
]  # fmt: skip


class ClockSummary(Model):
    """A wall's clock, and which day it is by it."""

    wall: WallId
    state: ClockStateNow
    run: str | None = Field(description="Run of the clock; null if there is no clock")
    day: int = Field(description="Days done by now, by this process's clock; 0 before the first")
    told: int = Field(description="Last day that was told: days are told by the broker's clock")
    last_day: int = Field(description="Last day on which something happens: crews are relieved")
    at_ms: int | None = Field(
        description="When the clock was set, in milliseconds since the epoch; null without a clock"
    )
    ms_per_day: int | None = Field(
        description="How long a day takes, in milliseconds; null without a clock"
    )


class ClockStart(Model):
    """How a run is to begin."""

    ms_per_day: MsPerDay = 1000
    from_day: Annotated[
        int, Field(ge=0, le=MAX_DAY, strict=True, description="Days that are taken as done")
    ] = 0


class ClockResume(Model):
    """How a run is to go on."""

    ms_per_day: MsPerDay | None = Field(None, description="As before if left out")


class ClockAccepted(Accepted):
    """The clock is set: its record is on its topic."""

    clock: ClockSummary


class RunSummary(Model):
    """A run of a wall's clock."""

    run: str
    state: Literal["RUNNING", "PAUSED", "STOPPED"]
    first_day: int | None = Field(description="First day that was told of it; null if none was")
    last_day: int | None = Field(description="Last day that was told of it")
    started: Time = Field(
        description="When the first of these days was due, in milliseconds since the epoch"
    )
    until: Time = Field(description="When the last of them was due")
    cost: int | None = Field(description="Cost by the end of the last of them, in gold dragons")


class Runs(Model):
    """Runs of a wall's clock, the latest first."""

    wall: WallId
    runs: list[RunSummary]
    scanned: int = Field(description="Records that were looked at for this answer")
    next: Cursor


class Run(Model):
    """Days on which equally much was done."""

    first_day: int
    last_day: int
    sections_at_work: int = Field(description="Sections at work on each of these days")
    ice: int = Field(description="Material used on each of these days, in cubic yards")
    cost: int = Field(description="Cost of each of these days, in gold dragons")
    cumulative_ice: int = Field(description="Material used by the end of the last of these days")
    cumulative_cost: int = Field(description="Cost by the end of the last of these days")


class Timeline(Model):
    """What was used day by day, in runs of equal days; days without work are left out."""

    wall: WallId
    profile: int | None = Field(description="Of this profile alone; null for the whole wall")
    crews: int | None = Field(description="Computed for so many crews; null for the wall as it is")
    version: Version
    days: int = Field(description="Last day of work")
    runs: list[Run]


class DayRow(Model):
    """One day."""

    day: int
    sections_at_work: int
    ice: Ice
    cost: Cost
    cumulative_ice: int = Field(description="Material used by the end of the day, in cubic yards")
    cumulative_cost: int = Field(description="Cost by the end of the day, in gold dragons")


SectionState = Literal["WAITING", "AT_WORK", "FINISHED"]


class SectionOnDay(Model):
    """A section at the end of a day."""

    section: int = Field(description="Section number within the profile, from 1")
    start_height_ft: int = Field(description="Height before the first day, in feet")
    height_ft: int = Field(description="Height at the end of the day, in feet")
    state: SectionState = Field(description="AT_WORK if a crew was at it on this day")
    crew: str | None = Field(description="The crew that builds it; null if it was finished before")
    first_day: int = Field(description="First day of work; 0 if there is none")
    last_day: int = Field(description="Last day of work; 0 if there is none")


class ProfileOnDay(Model):
    """The sections of a profile at the end of a day."""

    wall: WallId
    profile: ProfileNumber
    day: int
    version: Version
    sections: list[SectionOnDay]


class CrewSummary(Model):
    """A crew's work."""

    crew: str = Field(description="Crew id")
    sections: int = Field(description="Sections that it builds")
    first_day: int
    last_day: int
    relieved_on: int = Field(description="Day on which it is relieved")


class Crews(Model):
    """The crews that get a section, in their order."""

    wall: WallId
    version: Version
    crew_count: int = Field(description="Number of crews that get a section")
    crews: list[CrewSummary]
    next: Cursor


class CrewTask(Model):
    """A section that a crew builds."""

    profile: ProfileNumber
    section: int
    first_day: int
    last_day: int


class CrewLog(CrewSummary):
    """A crew's sections, in the order in which it builds them."""

    wall: WallId
    version: Version
    log: list[CrewTask]


class Place(Model):
    """A record on a topic."""

    topic: str
    partition: Partition
    offset: Offset
    time: Time


class Factors(Model):
    """How an amount comes about: sections x ft x yd3 = ice; ice x GD = cost."""

    sections_at_work: int
    feet_per_day: int
    yd3_per_ft: int
    gd_per_yd3: int
    ice: Ice
    cost: Cost
    cumulative_ft: int = Field(description="Feet added by the end of the day")
    cumulative_ice: int = Field(description="Material used by the end of the day, in cubic yards")
    cumulative_cost: int = Field(description="Cost by the end of the day, in gold dragons")


class SourceEvent(Model):
    """What made a plan what it is."""

    what: Literal["profile", "settings"]
    profile: int | None = Field(description="The profile; null for the wall's settings")
    version: Version
    submitted: Place = Field(description="The event as submitted")
    accepted: Place = Field(description="The event on its wall's log")


class Explanation(Model):
    """Where an amount comes from."""

    wall: WallId
    profile: ProfileNumber
    day: int
    state: State
    version: Version
    material: str
    mode: str
    crews: int | None
    factors: Factors
    sections: list[int] = Field(description="The sections at work on this day")
    source: SourceEvent | None = Field(
        description="The event that set the version; null while a newer plan is being built"
    )


class AuditEvent(Model):
    """Something that happened, as the audit topic has it."""

    kind: str = Field(description="SectionCompleted, CrewRelieved, PlanReplaced, …")
    partition: Partition
    offset: Offset
    time: Time
    wall: str
    version: Version
    profile: int | None = None
    section: int | None = None
    crew: str | None = None
    day: int | None = None
    crew_relieved_on: int | None = None
    old_version: int | None = None
    run: str | None = Field(None, description="Run of the wall's clock; null: as planned")
    at_ms: int | None = Field(
        None, description="When the day was due, in milliseconds since the epoch; null without run"
    )
    sections: int | None = Field(None, description="Sections at work on a day that passed")
    ice: int | None = Field(None, description="Material used on that day, in cubic yards")
    cost: int | None = Field(None, description="Its cost, in gold dragons")
    cumulative_cost: int | None = Field(None, description="Cost by its end, in gold dragons")


class AuditEvents(Model):
    """Audit events, newest first."""

    events: list[AuditEvent]
    scanned: int = Field(description="Records that were looked at for this answer")
    next: Cursor


class Comparison(Model):
    """What a number of crews would make of a wall."""

    crews: int
    days: int = Field(description="Last day of work")
    ice: Ice
    cost: Cost
    crew_days: int = Field(description="Days of all crews, at work or not: crews x days")
    idle_crew_days: int = Field(description="Those on which a crew had no section")
    utilisation: float = Field(description="Share of crew days at work, 0..1")
    in_time: bool | None = Field(description="Whether it is done by the day asked for")


class RecordHeader(Model):
    """A header of a record."""

    name: str
    value: str | None = Field(description="Value, in base64")


class DeadLetterSummary(Model):
    """A record that could not be processed."""

    partition: Partition
    offset: Offset
    time: Time
    reason: str
    source: Place = Field(description="Where the record stood")
    key: str | None = Field(description="Key, as text; what is not UTF-8 is replaced")
    value_bytes: int | None = Field(description="Size of the value; null for a tombstone")
    resubmittable: bool = Field(description="Whether it came from an input topic")
    resubmission_of: str | None = Field(
        description="partition/offset of the dead letter that was resubmitted as this record"
    )


class DeadLetters(Model):
    """Dead letters, newest first."""

    dead_letters: list[DeadLetterSummary]
    scanned: int = Field(description="Records that were looked at for this answer")
    next: Cursor


class DeadLetterDetail(DeadLetterSummary):
    """A dead letter with its bytes."""

    key_base64: str | None
    value_base64: str | None
    headers: list[RecordHeader]
    record: str | None = Field(description="Name of the record, if the value can be decoded")
    decoded: dict[str, Any] | None = Field(description="Its fields; null if it can't be decoded")


class SchemaOfRecord(Model):
    """A schema of a topic's records."""

    record: str = Field(description="Name of the record")
    subject: str = Field(description="Subject in the registry")
    avro: dict[str, Any] = Field(description="The Avro schema")


class PartitionEnds(Model):
    """What a partition holds."""

    partition: int
    first_offset: int
    end_offset: int = Field(description="Offset that the next record will have")


class TopicInfo(Model):
    """A topic of the pipeline."""

    topic: str
    key: str = Field(description="What its key is made of")
    about: str
    cleanup: str
    retention_ms: int | None = Field(description="-1 for good; null if it is compacted")
    schemas: list[SchemaOfRecord]
    partitions: list[PartitionEnds]


class TopicList(Model):
    """The topics in the order in which an event passes them, the changelogs last."""

    topics: list[TopicInfo]


class TopicRecord(Model):
    """A record of a topic, decoded."""

    partition: Partition
    offset: Offset
    time: Time
    key: str | None
    headers: list[RecordHeader]
    record: str | None = Field(description="Name of the record; null for a tombstone, or if bad")
    value: dict[str, Any] | None = Field(description="Its fields; bytes are in base64")
    problem: str | None = Field(description="Why it can't be decoded")


class TopicRecords(Model):
    """Records of a topic, newest first."""

    topic: str
    records: list[TopicRecord]
    scanned: int = Field(description="Records that were looked at for this answer")
    next: Cursor


class Step(Model):
    """One station on the way of an event."""

    topic: str
    partition: int | None = None
    offset: int | None = None
    time: Time = None
    count: int = Field(description="Records there that came of it")
    about: str


WayState = Literal["WAITING", "BUILDING", "COMPLETE", "REPLACED", "DEAD_LETTER"]


class Way(Model):
    """The way of a submitted event, from its topic to rows or to a dead letter."""

    state: WayState = Field(
        description="WAITING before it is accepted; REPLACED if a newer event is on its key"
    )
    wall: str | None
    profile: int | None
    version: int | None
    reason: str | None = Field(description="Why it became a dead letter")
    steps: list[Step]


class PartitionLag(Model):
    """How far a stage is behind on a partition."""

    partition: int
    committed: int
    end: int
    lag: int = Field(description="Records still to be read")
    lag_s: float | None = Field(
        description="Age of the oldest of them, in seconds; null if unknown"
    )


class Edge(Model):
    """A topic that a stage reads."""

    topic: str
    stage: str
    lag: int
    lag_s: float | None
    partitions: list[PartitionLag]


class Stage(Model):
    """A stage of the pipeline."""

    stage: str
    about: str
    reads: list[str] = Field(description="Topics that it reads")
    writes: list[str] = Field(description="Topics that it writes to")
    changelog: str = Field(description="Changelog of its table")


class TopicRate(Model):
    """How much a topic has, and gets."""

    topic: str
    end: int = Field(description="End offsets of its partitions, added up")
    rate_per_s: float = Field(description="Records a second, over the last ten seconds or so")


class Member(Model):
    """A worker in the group."""

    member: str
    host: str
    partitions: int = Field(description="Partitions that it has, of all topics together")


class Pipeline(Model):
    """The pipeline as it stands."""

    version: int = Field(description="Application version that publishes")
    group: str
    state: str = Field(description="State of the consumer group, as STABLE or EMPTY")
    members: list[Member]
    lag: int = Field(description="Records that all stages together have still to read")
    stages: list[Stage]
    edges: list[Edge]
    topics: list[TopicRate]


class Proof(Model):
    """The published rows of a wall beside what the domain computes."""

    wall: WallId
    state: State
    equal: bool
    rows: int = Field(description="Number of published rows, daily and overview")
    published: str = Field(description="Digest of the published rows, SHA-256 in hexadecimal")
    computed: str = Field(description="Digest of the domain's rows")
    differences: list[str] = Field(description="What differs, the first few")


class ModeRule(Model):
    """A simulation mode."""

    mode: str = Field(description="Its name in settings")
    needs_crews: bool = Field(description="Whether it has a pool of so many crews")


class MaterialRule(Model):
    """A building material."""

    material: str = Field(description="Its name in settings")
    yd3_per_ft: int = Field(description="What one foot of a section takes, in cubic yards")
    gd_per_yd3: int = Field(description="What one cubic yard costs, in gold dragons")


class Rules(Model):
    """What walls are built by: modes and materials that this code knows, and the exercise's."""

    full_height_ft: int = Field(description="Height of a finished section, in feet")
    feet_per_day: int = Field(description="What a crew adds to a section in a day, in feet")
    modes: list[ModeRule]
    materials: list[MaterialRule]


class Health(Model):
    """The process answers."""

    status: Literal["ok"]


class Ready(Model):
    """The process has read its topics."""

    ready: Literal[True]
    pid: int = Field(description="Process id")
    version: int = Field(description="Application version that is shown")
    installation: str = Field(description="Equal for what works on the same topics")
    age_s: float = Field(description="How old what is shown is at most, in seconds")


class IceOnDay(Model):
    """What was used on a day, as the exercise writes it."""

    day: str = Field(description="The day", examples=["1"])
    ice_amount: str = Field(description="In cubic yards, with commas", examples=["585"])


class CostByDay(Model):
    """What was spent by the end of a day, as the exercise writes it."""

    day: str | None = Field(description="The day; null for all days", examples=["1"])
    cost: str = Field(description="In gold dragons, with commas", examples=["1,111,500"])
