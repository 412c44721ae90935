import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.db.models import JSONField, Value
from django.utils import timezone

from delivery.transports import bell
from notifications import ids, inbox, pipeline
from notifications.models import Decision, Notification, Path, ReceivedEvent, RejectedEvent, Rejection
from preferences import rollout
from preferences.models import User
from tests.cloudevents import event_for, message

pytestmark = pytest.mark.django_db


def process(*events, **options):
    return pipeline.process([message(event) for event in events], path=Path.SQS, **options)


@pytest.fixture
def rung(monkeypatch):
    heard = []  # by users who all have a bell open
    monkeypatch.setattr(bell, "listening", lambda users: users)
    monkeypatch.setattr(bell, "publish", lambda messages, **_: heard.extend(messages))
    return heard


# --- What an event leaves ------------------------------------------------------------------------------------


def test_an_event_becomes_the_seeds_notification(alice, bob):
    process(event_for(alice, data={"actor": {"id": str(bob.id)}}))
    (item,) = inbox.page(alice.id, limit=25).items
    assert item.title == "New task assigned to you"
    assert item.body == f"{bob.name} assigned 'Update pricing page' to you"
    assert item.actor.id == bob.id
    assert item.resource.url == "/tasks/tsk_456"


def test_the_ledger_keeps_the_event_and_how_it_came(alice):
    process(event_for(alice))
    received = ReceivedEvent.objects.get()
    assert (received.event_id, received.source, received.path) == ("8f1c2d", "/services/tasks", Path.SQS)
    assert received.payload["data"]["resource"]["title"] == "Update pricing page"


def test_a_decision_is_kept_for_each_recipient(alice, bob):
    process(event_for(alice, bob, data={"actor": {"id": str(bob.id)}}))
    decided = dict(Decision.objects.values_list("user_id", "in_app"))
    assert decided == {alice.id: "preference_on", bob.id: "own_action"}


def test_in_app_off_stores_no_row_and_keeps_the_decision(alice):
    off = {"preferences": {"task_assigned": {"in_app": False}}}
    User.objects.filter(id=alice.id).update(notification_preferences=off)
    process(event_for(alice))
    assert not Notification.objects.exists()
    assert Decision.objects.get().in_app == "preference_off"


def test_users_outside_the_rollout_get_nothing_and_it_is_on_record(alice, flag_on):
    flag_on.everyone = False
    flag_on.save()
    rollout.forget()
    process(event_for(alice))
    assert not Notification.objects.exists()
    assert Decision.objects.get().in_app == "not_in_rollout"


def test_unknown_inactive_and_malformed_recipients_are_recorded_and_harm_nobody(alice, bob):
    User.objects.filter(id=bob.id).update(is_active=False)
    nobody = User(name="Nobody")
    event = event_for(alice, bob, nobody)
    event["data"]["recipients"].append("not an id")
    process(event)
    assert set(Decision.objects.values_list("user_id", "recipient", "in_app")) == {
        (alice.id, "", "preference_on"),
        (bob.id, "", "inactive_user"),
        (nobody.id, "", "unknown_user"),
        (None, "not an id", "unknown_user"),
    }
    assert Notification.objects.get().user_id == alice.id


def test_the_id_of_somebody_unknown_as_actor_reads_someone(alice):
    process(event_for(alice, data={"actor": {"id": "usr_" + "f" * 32}}))
    assert Notification.objects.get().body.startswith("Someone assigned")


def test_an_event_without_time_counts_from_when_it_was_sent(alice):
    event = event_for(alice)
    del event["time"]
    sent_at = timezone.now() - timedelta(minutes=3)
    pipeline.process([message(event, sent_at=sent_at)], path=Path.SQS)
    assert ReceivedEvent.objects.get().occurred_at == sent_at


def test_ten_thousand_recipients_are_stored_together(alice):
    crowd = User.objects.bulk_create(User(name=f"Person {n}") for n in range(9_999))
    process(event_for(alice, *crowd))
    assert Notification.objects.count() == Decision.objects.count() == 10_000


# --- The same again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{}, {"time": "2020-01-01T00:00:00Z"}, {"type": "mentioned"}])
def test_the_same_event_again_changes_nothing(alice, changes):
    process(event_for(alice))
    before = list(Notification.objects.values())
    process(event_for(alice, **changes))
    assert list(Notification.objects.values()) == before
    assert ReceivedEvent.objects.count() == Decision.objects.count() == 1


def test_the_same_event_twice_in_a_batch_counts_once(alice):
    process(event_for(alice), event_for(alice))
    assert Notification.objects.count() == Decision.objects.count() == 1


def test_the_same_event_id_of_another_source_is_another_event(alice):
    process(event_for(alice), event_for(alice, source="/services/comments"))
    assert Notification.objects.count() == 2


def test_a_repeat_that_the_ledger_no_longer_knows_is_still_no_duplicate(alice):
    event = event_for(alice)
    process(event)
    ReceivedEvent.objects.all().delete()
    process(event)
    assert Notification.objects.count() == 1
    assert not RejectedEvent.objects.exists()


def test_an_id_that_another_notification_holds_is_rejected_and_named(alice, bob):
    event = event_for(alice)
    process(event)
    Notification.objects.update(user_id=bob.id)
    ReceivedEvent.objects.all().delete()
    process(event)
    assert RejectedEvent.objects.get().reason == Rejection.ID_COLLISION
    assert not ReceivedEvent.objects.exists()


