from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from delivery import attempts, digests, dispatch, shutdown
from delivery.models import Delivery, State
from delivery.transports.contract import Result
from preferences.catalog import Channel
from tests.delivery.rows import delivery

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _not_yet() -> Iterator[None]:
    yield
    shutdown._asked.clear()


class StopsAfter:
    """Takes what it is given; the worker is asked to stop while the last of `count` is under way."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.sent: list[int] = []

    def send(self, chunk):
        for outgoing in chunk:
            self.sent.append(outgoing.delivery.id)
            self.left -= 1
            if not self.left:
                shutdown.begin()
            yield Result(outgoing, f"message-{outgoing.delivery.id}")


def test_what_is_under_way_is_recorded_and_the_rest_may_go_out_at_once_by_another_worker(alice):
    rows = [delivery(alice) for _ in range(5)]
    transport = StopsAfter(2)
    attempts.attempt(Channel.EMAIL, [row.id for row in rows], lambda: transport)
    assert set(Delivery.objects.filter(state=State.SENT).values_list("id", flat=True)) == set(transport.sent)
    back = Delivery.objects.filter(state=State.PENDING, attempts=0, lease_until=None, due_at__lte=timezone.now())
    assert back.count() == 3


def test_a_worker_that_is_to_stop_takes_nothing_in_hand(alice):
    row = delivery(alice)
    shutdown.begin()
    attempts.attempt(Channel.EMAIL, [row.id], lambda: StopsAfter(1))
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.PENDING, 0)


def test_a_run_of_digests_ends_after_the_batch_in_hand_and_the_next_run_makes_the_rest(alice, bob, monkeypatch):
    for person in (alice, bob):
        delivery(person, state=State.HELD, due_at=timezone.now() - timedelta(minutes=1))
    monkeypatch.setattr(digests, "_USERS", 1)
    monkeypatch.setattr(dispatch, "wake", lambda due: shutdown.begin())
    assert digests.collect() == 1
    shutdown._asked.clear()
    assert digests.collect() == 1
    assert not Delivery.objects.filter(state=State.HELD, digest=None).exists()
