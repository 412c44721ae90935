import itertools
import threading
import time

import numpy as np
import pytest

from benchmarks import publisher
from benchmarks.load import generator
from benchmarks.load.generator import IN_FLIGHT, Generator
from benchmarks.load.mix import Mix
from benchmarks.load.plan import Plan
from benchmarks.load.sheet import Sheet, how_many
from benchmarks.load.stages import lag

PLAN = Plan(Mix.DEFAULT, rate=1_000.0, seconds=0.2, warm_up=0.0, users=40)
SLOW = 0.1  # seconds, of an answer; a call is due each 10 ms


@pytest.fixture
def order():
    return PLAN.order(start_at=time.monotonic() + 0.02)


class Clock:
    """Time that passes when somebody waits, and at no other moment."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    for module in (generator, publisher):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def sheet(tmp_path, order):
    return Sheet.new(tmp_path, order.traffic)


def due(order):
    return order.start_at + np.arange(PLAN.count) / PLAN.rate


def test_every_event_is_published_once_and_none_before_it_is_due(order, sheet):
    sent = []
    Generator(order, sent.extend, sheet).carry_out()
    assert sorted(event.id for event in sent) == [f"load-{number:06d}" for number in range(PLAN.count)]
    assert (sheet.called >= due(order)).all()
    assert (sheet.published >= sheet.called).all()


def test_slow_answers_do_not_hold_up_the_schedule(order, sheet):
    all_are_in_flight, calls = threading.Barrier(IN_FLIGHT), itertools.count(1)

    def answer_late(_) -> None:
        if next(calls) <= IN_FLIGHT:
            all_are_in_flight.wait(timeout=60)

    Generator(order, answer_late, sheet).carry_out()
    assert how_many(sheet.published) == PLAN.count


def test_a_producer_that_cannot_keep_up_is_seen_in_its_lag(order, sheet, clock):
    Generator(order, lambda _: clock.sleep(SLOW / 2), sheet).carry_out(in_flight=1)
    calls = PLAN.count // PLAN.mix.way.events_per_call
    assert lag(PLAN, sheet.called, due(order)).maximum > (calls - 1) * 35


def test_latency_counts_from_the_moment_an_event_was_due_and_not_from_its_late_call(order, sheet, clock):
    Generator(order, lambda _: clock.sleep(SLOW / 2), sheet).carry_out(in_flight=1)
    assert (sheet.published - due(order))[-1] > (sheet.published - sheet.called)[-1] + 0.5


def test_a_hopeless_producer_gives_up(order, sheet, clock, monkeypatch):
    monkeypatch.setattr(generator, "HOPELESS", SLOW)
    Generator(order, lambda _: clock.sleep(SLOW), sheet).carry_out(in_flight=1)
    assert 0 < how_many(sheet.called) < PLAN.count
    assert how_many(sheet.published) == how_many(sheet.called)


def test_an_error_ends_the_publishing_and_is_told(order, sheet):
    def fail(events):
        raise OSError("no SQS")

    with pytest.raises(OSError, match="no SQS"):
        Generator(order, fail, sheet).carry_out(in_flight=2)
    assert how_many(sheet.published) == 0
