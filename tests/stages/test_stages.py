"""Each stage on its own: a batch in, messages and rows out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain import materials
from domain.materials import MATERIALS, Material
from domain.modes import mode_named, modes
from streams.agents import planner as planner_stage
from streams.agents.crews import build
from streams.agents.intake import accept
from streams.agents.ledger import account
from streams.agents.overview import add_up
from streams.agents.planner import plan
from streams.batching import RecordBatch, Rows
from streams.batching.table import RowStore
from streams.contract.records import (
    BuildSection,
    CrewRow,
    ProfileAccepted,
    ProfilePlanned,
    ProfileSubmitted,
    ProfileTotals,
    SectionsBuilt,
    SettingsAccepted,
)
from streams.contract.topics import partition_of
from tests.stages.simulation import LogRecord


@pytest.fixture(scope="module")
def one_partition(context):
    """The pipeline with one partition, which every key is on."""
    return replace(context, partitions=1)


class Stage:
    """A stage with tables of its own, on one partition."""

    def __init__(self, work, topic, context, partition=0, tables=1):
        self.work, self.topic, self.context, self.partition = work, topic, context, partition
        self.stores, self.offset = [RowStore() for _ in range(tables)], 0

    def __call__(self, *keys_and_values):
        records = [
            LogRecord(self.topic.name, self.partition, self.offset + n, key, value)
            for n, (key, value) in enumerate(keys_and_values)
        ]
        self.offset += len(records)
        rows = [Rows(store, self.partition) for store in self.stores]
        batch = RecordBatch(self.topic.name, self.partition, records)
        outcome = self.work(batch, *rows, self.context)
        for of_table in rows:
            of_table.apply()
        return outcome

    def sent(self, outcome, topic):
        types = topic.records
        return [
            None if m.value is None else self.context.codecs.decode_any(m.value, *types)
            for m in (*outcome.messages, *outcome.announcements)
            if m.topic == topic.name
        ]


def accepted(context, profile, heights, offset, wall="w"):
    event = ProfileAccepted(wall, profile, heights, source_partition=0, source_offset=offset)
    return wall.encode(), context.codecs.encode(event)


def pool(context, crews, offset):
    event = SettingsAccepted(
        "w", "crew-pool", crews, "ice", source_partition=1, source_offset=offset
    )
    return b"w", context.codecs.encode(event)


def planned_versions(stage, outcome):
    plans = stage.sent(outcome, stage.context.topics.progress)
    return {planned.profile: planned.version for planned in plans}


def test_a_record_without_a_key_is_a_dead_letter_with_its_bytes(one_partition):
    intake = Stage(accept, one_partition.topics.profiles, one_partition)
    (letter,) = intake.sent(intake((None, b"\x01bytes")), one_partition.topics.dead_letters)
    assert (letter.key, letter.value) == (None, b"\x01bytes")
    assert "has no key" in letter.reason


def test_intake_is_idempotent_a_duplicate_is_not_accepted_again(one_partition):
    intake = Stage(accept, one_partition.topics.profiles, one_partition)
    event = ProfileSubmitted("w", 1, [1])
    record = (b"w/1", one_partition.codecs.encode(event))
    assert len(intake(record).messages) == 1
    intake.offset = 0
    assert list(intake(record).messages) == []


def test_a_tombstone_for_an_unknown_profile_is_a_dead_letter(one_partition):
    intake = Stage(accept, one_partition.topics.profiles, one_partition)
    event = ProfileSubmitted("w", 1, [1])
    intake((b"w/1", one_partition.codecs.encode(event)), (b"w/1", None))
    outcome = intake((b"w/1", None), (b"w/2", None))
    letters = intake.sent(outcome, one_partition.topics.dead_letters)
    assert [letter.key for letter in letters] == [b"w/1", b"w/2"]
    assert all("which does not exist" in letter.reason for letter in letters)
    assert intake.sent(outcome, one_partition.topics.accepted) == []


def test_a_bad_record_is_a_dead_letter_also_when_a_later_one_of_its_key_was_accepted(one_partition):
    intake = Stage(accept, one_partition.topics.profiles, one_partition)
    event = ProfileSubmitted("w", 1, [1])
    records = [(b"w/1", b"bad"), (b"w/1", one_partition.codecs.encode(event))]
    assert len(intake.sent(intake(*records), one_partition.topics.dead_letters)) == 1
    intake.offset = 0
    assert len(intake.sent(intake(*records), one_partition.topics.dead_letters)) == 1


@pytest.mark.parametrize("value", [b"bytes", None], ids=["a value", "a tombstone"])
@pytest.mark.parametrize("topic", ["walls", "profiles"])
def test_a_key_on_a_partition_that_is_not_its_own_is_a_dead_letter_that_names_the_partitioner(
    context, topic, value
):
    key = b"w" if topic == "walls" else b"w/1"
    own = partition_of(key.decode(), context.partitions)
    for partition in range(context.partitions):
        intake = Stage(accept, getattr(context.topics, topic), context, partition)
        (letter,) = intake.sent(intake((key, value)), context.topics.dead_letters)
        assert ("murmur2_random" in letter.reason) == (partition != own)
        assert letter.partition == partition


def test_a_value_that_is_too_large_is_a_dead_letter_before_it_is_decoded(one_partition):
    event = ProfileSubmitted("w", 1, [1] * 1_100_000)
    intake = Stage(accept, one_partition.topics.profiles, one_partition)
    outcome = intake((b"w/1", one_partition.codecs.encode(event)))
    (letter,) = intake.sent(outcome, one_partition.topics.dead_letters)
    assert "the value has 1,100,013 bytes, of 1,048,576 that it may have" in letter.reason
    assert letter.shortened == []


def test_with_a_crew_per_section_only_the_changed_profile_is_planned_again(context):
    planner = Stage(plan, context.topics.accepted, context, tables=2)
    first = planner(accepted(context, 1, b"\x01", 0), accepted(context, 2, b"\x02", 1))
    assert planned_versions(planner, first) == {1: 0, 2: 1}
    assert planned_versions(planner, planner(accepted(context, 1, b"\x05", 2))) == {1: 2}


def test_in_a_pool_the_changed_profile_and_those_after_it_are_planned_again(context):
    planner = Stage(plan, context.topics.accepted, context, tables=2)
    planner(pool(context, 2, 0), *(accepted(context, n, b"\x01", n) for n in (1, 2, 3)))
    assert planned_versions(planner, planner(accepted(context, 2, b"\x05", 9))) == {2: 4, 3: 4}


def settings_of_later_code(context, offset, mode="crew-carousel", material="ice"):
    event = SettingsAccepted("w", mode, None, material, source_partition=1, source_offset=offset)
    return b"w", context.codecs.encode(event)


@pytest.mark.parametrize("unknown", [{"mode": "crew-carousel"}, {"mode": "x", "material": "stone"}])
def test_settings_that_the_code_does_not_know_keep_the_plan_until_code_that_does_gets_an_event(
    context, monkeypatch, unknown
):
    planner = Stage(plan, context.topics.accepted, context, tables=2)
    planner(accepted(context, 1, b"\x01", 0), accepted(context, 2, b"\x02", 1))
    parked = planner(
        settings_of_later_code(context, 2, **unknown), accepted(context, 1, b"\x05", 3),
        accepted(context, 2, None, 4), accepted(context, 1, b"\x07", 0, wall="other"),
    )  # fmt: skip
    assert planned_versions(planner, parked) == {1: 5}  # of the other wall, which goes on
    letters = planner.sent(parked, context.topics.dead_letters)
    assert len(letters) == 3
    assert all("wall w keeps its plan" in letter.reason for letter in letters)
    # Newer code takes over the same rows; an event that is delivered again is enough for it.
    monkeypatch.setitem(modes(), unknown["mode"], mode_named("crew-per-section"))
    monkeypatch.setattr(materials, "MATERIALS", MATERIALS | {"stone": Material("stone", 1, 1)})
    healed = planner(accepted(context, 1, b"\x05", 3))
    assert planned_versions(planner, healed) == {1: 3, 2: 4}
    assert list(planner(accepted(context, 1, b"\x05", 3)).messages) == []


def test_a_pool_that_is_too_large_to_be_planned_at_once_keeps_its_plan_and_a_dead_letter_says_why(
    context, monkeypatch
):
    monkeypatch.setattr(planner_stage, "SECTIONS_AT_ONCE", 3)
    planner = Stage(plan, context.topics.accepted, context, tables=2)
    planner(pool(context, 2, 0), *(accepted(context, n, b"\x01", n) for n in (1, 2, 3)))
    refused = planner(accepted(context, 4, b"\x01", 4), accepted(context, 1, b"\x05", 5, "other"))
    assert planned_versions(planner, refused) == {1: 5}  # of the other wall, which goes on
    (letter,) = planner.sent(refused, context.topics.dead_letters)
    assert "4 sections would have to be planned at once, of 3 that can be" in letter.reason
    # As soon as it is smaller, all is planned that has changed meanwhile.
    smaller = planner(accepted(context, 3, None, 6))
    assert planned_versions(planner, smaller)[4] == 6
    assert planner.sent(smaller, context.topics.dead_letters) == []


def test_a_wall_of_any_size_without_a_pool_gets_other_settings_and_is_planned_as_if_it_were_small(
    context, monkeypatch
):
    profiles = [accepted(context, n, bytes([n, 30, 3]), n) for n in range(1, 6)]
    withdrawn = accepted(context, 2, None, 6)
    per_profile = settings_of_later_code(context, 7, mode="crew-per-profile", material="ice")

    def told(stage):
        stage(*profiles)
        stage(withdrawn)
        outcome = stage(per_profile)
        return list(outcome.messages), len(outcome.messages)

    small = told(Stage(plan, context.topics.accepted, context, tables=2))
    monkeypatch.setattr(planner_stage, "SECTIONS_IN_MEMORY", 3)
    monkeypatch.setattr(planner_stage, "SECTIONS_AT_ONCE", 3)
    assert told(Stage(plan, context.topics.accepted, context, tables=2)) == small


def test_a_wall_that_is_too_large_for_a_pool_goes_on_once_it_has_its_former_mode_again(
    context, monkeypatch
):
    monkeypatch.setattr(planner_stage, "SECTIONS_IN_MEMORY", 3)
    monkeypatch.setattr(planner_stage, "SECTIONS_AT_ONCE", 3)
    planner = Stage(plan, context.topics.accepted, context, tables=2)
    planner(*(accepted(context, n, b"\x01\x02", n) for n in (1, 2, 3)))
    assert len(planner.sent(planner(pool(context, 2, 4)), context.topics.dead_letters)) == 1
    again = planner(
        accepted(context, 2, b"\x07", 5),
        settings_of_later_code(context, 6, mode="crew-per-section", material="ice"),
    )
    assert planner.sent(again, context.topics.dead_letters) == []
    assert planned_versions(planner, again).keys() == {1, 2, 3}
    after = planner(accepted(context, 3, b"\x08", 7))
    assert planned_versions(planner, after).keys() == {3}


def test_known_settings_end_the_waiting_of_a_wall(context):
    planner = Stage(plan, context.topics.accepted, context, tables=2)
    planner(settings_of_later_code(context, 0), accepted(context, 1, b"\x01", 1))
    assert planned_versions(planner, planner(pool(context, 2, 2))) == {1: 2}


def test_the_version_does_not_depend_on_how_the_log_is_cut_into_batches(context):
    events = [
        pool(context, 2, 0),
        *(accepted(context, n, bytes([n]), n) for n in (3, 1, 2)),
        accepted(context, 3, b"\x03", 4),  # as it was
        accepted(context, 1, None, 5),
        accepted(context, 2, b"\x09\x09", 6),
        pool(context, 2, 7),  # as it was
    ]
    at_once = Stage(plan, context.topics.accepted, context, tables=2)
    together = planned_versions(at_once, at_once(*events))
    one_by_one = Stage(plan, context.topics.accepted, context, tables=2)
    latest = {}
    for event in events:
        latest |= planned_versions(one_by_one, one_by_one(event))
    assert together == latest


def test_the_planner_is_idempotent_a_duplicate_profile_sends_nothing(context):
    planner = Stage(plan, context.topics.accepted, context, tables=2)
    planner(accepted(context, 1, b"\x01", 0))
    assert list(planner(accepted(context, 1, b"\x01", 1)).messages) == []


def test_crews_report_a_batch_once_per_profile_and_each_section_to_the_audit(context):
    crews = Stage(build, context.topics.build_commands, context)
    orders = [
        BuildSection("w", profile, 7, section, crew="1", first_day=1, days=2, relieves=False)
        for profile in (1, 2)
        for section in (1, 2, 3)
    ]
    outcome = crews(*((b"w/1", context.codecs.encode(o)) for o in orders))
    reports = crews.sent(outcome, context.topics.progress)
    assert [(r.profile, r.sections) for r in reports] == [(1, [1, 2, 3]), (2, [1, 2, 3])]
    assert len(crews.sent(outcome, context.topics.events)) == 6


def test_a_crew_that_is_relieved_shows_its_last_section_of_this_plan_and_not_of_the_one_before(
    context,
):
    def orders(planner, *events):
        outcome = planner(*events)
        topic = context.topics.build_commands
        return [(m.key, m.value) for m in outcome.messages if m.topic == topic.name]

    planner = Stage(plan, context.topics.accepted, context, tables=2)
    crews = Stage(build, context.topics.build_commands, context)
    heights = [accepted(context, 1, b"\x1d\x1c", 1), accepted(context, 2, b"\x10\x10", 2)]
    crews(*orders(planner, pool(context, 2, 0), *heights))
    row = context.codecs.of(CrewRow)
    assert row.decode(crews.stores[0].get(0, b"w/1")).profile == 2
    # Without profile 2, profile 1 is as it was: its crews get no new orders, but are relieved.
    crews(*orders(planner, accepted(context, 2, None, 3)))
    assert row.decode(crews.stores[0].get(0, b"w/1")) == CrewRow(3, 1, 1, 1, 2)
    assert row.decode(crews.stores[0].get(0, b"w/2")) == CrewRow(3, 1, 2, 2, 3)


def test_totals_of_an_earlier_plan_do_not_replace_those_of_a_later_one(context):
    overview = Stage(add_up, context.topics.totals, context)

    def totals(version, state, ice):
        event = ProfileTotals(
            wall="w", profile=1, version=version, state=state, withdrawn=False,
            mode="crew-per-section", crews=None, material="ice", sections=1, days=1, ice=ice,
            cost=0, step_days=[1], steps=[1],
        )  # fmt: skip
        return b"w", context.codecs.encode(event)

    complete = totals(2, "COMPLETE", 195)
    outcome = overview(complete, totals(2, "BUILDING", 7), totals(1, "COMPLETE", 9))
    assert [o.ice for o in overview.sent(outcome, context.topics.overview)] == [195]


class TestLedger:
    @pytest.fixture
    def ledger(self, context):
        return Stage(account, context.topics.progress, context)

    def planned(self, context, version, unfinished, *, withdrawn=False, material="ice"):
        event = ProfilePlanned(
            "w", 1, version, mode="crew-per-section", crews=None, material=material,
            sections=unfinished, unfinished=unfinished, withdrawn=withdrawn, batch_version=version,
        )  # fmt: skip
        return b"w/1", context.codecs.encode(event)

    def built(self, context, version, sections, days):
        event = SectionsBuilt("w", 1, version, sections, [1] * len(sections), days)
        return b"w/1", context.codecs.encode(event)

    def test_nothing_is_published_before_the_last_section(self, ledger, context):
        outcome = ledger(self.planned(context, 1, 2), self.built(context, 1, [1], [2]))
        assert ledger.sent(outcome, context.topics.daily) == []
        outcome = ledger(self.built(context, 1, [2], [3]))
        rows = ledger.sent(outcome, context.topics.daily)
        assert [(row.day, row.ice) for row in rows] == [(1, 390), (2, 390), (3, 195)]

    def test_the_ledger_is_idempotent_a_duplicate_report_counts_once(self, ledger, context):
        again = self.built(context, 1, [1], [2])
        outcome = ledger(self.planned(context, 1, 2), again, again)
        assert ledger.sent(outcome, context.topics.daily) == []

    def test_a_shorter_plan_tombstones_the_removed_days(self, ledger, context):
        ledger(self.planned(context, 1, 1), self.built(context, 1, [1], [3]))
        outcome = ledger(self.built(context, 2, [1], [1]), self.planned(context, 2, 1))
        rows = [(m.key, m.value is None) for m in outcome.messages
                if m.topic == context.topics.daily.name]  # fmt: skip
        assert rows == [(b"w/1/1", False), (b"w/1/2", True), (b"w/1/3", True)]

    def test_a_plan_of_an_unknown_material_does_not_keep_later_ones_waiting(self, ledger, context):
        outcome = ledger(
            self.planned(context, 1, 1, material="stone"), self.built(context, 1, [1], [3])
        )
        (letter,) = ledger.sent(outcome, context.topics.dead_letters)
        assert "w/1 keeps its rows until workers know it" in letter.reason
        outcome = ledger(
            self.planned(context, 2, 1), self.planned(context, 3, 1), self.planned(context, 4, 1),
            self.built(context, 2, [1], [2]), self.built(context, 3, [1], [1]),
        )  # fmt: skip
        assert [row.version for row in ledger.sent(outcome, context.topics.daily)] == [2, 2]
        assert ledger.sent(outcome, context.topics.dead_letters) == []

    def test_late_records_do_not_bring_a_withdrawn_profile_back(self, ledger, context):
        ledger(self.planned(context, 1, 1), self.built(context, 1, [1], [3]))
        ledger(self.planned(context, 2, 0, withdrawn=True))
        outcome = ledger(self.planned(context, 1, 1), self.built(context, 1, [1], [3]))
        assert [*outcome.messages, *outcome.announcements] == []

    def test_a_report_whose_lists_differ_in_length_is_a_dead_letter(self, ledger, context):
        uneven = bytearray(self.built(context, 1, [1], [3])[1])
        assert uneven[-3:] == b"\x02\x06\x00"  # one day, 3, and no more
        del uneven[-3:-1]
        outcome = ledger((b"w/1", bytes(uneven)), self.planned(context, 1, 1))
        (letter,) = ledger.sent(outcome, context.topics.dead_letters)
        assert letter.value == bytes(uneven)
        assert "not equally long" in letter.reason
        outcome = ledger(self.built(context, 1, [1], [3]))
        assert len(ledger.sent(outcome, context.topics.daily)) == 3

    def test_rows_are_announced_only_after_they_are_sent(self, ledger, context):
        outcome = ledger(self.planned(context, 1, 1), self.built(context, 1, [1], [3]))
        assert context.topics.overview.name not in {m.topic for m in outcome.messages}
        assert context.topics.overview.name in {m.topic for m in outcome.announcements}
