import itertools

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery import digests, dispatch
from delivery.models import Delivery, State
from delivery.transports import bell
from notifications import ids, pipeline
from notifications.auditing.findings import Damage, Standing
from notifications.models import Decision, Notification, Path, ReceivedEvent
from preferences.catalog import Channel
from preferences.decisions import Reason
from preferences.models import User
from tests.cloudevents import event_for, message
from tests.notifications.auditing.rounds import LONG_AGO, PHONE, audited, process

pytestmark = pytest.mark.django_db

FOREIGN = "ntf_0000000000000001"
_numbers = itertools.count(1)


@pytest.fixture
def digest_reader(bob) -> User:
    """Somebody whose mail is gathered."""
    User.objects.filter(id=bob.id).update(notification_preferences={"email_digest": "daily"})
    return bob


@pytest.fixture
def rung(monkeypatch) -> list:
    """What open bells hear; everybody has one."""
    heard: list = []
    monkeypatch.setattr(bell, "listening", set)
    monkeypatch.setattr(bell, "publish", lambda messages, **_: heard.extend(messages))
    return heard


@pytest.fixture
def woken(monkeypatch) -> list[int]:
    ids: list[int] = []
    monkeypatch.setattr(dispatch, "wake", lambda due: ids.extend(delivery.id for delivery in due))
    return ids


@pytest.fixture
def event(alice, digest_reader, charlie) -> ReceivedEvent:
    """One of three events for two people, one of whom has a phone and mail at once, and the other a daily digest."""
    User.objects.filter(id=alice.id).update(push_tokens=PHONE)
    return [process(alice, digest_reader, data={"actor": {"id": str(charlie.id)}}) for _ in range(3)][1]


def of(event: ReceivedEvent, user: User) -> str:
    """The id of the notification."""
    return Notification.objects.get(event=event, user=user).id


def the(event: ReceivedEvent, user: User, channel: Channel):
    return Delivery.objects.filter(notification_id=of(event, user), channel=channel)


def everything() -> list:
    """All rows, without the times at which an audit may look at them."""
    return [list(model.objects.order_by("pk").values()) for model in (ReceivedEvent, Decision, Notification, Delivery)]


def assert_repaired(found: dict[Damage, int]) -> None:
    """What is found is just that; a repair leaves nothing of it, and a second one changes nothing more."""
    assert dict(audited().found) == found
    repair = audited(repair=True)
    assert dict(repair.found) == found
    assert not repair.left.total()
    assert not audited().found
    after = everything()
    assert not audited(repair=True).found
    assert everything() == after


# --- Lost decisions ----------------------------------------------------------------------------------------------


def test_a_recipient_who_was_forgotten_is_decided_for(event, alice, rung, woken):
    lost = of(event, alice)
    Notification.objects.filter(id=lost).delete()
    Delivery.objects.filter(notification_id=lost).delete()
    Decision.objects.filter(event=event, user_id=alice.id).delete()
    assert_repaired({Damage.LOST_DECISION: 1})
    assert of(event, alice) == lost
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
    lost = the(event, alice, channel)
    before = lost.values().get()
    lost.delete()
    assert_repaired({Damage.MISSING_DELIVERY: 1})
    after = lost.values().get()
    assert woken == [after["id"]]
    own = {"id", "due_at", "woken_at", "created_at", "updated_at"}
    assert {name for name in before if before[name] != after[name]} <= own


def test_a_missing_item_of_a_digest_is_held_for_the_next_one(event, digest_reader, woken):
    lost = the(event, digest_reader, Channel.EMAIL)
    due_at = lost.get().due_at
    lost.delete()
    assert_repaired({Damage.MISSING_DELIVERY: 1})
    assert (lost.get().state, lost.get().due_at, woken) == (State.HELD, due_at, [])


def test_a_missing_item_goes_into_one_last_digest_of_whoever_wants_none_any_more(event, digest_reader):
    lost = the(event, digest_reader, Channel.EMAIL)
    lost.delete()
    User.objects.filter(id=digest_reader.id).update(notification_preferences={})
    assert_repaired({Damage.MISSING_DELIVERY: 1})
    assert lost.get().state == State.HELD
    assert lost.get().due_at <= timezone.now()


def test_what_was_read_in_the_bell_is_put_on_record_and_not_sent(event, alice):
    lost = the(event, alice, Channel.PUSH)
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
    taken = of(event, alice)
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


# --- Doubles -----------------------------------------------------------------------------------------------------


def doubled(query, **changes):
    """Store a copy of the row under a foreign id."""
    row = query.get()
    for name, value in {"pk": None, **changes}.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


@pytest.mark.parametrize("foreign_id", [FOREIGN, "ntf_zzzzzzzzzzzzzzzz"])
def test_a_doubled_notification_goes_and_its_person_hears_the_count(event, alice, rung, foreign_id):
    kept = of(event, alice)
    doubled(Notification.objects.filter(id=kept), pk=foreign_id)
    assert_repaired({Damage.DOUBLED: 1})
    assert of(event, alice) == kept
    assert rung == [(alice.id, {"type": "read", "ids": [foreign_id], "unread_count": 3})]


