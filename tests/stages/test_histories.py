"""Seeded histories of revisions, withdrawals, duplicates, deaths and replays."""

from __future__ import annotations

import os
from collections import defaultdict
from random import Random

import pytest

from domain.settings import WallSettings
from domain.wall import Wall
from streams import cells
from streams.contract import column_codecs
from streams.contract.records import DailyUsage
from streams.operations.verification import expected_rows
from tests.stages.simulation import Simulation, published_rows

HISTORIES = int(os.environ.get("HISTORIES", "300"))
MODES = (
    WallSettings("crew-per-section", None, "ice"),
    WallSettings("crew-pool", 1, "ice"),
    WallSettings("crew-pool", 3, "packed-snow"),
    WallSettings("crew-per-profile", None, "ice"),
)


def play(context, seed: int, death_rates=(0, 0.1, 0.5)) -> Simulation:
    """Play a random history to its end, and compare with the domain."""
    random = Random(seed)
    sim = Simulation(context, random, death_rate=random.choice(death_rates))
    settings: dict[str, WallSettings] = defaultdict(WallSettings)
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
def test_whatever_happens_the_rows_end_equal_to_the_domains(context):
    deaths = sum(play(context, seed).deaths for seed in range(HISTORIES))
    assert deaths > HISTORIES  # the histories were not quiet ones


def test_they_do_so_too_where_every_batch_is_large_enough_for_columns(context, monkeypatch):
    monkeypatch.setattr(cells, "FEW_ROWS", 1)
    monkeypatch.setattr(column_codecs, "FEW_ROWS", 1)
    for seed in range(min(HISTORIES, 100)):
        play(context, seed)


def test_a_profiles_rows_go_from_one_complete_version_to_the_next(context):
    for seed in range(min(HISTORIES, 100)):
        sim = play(context, seed, death_rates=(0,))
        topic = context.topics.daily.name
        changes: dict[tuple[str, int], list[int]] = defaultdict(list)
        for (name, _), log in sim.logs.items():
            for record in log if name == topic else ():
                if record.value is not None:
                    row = context.codecs.decode_any(record.value, DailyUsage)
                    changes[row.wall, row.profile].append(row.version)
        for versions in changes.values():
            assert versions == sorted(versions), f"seed {seed}"
