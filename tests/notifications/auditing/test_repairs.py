import pytest
from django.utils import timezone

from delivery import digests
from delivery.models import Delivery, State
from notifications import pipeline
from notifications.auditing.findings import Damage, Standing
from notifications.models import Decision, Notification, Path
from preferences.catalog import Channel
from preferences.decisions import Reason
from preferences.models import User
from tests.cloudevents import event_for, message
from tests.notifications.auditing.rounds import LONG_AGO, assert_repaired, audited, deliveries_of, id_of, process

pytestmark = pytest.mark.django_db


# --- Lost decisions ----------------------------------------------------------------------------------------------


def test_a_recipient_who_was_forgotten_is_decided_for(event, alice, rung, woken):
    lost = id_of(event, alice)
    Notification.objects.filter(id=lost).delete()
    Delivery.objects.filter(notification_id=lost).delete()
    Decision.objects.filter(event=event, user_id=alice.id).delete()
    assert_repaired({Damage.LOST_DECISION: 1})
    assert id_of(event, alice) == lost
    assert Delivery.objects.filter(notification_id=lost, id__in=woken).count() == 2
    assert [(user_id, heard["type"]) for user_id, heard in rung] == [(alice.id, "notification")]


def test_a_decision_that_was_lost_alone_is_made_again_and_nothing_sent_twice(event, alice, woken):
    before = list(Delivery.objects.order_by("id").values())
    Decision.objects.filter(event=event, user_id=alice.id).delete()
    assert_repaired({Damage.LOST_DECISION: 1})
    assert list(Delivery.objects.order_by("id").values()) == before
    assert woken == []


def test_a_lost_decision_was_for_what_there_is_whatever_it_would_be_now(event, alice):
    never = {"email_digest": "never", "preferences": {"task_assigned": {"in_app": False, "push": False}}}
    User.objects.filter(id=alice.id).update(notification_preferences=never)
    Decision.objects.filter(event=event, user_id=alice.id).delete()
    assert_repaired({Damage.LOST_DECISION: 1})
    assert Decision.objects.get(event=event, user_id=alice.id).push == Reason.PREFERENCE_ON


def test_a_recipient_that_is_no_user_id_is_recorded_again(alice):
    event = event_for(alice)
    event["data"]["recipients"] += ["not an id", "nor this"]
    pipeline.process([message(event)], path=Path.SQS)
    Decision.objects.filter(recipient="nor this").delete()
    assert_repaired({Damage.LOST_DECISION: 1})
    assert set(Decision.objects.values_list("recipient", flat=True)) == {"", "not an id", "nor this"}


def test_all_decisions_of_an_event_of_many_are_made_again(alice):
    users = [User(name=f"User {number}", email=f"user{number}@example.com") for number in range(1_200)]
    event = process(*User.objects.bulk_create(users))
    for model in (Decision, Notification, Delivery):
        model.objects.all().delete()
    assert_repaired({Damage.LOST_DECISION: 1_200})
    assert Notification.objects.filter(event=event, read_at=None).count() == 1_200


# --- Missing rows ------------------------------------------------------------------------------------------------


def test_a_missing_notification_is_stored_again_unread_and_rings(event, alice, rung):
    before = Notification.objects.filter(event=event, user=alice).values().get()
    Notification.objects.filter(id=before["id"]).delete()
    assert_repaired({Damage.MISSING_NOTIFICATION: 1})
    after = Notification.objects.filter(event=event, user=alice).values().get()
    assert after.pop("created_at") > before.pop("created_at")
    assert after == before
    assert [heard["notification"]["id"] for _, heard in rung] == [after["id"]]


def test_a_missing_notification_of_an_event_without_time_keeps_its_id(alice):
    event = event_for(alice)
    del event["time"]
    pipeline.process([message(event, sent_at=timezone.now() - LONG_AGO)], path=Path.SQS)
    lost = Notification.objects.get().id
    Notification.objects.all().delete()
    assert_repaired({Damage.MISSING_NOTIFICATION: 1})
    assert Notification.objects.get().id == lost


@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.PUSH])
def test_a_missing_delivery_is_put_on_record_again_and_called(event, alice, woken, channel):
    lost = deliveries_of(event, alice, channel)
    before = lost.values().get()
    lost.delete()
    assert_repaired({Damage.MISSING_DELIVERY: 1})
    after = lost.values().get()
    assert woken == [after["id"]]
    own = {"id", "due_at", "woken_at", "created_at", "updated_at"}
    assert {name for name in before if before[name] != after[name]} <= own


def test_a_missing_item_of_a_digest_is_held_for_the_next_one(event, digest_reader, woken):
    lost = deliveries_of(event, digest_reader, Channel.EMAIL)
    due_at = lost.get().due_at
    lost.delete()
    assert_repaired({Damage.MISSING_DELIVERY: 1})
    assert (lost.get().state, lost.get().due_at, woken) == (State.HELD, due_at, [])


