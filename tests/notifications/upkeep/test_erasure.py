import hashlib
import json
from itertools import count, islice

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.utils.encoding import punycode

from delivery import suppressions
from delivery.models import Delivery, State, SuppressedAddress
from notifications import pipeline
from notifications.auditing import audit
from notifications.auditing import window as audit_window
from notifications.models import Decision, Notification, Path, RejectedEvent, WaitingEvent
from notifications.upkeep import erasure
from notifications.upkeep.erasure import InOffice, Overtaken
from preferences import user_ids
from preferences.decisions import Reason
from preferences.models import User
from tests.cloudevents import cloudevent, event_for, message
from tests.delivery.rows import delivery
from tests.notifications.rows import stored
from tests.notifications.upkeep.traces_left import about, dump, live_everywhere, process, reject

pytestmark = pytest.mark.django_db


def erase(person: User, *, batch: int = 2) -> dict[str, int]:
    changed: dict[str, int] = {}
    for step in erasure.erase(person, batch=batch):
        changed[step.table] = changed.get(step.table, 0) + step.changed
    return changed


def test_nothing_of_the_person_remains_in_any_table(alice, bob, flag_on):
    live_everywhere(alice, bob)
    flag_on.users.add(alice)
    Client().force_login(alice)
    tables = {line.partition(":")[0] for line in about(dump(), alice)}
    assert len(tables) >= 11, tables
    erase(alice)
    assert about(dump(), alice) == []
    assert not User.objects.filter(id=alice.id).exists()


def test_others_keep_what_they_got(alice, bob):
    live_everywhere(alice, bob)
    before = Notification.objects.filter(user=bob).count()
    erase(alice)
    assert Notification.objects.filter(user=bob).count() == before == 5
    comment = Notification.objects.get(user=bob, type="comment_added")
    assert comment.body == "Someone commented on 'Update pricing page': “Someone: hello”"
    assert comment.actor_id is None


def test_a_digest_that_is_still_to_come_names_nobody(alice, bob):
    User.objects.filter(id=bob.id).update(notification_preferences={"email_digest": "daily"})
    process(bob, actor=alice)
    erase(alice)
    held = Delivery.objects.get(user=bob, channel="email")
    assert (held.state, held.actor_name) == (State.HELD, "")
    assert held.body == "Someone assigned 'Update pricing page' to you"


def test_the_audit_finds_everything_in_its_place_afterwards(alice, bob):
    live_everywhere(alice, bob)
    erase(alice)
    stages = audit.stages(audit_window.open_window(), repair=False)
    assert [finding for stage in stages for step in stage.steps for finding in step.account.found] == []


def test_an_event_that_comes_again_changes_nothing(alice, bob):
    event = event_for(alice, bob, data={"actor": {"id": str(alice.id)}})
    pipeline.process([message(event)], path=Path.SQS)
    erase(alice)
    before = dump()
    assert not pipeline.process([message(event)], path=Path.SQS)
    assert dump() == before


def test_what_comes_later_is_recorded_as_for_nobody(alice, bob):
    erase(alice)
    event = process(alice, bob, actor=alice)
    assert Decision.objects.get(event=event, user_id=alice.id).in_app == Reason.UNKNOWN_USER
    assert Notification.objects.get(user=bob).body.startswith("Someone ")


def test_the_address_stays_suppressed_by_its_hash_alone(alice):
    suppressions.add(alice.email, SuppressedAddress.Cause.COMPLAINT)
    erase(alice)
    row = SuppressedAddress.objects.get()
    assert (row.address, bytes(row.address_hash)) == (None, hashlib.sha256(b"alice@example.com").digest())
    assert row.cause == SuppressedAddress.Cause.COMPLAINT


@pytest.mark.parametrize("address", ["alice@example.com", "alice@bücher.example"])
def test_what_support_did_about_the_address_is_kept_without_it(alice, bob, address):
    alice.email = address
    alice.save()
    local, _, domain = address.rpartition("@")
    for form in {address, f"{local}@{punycode(domain)}"}:
        suppressions.add(form, SuppressedAddress.Cause.MANUAL)
        log_about(bob, SuppressedAddress.objects.get(address=form))
    SuppressedAddress.objects.filter(address=address).delete()  # as support does, who lets mail go there again
    erase(alice)
    assert set(LogEntry.objects.values_list("object_id", "object_repr")) == {("", "erased")}


def test_what_support_did_with_what_the_person_got_is_kept_without_the_id(alice, bob):
    log_about(bob, Notification.objects.get(id=stored(alice)))
    log_about(bob, delivery(alice))
    theirs = delivery(bob)
    log_about(alice, theirs)
    erase(alice)
    assert list(LogEntry.objects.values_list("object_id", "object_repr")) == [("", "erased")] * 2


def log_about(colleague: User, row: SuppressedAddress | Notification | Delivery) -> None:
    LogEntry.objects.create(
        user=colleague,
        content_type=ContentType.objects.get_for_model(row),
        object_id=str(row.pk),
        object_repr=str(row),
        action_flag=CHANGE,
    )


def test_an_address_that_was_not_suppressed_leaves_no_hash(alice):
    erase(alice)
    assert not SuppressedAddress.objects.exists()


def test_a_namesake_keeps_the_name(alice, bob):
    namesake = User.objects.create_user("other@example.com", name=alice.name)
    process(bob, actor=namesake)
    erase(alice)
    assert Notification.objects.get(user=bob).actor_id == namesake.id
    assert set(Delivery.objects.filter(user=bob).values_list("actor_name", flat=True)) <= {namesake.name}
    assert about(dump(), alice)  # in the namesake's rows


