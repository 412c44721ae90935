"""What a killed worker had in hand, by rows of a database of its own."""

from datetime import timedelta

import psycopg
import pytest
from django.utils import timezone

from delivery.models import Delivery, State
from drills import claims
from drills.claims import Claims
from drills.database import Database
from preferences.catalog import Channel
from tests.conftest import url_of_test_database
from tests.delivery.rows import delivery

pytestmark = pytest.mark.django_db(transaction=True)
MINUTE = timedelta(minutes=1)


def claimed(user, *, ago: timedelta, channel: Channel = Channel.EMAIL) -> Delivery:
    now = timezone.now()
    lease = {"lease_until": now + 10 * MINUTE, "updated_at": now - ago}
    return delivery(user, state=State.SENDING, channel=channel, **lease)


def is_given_up(row: Delivery) -> bool:
    row.refresh_from_db()
    return row.lease_until is not None and row.lease_until < timezone.now()


@pytest.fixture
def found(transactional_db) -> Claims:
    return Claims(Database(url_of_test_database()))


def test_what_was_claimed_before_the_kill_was_the_killed_workers(alice, found):
    before, others = claimed(alice, ago=MINUTE), claimed(alice, ago=MINUTE, channel=Channel.PUSH)
    found.note_kill(Channel.EMAIL)
    after = claimed(alice, ago=-MINUTE)
    assert found.look_up()
    assert found.crashed == {before.id}
    assert [is_given_up(row) for row in (before, others, after)] == [True, False, False]


def test_a_kill_while_postgresql_is_away_is_looked_up_when_it_is_back(alice, found, monkeypatch):
    row = claimed(alice, ago=MINUTE)
    found.note_kill(Channel.EMAIL)
    with monkeypatch.context() as patch:
        patch.setattr(psycopg, "connect", _refuse)
        assert not found.look_up()
    assert found.look_up()
    assert found.crashed == {row.id}


def test_a_claim_that_nobody_heard_of_is_given_up_and_may_not_be_sent_twice(alice, found, monkeypatch):
    monkeypatch.setattr(claims, "_LET_GO", 0.0)
    lost = claimed(alice, ago=MINUTE)
    assert found.end_lost_ones() == 1
    assert is_given_up(lost)
    assert found.crashed == set()


def _refuse(*_, **__):
    raise psycopg.OperationalError("connection refused")
