"""The stages, and which topics each reads and writes: the picture of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageTopics:
    """A stage of the pipeline; topics by their names in `Topics`.

    Attributes:
        stage: Its name: that of its agent, and of its table.
        about: What it does.
        reads: What it reads.
        writes: What it writes, in the order in which an event passes; dead letters apart, which
            every stage may write.
    """

    stage: str
    about: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


STAGES = (
    StageTopics(
        "submissions",
        "checks lines of JSON and puts the events that they mean on their topics",
        ("submissions",),
        ("walls", "profiles"),
    ),
    StageTopics(
        "intake",
        "checks what was submitted and puts it on its wall's log",
        ("walls", "profiles", "clock", "ticks"),
        ("accepted",),
    ),
    StageTopics(
        "planner",
        "folds a wall's log: tells its crews what to build, and the days that its clock passes",
        ("accepted",),
        ("build_commands", "progress", "events"),
    ),
    StageTopics(
        "crews",
        "build the sections that they are told to, and report them",
        ("build_commands",),
        ("events", "progress"),
    ),
    StageTopics(
        "ledger",
        "accounts for each profile, and publishes its rows when a plan is complete",
        ("progress",),
        ("daily", "events", "overview", "totals"),
    ),
    StageTopics(
        "overview",
        "adds up the profiles of each wall",
        ("totals",),
        ("overview",),
    ),
)
