"""How many workers a machine, or a container with a quota, is given."""

from __future__ import annotations

import os

import pytest

from streams.operations.cores import usable_cores


@pytest.fixture
def cores(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    own = tmp_path / "cgroup"
    own.write_text("0::/a/b\n")
    for group in ("", "a", "a/b"):
        (tmp_path / "fs" / group).mkdir(exist_ok=True, parents=True)

    def with_quotas(**quotas):
        for group, text in quotas.items():
            (tmp_path / "fs" / group.replace("_", "/").strip("/") / "cpu.max").write_text(text)
        return usable_cores(tmp_path / "fs", own)

    return with_quotas


def test_without_a_quota_it_is_all_cores_that_the_process_may_run_on(cores):
    assert cores() == 8
    assert cores(a="max 100000\n") == 8


@pytest.mark.parametrize(
    ("text", "number"), [("200000 100000\n", 2), ("150000 100000\n", 2), ("10000 100000\n", 1)]
)
def test_a_quota_is_respected_and_a_part_of_a_core_is_one(cores, text, number):
    assert cores(a_b=text) == number


def test_the_smallest_quota_of_the_groups_around_it_counts(cores):
    assert cores(a="300000 100000", a_b="600000 100000") == 3


def test_in_a_container_the_quota_is_at_the_root(cores):
    assert cores(_="400000 100000\n") == 4


def test_what_is_not_understood_limits_nothing(cores, tmp_path):
    assert cores(a="nonsense") == 8
    assert usable_cores(tmp_path / "nowhere", tmp_path / "nothing") == 8


def test_the_first_version_of_control_groups_has_quotas_too(cores, tmp_path):
    group = tmp_path / "fs/cpu"
    group.mkdir()
    (group / "cpu.cfs_quota_us").write_text("250000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    assert cores() == 3
