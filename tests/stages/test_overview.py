"""The overview stage, and the answers that are given from its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from domain.daily import SectionsAtWork
from streams.agents.overview import WallSums, add_up, sums_of
from streams.batching import RecordBatch, Rows
from streams.batching.table import RowStore
from streams.contract.codecs import Codec
from streams.contract.records import ProfileTotals, WallOverview
from streams.views.answers import NotThere, StoredTotals, WallAnswers
from tests.stages.simulation import LogRecord

GD_PER_FT = 195 * 1_900


def totals(profile: int, version: int = 1, *steps: tuple[int, int], **fields) -> ProfileTotals:
    """Totals of a profile of ice, complete unless the fields say otherwise."""
    steps = steps or ((1, 1), (31, -1))
    curve = SectionsAtWork(steps)
    return replace(
        ProfileTotals(
            wall="w", profile=profile, version=version, state="COMPLETE", withdrawn=False,
            mode="crew-per-section", crews=None, material="ice", sections=1,
            days=curve.last_day(), ice=curve.feet() * 195, cost=curve.feet() * GD_PER_FT,
            step_days=[day for day, _ in steps], steps=[change for _, change in steps],
        ),
        **fields,
    )  # fmt: skip


class Overview:
    """The stage on partition 0, with rows of its own."""

    def __init__(self, context) -> None:
        self.context, self.store = context, RowStore()

    def __call__(self, *records: ProfileTotals) -> WallOverview | None:
        """What is published of the wall after a batch."""
        topics = self.context.topics
        log = [
            LogRecord(topics.totals.name, 0, offset, b"w", self.context.codecs.encode(record))
            for offset, record in enumerate(records)
        ]
        batch = RecordBatch(topics.totals.name, 0, log)
        rows = Rows(self.store, 0)
        (message,) = add_up(batch, rows, self.context).messages
        rows.apply()
        if message.value is None:
            return None
        return self.context.codecs.decode_any(message.value, WallOverview)

    def answers(self) -> WallAnswers:
        rows = Rows(self.store, 0)
        state = self.context.state(rows, ProfileTotals)
        return WallAnswers("w", StoredTotals("w", state), lambda: sums_of("w", rows, state))


@pytest.fixture
def overview(context):
    return Overview(context)


@pytest.fixture
def decoded(monkeypatch) -> Iterator[list[str]]:
    """Names of the rows' records, as they are decoded."""
    names: list[str] = []
    decode = Codec.decode

    def counted(codec, data):
        names.append(codec.name)
        return decode(codec, data)

    monkeypatch.setattr(Codec, "decode", counted)
    return names


def test_a_change_of_one_profile_reads_one_row_however_large_the_wall(overview, decoded):
    overview(*(totals(number) for number in range(1, 301)))
    decoded.clear()
    found = overview(totals(7, 2, (1, 2), (11, -2)))
    assert found.profiles == 300
    assert len(decoded) == 1


def test_the_sums_are_those_of_all_rows_whatever_changes(context):
    random = Random(5)
    overview = Overview(context)
    latest: dict[int, ProfileTotals] = {}
    for version in range(1, 300):
        number, days = random.randrange(1, 9), random.randrange(2, 40)
        record = totals(
            number, version, (1, 3), (days, -3), withdrawn=random.random() < 0.3,
            sections=random.randrange(1, 99), mode=random.choice(("crew-pool", "other")),
            state=random.choice(("BUILDING", "COMPLETE")),
        )  # fmt: skip
        latest[number] = record
        found = overview(record)
        if random.random() < 0.1:  # the partition is assigned anew
            overview.store.partition(0).cache.clear()
        live = [row for row in latest.values() if not row.withdrawn]
        if not live:
            assert found is None
            continue
        assert found == WallOverview(
            wall="w",
            state="COMPLETE" if {row.state for row in latest.values()} == {"COMPLETE"}
            else "BUILDING",
            mode=record.mode, crews=None, material="ice", profiles=len(live),
            sections=sum(row.sections for row in live), days=max(row.days for row in live),
            ice=sum(row.ice for row in live), cost=sum(row.cost for row in live),
        )  # fmt: skip
        day = random.randrange(1, 45)
        by_day = sum(row.curve.feet_by(day) * GD_PER_FT for row in live)
        assert overview.answers().wall_cost_by(day) == by_day
        assert overview.answers().wall_cost_by(None) == found.cost


def test_a_question_about_one_profile_reads_one_row(overview, decoded):
    overview(*(totals(number) for number in range(1, 301)))
    decoded.clear()
    assert overview.answers().ice_on(7, 30) == 195
    assert overview.answers().cost_by(7, 2) == 2 * GD_PER_FT
    assert len(decoded) == 2


def test_a_question_about_a_wall_whose_sums_are_kept_reads_no_row(overview, decoded):
    overview(*(totals(number) for number in range(1, 301)))
    decoded.clear()
    assert overview.answers().wall_cost_by(2) == 600 * GD_PER_FT
    assert decoded == []


def test_a_profile_that_the_wall_does_not_have_is_answered_with_those_that_it_has(overview):
    overview(*(totals(number, withdrawn=number % 2 == 0) for number in range(1, 31)))
    with pytest.raises(NotThere, match=r"no profile 2; it has 1, 3, 5, 7, 9, 11, 13, 15, 17, 19$"):
        overview.answers().ice_on(2, 1)


def test_a_wall_without_profiles_is_not_there(overview):
    overview(totals(1, withdrawn=True))
    for ask in (
        lambda answers: answers.ice_on(1, 1),
        lambda answers: answers.cost_by(2, 1),
        lambda answers: answers.wall_cost_by(None),
    ):
        with pytest.raises(NotThere, match="there is no wall w"):
            ask(overview.answers())


def test_while_a_plan_of_another_material_is_built_amounts_stay_those_of_the_last_one(overview):
    overview(totals(1))
    overview(totals(1, 2, state="BUILDING", material="packed-snow"))
    answers = overview.answers()
    assert answers.ice_on(1, 1) == 195
    assert answers.cost_by(1, 30) == answers.wall_cost_by(None) == 30 * GD_PER_FT


def test_sums_of_walls_that_nobody_has_are_not_kept(overview, context):
    overview(totals(1))
    rows = Rows(overview.store, 0)
    state = context.state(rows, ProfileTotals)
    for number in range(3):
        assert not sums_of(f"no-wall-{number}", rows, state).has_rows
    assert list(rows.cache[WallSums]) == ["w"]