def test_what_was_read_under_either_id_is_read(event, alice):
    kept = of(event, alice)
    doubled(Notification.objects.filter(id=kept), pk=FOREIGN, read_at=timezone.now())
    assert_repaired({Damage.DOUBLED: 1})
    assert Notification.objects.get(id=kept).read_at is not None
    assert set(Delivery.objects.filter(notification_id=kept).values_list("reason", flat=True)) == {"already_read"}


def test_a_notification_under_a_foreign_id_alone_is_a_missing_one(event, alice):
    right = of(event, alice)
    Notification.objects.filter(id=right).update(id=FOREIGN, read_at=timezone.now())
    assert dict(audited().found) == {Damage.MISSING_NOTIFICATION: 1}
    assert not audited(repair=True).left
    assert not audited().found
    assert Notification.objects.get(id=of(event, alice)).read_at is not None


@pytest.mark.parametrize("is_in_app", [True, False])
def test_a_doubled_delivery_goes(event, alice, is_in_app):
    kept = the(event, alice, Channel.PUSH).get()
    doubled(Delivery.objects.filter(id=kept.id), notification_id=FOREIGN)
    if not is_in_app:
        Notification.objects.filter(event=event, user=alice).delete()
        Decision.objects.filter(event=event, user_id=alice.id).update(in_app=Reason.PREFERENCE_OFF)
    assert_repaired({Damage.DOUBLED: 1})
    assert Delivery.objects.filter(user=alice, channel=Channel.PUSH).count() == 3


def test_an_event_that_went_out_doubled_on_every_channel_is_one_again(event, alice):
    right = of(event, alice)
    before = everything()
    doubled(Notification.objects.filter(id=right), pk=FOREIGN)
    for channel in (Channel.EMAIL, Channel.PUSH):
        doubled(Delivery.objects.filter(notification_id=right, channel=channel), notification_id=FOREIGN)
    assert_repaired({Damage.DOUBLED: 3})
    assert everything() == before


@pytest.mark.parametrize("state", [State.SENT, State.DELIVERED, State.BOUNCED])
def test_what_went_out_under_a_foreign_id_does_not_go_out_again(event, alice, state):
    kept = the(event, alice, Channel.PUSH)
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
    kept = the(event, alice, Channel.PUSH)
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


# --- What waits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lease_until", [-LONG_AGO, None])
def test_a_stuck_lease_is_taken_back_and_called(event, alice, woken, lease_until):
    stuck = the(event, alice, Channel.EMAIL)
    stuck.update(state=State.SENDING, lease_until=lease_until and timezone.now() + lease_until)
    assert_repaired({Damage.STUCK_LEASE: 1})
    assert (stuck.get().state, woken) == (State.PENDING, [stuck.get().id])


def test_a_lost_task_is_called_again(event, alice, woken):
    lost = the(event, alice, Channel.PUSH)
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


# --- All of it ---------------------------------------------------------------------------------------------------


def _right_id(event: ReceivedEvent, user: User) -> str:
    return ids.for_event(source=event.source, event_id=event.event_id, occurred_at=event.occurred_at)(user.id)


def _lose_notification(event, user):
    Notification.objects.filter(id=_right_id(event, user)).delete()


def _lose_deliveries(event, user):
    Delivery.objects.filter(notification_id=_right_id(event, user)).delete()


def _lose_decision(event, user):
    Decision.objects.filter(event=event, user_id=user.id).delete()


def _double(event, user):
    for row in Notification.objects.filter(id=_right_id(event, user)):
        doubled(Notification.objects.filter(id=row.id), pk=f"ntf_{next(_numbers):016d}")


def _double_push(event, user):
    for row in Delivery.objects.filter(notification_id=_right_id(event, user), channel=Channel.PUSH):
        doubled(Delivery.objects.filter(id=row.id), notification_id=f"ntf_{next(_numbers):016d}")


PLANTS = [_lose_notification, _lose_deliveries, _lose_decision, _double, _double_push]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    people=st.lists(st.sampled_from(["immediate", "hourly", "weekly", "never"]), min_size=1, max_size=4),
    events=st.integers(1, 3),
    plants=st.lists(st.tuples(st.sampled_from(PLANTS), st.integers(0, 2), st.integers(0, 3)), unique=True),
    step=st.integers(1, 5),
)
def test_whatever_is_planted_is_repaired_and_every_decision_stands_somewhere(people, events, plants, step):
    for model in (Delivery, Notification, Decision, ReceivedEvent, User):
        model.objects.all().delete()
    users = [
        User.objects.create(
            name="x",
            email=f"{number}@example.com",
            push_tokens=PHONE,
            notification_preferences={"email_digest": choice},
        )
        for number, choice in enumerate(people)
    ]
    received = [process(*users) for _ in range(events)]
    for plant, which, who in plants:
        if which < events and who < len(users):
            plant(received[which], users[who])
    report = audited(repair=True, step=step)
    assert not report.left
    assert not audited(step=step).found
    for channel in Channel:
        assert report.decided(channel) == len(users) * events
        assert report.tally[channel, Standing.UNACCOUNTED] == 0
