"""The ticker: which clocks it asks for, and when."""

from __future__ import annotations

import pytest

from domain.clock import Clock, Telling
from streams.clock.ticker import ASK_AGAIN_S, Ticker

NOON = 1_750_000_000_000


class Broker:
    """A wall whose ticks come back at the broker's time, and what the ticker makes of that."""

    def __init__(self, ms_per_day=1_000, last_day=60):
        self.now_s = 0.0
        self.ticker = Ticker(lambda: self.now_s)
        self.telling = Telling(Clock("r", "RUNNING", 0, NOON, ms_per_day))
        self.last_day = last_day
        self.asked_at: list[float] = []

    def step(self, *, answered=True):
        self.now_s = round(self.now_s + 0.1, 3)
        if self.ticker.due({"w": self.telling}):
            self.asked_at.append(self.now_s)
            if answered:
                self.pass_time()

    def pass_time(self):
        then = self.telling.pass_time("r", NOON + int(self.now_s * 1000))
        _, self.telling = then.tell(self.last_day)

    def go_on(self, seconds, **how):
        for _ in range(round(seconds * 10)):
            self.step(**how)


def test_a_clock_is_asked_for_at_once_and_then_when_its_next_day_is_due():
    broker = Broker(ms_per_day=1_000)
    broker.go_on(5)
    assert broker.asked_at == pytest.approx([0.1, 1.0, 2.0, 3.0, 4.0, 5.0])


def test_a_slow_clock_is_not_asked_for_in_the_middle_of_its_day():
    broker = Broker(ms_per_day=60_000)
    broker.go_on(130)
    assert broker.asked_at == pytest.approx([0.1, 60.0, 120.0])


def test_days_shorter_than_the_ticker_are_asked_for_several_at_a_time():
    broker = Broker(ms_per_day=50)
    broker.go_on(1)
    assert len(broker.asked_at) == 10
    assert broker.telling.told == 20


def test_a_tick_that_does_not_come_back_is_sent_again_after_a_while():
    broker = Broker(ms_per_day=50)
    broker.go_on(2 * ASK_AGAIN_S + 1, answered=False)
    assert len(broker.asked_at) == 3


def test_nothing_is_asked_beyond_the_end_of_the_plan_until_there_is_more():
    broker = Broker(ms_per_day=1_000, last_day=3)
    broker.go_on(20)
    assert broker.asked_at == pytest.approx([0.1, 1.0, 2.0, 3.0, 4.0])
    broker.last_day = 60
    _, broker.telling = broker.telling.tell(60)
    broker.step()
    assert broker.telling.told == 20


def test_a_clock_that_was_set_anew_is_asked_for_at_once():
    broker = Broker(ms_per_day=60_000)
    broker.go_on(1)
    clock = Clock("r", "RUNNING", 0, NOON + 1_000, 50)
    _, broker.telling = broker.telling.set_clock(clock, NOON + 1_000, 60)
    broker.go_on(0.2)
    assert broker.asked_at == pytest.approx([0.1, 1.1, 1.2])


def test_after_a_rebalance_every_clock_is_asked_for():
    broker = Broker(ms_per_day=60_000)
    broker.go_on(1)
    broker.ticker.forget()
    broker.go_on(1)
    assert broker.asked_at == pytest.approx([0.1, 1.1])


def test_ticks_of_others_do_no_harm():
    broker = Broker(ms_per_day=1_000)
    for _ in range(50):
        broker.step()
        broker.pass_time()  # somebody else ticks, all the time
    assert broker.telling.told == 5
