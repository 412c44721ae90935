import pytest
from django.utils import timezone

from delivery.models import Delivery, State
from notifications.auditing.findings import Damage
from notifications.models import Decision, Notification
from preferences.catalog import Channel
from preferences.decisions import Reason
from preferences.models import User
from tests.notifications.auditing.rounds import (
    LONG_AGO,
    PHONE,
    assert_repaired,
    audited,
    deliveries_of,
    doubled,
    everything,
    id_of,
    process,
)

pytestmark = pytest.mark.django_db

FOREIGN = "ntf_0000000000000001"


@pytest.mark.parametrize("foreign_id", [FOREIGN, "ntf_zzzzzzzzzzzzzzzz"])
def test_a_doubled_notification_goes_and_its_person_hears_the_count(event, alice, rung, foreign_id):
    kept = id_of(event, alice)
    doubled(Notification.objects.filter(id=kept), pk=foreign_id)
    assert_repaired({Damage.DOUBLED: 1})
    assert id_of(event, alice) == kept
    assert rung == [(alice.id, {"type": "read", "ids": [foreign_id], "unread_count": 3})]


def test_what_was_read_under_either_id_is_read(event, alice):
    kept = id_of(event, alice)
    doubled(Notification.objects.filter(id=kept), pk=FOREIGN, read_at=timezone.now())
    assert_repaired({Damage.DOUBLED: 1})
    assert Notification.objects.get(id=kept).read_at is not None
    assert set(Delivery.objects.filter(notification_id=kept).values_list("reason", flat=True)) == {"already_read"}


def test_a_notification_under_a_foreign_id_alone_is_a_missing_one(event, alice):
    right = id_of(event, alice)
    Notification.objects.filter(id=right).update(id=FOREIGN, read_at=timezone.now())
    assert dict(audited().found) == {Damage.MISSING_NOTIFICATION: 1}
    assert not audited(repair=True).left
    assert not audited().found
    assert Notification.objects.get(id=id_of(event, alice)).read_at is not None


@pytest.mark.parametrize("is_in_app", [True, False])
def test_a_doubled_delivery_goes(event, alice, is_in_app):
    kept = deliveries_of(event, alice, Channel.PUSH).get()
    doubled(Delivery.objects.filter(id=kept.id), notification_id=FOREIGN)
    if not is_in_app:
        Notification.objects.filter(event=event, user=alice).delete()
        Decision.objects.filter(event=event, user_id=alice.id).update(in_app=Reason.PREFERENCE_OFF)
    assert_repaired({Damage.DOUBLED: 1})
    assert Delivery.objects.filter(user=alice, channel=Channel.PUSH).count() == 3


def test_an_event_that_went_out_doubled_on_every_channel_is_one_again(event, alice):
    right = id_of(event, alice)
    before = everything()
    doubled(Notification.objects.filter(id=right), pk=FOREIGN)
    for channel in (Channel.EMAIL, Channel.PUSH):
        doubled(Delivery.objects.filter(notification_id=right, channel=channel), notification_id=FOREIGN)
    assert_repaired({Damage.DOUBLED: 3})
    assert everything() == before


@pytest.mark.parametrize("state", [State.SENT, State.DELIVERED, State.BOUNCED])
def test_what_went_out_under_a_foreign_id_does_not_go_out_again(event, alice, state):
    kept = deliveries_of(event, alice, Channel.PUSH)
    doubled(kept, notification_id=FOREIGN, state=state, sent_at=timezone.now(), provider_id="taken")
    assert_repaired({Damage.DOUBLED: 1})
    assert (kept.get().state, kept.get().provider_id) == (state, "taken")


def test_a_decision_that_is_counted_twice_counts_once(alice):
    event = process(alice, data={"recipients": [str(alice.id), "not an id"]})
    doubled(Decision.objects.filter(event=event, user_id=None))
    assert audited().decided(Channel.PUSH) == 3
    assert_repaired({Damage.DOUBLED: 1})
    assert audited().decided(Channel.PUSH) == 2


def test_a_double_that_a_worker_has_in_hand_stays_until_it_is_done(event, alice):
    kept = deliveries_of(event, alice, Channel.PUSH)
    stray = doubled(kept, notification_id=FOREIGN, state=State.SENDING, lease_until=timezone.now() + LONG_AGO)
    assert dict(audited(repair=True).left) == {Damage.DOUBLED: 1}
    Delivery.objects.filter(id=stray.id).update(state=State.SENT)
    assert_repaired({Damage.DOUBLED: 1})


def test_events_of_the_same_moment_are_not_doubles_of_each_other(alice):
    User.objects.filter(id=alice.id).update(
        push_tokens=PHONE, notification_preferences={"preferences": {"task_assigned": {"in_app": False}}}
    )
    time = timezone.now().replace(microsecond=0).isoformat()
    for _ in range(3):
        process(alice, time=time)
    assert not audited().found
