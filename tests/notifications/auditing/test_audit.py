import io
import itertools
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from waffle.models import Switch

from delivery import digests, lanes
from delivery.models import Delivery, State
from notifications import pipeline
from notifications.auditing import ledger
from notifications.auditing.findings import REMEDIES, Damage, Report, Standing
from notifications.auditing.rows import Rows, read_rows
from notifications.auditing.window import open_window, portions
from notifications.models import Decision, Notification, Path, ReceivedEvent
from preferences import rollout
from preferences.catalog import Channel
from preferences.decisions import Outcome, Reason
from preferences.models import User
from tests.cloudevents import event_for, message
from tests.delivery.rows import delivery
from tests.notifications.auditing.rounds import LONG_AGO, PHONE, audited, process

pytestmark = pytest.mark.django_db

DAILY = {"email_digest": "daily"}
OFF = {"preferences": {"task_assigned": {"in_app": False}}}


@pytest.fixture(autouse=True)
def _phone(alice):
    User.objects.filter(id=alice.id).update(push_tokens=PHONE)


def chose(user: User, preferences: dict) -> None:
    User.objects.filter(id=user.id).update(notification_preferences=preferences)


def kinds(report: Report) -> dict[Damage, int]:
    return dict(report.found)


def stands(report: Report, channel: Channel) -> dict[str, int]:
    return {standing: count for (of, standing), count in report.tally.items() if of is channel}


def test_a_house_in_order_has_every_decision_where_it_belongs(alice, bob, charlie):
    chose(bob, DAILY)
    chose(charlie, OFF)
    process(alice, bob, charlie, data={"actor": {"id": str(alice.id)}})
    process(alice, bob, charlie, time="2026-03-04T14:29:00Z")
    report = audited()
    assert kinds(report) == {}
    assert report.events == 2
    assert stands(report, Channel.IN_APP) == {Standing.STORED: 3, Standing.SUPPRESSED: 3}
    assert stands(report, Channel.EMAIL) == {Standing.HELD: 2, Standing.PENDING: 1, Standing.SUPPRESSED: 3}
    assert stands(report, Channel.PUSH) == {Standing.SUPPRESSED: 6}


def test_hundreds_of_events_over_all_reasons_are_accounted_for(alice, bob, charlie):
    nobody = User(name="Nobody")
    gone = User.objects.create_user("gone@example.com", name="Gone", is_active=False)
    chose(bob, {"email_digest": "hourly"})
    chose(charlie, {"email_digest": "never", **OFF})
    types = itertools.cycle(["task_assigned", "comment_added", "status_changed", "mentioned"])
    times = itertools.cycle([timezone.now(), timezone.now() - timedelta(days=1)])
    events = [
        event_for(alice, bob, charlie, gone, nobody, id=str(number), type=next(types), time=next(times).isoformat())
        for number in range(300)
    ]
    for event in events[::7]:
        event["data"]["recipients"].append("not an id")
    pipeline.process([message(event) for event in events], path=Path.SQS)
    report = audited(step=100)
    assert kinds(report) == {}
    assert report.events == 300
    assert all(report.decided(channel) == Decision.objects.count() for channel in Channel)


def test_the_table_adds_up_to_what_the_reasons_say(alice, bob):
    chose(bob, DAILY)
    for _ in range(5):
        process(alice, bob)
    Delivery.objects.filter(user=alice, channel=Channel.PUSH).update(state=State.SENT)
    report = audited()
    for channel in Channel:
        reasons = Decision.objects.values_list(channel, flat=True)
        wanted = sum(Reason(reason).outcome is not Outcome.SUPPRESS for reason in reasons)
        counts = stands(report, channel)
        assert sum(counts.values()) - counts.get(Standing.SUPPRESSED, 0) == wanted
    assert stands(report, Channel.PUSH)[Standing.SENT] == 5


@pytest.mark.parametrize("state", sorted(set(State) - {State.SUPPRESSED}))
def test_a_delivery_stands_where_its_state_says(alice, state):
    process(alice)
    Delivery.objects.filter(channel=Channel.PUSH).update(
        state=state, due_at=timezone.now(), lease_until=timezone.now() + LONG_AGO
    )
    report = audited()
    assert kinds(report) == {}
    assert stands(report, Channel.PUSH) == {Standing(state): 1}


def test_what_was_read_before_it_went_out_is_suppressed_later(alice):
    process(alice)
    Delivery.objects.update(state=State.SUPPRESSED, reason=Reason.ALREADY_READ)
    assert stands(audited(), Channel.EMAIL) == {Standing.SUPPRESSED_LATER: 1}


