"""Seeded histories of revisions, withdrawals, duplicates, deaths and replays."""

from __future__ import annotations

import os
from collections import defaultdict
from random import Random

import pytest

from domain.settings import Settings
from domain.wall import Wall
from streams.verification import expected_rows
from tests.topology.simulation import Simulation, offline_pipeline, published_rows

HISTORIES = int(os.environ.get("HISTORIES", "300"))
MODES = (
    Settings("crew-per-section", None, "ice"),
    Settings("crew-pool", 1, "ice"),
    Settings("crew-pool", 3, "packed-snow"),
    Settings("crew-per-profile", None, "ice"),
)


@pytest.fixture(scope="module")
def pipeline():
    return offline_pipeline()


def play(pipeline, seed: int, death_rates=(0, 0.1, 0.5)) -> Simulation:
    """Play a random history to its end, and compare with the domain."""
    random = Random(seed)
    sim = Simulation(pipeline, random, death_rate=random.choice(death_rates))
    settings: dict[str, Settings] = defaultdict(Settings)
    profiles: dict[str, dict[int, bytes]] = defaultdict(dict)
    for _ in range(random.randrange(1, 25)):
        wall = random.choice(("a", "b"))
        action = random.random()
        number = random.randrange(1, 5)
        if action < 0.6:
            heights = bytes(random.randrange(31) for _ in range(random.randrange(1, 6)))
            for _ in range(random.choice((1, 1, 2))):  # a producer that sends again
                sim.submit_profile(wall, number, heights)
            profiles[wall][number] = heights
        elif action < 0.75:
            sim.submit_profile(wall, number, None)
            profiles[wall].pop(number, None)
        else:
            settings[wall] = random.choice(MODES)
            chosen = settings[wall]
            sim.submit_settings(wall, chosen.mode, chosen.crews, chosen.material)
        for _ in range(random.choice((0, 1, 10, 100))):
            sim.step()
        replay = random.random()
        if replay < 0.03:
            sim.rewind()
        elif replay < 0.06:
            sim.wipe()
    sim.run()
    walls = [Wall(wall, settings[wall], profiles[wall]) for wall in profiles]
    assert published_rows(sim) == expected_rows(walls), f"seed {seed}"
    return sim


@pytest.mark.timeout(3000)
def test_whatever_happens_the_rows_end_equal_to_the_domains(pipeline):
    deaths = sum(play(pipeline, seed).deaths for seed in range(HISTORIES))
    assert deaths > HISTORIES  # the histories were not quiet ones


def test_a_profiles_rows_go_from_one_complete_version_to_the_next(pipeline):
    for seed in range(min(HISTORIES, 100)):
        sim = play(pipeline, seed, death_rates=(0,))
        topic = pipeline.topics.daily.name
        changes: dict[tuple[str, int], list[int]] = defaultdict(list)
        for (name, _), log in sim.logs.items():
            for record in log if name == topic else ():
                if record.value is not None:
                    row = pipeline.codecs.read(record.value, "DailyUsage")[1]
                    changes[row["wall"], row["profile"]].append(row["version"])
        for versions in changes.values():
            assert versions == sorted(versions), f"seed {seed}"
