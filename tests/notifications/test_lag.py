from datetime import timedelta

import pytest
from django.utils import timezone

from notifications import lag
from notifications.event_queue import EventQueue
from notifications.lag import Lag
from notifications.models import Path, ReceivedEvent

pytestmark = pytest.mark.django_db


def receive(count: int, *, ago: timedelta = timedelta()) -> None:
    now = timezone.now()
    ReceivedEvent.objects.bulk_create(
        ReceivedEvent(
            source="/tests",
            event_id=f"{ago}-{number}",
            type="mentioned",
            occurred_at=now,
            received_at=now - ago,
            path=Path.SQS,
            payload={},
        )
        for number in range(count)
    )


def test_the_rate_is_that_of_the_latest_events():
    receive(50, ago=timedelta(hours=1))
    receive(600, ago=timedelta(seconds=60))
    assert lag.events_per_second() == pytest.approx(10, rel=0.05)


def test_there_is_no_rate_when_nothing_came_of_late():
    receive(50, ago=timedelta(hours=1))
    assert lag.events_per_second() == 0


def test_how_far_behind_is_what_waits_at_the_rate_of_late():
    assert Lag(waiting=600, in_flight=0, per_second=10).behind == timedelta(seconds=60)


def test_an_empty_queue_is_not_behind_even_when_nothing_came_of_late():
    assert Lag(waiting=0, in_flight=3, per_second=0).behind == timedelta()


def test_a_queue_that_does_not_move_is_late_and_nobody_knows_how_much():
    stuck = Lag(waiting=1, in_flight=0, per_second=0)
    assert stuck.behind is None
    assert stuck.is_late


def test_an_empty_queue_is_measured_as_empty(queue: EventQueue):
    assert lag.measure(queue) == Lag(waiting=0, in_flight=0, per_second=0)


def test_whoever_gives_way_goes_on_when_live_events_are_on_time_again(
    queue: EventQueue, monkeypatch: pytest.MonkeyPatch
):
    looks = iter([Lag(100, 0, 1), Lag(50, 0, 1), Lag(0, 0, 1)])
    monkeypatch.setattr(lag, "measure", lambda _: next(looks))
    heard: list[Lag] = []
    lag.give_way(queue, say=heard.append, pause_seconds=0)
    assert [each.waiting for each in heard] == [100, 50]