def test_what_went_with_an_erased_person_is_accounted_for(alice, bob):
    event = process(alice, bob)
    User.objects.filter(id=alice.id).delete()
    assert kinds(audited()) == {}
    assert stands(audited(), Channel.IN_APP) == {Standing.STORED: 1, Standing.GONE: 1}
    Decision.objects.filter(user_id=alice.id).delete()
    event.payload["data"]["recipients"] = []
    event.save()
    assert kinds(audited()) == {}


def test_what_is_older_than_its_retention_is_accounted_for(alice, settings):
    process(alice)
    ReceivedEvent.objects.update(received_at=timezone.now() - timedelta(days=20))
    Notification.objects.all().delete()
    Delivery.objects.all().delete()
    settings.DELIVERY_RETENTION = settings.NOTIFICATION_RETENTION = timedelta(days=19)
    report = audited()
    assert kinds(report) == {}
    assert stands(report, Channel.IN_APP) == stands(report, Channel.PUSH) == {Standing.GONE: 1}


def test_rows_of_an_earlier_life_of_the_event_are_not_against_the_decision(alice):
    process(alice, id="again", time=(timezone.now() - timedelta(minutes=10)).isoformat())
    again = ReceivedEvent.objects.get()
    ReceivedEvent.objects.all().delete()
    chose(alice, {"email_digest": "never", "preferences": {"task_assigned": {"in_app": False, "push": False}}})
    process(alice, id="again", time=again.payload["time"])
    report = audited()
    assert kinds(report) == {}
    assert stands(report, Channel.PUSH) == {Standing.SUPPRESSED: 1}


def test_a_row_that_a_backfill_stored_is_none_of_its_concern(alice):
    process(alice)
    Notification.objects.update(backfill_id=1)
    assert kinds(audited()) == {}


@pytest.mark.parametrize(
    ("bounds", "events"),
    [
        ({}, 3),
        ({"since": timedelta(days=3)}, 2),
        ({"since": timedelta(minutes=30)}, 1),
        ({"until": timedelta(minutes=30)}, 2),
        ({"since": timedelta(days=3), "until": timedelta(minutes=30)}, 1),
        ({"since": timedelta(days=3), "until": timedelta(days=2)}, 0),
    ],
)
def test_only_events_of_the_window_are_looked_at(alice, bounds, events):
    for age in (timedelta(days=7), timedelta(days=1), timedelta()):
        event = process(alice)
        ReceivedEvent.objects.filter(id=event.id).update(received_at=timezone.now() - age)
    assert audited(**bounds).events == events


def test_what_changes_between_two_looks_is_no_damage(alice, monkeypatch):
    process(alice)
    looks = iter([Rows({}, {})])
    monkeypatch.setattr(ledger, "read_rows", lambda known: next(looks, None) or read_rows(known))
    assert kinds(audited()) == {}
    assert next(looks, None) is None


def test_each_kind_of_damage_has_a_remedy():
    assert set(REMEDIES) == set(Damage)


def test_an_event_of_many_recipients_is_a_step_of_its_own(alice):
    users = User.objects.bulk_create([User(name=f"User {number}") for number in range(50)])
    for recipients in ([alice], users, [alice], [alice]):
        process(*recipients)
    window = open_window()
    assert [len(portion) for portion in portions(window, size=10)] == [1, 1, 2]
    assert [len(portion) for portion in portions(window, size=1)] == [1, 1, 1, 1]


def test_what_the_background_will_see_to_is_no_damage(alice):
    now = timezone.now()
    soon = now - timedelta(minutes=1)
    delivery(alice, state=State.SENDING, lease_until=soon)
    delivery(alice, due_at=soon, woken_at=soon)
    delivery(alice, due_at=now - LONG_AGO, woken_at=soon)
    delivery(alice, due_at=now + LONG_AGO, woken_at=now - LONG_AGO)
    delivery(alice, state=State.HELD, due_at=soon)
    assert kinds(audited()) == {}


def test_what_waits_for_a_closed_lane_or_the_kill_switch_is_no_lost_task(alice, valkey):
    delivery(alice, due_at=timezone.now() - LONG_AGO, woken_at=timezone.now() - LONG_AGO)
    assert kinds(audited()) == {Damage.LOST_TASK: 1}
    lanes.pause(Channel.EMAIL, timedelta(minutes=1))
    assert kinds(audited()) == {}
    valkey.flushall()  # the lane is open
    Switch.objects.update_or_create(name=rollout.KILL_SWITCH, defaults={"active": True})
    rollout.forget()
    assert kinds(audited()) == {}