def test_two_events_of_a_batch_whose_ids_collide_are_told_apart(alice, monkeypatch):
    monkeypatch.setattr(ids, "for_event", lambda **_: lambda _: "ntf_0000000000000000")
    process(event_for(alice, id="1"), event_for(alice, id="2", type="mentioned"))
    assert Notification.objects.count() == ReceivedEvent.objects.count() == 1
    assert RejectedEvent.objects.get().reason == Rejection.ID_COLLISION


# --- What must harm nothing beside it ------------------------------------------------------------------------


def test_a_bad_event_does_not_harm_its_neighbours(alice):
    batch = message(event_for(alice, id="1"), {"id": "bad"}, event_for(alice, id="2"))
    pipeline.process([batch, message("not JSON")], path=Path.SQS)
    assert Notification.objects.count() == 2
    assert set(RejectedEvent.objects.values_list("reason", flat=True)) == {"wrong_shape", "not_json"}


def test_a_rejected_event_keeps_its_body_as_it_came():
    pipeline.process([message('{"specversion": "1.0",  oops')], path=Path.SQS)
    rejected = RejectedEvent.objects.get()
    assert bytes(rejected.body) == b'{"specversion": "1.0",  oops'
    assert rejected.detail


def test_an_event_that_makes_rendering_fail_is_rejected_alone(alice, monkeypatch):
    def render(type_name, **context):
        if context["resource_title"] == "poison":
            raise RuntimeError(f"no template for {context['resource_title']}")
        return original(type_name, **context)

    original = pipeline.render
    monkeypatch.setattr(pipeline, "render", render)
    poison = {"resource": {"type": "task", "id": "t", "title": "poison"}}
    events = [event_for(alice, id=str(n), data=poison if n == 4 else {}) for n in range(9)]
    process(*events)
    assert Notification.objects.count() == ReceivedEvent.objects.count() == 8
    rejected = RejectedEvent.objects.get()
    assert (rejected.reason, rejected.detail) == (Rejection.INTERNAL_ERROR, "RuntimeError")  # and not what it quotes
    assert json.loads(bytes(rejected.body))["id"] == "4"


def test_an_event_that_postgresql_refuses_is_rejected_alone(alice):
    too_far = event_for(alice, id="far", data={"params": {"n": 1}})
    text = json.dumps(too_far).replace('"n": 1', '"n": 1' + "0" * 140_000)  # more digits than numeric holds
    pipeline.process([message(event_for(alice, id="1")), message(text)], path=Path.SQS)
    assert Notification.objects.count() == 1
    assert RejectedEvent.objects.count() == 1


@pytest.mark.parametrize("stored", [[], [{"email_digest": "daily"}], "daily", 7, None])
def test_preferences_that_are_none_count_as_none_and_keep_nobody_from_an_event(alice, bob, stored):
    User.objects.filter(id=alice.id).update(notification_preferences=Value(stored, JSONField()))
    assert process(event_for(alice, bob)) == []
    assert Notification.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_somebody_who_is_erased_while_an_event_is_stored_is_found_to_be_nobody(alice, bob, monkeypatch):
    decide_all = pipeline.decide_all

    def erase_bob():
        User.objects.filter(id=bob.id).delete()
        connection.close()  # this thread's

    def decide_and_erase(chunk):
        verdicts = decide_all(chunk)
        with ThreadPoolExecutor() as pool:
            pool.submit(erase_bob).result()
        return verdicts

    monkeypatch.setattr(pipeline, "decide_all", decide_and_erase)
    assert not pipeline.process([message(event_for(alice, bob))], path=Path.SQS)
    assert Notification.objects.get().user_id == alice.id
    assert Decision.objects.get(user_id=bob.id).in_app == "unknown_user"


def test_a_database_that_is_away_is_no_events_fault(alice, monkeypatch):
    def fail(*_):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr(pipeline, "_store_together", fail)
    with pytest.raises(OperationalError):
        process(event_for(alice))
    assert not RejectedEvent.objects.exists()


@pytest.mark.parametrize("sqlstate", ["25006", "40P01", "53100", "55P03", "57014"])
def test_a_lock_a_timeout_or_a_read_only_server_is_no_events_fault(alice, monkeypatch, sqlstate):
    def fail(*_):
        raise DatabaseError from type("Error", (Exception,), {"sqlstate": sqlstate})()

    monkeypatch.setattr(pipeline, "_store_together", fail)
    with pytest.raises(DatabaseError):
        process(event_for(alice))
    assert not RejectedEvent.objects.exists()


# --- Bells ---------------------------------------------------------------------------------------------------


def test_bells_ring_only_for_those_who_have_one_open(alice, bob, rung, monkeypatch):
    monkeypatch.setattr(bell, "listening", lambda users: users & {alice.id})
    process(event_for(alice, bob))
    ((user_id, ring),) = rung
    assert user_id == alice.id
    assert ring["notification"] == inbox.get(alice.id, ring["notification"]["id"]).as_json()
    assert ring["unread_count"] == 1


def test_the_same_event_twice_in_a_batch_rings_once(alice, rung):
    process(event_for(alice), event_for(alice))
    assert len(rung) == 1


def test_a_repeat_rings_again_since_a_crash_may_have_kept_the_bell_silent(alice, rung):
    process(event_for(alice))
    process(event_for(alice))
    assert [user_id for user_id, _ in rung] == [alice.id, alice.id]


def test_nothing_fails_when_redis_is_away(alice, servers):
    servers.valkey.stop()
    process(event_for(alice))
    assert Notification.objects.count() == 1