def test_a_missing_item_goes_into_one_last_digest_of_whoever_wants_none_any_more(event, digest_reader):
    lost = deliveries_of(event, digest_reader, Channel.EMAIL)
    lost.delete()
    User.objects.filter(id=digest_reader.id).update(notification_preferences={})
    assert_repaired({Damage.MISSING_DELIVERY: 1})
    assert lost.get().state == State.HELD
    assert lost.get().due_at <= timezone.now()


def test_what_was_read_in_the_bell_is_put_on_record_and_not_sent(event, alice):
    lost = deliveries_of(event, alice, Channel.PUSH)
    lost.delete()
    Notification.objects.filter(event=event, user=alice).update(read_at=timezone.now())
    assert_repaired({Damage.MISSING_DELIVERY: 1})
    assert (lost.get().state, lost.get().reason) == (State.SUPPRESSED, Reason.ALREADY_READ)


def test_an_event_that_cannot_be_repaired_does_not_keep_its_neighbours_from_it(event, alice):
    event.payload["type"] = "dropped_from_the_catalogue"
    event.save()
    Notification.objects.filter(user=alice).delete()
    report = audited(repair=True)
    assert dict(report.found) == {Damage.MISSING_NOTIFICATION: 3}
    assert dict(report.left) == {Damage.MISSING_NOTIFICATION: 1}
    assert report.tally[Channel.IN_APP, Standing.UNACCOUNTED] == 1


def test_an_id_that_another_holds_does_not_keep_the_neighbours_from_a_repair(event, alice, monkeypatch):
    taken = id_of(event, alice)
    Notification.objects.filter(user=alice).delete()
    store = pipeline.records.store_notifications

    def refuse(notifications):
        if any(notification.id == taken for notification in notifications):
            raise pipeline.IdCollision
        return store(notifications)

    monkeypatch.setattr(pipeline.records, "store_notifications", refuse)
    report = audited(repair=True)
    assert dict(report.found) == {Damage.MISSING_NOTIFICATION: 3}
    assert dict(report.left) == {Damage.MISSING_NOTIFICATION: 1}


# --- What waits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lease_until", [-LONG_AGO, None])
def test_a_stuck_lease_is_taken_back_and_called(event, alice, woken, lease_until):
    stuck = deliveries_of(event, alice, Channel.EMAIL)
    stuck.update(state=State.SENDING, lease_until=lease_until and timezone.now() + lease_until)
    assert_repaired({Damage.STUCK_LEASE: 1})
    assert (stuck.get().state, woken) == (State.PENDING, [stuck.get().id])


def test_a_lost_task_is_called_again(event, alice, woken):
    lost = deliveries_of(event, alice, Channel.PUSH)
    lost.update(due_at=timezone.now() - LONG_AGO, woken_at=timezone.now() - LONG_AGO)
    assert_repaired({Damage.LOST_TASK: 1})
    assert woken == [lost.get().id]


def test_a_lost_digest_is_made(event, digest_reader):
    held = Delivery.objects.filter(user=digest_reader, state=State.HELD)
    held.update(due_at=timezone.now() - LONG_AGO)
    assert_repaired({Damage.LOST_DIGEST: 3})
    digest = Delivery.objects.get(type="digest")
    assert digest.state == State.PENDING
    assert set(held.values_list("digest_id", flat=True)) == {digest.id}


def test_what_a_deleted_digest_had_gathered_gets_another_one(event, digest_reader):
    held = Delivery.objects.filter(user=digest_reader, state=State.HELD)
    held.update(due_at=timezone.now() - LONG_AGO)
    digests.collect()
    Delivery.objects.filter(type="digest").delete()
    assert_repaired({Damage.LOST_DIGEST: 3})
    assert held.exclude(digest=None).count() == 3


@pytest.mark.parametrize("state", [State.SENT, State.DELIVERED, State.BOUNCED, State.FAILED, State.SUPPRESSED])
def test_what_a_digest_left_behind_shares_its_end(event, digest_reader, state):
    Delivery.objects.filter(user=digest_reader, state=State.HELD).update(due_at=timezone.now())
    digests.collect()
    reason = Reason.DIGEST_NEVER if state == State.SUPPRESSED else ""
    Delivery.objects.filter(type="digest").update(state=state, reason=reason, sent_at=timezone.now())
    assert_repaired({Damage.STRANDED_ITEM: 3})
    digest = Delivery.objects.get(type="digest")
    ends = set(digest.items.values_list("state", "reason", "sent_at"))
    assert ends == {(digest.state, digest.reason, digest.sent_at)}
