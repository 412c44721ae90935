from datetime import timedelta

import pytest
from django.utils import timezone

from delivery import lanes, sweeper
from delivery.models import Delivery, State
from preferences.catalog import Channel
from tests.delivery.rows import delivery, states, turn_kill_switch

pytestmark = pytest.mark.django_db
SOON, LONG_AGO = timedelta(seconds=30), timedelta(minutes=5)


def test_a_lost_task_is_called_again_after_a_minute(alice, woken):
    now = timezone.now()
    delivery(alice, woken_at=now)
    lost = delivery(alice, woken_at=now - LONG_AGO)
    sweeper.sweep()
    sweeper.sweep()
    assert woken == [lost.id]


def test_a_retry_is_called_when_it_is_due(alice, woken):
    now = timezone.now()
    due = delivery(alice, woken_at=now - SOON, due_at=now - timedelta(seconds=1))
    delivery(alice, woken_at=now - SOON, due_at=now + SOON)
    sweeper.sweep()
    assert woken == [due.id]


@pytest.mark.parametrize("ago", [SOON, None])
def test_an_expired_lease_goes_back_and_is_called_again(alice, woken, ago):
    now = timezone.now()
    dead = delivery(alice, state=State.SENDING, lease_until=ago and now - ago, woken_at=now - LONG_AGO)
    alive = delivery(alice, state=State.SENDING, lease_until=now + SOON)
    sweeper.sweep()
    assert woken == [dead.id]
    assert states(dead, alive) == [State.PENDING, State.SENDING]


def test_nobody_is_called_for_a_closed_lane_or_under_the_kill_switch(alice, woken, valkey):
    delivery(alice, woken_at=timezone.now() - LONG_AGO)
    lanes.pause(Channel.EMAIL, timedelta(minutes=1))
    sweeper.sweep()
    valkey.flushall()  # the lane is open
    turn_kill_switch(on=True)
    sweeper.sweep()
    assert woken == []


def test_what_is_settled_or_held_is_never_called(alice, woken):
    for state in set(State) - {State.PENDING, State.SENDING}:
        delivery(alice, state=state, woken_at=timezone.now() - LONG_AGO)
    sweeper.sweep()
    assert woken == []
    assert not Delivery.objects.filter(state=State.PENDING).exists()
