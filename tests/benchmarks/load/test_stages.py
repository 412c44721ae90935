import numpy as np
import pytest

from benchmarks.load.mix import Mix
from benchmarks.load.plan import Plan
from benchmarks.load.stages import by_second, lag, measure

PLAN = Plan(Mix.DEFAULT, rate=10.0, seconds=2.0, warm_up=1.0, users=40)
NOTHING = np.full(PLAN.count, np.nan)
STAGES = ("called", "published", "received", "stored", "rung", "socket", "mail", "push")


def moments(**columns):
    due = 100.0 + np.arange(PLAN.count) / PLAN.rate
    late = {name: due + seconds for name, seconds in columns.items()}
    return {"due": due, **dict.fromkeys(STAGES, NOTHING), **late}


def test_latency_is_since_the_event_was_due_and_since_the_stage_before():
    published, received = measure(PLAN, moments(published=0.1, received=0.3))
    assert (published.name, published.since_due.p50, published.before) == ("published", pytest.approx(100.0), "due")
    assert (received.since_due.p50, received.since_before.p50) == (pytest.approx(300.0), pytest.approx(200.0))


def test_the_warm_up_has_no_latencies():
    column = np.where(np.arange(PLAN.count) < PLAN.first_steady, 9.0, 0.1)
    (published,) = measure(PLAN, moments(published=column))
    assert published.events == 20
    assert published.since_due.maximum == pytest.approx(100.0)


def test_events_that_did_not_reach_a_stage_do_not_count_there():
    every_third = np.where(np.arange(PLAN.count) % 3 == 0, 0.2, np.nan)
    (rung,) = measure(PLAN, moments(rung=every_third))
    assert rung.events == 6


def test_mail_and_push_come_behind_the_row():
    stages = measure(PLAN, moments(stored=0.1, mail=0.5, push=0.4))
    assert {stage.name: stage.before for stage in stages} == {"stored": "received", "mail": "stored", "push": "stored"}


def test_an_event_that_overtakes_its_producers_answer_is_early():
    _, received = measure(PLAN, moments(published=0.3, received=0.1))
    assert received.since_before.p50 == pytest.approx(-200.0)


def test_each_second_has_the_events_that_were_due_in_it():
    late = np.arange(PLAN.count) // 10 * 1.0
    seconds = by_second(PLAN, moments(socket=late))
    assert [(one.at, one.latency.p95) for one in seconds] == [
        (0, 0.0),
        (1, pytest.approx(1000.0)),
        (2, pytest.approx(2000.0)),
    ]


def test_a_call_is_due_with_its_last_event():
    found = moments()
    called = found["due"][9::10].repeat(10) + 0.05
    assert lag(PLAN, called, found["due"]).maximum == pytest.approx(50.0)
