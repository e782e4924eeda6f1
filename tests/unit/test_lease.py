"""How long a worker's partitions are its own, as the group's coordinator has granted it."""

from __future__ import annotations

import pytest

from streams.batching.lease import Lease, LostPartitions


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def lease(clock):
    return Lease(session_timeout_s=30, rebalance_timeout_s=60, clock=lambda: clock[0])


def test_nothing_is_ours_before_the_coordinator_says_so(lease):
    with pytest.raises(LostPartitions):
        lease.check(1)


def test_a_heartbeat_is_good_for_a_session_from_when_it_was_sent(lease, clock):
    lease.renewed(1, 1000)
    clock[0] = 1030
    lease.check(1)
    clock[0] = 1030.5  # the host was suspended, or the network is gone
    with pytest.raises(LostPartitions, match=r"not confirmed this worker in time, by 0\.5 s"):
        lease.check(1)


def test_what_was_assigned_in_an_earlier_generation_is_another_workers(lease):
    lease.renewed(2, 1000)
    with pytest.raises(LostPartitions, match="generation 1 of the group, which is over"):
        lease.check(1)
    lease.check(2)


def test_heartbeats_of_a_group_that_forms_anew_hold_until_it_waits_no_longer(lease, clock):
    lease.renewed(1, 1000)
    for clock[0] in range(1010, 1061, 10):  # the event loop stands still; heartbeats go on
        lease.renewed(1, clock[0], rebalancing=True)
        lease.check(1)
    clock[0] = 1061
    lease.renewed(1, 1061, rebalancing=True)
    with pytest.raises(LostPartitions):
        lease.check(1)


def test_a_member_that_the_coordinator_does_not_know_has_nothing(lease):
    lease.renewed(1, 1000)
    lease.lost()
    with pytest.raises(LostPartitions):
        lease.check(1)