def test_a_name_of_the_past_goes_too(alice, bob):
    event = process(bob, actor=alice, type="comment_added", data={"params": {"excerpt": "hello"}})
    event.delete()  # as pruning does
    User.objects.filter(id=alice.id).update(name="Alice Married")
    erase(User.objects.get(id=alice.id))
    assert Notification.objects.get(user=bob).body == "Someone commented on 'Update pricing page'"
    assert "moreau" not in dump()


def test_a_mail_about_what_is_in_no_inbox_is_found_by_the_name(alice, bob, charlie):
    theirs = delivery(bob, actor_name=alice.name, body=f"{alice.name} assigned 'Pricing' to you")
    other = delivery(bob, actor_name=charlie.name, body=f"{charlie.name} assigned 'Pricing' to you")
    erase(alice)
    assert Delivery.objects.get(id=theirs.id).body == "Someone assigned 'Pricing' to you"
    assert Delivery.objects.get(id=other.id).actor_name == charlie.name


def test_a_longer_address_is_not_mistaken_for_the_persons(alice, bob):
    notification_id = stored(bob, body=f"mail to not-{alice.email} or to {alice.email}.au")
    erase(alice)
    assert (
        Notification.objects.get(id=notification_id).body == "mail to not-alice@example.com or to alice@example.com.au"
    )


def test_a_rejected_body_stays_readable_for_the_others(alice, bob):
    row = reject(event_for(alice, bob, type="unknown"))
    erase(alice)
    body = bytes(RejectedEvent.objects.get(id=row.id).body)
    assert json.loads(body)["data"]["recipients"] == [str(bob.id)]
    assert bytes(RejectedEvent.objects.get(id=row.id).body_digest) == hashlib.sha256(body).digest()


def test_an_address_in_escapes_is_found(alice):
    row = reject('{"specversion": "1.0", "for": "\\u0061lice@example.com"}')
    erase(alice)
    assert json.loads(bytes(RejectedEvent.objects.get(id=row.id).body)) == {"specversion": "1.0", "for": "erased"}


def test_two_bodies_that_become_one_leave_one(alice, bob):
    for recipients in ([str(alice.id), str(bob.id)], [user_ids.show(alice.id), str(bob.id)]):
        reject(cloudevent(type="unknown", data={"recipients": recipients}))
    erase(alice)
    assert RejectedEvent.objects.count() == 1


def test_what_waits_for_the_person_alone_goes(alice, bob):
    WaitingEvent.objects.create(body=json.dumps(event_for(alice)))
    kept = WaitingEvent.objects.create(body=json.dumps(event_for(alice, bob, id="both")))
    erase(alice)
    assert list(WaitingEvent.objects.values_list("id", flat=True)) == [kept.id]
    assert json.loads(WaitingEvent.objects.get().body)["data"]["recipients"] == [str(bob.id)]


@pytest.mark.parametrize("standing", ["is_staff", "is_superuser"])
def test_staff_are_refused(alice, standing):
    setattr(alice, standing, True)
    with pytest.raises(InOffice):
        erase(alice)


def test_a_run_that_is_killed_at_any_step_is_run_again(bob):
    for steps in count(1):
        person = User.objects.create_user(f"p{steps}@example.com", name=f"Person{steps}x")
        process(person, bob, id=f"to-{steps}")
        process(bob, id=f"by-{steps}", actor=person)
        killed = erasure.erase(person)
        taken = list(islice(killed, steps))
        if len(taken) < steps:
            break
        killed.close()
        for left in User.objects.filter(id=person.id):  # unless it was killed after the last
            erase(left)
        assert about(dump(), person) == []
    assert steps > 10


def test_rows_that_come_in_at_the_end_ask_for_another_run(alice, bob, monkeypatch):
    forget = erasure.belongings.forget_name

    def overtaken(user_id):
        forget(user_id)
        stored(bob, actor=alice)

    monkeypatch.setattr(erasure.belongings, "forget_name", overtaken)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(Overtaken):
        erase(alice)
    monkeypatch.undo()
    erase(User.objects.get(id=alice.id))
    assert not User.objects.filter(id=alice.id).exists()


def test_events_that_come_during_the_run_are_gone_through_at_its_end(alice, bob):
    run = erasure.erase(alice)
    next(step for step in run if step.table == "notifications")
    process(alice, bob, actor=alice, id="late")
    list(run)
    assert about(dump(), alice) == []
    assert Notification.objects.get(user=bob).body.startswith("Someone ")


def test_nothing_is_sent_to_the_person_from_the_first_step_on(alice, bob):
    process(bob, actor=alice, id="before")
    run = erasure.erase(alice)
    next(run)
    event = process(alice, bob, id="meanwhile")
    assert Decision.objects.get(event=event, user_id=alice.id).in_app == Reason.INACTIVE_USER
    run.close()


def test_every_table_that_refers_to_people_is_known():
    # Whoever adds one decides what an erasure does about it.
    fields = [each for each in User._meta.get_fields(include_hidden=True) if each.auto_created and not each.concrete]
    columns = {f"{each.related_model._meta.db_table}.{each.field.name}" for each in fields if each.related_model}
    assert columns - {"preferences_flag.users"} == {
        "deliveries.user",
        "django_admin_log.user",
        "forecasts.asked_by",
        "notifications.actor",
        "notifications.user",
        "preferences_flag_users.user",
        "users_groups.user",
        "users_user_permissions.user",
    }
