"""How often a client may write over HTTP."""

from __future__ import annotations

import pytest

from streams.views.rate import BYTES_PER_WRITE, MOST_CLIENTS, WriteRate


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def writes(rate: WriteRate, address: str = "10.0.0.1") -> int:
    """How many writes are let in now."""
    return next(n for n in range(10**6) if rate.take(address))


def test_ten_seconds_worth_may_come_at_once_and_then_as_many_as_are_set(clock):
    rate = WriteRate(20, clock)
    assert writes(rate) == 200
    assert rate.take("10.0.0.1") == pytest.approx(0.05)
    clock.now += 2
    assert writes(rate) == 40
    clock.now += 3600
    assert writes(rate) == 200


def test_one_client_does_not_hinder_another(clock):
    rate = WriteRate(1, clock)
    assert writes(rate, "10.0.0.1") == writes(rate, "10.0.0.2") == 10


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("fe80::1%eth0", "fe80::2%eth1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
    ],
)
def test_the_addresses_that_one_client_has_are_one(one, same, clock):
    rate = WriteRate(1, clock)
    assert writes(rate, one) == 10
    assert writes(rate, same) == 0


def test_a_body_that_is_larger_than_is_left_is_paid_for_by_waiting(clock):
    rate = WriteRate(1, clock)
    assert not rate.take("10.0.0.1")
    rate.charge("10.0.0.1", 30 * BYTES_PER_WRITE)
    assert rate.take("10.0.0.1") == pytest.approx(21)
    clock.now += 21
    assert not rate.take("10.0.0.1")


def test_a_profile_of_the_largest_size_is_one_write(clock):
    rate = WriteRate(1, clock)
    rate.take("10.0.0.1")
    rate.charge("10.0.0.1", BYTES_PER_WRITE)
    assert writes(rate) == 9


def test_without_a_limit_nobody_waits(clock):
    rate = WriteRate(0, clock)
    for _ in range(1000):
        rate.charge("10.0.0.1", 10**6)
        assert not rate.take("10.0.0.1")


def test_only_so_many_clients_are_remembered(clock):
    rate = WriteRate(0.1, clock)
    for number in range(MOST_CLIENTS + 1):
        assert not rate.take(f"client {number}")
    assert len(rate._left) == MOST_CLIENTS
    assert rate.take("client 1")
    assert not rate.take("client 0")
