from datetime import timedelta
from types import SimpleNamespace

import pytest

from delivery import gates, lanes
from delivery.errors import PermanentFailure, ProviderDown, Throttled
from delivery.gates import Gate
from delivery.models import Delivery
from delivery.transports.contract import Outgoing, Result
from preferences.models import User
from tests.delivery.round_trips import redis_round_trips

pytestmark = pytest.mark.django_db
LANE = "push:ios"
DOWN, THROTTLED = ProviderDown("ServiceUnavailable"), Throttled("slow down")


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """The monotonic clock of the gates, in seconds."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(gates, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def gate(clock: SimpleNamespace) -> Gate:
    return Gate(LANE)


def later(clock: SimpleNamespace) -> None:
    clock.now += gates.LOOK_AGAIN.total_seconds()


def hear(gate: Gate, *answers) -> None:
    for answer in answers:
        gate.hear(Result(Outgoing(Delivery(), User()), answer))


def close_lane() -> None:
    for _ in range(lanes.OUTAGES_TO_CLOSE):
        lanes.report_outage(LANE)


def test_many_sends_and_successes_cost_one_question_and_one_word(gate):
    lanes.is_blocked(LANE)  # connects
    with redis_round_trips() as made:
        for _ in range(100):
            assert gate.lets_pass()
            hear(gate, "taken")
    assert len(made) == 2


def test_an_outage_that_others_meet_shuts_the_gate_within_a_moment(gate, clock):
    assert gate.lets_pass()
    close_lane()
    later(clock)
    assert not gate.lets_pass()


def test_an_outage_that_the_chunk_meets_itself_shuts_it_at_once(gate):
    hear(gate, *[DOWN] * (lanes.OUTAGES_TO_CLOSE - 1))
    assert gate.lets_pass()
    hear(gate, DOWN)
    assert not gate.lets_pass()


def test_a_throttle_shuts_it_at_once(gate):
    assert gate.lets_pass()
    hear(gate, THROTTLED)
    assert not gate.lets_pass()


def test_what_had_left_before_a_throttle_does_not_end_the_providers_pause(gate):
    hear(gate, Throttled("slow down", retry_after=timedelta(minutes=1)), "taken")
    assert lanes.is_blocked(LANE)


def test_what_others_had_sent_before_a_throttle_does_not_end_it_either(gate):
    hear(Gate(LANE), Throttled("slow down", retry_after=timedelta(minutes=1)))
    hear(gate, "taken")
    assert lanes.is_blocked(LANE)


def test_an_outage_in_the_midst_of_a_throttle_does_not_shorten_it(gate):
    hear(Gate(LANE), Throttled("slow down", retry_after=timedelta(minutes=1)))
    hear(gate, *[DOWN] * lanes.OUTAGES_TO_CLOSE, "taken")
    assert lanes.look(LANE).closed_for > lanes.PROBE


def test_a_success_between_outages_is_told_at_once_so_that_they_are_not_in_a_row(gate):
    hear(gate, *[DOWN, "taken"] * lanes.OUTAGES_TO_CLOSE)
    assert gate.lets_pass()
    assert not lanes.is_blocked(LANE)


def test_the_first_success_of_a_chunk_opens_the_lane_that_others_found_closed(gate):
    close_lane()
    hear(gate, "taken")
    assert not lanes.is_blocked(LANE)


def test_successes_that_go_on_are_told_again_after_a_moment(gate, clock):
    hear(gate, "taken")
    close_lane()
    hear(gate, "taken")
    assert lanes.is_blocked(LANE)
    later(clock)
    hear(gate, "taken")
    assert not lanes.is_blocked(LANE)


def test_a_refusal_says_nothing_of_the_lane(gate, valkey):
    hear(gate, *[PermanentFailure("BadTopic")] * lanes.OUTAGES_TO_CLOSE)
    assert gate.lets_pass()
    assert valkey.keys("lane:*") == []
