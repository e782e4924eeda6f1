"""Profiles that are revised faster than crews build them."""

from __future__ import annotations

from random import Random

import pytest

from domain.settings import WallSettings
from domain.wall import Wall
from streams.batching import RecordBatch, Rows
from streams.contract.records import DailyUsage
from streams.operations.verification import expected_rows
from tests.stages.simulation import PARTITIONS, Simulation, plan_and_tell, published_rows

REVISIONS = 40


class Building:
    """A wall whose crews build each plan only when the next one is known already."""

    def __init__(self, context, mode, crews):
        self.context = context
        self.sim = Simulation(context, Random(1), death_rate=0)
        self.heights = {1: b"\x01\x02", 2: b"\x10\x11", 3: b"\x1d\x0a\x1e"}
        self.settings = WallSettings(mode, crews, "ice")
        self.sim.submit_settings("w", mode, crews, "ice")
        for number, heights in self.heights.items():
            self.sim.submit_profile("w", number, heights)
        self.sim.run()
        self.sim.read_until = self.ends(context.topics.build_commands.name)

    def revise(self, number, revisions):
        orders = self.context.topics.build_commands.name
        for _ in range(revisions):
            ordered = self.ends(orders)
            self.submit(number)
            self.sim.run()
            self.sim.read_until = ordered
            self.sim.run()

    def submit(self, number):
        self.heights[number] = bytes(self.sim.random.randrange(30) for _ in range(3))
        self.sim.submit_profile("w", number, self.heights[number])

    def ends(self, topic):
        return {(topic, number): len(self.sim.logs[topic, number]) for number in range(PARTITIONS)}

    def published(self, number):
        """The versions of the plans that a profile's rows were of, one after another."""
        topic, versions = self.context.topics.daily.name, []
        for partition in range(PARTITIONS):
            for record in self.sim.logs[topic, partition]:
                if record.value is not None:
                    row = self.context.codecs.decode_any(record.value, DailyUsage)
                    if row.profile == number and row.version not in versions[-1:]:
                        versions.append(row.version)
        return versions

    def plan_at_once(self, *, dies_halfway):
        """Plan all that waits in one batch; a planner that dies has sent every other order."""
        self.sim.run("intake")
        topic = self.context.topics.accepted.name
        for task in self.sim.tasks:
            log = self.sim.logs[topic, task.partition]
            if task.name == "planner" and (records := log[task.position[topic] :]):
                rows = [Rows(table.rows, task.partition) for table in task.tables]
                batch = RecordBatch(topic, task.partition, records)
                messages = plan_and_tell(batch, *rows, self.context).messages
                for number, message in enumerate(messages):
                    is_order = message.topic == self.context.topics.build_commands.name
                    if not (dies_halfway and is_order and number % 2):
                        self.sim.send(message)
                if not dies_halfway:
                    task.position[topic] = len(log)
                    for of_table in rows:
                        of_table.apply()

    def finish(self):
        self.sim.read_until = {}
        self.sim.run()
        walls = [Wall("w", self.settings, self.heights)]
        assert published_rows(self.sim) == expected_rows(walls)


@pytest.mark.parametrize("mode", [("crew-pool", 2), ("crew-per-section", None)])
def test_a_profile_that_is_revised_faster_than_it_is_built_is_published(context, mode):
    wall = Building(context, *mode)
    wall.revise(1, REVISIONS)
    assert len(wall.published(1)) > REVISIONS / 4
    wall.finish()


def test_in_a_pool_so_are_the_profiles_after_it(context):
    wall = Building(context, "crew-pool", 2)
    wall.revise(1, REVISIONS)
    assert len(wall.published(3)) > REVISIONS / 4
    assert wall.published(3) == sorted(wall.published(3))
    wall.finish()


def test_the_totals_of_the_wall_follow_while_it_is_revised(context):
    wall = Building(context, "crew-pool", 2)
    for _ in range(REVISIONS):
        wall.revise(1, 1)
        rows = wall.sim.latest(context.topics.overview.name)
        totals = rows.pop("w")
        assert totals.cost == sum(row.cost for row in rows.values())
    wall.finish()


def test_a_plan_whose_planner_died_halfway_does_not_keep_later_ones_waiting(context):
    wall = Building(context, "crew-pool", 2)
    wall.submit(1)
    wall.plan_at_once(dies_halfway=True)
    wall.submit(1)
    wall.plan_at_once(dies_halfway=False)
    wall.revise(1, REVISIONS)
    assert len(wall.published(3)) > REVISIONS / 4
    wall.finish()
