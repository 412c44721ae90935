import pytest
from django.utils import timezone

from benchmarks.growth.tables import Tables, _pieces
from benchmarks.traffic import Traffic, user_id
from delivery.models import Delivery
from notifications import pipeline
from notifications.models import Decision, Notification, Path, ReceivedEvent
from notifications.pipeline import Message
from preferences.models import User
from tests.conftest import url_of_test_database

USERS = 10
ROWS = 40


@pytest.fixture
def tables(transactional_db, flag_on):
    User.objects.bulk_create(
        User(id=user_id(number), name=f"User {number}", email=f"user{number}@example.com") for number in range(USERS)
    )
    with Tables(url_of_test_database()) as tables:
        yield tables


def store(traffic):
    messages = [Message(traffic.event(number).as_json(), timezone.now()) for number in range(traffic.count)]
    pipeline.process(messages, path=Path.SQS)


def test_the_past_has_a_row_for_each_event_in_every_table(tables):
    tables.fill(0, ROWS, users=USERS, tell=lambda _: None)
    assert [model.objects.count() for model in (ReceivedEvent, Decision, Notification, Delivery)] == [ROWS] * 4
    assert Notification.objects.filter(user_id=user_id(3)).count() == ROWS / USERS
    assert Decision.objects.exclude(user_id=None).values("event_id").distinct().count() == ROWS


def test_all_four_types_are_read_and_unread_in_the_past(tables):
    tables.fill(0, ROWS, users=USERS, tell=lambda _: None)
    unread = Notification.objects.filter(read_at=None)
    assert unread.values("type").distinct().count() == 4
    assert Notification.objects.exclude(read_at=None).values("type").distinct().count() == 4


def test_a_longer_past_keeps_what_is_there(tables):
    reached = []
    tables.fill(0, ROWS, users=USERS, tell=reached.append)
    tables.fill(ROWS, 2 * ROWS, users=USERS, tell=reached.append)
    assert Notification.objects.count() == 2 * ROWS
    assert reached == [ROWS, 2 * ROWS]


def test_what_comes_lies_behind_the_past_in_the_index(tables):
    tables.fill(0, ROWS, users=USERS, tell=lambda _: None)
    store(Traffic("growth1", 1, USERS))
    latest = Notification.objects.order_by("-id")[0]
    assert latest.resource_id == "growth1-000000"


def test_events_are_counted_since_the_mark_without_the_past(tables):
    tables.fill(0, ROWS, users=USERS, tell=lambda _: None)
    store(Traffic("growth1", 3, USERS))
    tables.mark()
    store(Traffic("growth2", 5, USERS))
    store(Traffic("growth3", 2, USERS))
    assert (tables.entered(), tables.stored(), tables.transactions()) == (7, 7, 2)
    assert tables.stored_of(Traffic("growth2", 5, USERS)) == 5


def test_held_mails_leave_a_delivery_and_none_does_without(tables):
    tables.hold_mails()
    store(Traffic("growth1", 4, USERS))
    assert set(Delivery.objects.values_list("channel", "state")) == {("email", "held")}
    tables.want_no_mails()
    tables.empty()
    store(Traffic("growth2", 4, USERS))
    assert not Delivery.objects.exists()


def test_large_pasts_are_written_in_pieces():
    assert list(_pieces(10_000, 110_000)) == [(10_001, 60_000), (60_001, 110_000)]
    assert list(_pieces(5, 5)) == []


def test_emptying_forgets_the_mark(tables):
    store(Traffic("growth1", 1, USERS))
    tables.mark()
    tables.empty()
    assert tables.entered() == 0
    assert not ReceivedEvent.objects.exists()