def test_a_digest_that_the_kill_switch_holds_is_not_lost_nor_one_that_it_held_a_moment_ago(alice):
    delivery(alice, state=State.HELD, due_at=timezone.now() - LONG_AGO)
    assert kinds(audited()) == {Damage.LOST_DIGEST: 1}
    for is_on in (True, False):
        switch = Switch.objects.get(name=rollout.KILL_SWITCH)
        switch.active, switch.created = is_on, timezone.now() - LONG_AGO
        switch.save()
        rollout.forget()
        assert kinds(audited()) == {}


def test_a_digest_that_has_gathered_is_in_order(alice):
    chose(alice, DAILY)
    process(alice)
    Delivery.objects.filter(state=State.HELD).update(due_at=timezone.now())
    assert digests.collect() == 1
    assert kinds(audited()) == {}


def test_a_row_against_the_decision_is_told_and_left(alice):
    chose(alice, OFF)
    event = process(alice)
    (right_id,) = Delivery.objects.filter(channel=Channel.PUSH).values_list("notification_id", flat=True)
    Notification.objects.create(id=right_id, user=alice, type="task_assigned", title="t", body="b", event=event)
    Decision.objects.update(push=Reason.PREFERENCE_OFF)
    for repair in (False, True):
        report = audited(repair=repair)
        assert kinds(report) == dict(report.left) == {Damage.AGAINST_DECISION: 2}
    assert Notification.objects.count() == 1


def test_a_foreign_row_for_somebody_who_wants_none_is_against_the_decision(alice):
    chose(alice, OFF)
    event = process(alice)
    foreign = Notification.objects.create(
        id="ntf_foreign", user=alice, type="mentioned", title="t", body="b", event=event
    )
    report = audited(repair=True)
    assert kinds(report) == {Damage.AGAINST_DECISION: 1}
    assert report.shown[0].notification_id == foreign.id


def test_an_event_that_nobody_can_read_any_more_still_audits(alice):
    event = process(alice)
    event.payload["data"]["recipients"] = {"not": "a list"}
    event.save()
    assert kinds(audited()) == {}
    assert stands(audited(), Channel.IN_APP) == {Standing.STORED: 1}


# --- The command -------------------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("audit_notifications", *arguments, stdout=output)
    return output.getvalue()


def test_the_command_says_that_everything_is_accounted_for(alice):
    process(alice)
    output = run()
    assert "1 events" in output
    assert "decided" in output
    assert output.endswith("Everything is accounted for.\n")


def test_the_command_fails_and_names_what_it_found_but_no_name_and_no_text(alice):
    event = process(alice)
    Notification.objects.all().delete()
    output = io.StringIO()
    with pytest.raises(CommandError, match="1 unaccounted for") as raised:
        call_command("audit_notifications", stdout=output)
    assert raised.value.returncode == 1
    (line,) = [line for line in output.getvalue().splitlines() if line.startswith("missing_notification  ")]
    assert event.event_id in line
    assert f"usr_{alice.id.hex}" in line
    assert "ntf_" in line
    assert alice.name not in output.getvalue()
    assert "Update pricing page" not in output.getvalue()


def test_a_repair_is_rehearsed_and_then_done(alice):
    process(alice)
    Notification.objects.all().delete()
    with pytest.raises(CommandError, match="1 unaccounted for"):
        run("--repair", "--dry-run")
    assert not Notification.objects.exists()
    assert "repaired:           1" in run("--repair")
    assert run("--repair") == run()


def test_a_repair_that_leaves_something_fails(alice):
    process(alice)
    Decision.objects.update(push=Reason.PREFERENCE_OFF)
    Delivery.objects.filter(channel=Channel.EMAIL).delete()
    output = io.StringIO()
    with pytest.raises(CommandError, match="1 unaccounted for"):
        call_command("audit_notifications", "--repair", stdout=output)
    assert re.search(r"repaired: +1\nleft: +1\n", output.getvalue())


def test_a_hundred_findings_are_shown_and_all_counted(alice):
    users = User.objects.bulk_create([User(name=f"User {number}") for number in range(120)])
    process(*users)
    Notification.objects.all().delete()
    output = io.StringIO()
    with pytest.raises(CommandError, match="120 unaccounted for"):
        call_command("audit_notifications", stdout=output)
    assert output.getvalue().count(" ntf_") == 100
    assert "… and 20 more" in output.getvalue()


@pytest.mark.parametrize("text", ["2", "d", "-1d", "2 weeks", "1.5h"])
def test_a_duration_has_one_number_and_one_unit(text):
    with pytest.raises(CommandError, match="no duration"):
        call_command("audit_notifications", f"--since={text}")
