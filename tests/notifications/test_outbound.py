"""What the pipeline and the inbox tell delivery."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from delivery import dispatch
from delivery.models import Delivery, State
from notifications import marking, pipeline
from notifications.models import Notification, Path
from preferences.catalog import Channel
from preferences.decisions import Reason
from preferences.models import User
from tests.cloudevents import event_for, message

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def woken(monkeypatch) -> list[dispatch.Due]:
    due: list[dispatch.Due] = []
    monkeypatch.setattr(dispatch, "wake", due.extend)
    return due


def process(*events) -> None:
    pipeline.process([message(event) for event in events], path=Path.SQS)


def test_a_mail_that_is_wanted_now_is_put_on_record_and_a_worker_called(alice, bob, woken):
    process(event_for(alice, data={"actor": {"id": str(bob.id)}}))
    mail = Delivery.objects.get()
    assert (mail.notification_id, mail.channel, mail.state) == (Notification.objects.get().id, "email", State.PENDING)
    assert (mail.actor_name, mail.resource_title) == (bob.name, "Update pricing page")
    assert mail.due_at <= timezone.now()
    assert woken == [dispatch.Due(mail.id, Channel.EMAIL)]


def test_a_mail_for_a_digest_is_held_until_its_time_and_nobody_is_called(alice, woken):
    User.objects.update(notification_preferences={"email_digest": "daily", "digest_time": "09:00"})
    process(event_for(alice))
    mail = Delivery.objects.get()
    assert mail.state == State.HELD
    assert mail.due_at.astimezone(UTC).time() == datetime(2026, 1, 1, 9, tzinfo=UTC).time()
    assert woken == []


def test_what_is_suppressed_leaves_no_delivery(alice):
    process(event_for(alice, type="comment_added"))
    assert Notification.objects.exists()
    assert not Delivery.objects.exists()


def test_a_mail_goes_out_although_the_inbox_does_not_want_it(alice):
    User.objects.update(notification_preferences={"preferences": {"task_assigned": {"in_app": False}}})
    process(event_for(alice))
    assert not Notification.objects.exists()
    assert Delivery.objects.get().channel == "email"


def test_the_same_event_again_calls_nobody_twice(alice, woken):
    process(event_for(alice))
    process(event_for(alice))
    assert len(woken) == Delivery.objects.count() == 1


def test_reading_cancels_what_still_waits(alice):
    process(event_for(alice))
    marking.mark_read(alice.id, Notification.objects.get().id)
    mail = Delivery.objects.get()
    assert (mail.state, mail.reason) == (State.SUPPRESSED, Reason.ALREADY_READ)


def test_taking_a_mark_back_lets_the_mail_go(alice):
    process(event_for(alice))
    undo_id = marking.mark_all_read(alice.id).undo_id
    assert Delivery.objects.get().state == State.SUPPRESSED
    marking.undo_mark_all(alice.id, undo_id)
    assert (Delivery.objects.get().state, Delivery.objects.get().reason) == (State.PENDING, "")


def test_reading_everything_cancels_everything_of_this_user_alone(alice, bob):
    process(event_for(alice, bob, id="1"), event_for(alice, bob, id="2"))
    marking.mark_all_read(alice.id)
    waiting = Delivery.objects.filter(state=State.PENDING)
    assert list(waiting.values_list("user_id", flat=True)) == [bob.id, bob.id]


def test_a_queue_that_is_away_costs_a_minute_and_no_mail(alice, monkeypatch, servers):
    monkeypatch.undo()
    servers.aws.stop()
    process(event_for(alice))
    assert Delivery.objects.get().state == State.PENDING
